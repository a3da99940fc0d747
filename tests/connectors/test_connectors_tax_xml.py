"""Tax returns: the numbering of their forms, their identity, and what is refused."""

import asyncio
import io
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
import tax_files as made

from common.settings import RegistrySettings, Settings
from common.values import VIETNAM, Silent
from connectors.formats import UnreadableFile
from connectors.formats.tax_forms import tax_forms
from connectors.formats.tax_xml import read_tax
from connectors.pull import PullOutcome, pull_registry
from connectors.source import Format

TAX = Format(name="tax_xml")
HEADER = (
    "_return.id",
    "_return.mst",
    "_return.period",
    "_return.year",
    "_return.changed",
    "_return.ngayLapTKhai",
    "_line.id",
)
NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)


def read(content: bytes, *kinds: str) -> dict[str, list[dict[str, Any]]]:
    wanted: dict[str | None, tuple[str, ...]] = dict.fromkeys(kinds or ("05/KK-TNCN", "05-1/BK", "05-2/BK"), HEADER)
    found: dict[str, list[dict[str, Any]]] = {}
    for piece in read_tax(io.BytesIO(content), TAX, wanted):
        found.setdefault(piece.record, []).extend(piece.rows.to_pylist())
    return found


def refused(content: bytes) -> UnreadableFile:
    with pytest.raises(UnreadableFile) as caught:
        read(content)
    return caught.value


@pytest.mark.parametrize("circular", ["80/2021", "92/2015", "156/2013"])
def test_a_withholding_return_reads_the_same_under_every_circular(circular: str) -> None:
    (row,) = read(made.withholding(circular))["05/KK-TNCN"]
    assert [row[name] for name in ("workers", "workers_contracted", "income", "withheld")] == [
        "12",
        "10",
        "150000000",
        "4500000",
    ]
    assert row["_return.id"] == "0101234567-05/KK-TNCN-2025-03"


@pytest.mark.parametrize("circular", ["80/2021", "92/2015"])
def test_a_progressive_line_reads_the_same_under_both_circulars(circular: str) -> None:
    (row,) = read(made.yearly([made.PROGRESSIVE[circular]], circular=circular))["05-1/BK"]
    assert [row[name] for name in ("full_name", "person_tax_code", "id_number", "income", "insurance_deducted", "withheld")] == [
        "Nguyễn Văn Thử", "8000000001", "079085000001", "180000000", "18900000", "1455000",
    ]  # fmt: skip


def test_a_flat_line_is_of_its_own_kind() -> None:
    found = read(made.yearly([made.PROGRESSIVE["80/2021"]], [made.FLAT]))
    assert [(kind, row["full_name"], row["withheld"]) for kind, rows in found.items() for row in rows] == [
        ("05-1/BK", "Nguyễn Văn Thử", "1455000"), ("05-2/BK", "Trần Thị Mẫu", "2000000"),
    ]  # fmt: skip
    assert found["05-2/BK"][0]["_place"] == "05-2/BK / dòng 1"


def test_the_totals_of_a_list_are_no_line_and_an_empty_line_is_none() -> None:
    empty = dict.fromkeys(made.FLAT, "")
    assert set(read(made.yearly([made.PROGRESSIVE["80/2021"]], [empty]))) == {"05-1/BK"}


@pytest.mark.parametrize("namespace", ["", "urn:khac"])
def test_another_namespace_or_none_makes_no_difference(namespace: str) -> None:
    assert read(made.withholding(namespace=namespace))["05/KK-TNCN"][0]["workers"] == "12"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
def test_another_encoding_makes_no_difference(encoding: str) -> None:
    text = (
        made.yearly([made.PROGRESSIVE["80/2021"]])
        .decode()
        .replace("UTF-8", encoding.removesuffix("-sig").removesuffix("-le"))
    )
    assert read(text.encode(encoding))["05-1/BK"][0]["full_name"] == "Nguyễn Văn Thử"


@pytest.mark.parametrize(
    ("kind", "period", "expected"),
    [
        ("M", "03/2025", "2025-03"),
        ("M", "3/2025", "2025-03"),
        ("Q", "3/2025", "2025-Q3"),
        ("Q", "03/2025", "2025-Q3"),
        ("Q", "Q3/2025", "2025-Q3"),
        ("M", "13/2025", None),
        ("Q", "5/2025", None),
        ("D", "03/2025", None),
        ("Y", "2025", None),
    ],
)
def test_the_period_is_a_month_or_a_quarter_or_unknown(kind: str, period: str, expected: str | None) -> None:
    assert read(made.withholding(kind=kind, period=period))["05/KK-TNCN"][0]["_return.period"] == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "2025-04-18T00:00:00+07:00"),
        ({"ngayKy": "5/6/2025"}, "2025-06-05T00:00:00+07:00"),
        ({"ngayKy": "", "ngayLapTKhai": "2025-04-17"}, "2025-04-17T00:00:00+07:00"),
        ({"loaiTKhai": "B", "soLan": "2"}, "2025-04-18T00:02:00+07:00"),
        ({"ngayKy": "", "ngayLapTKhai": ""}, None),
    ],
)
def test_a_return_changed_when_it_was_signed_and_a_supplementary_one_later(
    changes: dict[str, str], expected: str | None
) -> None:
    assert read(made.withholding(**changes))["05/KK-TNCN"][0]["_return.changed"] == expected


def test_a_line_keeps_its_id_wherever_it_stands_and_whatever_else_changes() -> None:
    first, other = (
        made.PROGRESSIVE["80/2021"],
        made.PROGRESSIVE["80/2021"] | {"ct07": "Người Khác", "ct08": "8000000002"},
    )
    before = read(made.yearly([first, other]))["05-1/BK"]
    after = read(made.yearly([other, first | {"ct12": "1"}], loaiTKhai="B", soLan="1"))["05-1/BK"]
    assert [row["_line.id"] for row in before] == [row["_line.id"] for row in reversed(after)]
    assert len({row["_line.id"] for row in before}) == 2


def test_a_line_id_differs_by_payer_year_and_list_and_shows_no_number() -> None:
    line = made.FLAT | {"ct08": "8000000001"}
    ids = [
        *(
            row["_line.id"]
            for rows in read(made.yearly([made.PROGRESSIVE["80/2021"]], [line])).values()
            for row in rows
        ),
        read(made.yearly([], [line], period="2024"))["05-2/BK"][0]["_line.id"],
        read(made.yearly([], [line], mst="0109999999"))["05-2/BK"][0]["_line.id"],
    ]
    assert len(set(ids)) == 4
    assert not [each for each in ids if "8000000001" in each]
    assert ids[0].startswith("0101234567-2025-1-")


def test_a_person_listed_twice_has_two_lines() -> None:
    line = made.PROGRESSIVE["80/2021"]
    ids = [row["_line.id"] for row in read(made.yearly([line, line]))["05-1/BK"]]
    assert ids[1] == f"{ids[0]}-2"


def test_a_person_without_any_number_is_known_by_name() -> None:
    nobody = made.FLAT | {"ct09": ""}
    same = made.FLAT | {"ct09": "", "ct07": "TRẦN  THỊ MẪU"}
    assert (
        read(made.yearly([], [nobody]))["05-2/BK"][0]["_line.id"]
        == read(made.yearly([], [same]))["05-2/BK"][0]["_line.id"]
    )


def test_several_returns_in_one_file_are_each_read_with_their_own_header() -> None:
    one, two = made.withholding(), made.withholding(period="04/2025")
    inner = two[two.index(b"<HSoKhaiThue") : two.index(b"</HSoThueDTu>")]
    both = one.replace(b"</HSoThueDTu>", inner + b"</HSoThueDTu>")
    assert [row["_return.period"] for row in read(both)["05/KK-TNCN"]] == ["2025-03", "2025-04"]


def test_only_the_kinds_asked_for_are_delivered() -> None:
    assert set(read(made.yearly([made.PROGRESSIVE["80/2021"]], [made.FLAT]), "05-2/BK")) == {"05-2/BK"}
    assert read(made.withholding(), "05-1/BK") == {}
    everything = read_tax(io.BytesIO(made.yearly([made.PROGRESSIVE["80/2021"]], [made.FLAT])), TAX, {None: ()})
    assert [piece.record for piece in everything] == ["05-1/BK", "05-2/BK"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(made.withholding(moTaBMau="Thông tư số 99/2027/TT-BTC"), "its numbering cannot be guessed", id="circular"),
        pytest.param(made.withholding(moTaBMau="", maTKhai="999"), "is not known", id="no circular, unknown code"),
        pytest.param(made.withholding(moTaBMau="Thông tư 180/2021"), "is not known", id="another number that ends alike"),
        pytest.param(made.yearly([made.FLAT], moTaBMau="Thông tư số 156/2013/TT-BTC"), "is not known", id="version never described"),
        pytest.param(made.a_return("01/GTGT", "<CTieuTKhaiChinh><ct21>1</ct21></CTieuTKhaiChinh>"), "another form", id="form"),
    ],
)  # fmt: skip
def test_a_form_or_version_that_is_not_listed_is_refused_with_a_remedy(content: bytes, said: str) -> None:
    error = refused(content)
    assert said in error.what
    assert "tax_forms.toml" in error.remedy or "pattern" in error.remedy


def test_the_code_decides_only_where_no_circular_is_named() -> None:
    assert read(made.withholding(moTaBMau=""))["05/KK-TNCN"][0]["workers"] == "12"


BOMB = b'<?xml version="1.0"?><!DOCTYPE HSoThueDTu [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(BOMB + made.withholding().partition(b"?>")[2], "declares a DTD", id="entity bomb"),
        pytest.param(made.withholding()[:-40], "cut off", id="cut off"),
        pytest.param(made.withholding().replace(b"<ct16>", b"<ct16>&x;"), "undefined entity", id="unknown entity"),
        pytest.param(b"<GIAMDINHHS/>", "opens with GIAMDINHHS", id="wrong root"),
        pytest.param(b"", "cut off", id="empty"),
        pytest.param(b"%PDF-1.7\n1 0 obj", "not well-formed", id="no XML"),
    ],
)
def test_a_file_that_is_no_return_or_an_attack_is_refused(content: bytes, said: str) -> None:
    assert said in str(refused(content))


def test_a_list_of_many_persons_is_read_in_pieces() -> None:
    persons = ({**made.PROGRESSIVE["80/2021"], "ct08": f"{number:010}"} for number in range(12_000))
    wanted: dict[str | None, tuple[str, ...]] = {"05-1/BK": ("_line.id",)}
    pieces = [piece.rows for piece in read_tax(io.BytesIO(made.yearly(persons)), TAX, wanted)]
    assert sum(piece.num_rows for piece in pieces) == 12_000
    assert len(pieces) > 1
    assert len({name for piece in pieces for name in piece["_line.id"].to_pylist()}) == 12_000


def test_every_form_names_what_the_contract_requires_of_it() -> None:
    for form in tax_forms():
        if form.lists:
            assert all(
                {"full_name", "person_tax_code", "id_number", "income"} <= each.items.keys()
                for each in form.lists.values()
            )
        else:
            assert form.items.keys() == {"workers", "workers_contracted", "income", "withheld"}
    assert len({(form.record, form.circular) for form in tax_forms()}) == len(tax_forms())


class Office:
    """A folder where returns are dropped, and what was landed of them."""

    def __init__(self, home: Path) -> None:
        self._home = home
        (home / "inbox").mkdir()
        source = home / "etax.toml"
        source.write_text('extends = "etax"\n[files]\nfolder = "inbox"\nsettle_seconds = 0\n', encoding="utf-8")
        self.settings = Settings(data_dir=home / "var", registries={"tax": RegistrySettings(source=source)})
        self._pulls = 0

    def pull(self, **files: bytes) -> dict[str, PullOutcome]:
        for name, content in files.items():
            (self._home / "inbox" / f"0101234567000-{name}.xml").write_bytes(content)
        self._pulls += 1
        now = NOW + timedelta(hours=self._pulls)
        pulled = pull_registry(
            self.settings, "tax", datasets=("withholding", "payroll"), clock=lambda: now, progress=Silent()
        )
        return {outcome.dataset: outcome for outcome in asyncio.run(pulled)}

    def in_force(self, dataset: str, key: str) -> list[dict[str, Any]]:
        found = sorted(map(str, (self._home / "var").glob(f"raw/tax/{dataset}/*/part-*.parquet")))
        latest = f"""
            select * exclude (filename) from read_parquet({found}, filename = true) qualify row_number() over (
                partition by {key} order by updated_at desc, parse_filename(parse_dirpath(filename)) desc, _seq desc) = 1"""
        return (
            duckdb.sql(f"select * from ({latest}) where deleted is not true order by all").to_arrow_table().to_pylist()
        )


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def test_a_withholding_return_lands_as_the_contract_writes_it(office: Office) -> None:
    outcomes = office.pull(**{"05_KK_TNCN_TT80-M032025-L00": made.withholding()})
    assert [outcome.error for outcome in outcomes.values()] == [None, None]
    assert not outcomes["withholding"].drift
    (row,) = office.in_force("withholding", "return_id")
    assert {name: value for name, value in row.items() if not name.startswith("_") and value is not None} == {
        "return_id": "0101234567-05/KK-TNCN-2025-03",
        "tax_code": "0101234567",
        "period": "2025-03",
        "workers": 12,
        "workers_contracted": 10,
        "income_vnd": 150_000_000,
        "tax_vnd": 4_500_000,
        "filed_on": date(2025, 4, 18),
        "updated_at": datetime(2025, 4, 18, tzinfo=VIETNAM),
    }


def test_a_supplementary_return_replaces_the_first_one_in_whatever_order_they_come(office: Office) -> None:
    corrected = made.withholding(values={"ct16": "15"}, loaiTKhai="B", soLan="1")
    office.pull(**{"05_KK_TNCN-L01": corrected})
    office.pull(**{"05_KK_TNCN-L00": made.withholding()})
    assert [row["workers"] for row in office.in_force("withholding", "return_id")] == [15]


def test_lists_of_persons_land_as_payroll(office: Office) -> None:
    outcomes = office.pull(**{"05_QTT_TNCN-L00": made.yearly([made.PROGRESSIVE["80/2021"]], [made.FLAT])})
    assert not outcomes["payroll"].drift
    found = {row["schedule"]: row for row in office.in_force("payroll", "line_id")}
    assert len(found) == 2
    assert found["progressive"]["insurance_deducted_vnd"] == 18_900_000
    assert (found["progressive"]["id_kind"], found["flat"]["id_kind"], found["flat"]["year"]) == ("citizen", None, 2025)


@pytest.mark.parametrize("order", [("first", "second"), ("second", "first"), ("both",)])
def test_whoever_is_on_the_supplementary_list_no_more_is_withdrawn_in_whatever_order_they_come(
    office: Office, order: tuple[str, ...]
) -> None:
    line = made.PROGRESSIVE["80/2021"]
    first = made.yearly([line], [made.FLAT])
    second = made.yearly([line | {"ct12": "190000000"}], loaiTKhai="B", soLan="1")
    if order == ("both",):
        office.pull(**{"05_QTT_TNCN-L00": first, "05_QTT_TNCN-L01": second})
    for name in order if order != ("both",) else ():
        office.pull(**{f"05_QTT_TNCN-{name}": {"first": first, "second": second}[name]})
    (row,) = office.in_force("payroll", "line_id")
    assert (row["schedule"], row["income_vnd"]) == ("progressive", 190_000_000)


def test_a_return_of_an_unknown_version_lands_nothing_and_says_why(office: Office) -> None:
    outcome = office.pull(**{"05_KK_TNCN-L00": made.withholding(moTaBMau="Thông tư số 99/2027/TT-BTC")})["withholding"]
    assert "numbering cannot be guessed" in str(outcome)
