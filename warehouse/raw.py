"""From landed pulls to the versions in force: the newest version of every key, the set-aside ones told apart."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from common.files import DataFolder, read_json
from contracts.loader import Dataset
from warehouse.engine.duckdb import literal
from warehouse.inputs import BuildInputs


@dataclass(frozen=True)
class SourceState:
    """What the build knows of one dataset. `rows_ever` counts landed rows of every pull."""

    dataset: Dataset
    pulls: tuple[str, ...]
    is_offered: bool
    rows_ever: int

    @property
    def is_available(self) -> bool:
        return self.is_offered and bool(self.pulls)


def load_raw(
    connection: duckdb.DuckDBPyConnection, data: DataFolder, dataset: Dataset, inputs: BuildInputs
) -> SourceState:
    """Make `raw.<table>`: the version in force of every record on `as_of`.

    The latest landed version counts whatever its `updated_at`; an event counts from its own date on. Columns: the
    contract's, then `_record_key`, `_pull`, and `_newer_set_aside` (a later version broke the contract, so this
    older one stays in force with a doubt). A dataset without pulls becomes an empty table.
    """
    pulls = inputs.pulls.get(dataset.full_name, ())
    manifests = {pull: read_json(data.pull(dataset.registry, dataset.name, pull) / "manifest.json") for pull in pulls}
    counted = list(pulls[-1:]) if dataset.is_fetched_whole else list(pulls)
    parts = [
        (data.pull(dataset.registry, dataset.name, pull) / part["file"], pull)
        for pull in counted
        for part in manifests[pull]["parts"]
    ]
    set_aside = [
        (data.quarantine(dataset.registry, dataset.name) / f"{pull}.parquet", pull)
        for pull in counted
        if manifests[pull]["quarantine"]
    ]
    _make_set_aside(connection, dataset, set_aside)
    if parts:
        connection.execute(_newest_version(dataset, parts, inputs))
    else:
        columns = ", ".join(f'cast(null as {field.duckdb_type}) as "{field.name}"' for field in dataset.fields)
        connection.execute(
            f"create or replace table raw.{dataset.table} as select {columns}, cast(null as varchar) as _record_key,"
            " cast(null as varchar) as _pull, false as _newer_set_aside where false"
        )
    return SourceState(
        dataset=dataset,
        pulls=tuple(pulls),
        is_offered=not pulls or bool(manifests[pulls[-1]]["offered"]),
        rows_ever=sum(int(manifest["rows_landed"]) for manifest in manifests.values()),
    )


def _newest_version(dataset: Dataset, parts: Sequence[tuple[Path, str]], inputs: BuildInputs) -> str:
    columns = ", ".join(f'"{name}"' for name in dataset.names)
    changed_at = "updated_at" if "updated_at" in dataset.names else "cast(null as timestamptz)"
    living = "deleted is not true" if "deleted" in dataset.names else "true"
    return f"""
        create or replace table raw.{dataset.table} as
        with pull_of_part (part, _pull) as (values {_values(parts)}),
        delivered as (
            select landed.* exclude (filename), pull_of_part._pull, {changed_at} as _changed_at
            from read_parquet({[str(path) for path, _ in parts]}, filename = true) as landed
            join pull_of_part on pull_of_part.part = landed.filename
        ),
        newest as (
            select * from delivered
            qualify row_number() over (
                partition by _record_key order by _changed_at desc nulls last, _pull desc, _seq desc
            ) = 1
        )
        select {columns}, _record_key, _pull, coalesce(set_aside.is_newer, false) as _newer_set_aside
        from newest
        left join (
            select newest._record_key as record_key, true as is_newer
            from newest join raw.set_aside on raw.set_aside.record_key = newest._record_key
            where raw.set_aside.registry = {literal(dataset.registry)} and raw.set_aside.dataset = {literal(dataset.name)}
              and (raw.set_aside.updated_at > newest._changed_at
                   or (raw.set_aside.updated_at is null and raw.set_aside.pull > newest._pull)
                   or (raw.set_aside.updated_at = newest._changed_at and raw.set_aside.pull > newest._pull))
            group by newest._record_key
        ) as set_aside on set_aside.record_key = newest._record_key
        where {living} and {_has_happened(dataset, inputs)}
        order by _record_key
    """


def _has_happened(dataset: Dataset, inputs: BuildInputs) -> str:
    """SQL: the record's event is not after `as_of`; a record without its date counts."""
    if dataset.event_date is None:
        return "true"
    field = dataset.field(dataset.event_date)
    happened_on = {
        "date": field.name,
        "month": f"cast({field.name} || '-01' as date)",
        "timestamp": f"cast({field.name} as date)",
    }[field.type]
    return f"({field.name} is null or {happened_on} <= {literal(inputs.as_of)})"


def _make_set_aside(connection: duckdb.DuckDBPyConnection, dataset: Dataset, files: Sequence[tuple[Path, str]]) -> None:
    connection.execute(
        "create table if not exists raw.set_aside"
        " (registry varchar, dataset varchar, record_key varchar, updated_at timestamptz, pull varchar)"
    )
    if files:
        connection.execute(
            f"insert into raw.set_aside select {literal(dataset.registry)}, {literal(dataset.name)}, record_key,"
            f" updated_at, pull from read_parquet({[str(path) for path, _ in files]}) where record_key is not null"
        )


def _values(parts: Sequence[tuple[Path, str]]) -> str:
    return ", ".join(f"({literal(str(path))}, {literal(pull)})" for path, pull in parts)
