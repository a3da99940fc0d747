"""Health-insurance files: what is taken from them, what never is, and what is refused."""

import base64
import hashlib
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import claim_files as made
import pytest

from connectors.formats import Piece, UnreadableFile
from connectors.formats.claims_envelope import kind_of
from connectors.formats.claims_xml import claims, read_claims
from connectors.formats.redact import redact_envelope
from connectors.source import Format

CLAIMS = Format(name="claims_xml")
_HIV_ROOT = b"CHI_TIEU_HO_SO_BENH_AN_CHAM_SOC_VA_DIEU_TRI_HIV_AIDS"
HIV = b"<" + _HIV_ROOT + b"><MA_LK>LK6</MA_LK><BDDT_ARV>BI-MAT</BDDT_ARV></" + _HIV_ROOT + b">"
LAO = b"<CHI_TIEU_DIEUTRI_BENHLAO><MA_LK>LK15</MA_LK><PHANLOAI_LAO_HIV>BI-MAT</PHANLOAI_LAO_HIV></CHI_TIEU_DIEUTRI_BENHLAO>"


def read(content: bytes, wanted: dict[str | None, tuple[str, ...]]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for piece in read_claims(io.BytesIO(content), CLAIMS, wanted):
        found.setdefault(piece.record, []).extend(piece.rows.to_pylist())
    return found


def refused(content: bytes) -> UnreadableFile:
    with pytest.raises(UnreadableFile) as caught:
        read(content, {"XML1": ()})
    return caught.value


def one_visit(**changes: str) -> bytes:
    return made.inner("XML1", made.VISIT | changes)


def test_a_visit_comes_as_its_element_names_with_empty_ones_null() -> None:
    rows = read(made.envelope(made.hoso(made.file_hoso("XML1", one_visit()))), {"XML1": ("_envelope.MACSKCB",)})["XML1"]
    assert len(rows) == 1
    assert rows[0] == {name: value or None for name, value in made.VISIT.items()} | {
        "_place": "HOSO 1 / XML1",
        "_envelope.MACSKCB": "79001",
    }


def test_the_envelopes_header_is_given_only_where_it_is_asked_for() -> None:
    content = made.envelope(made.hoso(made.file_hoso("XML1", one_visit())), made_on="20250821")
    assert read(content, {"XML1": ("_envelope.NGAYLAP",)})["XML1"][0]["_envelope.NGAYLAP"] == "20250821"
    assert not [name for name in read(content, {"XML1": ()})["XML1"][0] if name.startswith("_envelope")]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(one_visit(), id="base64"),
        pytest.param(b"\xef\xbb\xbf" + one_visit(), id="base64 with a byte order mark"),
        pytest.param(one_visit().decode().replace("utf-8", "utf-16").encode("utf-16"), id="base64 of UTF-16"),
        pytest.param(f"<![CDATA[{one_visit().decode()}]]>", id="CDATA"),
        pytest.param(f"<![CDATA[{base64.b64encode(one_visit()).decode()}]]>", id="base64 in CDATA"),
        pytest.param(one_visit().decode().partition("?>")[2], id="elements"),
        pytest.param(one_visit().decode().replace("<", "&lt;").replace(">", "&gt;"), id="escaped"),
        pytest.param(
            one_visit().replace(b"<HO_TEN>", b"<HO_TEN><![CDATA[").replace(b"</HO_TEN>", b"]]></HO_TEN>"),
            id="CDATA fields",
        ),
    ],
)
def test_an_inner_file_reads_the_same_however_it_is_packed(content: bytes | str) -> None:
    rows = read(made.envelope(made.hoso(made.file_hoso("XML1", content))), {"XML1": ()})["XML1"]
    assert [rows[0]["HO_TEN"], rows[0]["DIA_CHI"], rows[0]["MA_LK"]] == [
        "Nguyễn Thị Thử",
        "Số 1, đường Thử Nghiệm",
        "LK0000001",
    ]


def test_line_breaks_and_blanks_in_base64_do_not_matter() -> None:
    text = base64.b64encode(one_visit()).decode()
    spread = " \r\n\t".join(text[at : at + 60] for at in range(0, len(text), 60))
    assert (
        read(made.envelope(made.hoso(made.file_hoso("XML1", f"\n  {spread}\n"))), {"XML1": ()})["XML1"][0]["MA_LK"]
        == "LK0000001"
    )


def test_lower_case_names_are_read_as_upper_case() -> None:
    inner = one_visit().decode()
    for name in made.VISIT:
        inner = inner.replace(f"{name}>", f"{name.lower()}>")
    content = made.envelope(made.hoso(made.file_hoso("xml1", inner.encode()))).decode()
    for name in ("GIAMDINHHS", "THONGTINHOSO", "NGAYLAP", "HOSO", "FILEHOSO", "LOAIHOSO", "NOIDUNGFILE"):
        content = content.replace(f"<{name}", f"<{name.lower()}").replace(f"</{name}>", f"</{name.lower()}>")
    row = read(content.encode(), {"XML1": ("_envelope.NGAYLAP",)})["XML1"][0]
    assert (row["HO_TEN"], row["_envelope.NGAYLAP"]) == ("Nguyễn Thị Thử", "20250820")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig", "cp1258"])
def test_an_envelope_in_another_encoding_is_read(encoding: str) -> None:
    content = made.envelope(made.hoso(made.file_hoso("XML1", one_visit()))).decode()
    declared = {"utf-8-sig": "utf-8", "cp1258": "windows-1258"}.get(encoding, "utf-16")
    written = content.replace('encoding="utf-8"', f'encoding="{declared}"').encode(encoding)
    assert read(written, {"XML1": ()})["XML1"][0]["HO_TEN"] == "Nguyễn Thị Thử"


def test_utf8_that_says_it_were_utf16_is_read_as_what_it_is() -> None:
    content = made.envelope(made.hoso(made.file_hoso("XML1", one_visit()))).replace(b"utf-8", b"utf-16", 1)
    assert read(content, {"XML1": ()})["XML1"][0]["HO_TEN"] == "Nguyễn Thị Thử"


def test_a_list_of_records_is_one_row_each_with_its_place() -> None:
    lines = [{"MA_LK": "LK1", "STT": str(n), "MA_DICH_VU": f"DV{n}"} for n in (1, 2, 3)]
    rows = read(made.envelope(made.hoso(made.file_hoso("XML3", made.inner("XML3", *lines)))), {"XML3": ()})["XML3"]
    assert [row["MA_DICH_VU"] for row in rows] == ["DV1", "DV2", "DV3"]
    assert rows[1]["_place"] == "HOSO 1 / XML3 / dòng 2"


def test_a_list_without_records_is_no_row() -> None:
    empty = b"<CHITIEU_CHITIET_THUOC><DSACH_CHI_TIET_THUOC/></CHITIEU_CHITIET_THUOC>"
    assert read(made.envelope(made.hoso(made.file_hoso("XML2", empty))), {"XML2": ()}) == {}


def test_a_certificate_carries_what_is_asked_of_the_visit_of_its_hoso() -> None:
    other = made.hoso(
        made.file_hoso("XML1", one_visit(MA_LK="LK2", HO_TEN="Người Khác")),
        made.file_hoso("XML11", made.inner("XML11", made.SICK_LEAVE | {"MA_LK": "LK2", "SO_SERI": "S2"})),
    )
    content = made.envelope(
        made.hoso(made.file_hoso("XML11", made.inner("XML11", made.SICK_LEAVE)), made.file_hoso("XML1", one_visit())),
        other,
    )
    rows = read(content, {"XML11": ("XML1.HO_TEN", "XML1.SO_CCCD", "XML1.*")})
    assert set(rows) == {"XML11"}
    assert [row["XML1.HO_TEN"] for row in rows["XML11"]] == ["Nguyễn Thị Thử", "Người Khác"]
    assert "XML1.DIA_CHI" not in rows["XML11"][0]


def test_where_no_kind_is_named_every_one_is_delivered_but_the_care_records() -> None:
    files = [made.file_hoso("XML1", one_visit()), made.file_hoso("XML6", HIV), made.file_hoso("XML15", LAO)]
    content = made.envelope(made.hoso(*files, made.file_hoso("XML7", made.inner("XML7", made.DISCHARGE))))
    assert set(read(content, {})) == set(read(content, {None: ("MA_LK",)})) == {"XML1", "XML7"}


def test_a_certificate_of_another_visit_takes_no_name() -> None:
    stray = made.inner("XML11", made.SICK_LEAVE | {"MA_LK": "LK-KHAC"})
    content = made.envelope(made.hoso(made.file_hoso("XML1", one_visit()), made.file_hoso("XML11", stray)))
    assert read(content, {"XML11": ("XML1.HO_TEN",)})["XML11"][0]["XML1.HO_TEN"] is None


def test_days_and_digits_are_reckoned_where_they_are_asked_for() -> None:
    inner = made.inner("XML7", made.DISCHARGE)
    wanted = (
        "_days.NGAY_VAO.NGAY_RA",
        "_days.NGAY_RA.NGAY_VAO",
        "_days.NGAY_VAO.MA_ME",
        "_digits.4.MA_TTDV",
        "_digits.9.MA_TTDV",
    )
    row = read(made.envelope(made.hoso(made.file_hoso("XML7", inner))), {"XML7": wanted})["XML7"][0]
    assert [row[name] for name in wanted] == ["5", None, None, "0001", None]


@pytest.mark.parametrize(
    ("amount", "whole"),
    [
        ("97200.50", "97201"),
        ("97200.49", "97200"),
        ("-0.50", "-1"),
        ("97200.00", "97200"),
        ("97200", "97200"),
        ("97.200đ", "97.200đ"),
        ("", None),
    ],
)
def test_an_amount_is_rounded_to_the_nearest_dong_and_what_is_no_number_stays(amount: str, whole: str | None) -> None:
    content = made.envelope(made.hoso(made.file_hoso("XML1", one_visit(T_BHTT=amount))))
    assert read(content, {"XML1": ("_whole.T_BHTT",)})["XML1"][0]["_whole.T_BHTT"] == whole


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b'<?xml version="1.0"?>' + made.inner("GIAYBAOTU", made.NOTICE).partition(b"?>")[2], id="alone"),
        pytest.param(b"<DSACH_GIAYBAOTU>" + made.inner("GIAYBAOTU", made.NOTICE).partition(b"?>")[2] + b"</DSACH_GIAYBAOTU>", id="list"),
        pytest.param(b"<HSDLGBT>" + made.inner("GIAYBAOTU", made.NOTICE).partition(b"?>")[2] + b"<CHUKYDONVI/></HSDLGBT>", id="package"),
        pytest.param(made.envelope(made.hoso(made.file_hoso("GIAYBAOTU", made.inner("GIAYBAOTU", made.NOTICE)))), id="envelope"),
    ],
)  # fmt: skip
def test_a_death_notice_is_found_wherever_it_stands(content: bytes) -> None:
    rows = read(content, {"GIAYBAOTU": ("_digits.12.SO_GIAYTO",)})["GIAYBAOTU"]
    assert [(row["MA_GBT"], row["HO_TEN"], row["_digits.12.SO_GIAYTO"]) for row in rows] == [
        ("00004.GBT.79001.25", "Phạm Thị Mẫu", "079140000003")
    ]


SENSITIVE_LABELS = ["XML6", "xml6", "XML 6", "XML06", "Xml_15", " XML15 ", "6", "XML-6", "ＸＭＬ６", "Bảng 6"]


@pytest.mark.parametrize("label", SENSITIVE_LABELS)
def test_hiv_and_tuberculosis_records_are_never_delivered_even_where_they_are_asked_for(label: str) -> None:
    content = made.envelope(made.hoso(made.file_hoso("XML1", one_visit()), made.file_hoso(label, HIV)))
    found = read(content, {"XML1": (), "XML6": (), "XML15": (), label: ()})
    assert set(found) == {"XML1"}
    assert "BI-MAT" not in json.dumps(found)


def test_a_hiv_record_under_another_label_is_not_delivered() -> None:
    content = made.envelope(made.hoso(made.file_hoso("XML2", HIV), made.file_hoso("XML3", LAO.decode())))
    found = read(content, {"XML2": (), "XML3": ()})
    assert [row["_unreadable"] for row in found["XML2"]] == [
        "XML2: a care record that is not read stands under this label"
    ]
    assert "BI-MAT" not in json.dumps(found)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param("PFRPTkdf???", "XML1: base64 is damaged", id="wrong base64"),
        pytest.param(base64.b64encode(one_visit()).decode()[:-3], "XML1: base64 is damaged", id="base64 cut off"),
        pytest.param(one_visit()[:-20], "XML1: not readable as XML, line 2", id="inner file cut off"),
        pytest.param(b"chi la chu", "XML1: not readable as XML, line 1", id="no XML"),
        pytest.param(b"", "XML1: empty", id="empty"),
        pytest.param(b"<!DOCTYPE T [<!ENTITY a 'x'>]><T><MA_LK>&a;</MA_LK></T>", "XML1: declares a DTD", id="DTD"),
        pytest.param(b"<TONG_HOP><MA_LK>1</MA_LK><ma_lk>2</ma_lk></TONG_HOP>", "names MA_LK twice", id="twice"),
        pytest.param(b"<TONG_HOP><MA_LK>1</MA_LK><HO_TEN><b>A</b></HO_TEN></TONG_HOP>", "XML1: a field holds other elements", id="nested"),
    ],
)  # fmt: skip
def test_a_damaged_inner_file_costs_nothing_but_itself(content: bytes | str, reason: str) -> None:
    good = made.hoso(made.file_hoso("XML1", one_visit()))
    rows = read(made.envelope(good, made.hoso(made.file_hoso("XML1", content)), good), {"XML1": ()})["XML1"]
    damaged = [row for row in rows if row.get("_unreadable")]
    assert [row["MA_LK"] for row in rows if row not in damaged] == ["LK0000001", "LK0000001"]
    assert [{name: value for name, value in row.items() if value} for row in damaged] == [
        {"_place": "HOSO 2 / XML1", "_unreadable": reason}
    ]


ENTITY_BOMB = b"""<?xml version="1.0"?><!DOCTYPE GIAMDINHHS [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;">]><GIAMDINHHS>&c;</GIAMDINHHS>"""
EXTERNAL = b"""<?xml version="1.0"?><!DOCTYPE GIAMDINHHS [<!ENTITY x SYSTEM "file:///etc/passwd">]><GIAMDINHHS>&x;</GIAMDINHHS>"""


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(ENTITY_BOMB, "declares a DTD", id="entity bomb"),
        pytest.param(EXTERNAL, "declares a DTD", id="external entity"),
        pytest.param(ENTITY_BOMB.decode().encode("utf-16"), "declares a DTD", id="entity bomb in UTF-16"),
        pytest.param(b"<GIAMDINHHS>&x;</GIAMDINHHS>", "undefined entity", id="unknown entity"),
        pytest.param(b"<HSoThueDTu/>", "opens with HSOTHUEDTU", id="wrong root"),
        pytest.param(HIV, "neither read nor kept", id="a care record by itself"),
        pytest.param(b"", "cut off", id="empty file"),
        pytest.param(b"PK\x03\x04", "not well-formed", id="no XML"),
        pytest.param(b"<?xml version='1.0' encoding='zip'?><GIAMDINHHS/>", "encoding", id="encoding that unpacks"),
        pytest.param("<GIAMDINHHS>Thử</GIAMDINHHS>".encode("cp1258", "replace") + b"\xff", "", id="not UTF-8"),
        pytest.param(b"<GIAMDINHHS>" + b"<A>" * 100, "nested deeper", id="deep nesting"),
        pytest.param(b"<GIAMDINHHS a='" + b"x" * (6 << 20), "longer than any real one", id="gigantic tag"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_envelope_or_an_attack_is_refused(content: bytes, said: str) -> None:
    assert said in str(refused(content))


def test_a_cut_off_envelope_is_refused_and_the_place_named() -> None:
    content = made.envelope(*made.visits(3))
    error = refused(content[: content.rindex(b"<NOIDUNGFILE>") + 500])
    assert error.what == "the file is cut off"
    assert "HOSO 3" in error.where
    assert "byte " in error.where


def test_gigantic_text_is_refused_in_bounded_memory() -> None:
    chunk = b"QUJD" * (1 << 18)

    class Endless(io.RawIOBase):
        """An inner file that never ends."""

        given = -1

        def read(self, size: int = -1) -> bytes:
            self.given += 1
            return b"<GIAMDINHHS><HOSO><FILEHOSO><LOAIHOSO>XML1</LOAIHOSO><NOIDUNGFILE>" if self.given == 0 else chunk

        def seek(self, offset: int, whence: int = 0) -> int:
            self.given = -1
            return 0

    stream = Endless()
    with pytest.raises(UnreadableFile, match="more than 64 MB"):
        list(claims(stream, {"XML1": ()}, workers=1))  # type: ignore[arg-type]
    assert stream.given < 100


def test_two_processes_deliver_what_one_does() -> None:
    stream = made.big_envelope(4_000)
    wanted = {"XML1": ("_envelope.NGAYLAP",)}
    one, two = (_whole(claims(stream, wanted, workers=workers)) for workers in (1, 2))
    assert one == two
    assert len(one) == 4_000


def _whole(pieces: Iterator[Piece]) -> list[dict[str, Any]]:
    return [row for piece in pieces for row in piece.rows.to_pylist()]


_MEASURED = """
import json, re, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from connectors.formats.claims_xml import claims
from connectors.formats.redact import redact_envelope
rows = 0
base = None
with open(sys.argv[1], "rb") as stream, open(sys.argv[1] + ".copy", "wb") as copy:
    for piece in claims(stream, {"XML1": ("MA_LK",), "XML11": ("XML1.HO_TEN",)}, workers=1):
        rows += piece.rows.num_rows
    redacted = redact_envelope(stream, copy)
print(json.dumps([rows, redacted.removed, int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) >> 10]))
"""


def test_a_large_envelope_is_read_and_archived_in_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "large.xml"
    bulk = made.file_hoso(
        "XML2", b"<CHITIEU_CHITIET_THUOC>" + b"<DU_PHONG>thu</DU_PHONG>" * 8_000 + b"</CHITIEU_CHITIET_THUOC>"
    )
    secret = made.file_hoso("XML6", HIV * 500)
    start, end = made.envelope("|").split(b"|")
    with path.open("wb") as file:
        file.write(start)
        for turn in made.visits(450):
            file.write(turn.replace("</HOSO>", bulk + secret + "</HOSO>").encode())
        file.write(end)
    size = path.stat().st_size >> 20
    ran = subprocess.run(
        [sys.executable, "-c", _MEASURED, str(path), str(Path.cwd())], capture_output=True, text=True, check=True
    )
    rows, removed, megabytes = json.loads(ran.stdout)
    assert (rows, removed) == (450, 450)
    assert size >= 150
    # Libraries and a first small file take about 130 MB by themselves.
    assert megabytes < 180, f"{megabytes} MB for a file of {size} MB"


def archived(content: bytes) -> tuple[Any, bytes]:
    copy = io.BytesIO()
    return redact_envelope(io.BytesIO(content), copy), copy.getvalue()


@pytest.mark.parametrize("label", SENSITIVE_LABELS)
def test_the_archive_lacks_the_care_records_and_every_other_byte_is_the_same(label: str) -> None:
    visit, secret, rest = (
        made.file_hoso("XML1", one_visit()),
        made.file_hoso(label, HIV),
        made.file_hoso("XML3", made.inner("XML3", {"MA_LK": "1"})),
    )
    content = made.envelope(made.hoso(visit, secret, rest), made.hoso(secret), made.hoso(visit))
    redacted, copy = archived(content)
    assert copy == content.replace(secret.encode(), b"")
    assert redacted.removed == 2
    assert redacted.sha256_original == hashlib.sha256(content).hexdigest()
    assert redacted.sha256_copy == hashlib.sha256(copy).hexdigest()


def test_the_archive_of_an_envelope_without_care_records_is_the_original() -> None:
    content = b"\xef\xbb\xbf" + made.envelope(*made.visits(20, with_rest=True))
    redacted, copy = archived(content)
    assert copy == content
    assert (redacted.removed, redacted.sha256_copy) == (0, redacted.sha256_original)
    assert redacted.kinds == {"XML1": 20, "XML2": 20, "XML3": 20}


def test_a_care_record_under_another_label_is_not_archived_either() -> None:
    mislabelled = [
        made.file_hoso("XML2", HIV),
        made.file_hoso("XML3", f"<![CDATA[{LAO.decode()}]]>"),
        made.file_hoso("XML99", HIV.decode()),
        f"<FILEHOSO><NOIDUNGFILE>{base64.b64encode(HIV).decode()}</NOIDUNGFILE><LOAIHOSO>XML1</LOAIHOSO></FILEHOSO>",
        HIV.decode(),
        "<XML6><MA_LK>1</MA_LK></XML6>",
        made.file_hoso("XML4", HIV.decode().encode("utf-16")),
    ]
    content = made.envelope(made.hoso(made.file_hoso("XML1", one_visit()), *mislabelled))
    redacted, copy = archived(content)
    assert redacted.removed == len(mislabelled)
    assert copy == made.envelope(made.hoso(made.file_hoso("XML1", one_visit())))


def test_an_archive_in_utf16_stays_utf16() -> None:
    secret = made.file_hoso("XML15", LAO)
    text = made.envelope(made.hoso(made.file_hoso("XML1", one_visit()), secret)).decode().replace("utf-8", "utf-16", 1)
    redacted, copy = archived(text.encode("utf-16"))
    assert copy == text.replace(secret, "").encode("utf-16")
    assert redacted.removed == 1


def test_a_kind_nobody_knows_feeds_nothing_and_is_counted_with_the_archive() -> None:
    content = made.envelope(made.hoso(made.file_hoso("XML16", b"<X><Y>1</Y></X>"), made.file_hoso("XML1", one_visit())))
    assert set(read(content, {"XML1": (), "XML3": ()})) == {"XML1"}
    assert archived(content)[0].kinds == {"XML16": 1, "XML1": 1}


def test_a_damaged_envelope_has_no_archive() -> None:
    with pytest.raises(UnreadableFile):
        archived(made.envelope(*made.visits(2))[:-30])


def test_a_label_is_one_kind_however_it_is_written() -> None:
    assert [kind_of(label) for label in ("XML1", "xml 01", "1", "XML10", "GBT", "Giấy khác")] == [
        "XML1", "XML1", "XML1", "XML10", "GIAYBAOTU", "GIYKHC",
    ]  # fmt: skip
