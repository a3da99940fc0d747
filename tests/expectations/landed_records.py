"""Lands records as the agreement between the rooms describes it: real Parquet, real manifests, no connector."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from common.files import DataFolder, sha256_of, write_json
from contracts.loader import Dataset, Field, dataset

UPDATED = datetime(2026, 6, 1, tzinfo=UTC)
PULL = "20260629T180000000000Z"
RUN = "20260630T180000000000Z"
AS_OF = date(2026, 6, 30)
_SAMPLES: dict[str, Any] = {
    "str": "x",
    "int": 1,
    "vnd": 1_000_000,
    "decimal": 1,
    "bool": True,
    "date": date(2026, 1, 1),
    "month": "2026-01",
    "partial_date": "1980",
    "timestamp": UPDATED,
    "period": "2026-Q1",
}


def record(full_name: str, /, **values: Any) -> dict[str, Any]:
    """A record that keeps its contract: required fields are filled with plain values, `values` override."""
    contract = dataset(*full_name.split("."))
    plain = {field.name: _sample(field) for field in contract.fields if field.is_required}
    return {**plain, **values}


def land(
    data: DataFolder,
    full_name: str,
    records: Sequence[Mapping[str, Any]],
    *,
    pull: str = PULL,
    aside: Sequence[Mapping[str, Any]] = (),
    drop: Sequence[str] = (),
    types: Mapping[str, pa.DataType] | None = None,
    **manifest: Any,
) -> Path:
    """One finished pull: Parquet part, quarantine and manifest. `drop` and `types` spoil the columns of the part.

    `aside` holds (record_key, reasons) mappings; `manifest` overrides keys of the manifest.
    """
    contract = dataset(*full_name.split("."))
    folder = data.pull(contract.registry, contract.name, pull)
    folder.mkdir(parents=True)
    parts = []
    if records:
        part = folder / "part-00000.parquet"
        pq.write_table(_table(contract, records, drop, types or {}), part, compression="zstd")
        parts.append({"file": part.name, "rows": len(records), "sha256": sha256_of(part)})
    quarantine = _write_aside(data, contract, pull, aside) if aside else None
    moments = [row["updated_at"] for row in records if row.get("updated_at")]
    written = {
        "pull": pull,
        "registry": contract.registry,
        "dataset": contract.name,
        "contract_version": contract.version,
        "kind": "full",
        "rows_received": len(records) + len(aside),
        "rows_landed": len(records),
        "rows_quarantined": len(aside),
        "total_announced": len(records) + len(aside),
        "high_water_mark": max(moments).isoformat() if moments else None,
        "parts": parts,
        "quarantine": quarantine,
        "drift": {"new_fields": [], "missing_fields": [], "changed_types": []},
        "warnings": [],
        "offered": True,
        **manifest,
    }
    write_json(folder / "manifest.json", written)
    return folder


def _table(
    contract: Dataset, records: Sequence[Mapping[str, Any]], drop: Sequence[str], types: Mapping[str, pa.DataType]
) -> pa.Table:
    columns: dict[str, pa.DataType] = {"_record_key": pa.string(), "_seq": pa.int64()}
    bookkeeping = pa.schema(columns)
    schema = pa.unify_schemas([contract.arrow_schema(), bookkeeping])
    rows = [
        {**row, "_record_key": "|".join(str(row[name]) for name in contract.key), "_seq": position}
        for position, row in enumerate(records)
    ]
    table = pa.Table.from_pylist([{name: row.get(name) for name in schema.names} for row in rows], schema=schema)
    for name, kind in types.items():
        table = table.set_column(table.schema.get_field_index(name), name, table[name].cast(kind))
    return table.drop_columns(list(drop)) if drop else table


def _write_aside(data: DataFolder, contract: Dataset, pull: str, aside: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    path = data.quarantine(contract.registry, contract.name) / f"{pull}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    schema = _aside_schema()
    rows = [
        {
            "record_key": row["record_key"],
            "updated_at": UPDATED,
            "record": f'{{"full_name": "Nguyễn Thị Bí Mật", "row": {position}}}',
            "reasons": row["reasons"],
            "page": 0,
            "row": position,
            "pull": pull,
        }
        for position, row in enumerate(aside)
    ]
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)
    return {"file": path.name, "rows": len(aside), "sha256": sha256_of(path)}


def _aside_schema() -> pa.Schema:
    types: dict[str, pa.DataType] = {
        "record_key": pa.string(),
        "updated_at": pa.timestamp("us", tz="UTC"),
        "record": pa.string(),
        "reasons": pa.list_(pa.string()),
        "page": pa.int32(),
        "row": pa.int32(),
        "pull": pa.string(),
    }
    return pa.schema(types)


def _sample(field: Field) -> Any:
    if field.valid_values:
        return int(field.valid_values[0]) if field.type == "int" else field.valid_values[0]
    if field.pattern and "H" in field.pattern:
        return "2026-H1"
    return False if field.name == "deleted" else _SAMPLES[field.type]
