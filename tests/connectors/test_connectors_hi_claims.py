"""The packaged mapping of health-insurance files, from a dropped envelope to landed records of the contract."""

import asyncio
import gzip
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import claim_files as made
import duckdb
import pytest

from common.settings import RegistrySettings, Settings
from common.values import VIETNAM, Silent
from connectors.pull import PullOutcome, pull_registry

NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
DATASETS = ("visit", "certificate", "birth", "death", "service", "assessment")


class Office:
    """A folder where facilities drop files, and what was landed of them."""

    def __init__(self, home: Path) -> None:
        self.folder, self._home = home / "inbox", home
        self.folder.mkdir()
        source = home / "claims.toml"
        source.write_text('extends = "hi-claims"\n[files]\nfolder = "inbox"\nsettle_seconds = 0\n', encoding="utf-8")
        self.settings = Settings(data_dir=home / "var", registries={"health": RegistrySettings(source=source)})

    def drop(self, name: str, content: bytes) -> "Office":
        (self.folder / name).write_bytes(content)
        return self

    def pull(self) -> dict[str, PullOutcome]:
        pulled = pull_registry(self.settings, "health", datasets=DATASETS, clock=lambda: NOW, progress=Silent())
        return {outcome.dataset: outcome for outcome in asyncio.run(pulled)}

    def landed(self, dataset: str) -> list[dict[str, Any]]:
        return self._rows(f"raw/health/{dataset}/*/part-*.parquet")

    def set_aside(self, dataset: str) -> list[dict[str, Any]]:
        return self._rows(f"quarantine/health/{dataset}/*.parquet")

    def _rows(self, pattern: str) -> list[dict[str, Any]]:
        found = sorted(map(str, (self._home / "var").glob(pattern)))
        return duckdb.read_parquet(found, union_by_name=True).order("all").to_arrow_table().to_pylist() if found else []


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def only(rows: list[dict[str, Any]]) -> dict[str, Any]:
    (row,) = rows
    return {name: value for name, value in row.items() if value is not None and not name.startswith("_")}


def visit_of(office: Office, **changes: str) -> dict[str, Any]:
    office.drop("a.xml", made.envelope(made.hoso(made.file_hoso("XML1", made.inner("XML1", made.VISIT | changes)))))
    assert all(outcome.error is None for outcome in office.pull().values())
    return only(office.landed("visit"))


def test_a_visit_lands_as_the_contract_writes_it(office: Office) -> None:
    assert visit_of(office, T_TONGCHI_BV="121500.50", T_BHTT="97200.49", MA_NOI_DI="79002") == {
        "visit_id": "LK0000001",
        "full_name": "Nguyễn Thị Thử",
        "birth_date": "1985",
        "sex": "F",
        "citizen_id": "079185000001",
        "hi_card": "GD4790000000001",
        "facility_code": "79001",
        "kind": "outpatient",
        "admitted_at": datetime(2025, 8, 11, 8, 30, tzinfo=VIETNAM),
        "discharged_at": datetime(2025, 8, 11, 10, 5, tzinfo=VIETNAM),
        "diagnosis_code": "J02",
        "result": "improved",
        "total_vnd": 121501,
        "insurer_paid_vnd": 97200,
        "card_from": date(2025, 7, 1),
        "card_to": date(2025, 12, 31),
        "transferred_from": "79002",
        "updated_at": datetime(2025, 8, 20, tzinfo=VIETNAM),
    }


def test_a_visit_under_decision_4210_lands_too(office: Office) -> None:
    office.drop("old.xml", made.envelope(made.hoso(made.file_hoso("XML1", made.inner("XML1", made.OLD_VISIT)))))
    office.pull()
    visit = only(office.landed("visit"))
    assert "citizen_id" not in visit
    assert [visit[name] for name in ("hi_card", "birth_date", "kind", "diagnosis_code", "total_vnd", "transferred_from", "result")] == [
        "HT2010000000002", "1960", "inpatient", "I10", 900000, "01010", "recovered",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("field", "changes", "expected"),
    [
        ("birth_date", {"NGAY_SINH": "19850314"}, "1985-03-14"),
        ("birth_date", {"NGAY_SINH": "198503140000"}, "1985-03-14"),
        ("birth_date", {"NGAY_SINH": "198503000000"}, "1985-03"),
        ("birth_date", {"NGAY_SINH": "19850000"}, "1985"),
        ("birth_date", {"NGAY_SINH": ""}, None),
        ("sex", {"GIOI_TINH": "1"}, "M"),
        ("sex", {"GIOI_TINH": "3"}, None),
        ("kind", {"MA_LOAI_KCB": "03"}, "inpatient"),
        ("kind", {"MA_LOAI_KCB": "04"}, "day"),
        ("kind", {"MA_LOAI_KCB": "08"}, "outpatient"),
        ("kind", {"MA_LOAI_KCB": "09"}, "inpatient"),
        ("kind", {"MA_LOAI_KCB": "10"}, "other"),
        ("result", {"KET_QUA_DTRI": "5"}, "died"),
        ("hi_card", {"MA_THE_BHYT": "DN4790000000001"}, "DN4790000000001"),
    ],
)
def test_codes_and_dates_of_a_visit(office: Office, field: str, changes: dict[str, str], expected: object) -> None:
    assert visit_of(office, **changes).get(field) == expected


def test_a_visit_with_an_unknown_code_is_set_aside_and_the_others_land(office: Office) -> None:
    visits = [made.VISIT, made.VISIT | {"MA_LK": "LK2", "MA_LOAI_KCB": "77"}]
    office.drop(
        "a.xml", made.envelope(*(made.hoso(made.file_hoso("XML1", made.inner("XML1", each))) for each in visits))
    )
    office.pull()
    assert [row["visit_id"] for row in office.landed("visit")] == ["LK0000001"]
    assert len(office.set_aside("visit")) == 1


def test_the_three_papers_land_as_certificates_with_the_name_of_their_visit(office: Office) -> None:
    papers = [
        made.file_hoso(kind, made.inner(kind, fields))
        for kind, fields in (("XML7", made.DISCHARGE), ("XML10", made.PREGNANCY_REST), ("XML11", made.SICK_LEAVE))
    ]
    office.drop("a.xml", made.envelope(made.hoso(made.file_hoso("XML1", made.inner("XML1", made.VISIT)), *papers)))
    office.pull()
    found = {row["kind"]: row for row in office.landed("certificate")}
    assert {kind: row["certificate_no"] for kind, row in found.items()} == {
        "discharge": "79001.25.000123",
        "pregnancy_rest": "79001.25.00000010",
        "sick_leave": "79001.25.00000011",
    }
    assert {row["full_name"] for row in found.values()} == {"Nguyễn Thị Thử"}
    assert {row["citizen_id"] for row in found.values()} == {"079185000001"}
    assert [(str(found[kind]["from_date"]), str(found[kind]["to_date"]), found[kind]["days"]) for kind in sorted(found)] == [
        ("2025-08-01", "2025-08-08", 8), ("2025-08-11", "2025-08-17", 7), ("2025-08-11", "2025-08-13", 3),
    ]  # fmt: skip
    assert found["sick_leave"]["si_number"] == "7900000001"


def test_a_birth_and_a_death_land(office: Office) -> None:
    office.drop("a.xml", made.envelope(made.hoso(made.file_hoso("XML9", made.inner("XML9", made.BIRTH)))))
    office.drop("b.xml", b"<HSDLGBT>" + made.inner("GIAYBAOTU", made.NOTICE).partition(b"?>")[2] + b"</HSDLGBT>")
    office.pull()
    birth, death = only(office.landed("birth")), only(office.landed("death"))
    assert (birth["birth_no"], birth["mother_birth_date"], birth["born_on"], birth["children"], birth["facility_code"]) == (
        "00001.GCS.79001.25-LK0000001", "1985-03-14", date(2025, 8, 12), 2, "79001",
    )  # fmt: skip
    assert (death["notice_no"], death["sex"], death["citizen_id"], death["died_on"]) == (
        "00004.GBT.79001.25", "F", "079140000003", date(2025, 8, 2),
    )  # fmt: skip


def test_services_and_assessments_land(office: Office) -> None:
    line = {
        "MA_LK": "LK0000001", "STT": "2", "MA_DICH_VU": "23.0041.1566", "MA_NHOM": "1", "SO_LUONG": "1.5",
        "DON_GIA_BH": "27300", "T_BHTT": "21840.4", "MA_BAC_SI": "000111/HCM-CCHN;000112/HCM-CCHN", "NGAY_YL": "202508110840",
        "NGAY_TH_YL": "", "MA_MAY": "XN.1.79001.abc",
    }  # fmt: skip
    assessed = {
        "NGUOI_CHU_TRI": "Chủ Trì Thử", "NGAY_HOP": "20250810", "HO_TEN": "Nguyễn Thị Thử", "NGAY_SINH": "19850314",
        "SO_CCCD": "079185000001", "MA_BHXH": "7900000001", "SO_BIEN_BAN": "12/GĐYK", "MA_DONVI": "79900",
        "TYLE_TTCT_CU": "21", "TYLE_TTCT_MOI": "31", "TONG_TYLE_TTCT": "45",
    }  # fmt: skip
    files = [made.file_hoso("XML3", made.inner("XML3", line)), made.file_hoso("XML12", made.inner("XML12", assessed))]
    office.drop("a.xml", made.envelope(made.hoso(*files)))
    office.pull()
    service, assessment = only(office.landed("service")), only(office.landed("assessment"))
    assert (service["service_id"], service["doctor_code"], float(service["quantity"]), service["insurer_paid_vnd"]) == (
        "LK0000001-2", "000111/HCM-CCHN", 1.5, 21840,
    )  # fmt: skip
    assert (assessment["assessment_no"], float(assessment["former_percent"]), float(assessment["percent"])) == (
        "79900-12/GĐYK", 21.0, 45.0,
    )  # fmt: skip


def test_every_field_of_a_full_envelope_is_mapped_or_ignored(office: Office) -> None:
    files = [
        made.file_hoso(kind, made.inner(kind, fields))
        for kind, fields in (
            ("XML1", made.VISIT), ("XML7", made.DISCHARGE), ("XML9", made.BIRTH), ("XML10", made.PREGNANCY_REST),
            ("XML11", made.SICK_LEAVE), ("GIAYBAOTU", made.NOTICE),
        )
    ]  # fmt: skip
    filled = [file.replace("></", ">1</") for file in files]
    office.drop("a.xml", made.envelope(made.hoso(*filled))).drop(
        "b.xml", made.envelope(made.hoso(made.file_hoso("XML1", made.inner("XML1", made.OLD_VISIT))))
    )
    drifts = {name: outcome.drift for name, outcome in office.pull().items() if outcome.drift}
    assert drifts == {}


def test_a_field_nobody_knows_stops_the_dataset(office: Office) -> None:
    office.drop(
        "a.xml", made.envelope(made.hoso(made.file_hoso("XML1", made.inner("XML1", made.VISIT | {"MA_MOI": "x"}))))
    )
    outcome = office.pull()["visit"]
    assert outcome.status == "failed"
    assert "MA_MOI" in str(outcome.error)
    assert office.landed("visit") == []


def test_a_damaged_inner_file_is_set_aside_with_its_place(office: Office) -> None:
    good, bad = made.file_hoso("XML1", made.inner("XML1", made.VISIT)), made.file_hoso("XML1", "khong-phai-base64!")
    office.drop("a.xml", made.envelope(made.hoso(good), made.hoso(bad)))
    office.pull()
    assert len(office.landed("visit")) == 1
    (record,) = office.set_aside("visit")
    assert "HOSO 2 / XML1" in str(record)
    assert "base64 is damaged" in str(record)


def test_no_trace_of_a_care_record_stays_in_the_data_folder(office: Office, tmp_path: Path) -> None:
    secret = b"<CHI_TIEU_DIEUTRI_BENHLAO><MA_LK>BI-MAT-KHONG-GIU</MA_LK></CHI_TIEU_DIEUTRI_BENHLAO>"
    files = [made.file_hoso("XML1", made.inner("XML1", made.VISIT)), made.file_hoso("XML15", secret)]
    office.drop("a.xml.gz", gzip.compress(made.envelope(made.hoso(*files))))
    office.pull()
    assert len(office.landed("visit")) == 1
    kept = [path for path in (tmp_path / "var").rglob("*") if path.is_file()]
    assert len([path for path in kept if "archive" in path.parts and path.suffix == ".zst"]) == 1
    packed = made.file_hoso("XML15", secret).split("<NOIDUNGFILE>")[1][:40].encode()
    for path in kept:
        content = _unpacked(path)
        assert b"BI-MAT" not in content
        assert packed not in content


def _unpacked(path: Path) -> bytes:
    import pyarrow as pa

    if path.suffix != ".zst":
        return path.read_bytes()
    with pa.CompressedInputStream(pa.OSFile(str(path)), "zstd") as stream:
        return bytes(stream.read())
