"""The current version of every landed record: one table per dataset, in a DuckDB file that outlives no check."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from common.settings import BuildSettings
from contracts.loader import Dataset
from expectations.deliveries import Delivery, since_last_whole

if TYPE_CHECKING:
    import duckdb

BOOKKEEPING = ("_record_key", "_seq")


def open_current(path: Path, build: BuildSettings) -> "duckdb.DuckDBPyConnection":
    """An empty DuckDB file for `write_current`."""
    import duckdb

    path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = duckdb.connect(str(path), config={"threads": build.threads, "memory_limit": build.memory_limit})
    connection.execute("set timezone = 'Asia/Ho_Chi_Minh'")
    connection.execute("set preserve_insertion_order = false")
    return connection


def write_current(connection: "duckdb.DuckDBPyConnection", dataset: Dataset, deliveries: Sequence[Delivery]) -> None:
    """Make table `dataset.table`: contract fields, `_record_key`, `_pull`; newest version per key, withdrawn out.

    The table is empty where nothing was delivered, so that a check across tables can always be asked.
    """
    fields = ", ".join(f'"{field.name}" {field.duckdb_type}' for field in dataset.fields)
    connection.execute(f"create table {dataset.table} ({fields}, _record_key varchar, _pull varchar)")
    versions = versions_query(dataset, deliveries)
    if versions is None:
        return
    columns = ", ".join(f'"{name}"' for name in dataset.names)
    age = ", ".join(f"{name} desc nulls last" for name in (*_version_columns(dataset), "_pull", "_seq"))
    living = "where deleted is not true" if "deleted" in dataset.names else ""
    connection.execute(f"""
        insert into {dataset.table} by name
        select {columns}, _record_key, _pull from (
            {versions} qualify row_number() over (partition by _record_key order by {age}) = 1
        ) {living}""")


def outstanding_quarantine(
    connection: "duckdb.DuckDBPyConnection", dataset: Dataset, deliveries: Sequence[Delivery]
) -> int:
    """How many records are set aside today: since the last full delivery, and no later version of them landed."""
    recent = since_last_whole(deliveries)
    files = [str(found.quarantine) for found in recent if found.quarantine is not None and found.quarantine.exists()]
    if not files:
        return 0
    versions = versions_query(dataset, recent)
    landed = f"select _record_key, max(_pull) as pull from ({versions}) group by all" if versions else None
    replaced = (
        f"and not exists (select 1 from ({landed}) as landed where landed._record_key = aside.record_key"
        " and landed.pull > aside.pull)"
        if landed
        else ""
    )
    row = connection.execute(f"""
        with aside as (select record_key, pull from read_parquet({files!r}))
        select count(distinct record_key) + count(*) filter (where record_key is null)
        from aside where true {replaced}""").fetchone()
    assert row is not None
    return int(row[0])


def versions_query(dataset: Dataset, deliveries: Sequence[Delivery]) -> str | None:
    """SQL of every landed version in these deliveries, with `_pull`; None where there is no row."""
    parts = [str(part) for delivery in deliveries for part, rows, _ in delivery.parts if rows]
    if not parts:
        return None
    present = _columns_of(parts)
    columns = ", ".join(
        f'"{field.name}"' if field.name in present else f'null::{field.duckdb_type} as "{field.name}"'
        for field in dataset.fields
    )
    return f"""select {columns}, _record_key, _seq, parse_path(filename)[-2] as _pull
        from read_parquet({parts!r}, union_by_name = true, filename = true)"""


def _version_columns(dataset: Dataset) -> tuple[str, ...]:
    return ("updated_at",) if "updated_at" in dataset.names else ()


def _columns_of(parts: Sequence[str]) -> set[str]:
    import pyarrow.parquet as pq

    return {name for part in parts for name in pq.read_schema(part).names}
