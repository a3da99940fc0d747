"""The overlap of an incremental pull: rows that equal the version already in force, field for field, stay out.

Without this every night would add the whole overlap to the raw layer once more.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import duckdb

from common.files import DataFolder, sha256_of
from connectors.landing import Landed, connection_in, sql_text
from connectors.manifests import LandedFile, PullManifest
from connectors.walk import make_durable
from contracts.loader import Dataset


def drop_already_held(
    landed: Landed,
    dataset: Dataset,
    folder: Path,
    finished: Sequence[PullManifest],
    data: DataFolder,
    *,
    since: datetime,
) -> tuple[Landed, int]:
    """`landed` without the rows already in force, and how many those were.

    Exact, or not done at all: a row goes only if the newest landed version of its key equals it in every field and the
    pull brings that key once. Pulls under another contract version have other columns: then nothing is compared.
    """
    earlier = [
        data.pull(each.registry, each.dataset, each.pull) / part.file for each in finished for part in each.parts
    ]
    same_contract = all(each.contract_version == dataset.version for each in finished if each.parts)
    if not earlier or not landed.parts or not same_contract:
        return landed, 0
    with connection_in(folder) as connection:
        _find_held(connection, dataset, [folder / part.file for part in landed.parts], earlier, since)
        return _drop_held(connection, landed, folder)


def drop_same(landed: Landed, dataset: Dataset, folder: Path, before: Landed) -> tuple[Landed, int]:
    """`landed` without the rows that equal one of `before` field for field, and how many those were."""
    if not before.parts or not landed.parts:
        return landed, 0
    fields = ", ".join(f'"{name}"' for name in dataset.names)
    new, known = ([folder / part.file for part in each.parts] for each in (landed, before))
    with connection_in(folder) as connection:
        connection.execute(
            f"create temp table held as select _seq from read_parquet({_list(new)})"
            f" where row({fields}) in (select row({fields}) from read_parquet({_list(known)}))"
        )
        return _drop_held(connection, landed, folder)


def _drop_held(connection: duckdb.DuckDBPyConnection, landed: Landed, folder: Path) -> tuple[Landed, int]:
    held = connection.execute("select count(*) from held").fetchone()
    assert held is not None
    if not held[0]:
        return landed, 0
    parts = [_without_held(connection, folder, part) for part in landed.parts]
    return replace(landed, parts=[part for part in parts if part is not None]), int(held[0])


def _find_held(
    connection: duckdb.DuckDBPyConnection, dataset: Dataset, new: list[Path], earlier: list[Path], since: datetime
) -> None:
    """Table `held(_seq)`: the new rows that say nothing new."""
    # Whatever is newest for a key that changed since then has itself an `updated_at` since then. A source that tells
    # changes by the day, or not at all for some rows, brings older ones too.
    connection.execute(
        f"""
        create temp table held as
        with oldest as (
            select least(timestamptz {sql_text(since.isoformat())}, min(updated_at)) as begins_at from read_parquet({_list(new)})
        ),
        in_force as (
            select * from read_parquet({_list(earlier)}, filename = true)
            where updated_at >= (select begins_at from oldest)
            qualify row_number() over (
                partition by _record_key
                order by updated_at desc, parse_filename(parse_dirpath(filename)) desc, _seq desc
            ) = 1
        ),
        brought_once as (
            select * from read_parquet({_list(new)})
            qualify count(*) over (partition by _record_key) = 1
        )
        select brought_once._seq
        from brought_once join in_force using (_record_key)
        where {" and ".join(f'brought_once."{name}" is not distinct from in_force."{name}"' for name in dataset.names)}
        """
    )


def _without_held(connection: duckdb.DuckDBPyConnection, folder: Path, part: LandedFile) -> LandedFile | None:
    path = folder / part.file
    draft = path.with_suffix(".draft")
    copied = connection.execute(
        f"copy (select * from read_parquet({sql_text(path)}) where _seq not in (from held) order by _seq)"
        f" to {sql_text(draft)} (format parquet, compression zstd)"
    ).fetchone()
    assert copied is not None
    if not copied[0]:
        draft.unlink()
        path.unlink()
        return None
    make_durable(draft)
    draft.replace(path)
    return LandedFile(part.file, copied[0], sha256_of(path))


def _list(paths: Sequence[Path]) -> str:
    return "[" + ", ".join(sql_text(path) for path in paths) + "]"
