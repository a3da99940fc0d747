"""From landed pulls to the versions in force: the newest version of every key, the set-aside ones told apart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from common.files import DataFolder, read_json
from contracts.loader import Dataset
from contracts.set_aside import REPLAYED, FinishedPull, is_newer, since_last_full, unsettled_query
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
    finished = [_as_finished(data, dataset, manifests[pull]) for pull in pulls]
    # Of a dataset fetched whole only the last delivery counts, with what a replay landed of it since.
    counted = since_last_full(finished) if dataset.is_fetched_whole else finished
    parts = [(part, pull.pull) for pull in counted for part in pull.parts]
    _keep_set_aside(connection, dataset, [pull for pull in finished if manifests[pull.pull]["offered"]])
    if parts:
        connection.execute(_newest_version(dataset, parts))
        connection.execute(_in_force(dataset, inputs))
        connection.execute(_forget_superseded(dataset))
        connection.execute("drop table newest")
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


def _newest_version(dataset: Dataset, parts: Sequence[tuple[Path, str]]) -> str:
    changed_at = "updated_at" if "updated_at" in dataset.names else "cast(null as timestamptz)"
    return f"""
        create or replace temp table newest as
        with pull_of_part (part, _pull) as (values {_values(parts)}),
        delivered as (
            select landed.* exclude (filename), pull_of_part._pull, {changed_at} as _changed_at
            from read_parquet({[str(path) for path, _ in parts]}, filename = true) as landed
            join pull_of_part on pull_of_part.part = landed.filename
        )
        select * from delivered
        qualify row_number() over (
            partition by _record_key order by _changed_at desc nulls last, _pull desc, _seq desc
        ) = 1
    """


_IS_NEWER = is_newer("set_aside", "newest")


def _as_finished(data: DataFolder, dataset: Dataset, manifest: Mapping[str, Any]) -> FinishedPull:
    folder = data.pull(dataset.registry, dataset.name, manifest["pull"])
    quarantine = data.quarantine(dataset.registry, dataset.name) / f"{manifest['pull']}.parquet"
    return FinishedPull(
        pull=manifest["pull"],
        is_full=manifest["kind"] == "full",
        parts=tuple(folder / part["file"] for part in manifest["parts"]),
        set_aside=quarantine if manifest["quarantine"] else None,
        replayed=folder / REPLAYED if manifest.get("replay_of") else None,
    )


def _in_force(dataset: Dataset, inputs: BuildInputs) -> str:
    columns = ", ".join(f'newest."{name}"' for name in dataset.names)
    living = "deleted is not true" if "deleted" in dataset.names else "true"
    return f"""
        create or replace table raw.{dataset.table} as
        select {columns}, newest._record_key, newest._pull,
            newest._record_key in (
                select set_aside.record_key from raw.set_aside as set_aside
                join newest on newest._record_key = set_aside.record_key
                where {_is_of(dataset)} and {_IS_NEWER}
            ) as _newer_set_aside
        from newest
        where {living} and {_has_happened(dataset, inputs)}
        order by newest._record_key
    """


def _forget_superseded(dataset: Dataset) -> str:
    """A record that has since come in good order, or been withdrawn, is not set aside any more."""
    return f"""
        delete from raw.set_aside as set_aside using newest
        where newest._record_key = set_aside.record_key and {_is_of(dataset)} and not {_IS_NEWER}
    """


def _is_of(dataset: Dataset) -> str:
    return f"set_aside.registry = {literal(dataset.registry)} and set_aside.dataset = {literal(dataset.name)}"


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


def _keep_set_aside(connection: duckdb.DuckDBPyConnection, dataset: Dataset, finished: Sequence[FinishedPull]) -> None:
    connection.execute(
        "create table if not exists raw.set_aside"
        " (registry varchar, dataset varchar, record_key varchar, updated_at timestamptz, pull varchar, record varchar)"
    )
    unsettled = unsettled_query(finished)
    if unsettled is not None:
        connection.execute(
            f"insert into raw.set_aside select {literal(dataset.registry)}, {literal(dataset.name)}, record_key,"
            # A record in a source's own words is read as the contract would have it (`mapped`), as far as it goes.
            " updated_at, pull, coalesce(mapped, record)"
            f" from (select null::varchar as mapped where false union all by name select * from ({unsettled}))"
            " where record_key is not null"
        )


def _values(parts: Sequence[tuple[Path, str]]) -> str:
    return ", ".join(f"({literal(str(path))}, {literal(pull)})" for path, pull in parts)
