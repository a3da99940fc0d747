"""Lands rows of a YAML case as pulls, builds on real DuckDB, and reads the findings back."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from common.files import DataFolder, write_json
from common.settings import BuildSettings, Settings
from common.values import Silent
from contracts.loader import Dataset, dataset
from warehouse.build import BuildResult, build
from warehouse.inputs import current_inputs

NOW = datetime(2026, 1, 1, tzinfo=UTC)

# What a required field says where a case does not care.
_FILLERS: dict[str, Any] = {
    "str": "x",
    "int": 1,
    "vnd": 0,
    "bool": False,
    "date": date(2020, 1, 1),
    "month": "2020-01",
    "period": "2025-H1",
    "timestamp": datetime(2025, 1, 1, tzinfo=UTC),
    "decimal": 0,
    "partial_date": "1980",
}
_DEFAULTS: dict[str, dict[str, Any]] = {
    "insurance.unit": {"cycle_months": 1, "status": "active", "province_code": "79"},
    "insurance.participation": {
        "kind": "compulsory", "absence": "none", "pays_si": True, "pays_hi": True, "pays_ui": True, "wage_vnd": 10_000_000,
    },
    "tax.taxpayer": {"kind": "organisation", "status": "active", "province_code": "79"},
    "tax.payroll": {"schedule": "progressive", "income_vnd": 120_000_000},
    "labour.workforce": {"contract": "indefinite", "wage_vnd": 10_000_000},
    "insurance.benefit": {"kind": "sickness", "amount_vnd": 1_000_000},
    "labour.unemployment": {"status": "receiving", "monthly_vnd": 5_000_000},
    "health.certificate": {"kind": "sick_leave", "facility_code": "79001"},
    "health.facility": {"status": "active", "may_certify": True, "province_code": "79"},
}  # fmt: skip


def land(data: DataFolder, found: Dataset, rows: Sequence[Mapping[str, Any]], *, pull: str, kind: str = "full") -> None:
    """Write `rows` as one finished pull, fields a case leaves out filled as the contract requires."""
    folder = data.pull(found.registry, found.name, pull)
    folder.mkdir(parents=True)
    filled = [_filled(found, row) for row in rows]
    schema = found.arrow_schema().append(pa.field("_record_key", pa.string())).append(pa.field("_seq", pa.int64()))
    records = [
        {**row, "_record_key": "|".join(str(row[key]) for key in found.key), "_seq": place}
        for place, row in enumerate(filled)
    ]
    pq.write_table(pa.Table.from_pylist(records, schema=schema), folder / "part-00000.parquet")
    write_json(
        folder / "manifest.json",
        {
            "pull": pull, "registry": found.registry, "dataset": found.name, "kind": kind, "offered": True,
            "rows_landed": len(rows), "rows_quarantined": 0, "quarantine": None,
            "parts": [{"file": "part-00000.parquet", "rows": len(rows), "sha256": ""}] if rows else [],
        },
    )  # fmt: skip


def set_aside(data: DataFolder, found: Dataset, records: Sequence[Mapping[str, Any]], *, pull: str) -> None:
    """Put a newer, broken version of each record into quarantine, in a pull of its own."""
    keys = ["|".join(str(record[name]) for name in found.key) for record in records]
    land(data, found, [], pull=pull, kind="incremental")
    path = data.quarantine(found.registry, found.name) / f"{pull}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = {
        "record_key": keys,
        "updated_at": [NOW] * len(keys),
        "pull": [pull] * len(keys),
        "record": [json.dumps(record) for record in records],
    }
    pq.write_table(pa.table(rows), path)
    manifest = data.pull(found.registry, found.name, pull) / "manifest.json"
    write_json(manifest, {**_read(manifest), "quarantine": {"file": path.name, "rows": len(keys), "sha256": ""}})


def built(
    root: Path,
    given: Mapping[str, Sequence[Mapping[str, Any]]],
    as_of: date,
    *,
    empty: Sequence[str] = (),
    run: str = "r1",
) -> BuildResult:
    """Land a case and build it. `empty` names datasets that were delivered without a row."""
    data = DataFolder(root)
    for name, rows in given.items():
        land(data, dataset(*name.split(".")), rows, pull="20250101T000000000000Z")
    for name in empty:
        land(data, dataset(*name.split(".")), [], pull="20250101T000000000000Z")
    settings = Settings(data_dir=root, build=BuildSettings(memory_limit="1GB"))
    return build(settings, run=run, inputs=current_inputs(data, as_of=as_of, stale={}), progress=Silent())


def read(result: BuildResult, sql: str) -> list[dict[str, Any]]:
    with duckdb.connect(str(result.path), read_only=True) as connection:
        found = connection.execute(sql)
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def _filled(found: Dataset, row: Mapping[str, Any]) -> dict[str, Any]:
    unknown = set(row) - set(found.names)
    assert not unknown, f"{found.full_name} has no field {unknown}"
    given = {**_DEFAULTS.get(found.full_name, {}), **row}
    return {field.name: _value(field.type, given.get(field.name, _filler(found, field.name))) for field in found.fields}


def _filler(found: Dataset, name: str) -> Any:
    field = found.field(name)
    if not field.is_required:
        return None
    return field.valid_values[0] if field.valid_values else _FILLERS[field.type]


def _value(kind: str, value: Any) -> Any:
    if kind in ("str", "month", "partial_date", "period") and value is not None:
        return str(value)
    if kind == "timestamp" and isinstance(value, str):
        return datetime.fromisoformat(value)
    return value


def _read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found
