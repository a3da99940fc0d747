"""From a source's fields and ways of writing to the contract's: mapped exactly, or set aside with the reason."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from pulling import NOW

from common.errors import ConfigurationError, SourceError
from common.files import DataFolder
from common.settings import RegistrySettings
from connectors.draft import open_draft, plan_pull
from connectors.manifests import PullManifest, finished_pulls
from connectors.mapping import Mapping
from connectors.parsing import is_way_of_writing, parsed
from connectors.rest.envelope import Page
from connectors.source import DatasetSource, load_source
from contracts.loader import Field, dataset

WRITTEN: list[tuple[str, str, str, str | None]] = [
    # way of writing, contract type, the source's text, the contract's text (None: refused)
    ("dd/mm/yyyy", "date", "31/12/2025", "2025-12-31"),
    ("dd/mm/yyyy", "date", "1/6/2025", "2025-06-01"),
    ("dd/mm/yyyy", "date", "12/31/2025", None),
    ("dd/mm/yyyy", "date", "31/02/2025", None),
    ("dd/mm/yyyy", "date", "2025-12-31T00:00:00", "2025-12-31"),
    ("dd/mm/yyyy", "date", "2025-12-31T08:30:00", None),
    ("dd-mm-yy", "date", "05-06-19", "2019-06-05"),
    ("dd-mm-yy", "date", "05-06-61", "1961-06-05"),
    ("yyyymmdd", "date", "20251231", "2025-12-31"),
    ("yyyymmdd", "date", "2025123", None),
    ("yyyymmddHHMM", "timestamp", "202512312359", "2025-12-31T23:59:00"),
    ("yyyymmddHHMM", "timestamp", "20251231", None),
    ("dd/mm/yyyy HH:MM:SS", "timestamp", "31/12/2025 10:00:05", "2025-12-31T10:00:05"),
    ("dd/mm/yyyy", "partial_date", "00/00/1960", "1960"),
    ("dd/mm/yyyy", "partial_date", "00/05/1960", "1960-05"),
    ("dd/mm/yyyy", "partial_date", "5/1960", "1960-05"),
    ("dd/mm/yyyy", "partial_date", "1960", "1960"),
    ("yyyymmdd", "partial_date", "19600000", "1960"),
    ("yyyymmddHHMM", "partial_date", "196012310000", "1960-12-31"),
    ("mm/yyyy", "month", "6/2025", "2025-06"),
    ("mm/yyyy", "month", "2025-06-01", "2025-06"),
    ("mm/yyyy", "month", "30/6/2025", None),
    ("epoch_seconds", "timestamp", "1750000000", "2025-06-15T22:06:40.000000+07:00"),
    ("epoch_milliseconds", "date", "1750000000000", "2025-06-15"),
    ("epoch_seconds", "timestamp", "1750000000000", None),
    ("1.234.567", "vnd", "1.234.567", "1234567"),
    ("1.234.567", "vnd", "1234567", "1234567"),
    ("1.234.567", "vnd", "1.234.567,00", "1234567"),
    ("1.234.567", "vnd", "1.234.567 đồng", "1234567"),
    ("1.234.567", "vnd", "(1.234)", "-1234"),
    ("1.234.567", "vnd", "100", "100"),
    ("1.234.567", "vnd", "12.34", None),
    ("1.234.567", "vnd", "1.2345", None),
    ("1,234,567", "vnd", "1,234,567", "1234567"),
    ("1,234,567", "vnd", "1.234.567", None),
    ("1,234,567", "decimal", "1,234.50", "1234.5"),
    ("number", "int", "1000.0000", "1000"),
    ("number", "int", "1e6", "1000000"),
    ("number", "decimal", "1000.70", "1000.7"),
    ("number", "int", "mười", None),
]


@pytest.mark.parametrize(("way", "kind", "text", "expected"), WRITTEN)
def test_a_way_of_writing_is_read_or_refused_never_guessed(
    way: str, kind: Any, text: str, expected: str | None
) -> None:
    assert is_way_of_writing(way)
    field = Field("f", kind, False, "none", "", "")
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'Asia/Ho_Chi_Minh'")
        found = connection.execute(f"select {parsed('x', way, field)} from (select ? as x)", [text]).fetchone()
    assert found == (expected,)


@pytest.mark.parametrize("way", ["yyyy-mm-qq", "dd/mm", "d/m/y", "1234567", "epoch", ""])
def test_a_way_of_writing_nobody_can_read_is_refused_when_the_file_is_loaded(way: str) -> None:
    assert not is_way_of_writing(way)


SOURCE = """
on_drift = "{on_drift}"
[rest]
base_url = "http://127.0.0.1:1/tax"
[datasets.taxpayer]
ignore = ["stt", "ghi_chu*"]
only = {{ loai = ["1", "2"] }}
[datasets.taxpayer.fields]
tax_code = "mst"
name = {{ from = ["ten.day_du", "ten_cu"] }}
kind = {{ from = "loai", recode = {{ "1" = "organisation", "2" = "branch" }} }}
status = {{ from = "tt", recode = {{ "00" = "active", "06" = "suspended" }}, default = "active" }}
started_on = {{ from = "ngay", parse = "dd/mm/yyyy", null_values = ["-"] }}
address = {{ from = "dia_chi", split = ";", take = "last" }}
parent_tax_code = {{ join = ["=tax_code", "so_ct"], separator = "-" }}
province_code = {{ constant = "01" }}
updated_at = {{ from = "luc", parse = "epoch_seconds" }}
"""
GOOD = {"mst": "0101", "ten": {"day_du": "Công ty A"}, "loai": "1", "tt": "00", "ngay": "1/2/2020", "luc": 1750000000}


def landed(tmp_path: Path, records: list[dict[str, Any]], on_drift: str = "evolve") -> tuple[PullManifest, DataFolder]:
    """Land one page of wire records through a source file."""
    path = tmp_path / "tax.toml"
    path.write_text(SOURCE.format(on_drift=on_drift), encoding="utf-8")
    data, contract = DataFolder(tmp_path / "var"), dataset("tax", "taxpayer")
    finished = finished_pulls(data, "tax", "taxpayer")
    plan = plan_pull(
        load_source(path, "tax"), contract, RegistrySettings(source=path), finished, address="here", since=None, full=True,
        now=NOW,
    )  # fmt: skip
    draft = open_draft(data, plan, finished, NOW)
    walk = draft.walk(1)
    draft.begin()
    walk.save(Page(json.dumps(records, ensure_ascii=False).encode(), None, None), asked=None)
    return draft.finish([walk], clock=lambda: NOW), data


def rows(data: DataFolder, columns: str) -> list[tuple[Any, ...]]:
    files = str(data.pulls("tax", "taxpayer") / "*" / "part-*.parquet")
    return duckdb.sql(f"select {columns} from read_parquet('{files}') order by _seq").fetchall()


def reasons(data: DataFolder) -> list[tuple[Any, ...]]:
    return duckdb.sql(f"select reasons from '{data.quarantine('tax', 'taxpayer')}/*.parquet' order by row").fetchall()


def test_fields_are_renamed_parsed_recoded_split_joined_and_filled(tmp_path: Path) -> None:
    changes: list[dict[str, Any]] = [
        {"dia_chi": "cũ; 12 Tràng Thi ;", "so_ct": "001"},
        {"mst": "0102", "ten": None, "ten_cu": "Công ty B", "loai": "2", "tt": "", "ngay": "-", "stt": 4},
        {"mst": "0103", "loai": "3", "tt": "??"},
    ]
    manifest, data = landed(tmp_path, [GOOD | change for change in changes])
    assert (manifest.rows_received, manifest.rows_landed, manifest.rows_quarantined) == (2, 2, 0)
    assert not manifest.drift
    assert rows(data, "tax_code, name, kind, status, started_on, address, parent_tax_code, province_code, updated_at") == [
        ("0101", "Công ty A", "organisation", "active", date(2020, 2, 1), "12 Tràng Thi", "0101-001", "01",
         datetime(2025, 6, 15, 15, 6, 40, tzinfo=UTC)),
        ("0102", "Công ty B", "branch", "active", None, None, None, "01", datetime(2025, 6, 15, 15, 6, 40, tzinfo=UTC)),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"tt": "99"}, ["status: not one of 00, 06"]),
        ({"ngay": "2/30/2020"}, ["started_on: not written as dd/mm/yyyy"]),
        ({"luc": "hôm qua"}, ["updated_at: not written as epoch_seconds"]),
        ({"mst": "  "}, ["tax_code: missing"]),
        ({"ten": {"viet_tat": "A"}}, ["name: missing"]),
        ({"mst": None, "ngay": "x"}, ["started_on: not written as dd/mm/yyyy", "tax_code: missing"]),
    ],
)
def test_a_value_not_written_as_promised_sets_its_record_aside_with_the_reason(
    tmp_path: Path, change: dict[str, Any], expected: list[str]
) -> None:
    manifest, data = landed(tmp_path, [GOOD | change, GOOD | {"mst": "0199"}])
    assert (manifest.rows_landed, manifest.rows_quarantined) == (1, 1)
    assert reasons(data) == [(expected,)]


def test_a_field_nobody_mapped_is_named_and_its_record_lands(tmp_path: Path) -> None:
    manifest, _ = landed(tmp_path, [GOOD, GOOD | {"mst": "0102", "moi": 1, "ghi_chu_2": "x"}], "evolve")
    assert (manifest.drift.new_fields, manifest.rows_landed) == (("moi",), 2)


def test_a_field_nobody_mapped_sets_aside_the_records_that_carry_it(tmp_path: Path) -> None:
    carrying = [GOOD | {"mst": f"02{number:02}", "moi": None} for number in range(3)]
    manifest, data = landed(tmp_path, [GOOD, *carrying, GOOD | {"mst": "0102"}], "quarantine")
    assert (manifest.drift.new_fields, manifest.rows_landed, manifest.rows_quarantined) == (("moi",), 2, 3)
    assert reasons(data) == [(["moi: neither mapped nor ignored"],)] * 3


def test_a_field_nobody_mapped_fails_the_dataset_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="new field moi") as refused:
        landed(tmp_path, [GOOD, GOOD | {"mst": "0102", "moi": 1}], "fail")
    assert refused.value.where.endswith("tax.toml: datasets.taxpayer")
    assert list((tmp_path / "var" / "raw").rglob("*.*")) == []
    manifest, _ = landed(tmp_path, [GOOD], "fail")
    assert manifest.rows_landed == 1


def test_a_required_field_no_record_has_is_drift_too(tmp_path: Path) -> None:
    without = {name: value for name, value in GOOD.items() if name != "mst"}
    with pytest.raises(SourceError, match="missing field mst"):
        landed(tmp_path, [without, without], "fail")


def test_the_quarantine_keeps_the_record_as_delivered_and_as_the_contract_would_have_it(tmp_path: Path) -> None:
    _, data = landed(tmp_path, [GOOD | {"tt": "99", "ghi_chu": "x"}])
    file = f"{data.quarantine('tax', 'taxpayer')}/*.parquet"
    ((record, mapped),) = duckdb.sql(f"select record, mapped from '{file}'").fetchall()
    assert json.loads(record) == GOOD | {"tt": "99", "ghi_chu": "x"}
    assert json.loads(mapped)["started_on"] == "2020-02-01"
    assert "status" not in json.loads(mapped)


def test_a_key_made_of_a_persons_number_shows_none_of_it() -> None:
    given = {"line_id": {"join": ["=tax_code", "cccd"], "digest": True}, "tax_code": "mst"}
    mapping = Mapping(dataset("tax", "payroll"), DatasetSource.model_validate({"fields": given}))
    projection = ", ".join(mapping.projection(pulled_at="2026-01-01"))
    ask = f"select line_id from (select {projection} from (select '0101' as mst, ? as cccd))"
    keys = [
        duckdb.execute(ask, [number]).fetchall()[0][0] for number in ("001099000001", "001099000001", "001099000002")
    ]
    assert keys[0] == keys[1] != keys[2]
    assert len(keys[0]) == 24
    assert "001099" not in keys[0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ('tax_code = "mst"', "the contract requires tax_code"),
        ('constant = "01"', "province_code"),
        ('["=tax_code", "so_ct"]', "is no field that is mapped here"),
        ('parse = "epoch_seconds"', "is not known"),
        ("[datasets.taxpayer]\n", "datasets.taxpayers"),
    ],
)
def test_a_source_file_that_cannot_work_is_refused_with_file_and_key(tmp_path: Path, change: str, said: str) -> None:
    broken = {
        'tax_code = "mst"': "",
        'constant = "01"': 'constant = "01", from = "tinh"',
        '["=tax_code", "so_ct"]': '["=phone", "so_ct"]',
        'parse = "epoch_seconds"': 'parse = "giây"',
        "[datasets.taxpayer]\n": "[datasets.taxpayers]\n[datasets.taxpayer]\n",
    }[change]
    path = tmp_path / "tax.toml"
    path.write_text(SOURCE.format(on_drift="fail").replace(change, broken), encoding="utf-8")
    with pytest.raises(ConfigurationError) as refused:
        load_source(path, "tax")
    assert said in str(refused.value)
    assert str(path) in str(refused.value)
