"""Tombstones for records that went away without one: no longer in a full delivery, or in a newer statement."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from common.files import DataFolder, sha256_of
from connectors.landing import Landed, connection_in, sql_text
from connectors.manifests import LandedFile, PullManifest
from connectors.walk import make_durable
from contracts.loader import Dataset

_ALWAYS_BELIEVED = 3
"""So few missing records are believed whatever share they are of a small dataset."""
_PART = "part-withdrawn.parquet"


@dataclass(frozen=True)
class Withdrawn:
    """Tombstones written for records that are no longer delivered."""

    parts: tuple[LandedFile, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        return sum(part.rows for part in self.parts)


def withdraw(
    landed: Landed,
    dataset: Dataset,
    folder: Path,
    finished: Sequence[PullManifest],
    data: DataFolder,
    *,
    set_aside: Path | None,
    is_whole: bool,
    percent_max: float,
) -> Withdrawn:
    """Write `part-withdrawn.parquet` for every record in force whose key the full delivery `landed` does not bring.

    A record set aside (`set_aside`: the pull's quarantine) was delivered. A tombstone carries its record's own
    `updated_at`: should the source bring the record back unchanged, the later pull counts. Nothing is withdrawn where
    the delivery is not whole or empty, a record's key cannot be read, or more than `percent_max` of what is held would go.
    """
    earlier = [
        data.pull(each.registry, each.dataset, each.pull) / part.file for each in finished for part in each.parts
    ]
    # An empty delivery is warned of as such; it withdraws nothing.
    if not earlier or not (landed.parts or landed.rows_quarantined):
        return Withdrawn()
    delivered = [folder / part.file for part in landed.parts]
    with connection_in(folder) as connection:
        held, gone = _compare(connection, earlier, delivered, set_aside)
        if not gone:
            return Withdrawn()
        doubt = _doubt(gone, held, is_whole=is_whole, has_unknown_keys=landed.has_unknown_keys, percent_max=percent_max)
        if doubt:
            said = f"{dataset.full_name}: {gone} of {held} records held are not in the full delivery; {doubt}"
            return Withdrawn(warnings=(said,))
        return Withdrawn(parts=(_write(connection, dataset, folder, _rows_before(landed)),))


def withdraw_superseded(
    landed: Landed,
    dataset: Dataset,
    folder: Path,
    finished: Sequence[PullManifest],
    data: DataFolder,
    *,
    set_aside: Path | None,
    whole_by: Sequence[str],
) -> Withdrawn:
    """Write `part-withdrawn.parquet` for records of an older statement than the newest of their group.

    A group (same values of the `whole_by` fields: a payer and a year) is always delivered whole, every record with the
    `updated_at` of its statement. Whichever statement arrives first, only the newest stays in force; a record whose
    newest version was set aside stays as well.
    """
    delivered = [folder / part.file for part in landed.parts]
    if not delivered:
        return Withdrawn()
    earlier = [
        data.pull(each.registry, each.dataset, each.pull) / part.file for each in finished for part in each.parts
    ]
    group = ", ".join(f'"{name}"' for name in whole_by)
    aside = (
        f"select record_key from read_parquet({sql_text(set_aside)})" if set_aside else "select null::varchar limit 0"
    )
    with connection_in(folder) as connection:
        connection.execute(
            f"""
            create temp table gone as
            with touched as (select distinct {group} from read_parquet({_list(delivered)})),
            versions as (
                select _record_key, updated_at, deleted, {group}, _seq,
                    parse_filename(parse_dirpath(filename)) as pull
                from read_parquet({_list([*earlier, *delivered])}, filename = true)
            ),
            in_force as (
                select * from versions
                qualify row_number() over (partition by _record_key order by updated_at desc, pull desc, _seq desc) = 1
            ),
            statement as (
                select {group}, max(updated_at) as stated_at
                from in_force semi join touched using ({group}) where deleted is not true group by {group}
            )
            select _record_key, updated_at
            from in_force join statement using ({group})
            where deleted is not true and updated_at < stated_at and _record_key not in ({aside})
            order by _record_key
            """
        )
        found = connection.execute("select count(*) from gone").fetchone()
        assert found is not None
        if not found[0]:
            return Withdrawn()
        return Withdrawn(parts=(_write(connection, dataset, folder, _rows_before(landed)),))


def _rows_before(landed: Landed) -> int:
    return sum(part.rows for part in landed.parts) + landed.rows_quarantined + landed.rows_left_out


def _doubt(gone: int, held: int, *, is_whole: bool, has_unknown_keys: bool, percent_max: float) -> str | None:
    if not is_whole:
        return "they stay in force, because the delivery is not what was announced"
    if has_unknown_keys:
        return "they stay in force, because some records set aside have no readable key"
    if gone > _ALWAYS_BELIEVED and gone * 100 > held * percent_max:
        return f"they stay in force, because that is more than withdrawn_percent = {percent_max:g} allows"
    return None


def _compare(
    connection: duckdb.DuckDBPyConnection, earlier: Sequence[Path], delivered: Sequence[Path], set_aside: Path | None
) -> tuple[int, int]:
    """Tables `held` and `gone`; how many rows each has."""
    keys = [f"select _record_key from read_parquet({_list(delivered)})"] if delivered else []
    keys += [f"select record_key from read_parquet({sql_text(set_aside)})"] if set_aside else []
    connection.execute(
        f"""
        create temp table held as
        select _record_key, updated_at from (
            select _record_key, updated_at, deleted from read_parquet({_list(earlier)}, filename = true)
            qualify row_number() over (
                partition by _record_key
                order by updated_at desc, parse_filename(parse_dirpath(filename)) desc, _seq desc
            ) = 1
        )
        where deleted is not true
        """
    )
    brought = " union all ".join(keys) or "select null::varchar as _record_key limit 0"
    connection.execute(
        f"create temp table gone as select held.* from held anti join ({brought}) as brought(_record_key)"
        " using (_record_key) order by _record_key"
    )
    counted = connection.execute("select (select count(*) from held), (select count(*) from gone)").fetchone()
    assert counted is not None
    return counted


def _write(connection: duckdb.DuckDBPyConnection, dataset: Dataset, folder: Path, first_seq: int) -> LandedFile:
    kept = {"updated_at": "updated_at", "deleted": "true"}
    if len(dataset.key) == 1:
        kept[dataset.key[0]] = "_record_key"
    else:
        kept |= {name: f"string_split(_record_key, '|')[{place}]" for place, name in enumerate(dataset.key, start=1)}
    columns = ", ".join(
        f'cast({kept.get(each.name, "null")} as {each.duckdb_type}) as "{each.name}"' for each in dataset.fields
    )
    path = folder / _PART
    copied = connection.execute(
        f"copy (select {columns}, _record_key, {first_seq} + row_number() over () - 1 as _seq from gone)"
        f" to {sql_text(path)} (format parquet, compression zstd)"
    ).fetchone()
    assert copied is not None
    make_durable(path)
    return LandedFile(_PART, copied[0], sha256_of(path))


def _list(paths: Sequence[Path]) -> str:
    return "[" + ", ".join(sql_text(path) for path in paths) + "]"
