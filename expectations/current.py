"""The current version of every landed record: one table per dataset, in a DuckDB file that outlives no check."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from common.files import DataFolder
from common.settings import BuildSettings
from contracts.loader import Dataset
from contracts.set_aside import excused_query, outstanding_query
from contracts.waivers import waived_expression, waivers_in_force
from expectations.deliveries import Delivery, newest_delivery

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


@dataclass(frozen=True)
class SetAside:
    """Counts of records set aside. `excused` are those of the newest delivery that a replay settled or a waiver covers."""

    counted: int = 0
    waived: int = 0
    excused: int = 0


def set_aside_today(
    connection: "duckdb.DuckDBPyConnection",
    data: DataFolder,
    dataset: Dataset,
    deliveries: Sequence[Delivery],
    day: date,
) -> SetAside:
    """How many records stand set aside today; what a waiver covers on `day` is counted apart."""
    pulls = [delivery.as_finished for delivery in deliveries if delivery.is_offered]
    waived = waived_expression(data, waivers_in_force(data, dataset.full_name, day))
    outstanding = outstanding_query(dataset, pulls)
    counted = covered = excused = 0
    if outstanding is not None:
        query = f"select count(*), count(*) filter ({waived}) from ({outstanding}) where is_newest"
        everything, covered = _row(connection, query)
        counted = everything - covered
    excusing = excused_query(newest_delivery(deliveries).as_finished, pulls, waived)
    if excusing is not None:
        (excused,) = _row(connection, excusing)
    return SetAside(counted, covered, excused)


def _row(connection: "duckdb.DuckDBPyConnection", query: str) -> tuple[int, ...]:
    row = connection.execute(query).fetchone()
    assert row is not None
    return row


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
