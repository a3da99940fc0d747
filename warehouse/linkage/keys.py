"""Keys that outlive runs: every cluster takes the key most of its members had last time; new keys are derived."""

from dataclasses import dataclass
from pathlib import Path

import duckdb


@dataclass(frozen=True)
class KeyChanges:
    """How identities moved against the version before."""

    kept: int
    new: int
    merged: int
    split: int


def assign_keys(
    connection: duckdb.DuckDBPyConnection, *, subject: str, prefix: str, previous: Path | None, written: Path
) -> KeyChanges:
    """Turn `linkage.<subject>_cluster (member, cluster)` into `linkage.<subject>_key (member, <subject>_key)`.

    `previous` is the folder of the identity version before (None on the first run); the new version is written to
    `written` (`<subject>.parquet`: member → key, members that have vanished included, so that a key comes back with
    its record; `<subject>_redirect.parquet`: what became of keys that merged or split).
    """
    key = f"{subject}_key"
    _load_previous(connection, subject, key, previous)
    connection.execute(f"""
        create or replace temp table chosen as
        with vote as (
            select cluster, previous_key.{key}, count(*) as votes, min(member) as first_member
            from linkage.{subject}_cluster join previous_key using (member) group by all
        ),
        won as (  -- an old key goes to the one cluster that holds most of its members
            select * from vote
            qualify row_number() over (partition by {key} order by votes desc, first_member) = 1
        ),
        kept as (
            select * from won qualify row_number() over (partition by cluster order by votes desc, {key}) = 1
        ),
        fresh as (
            select cluster, min(member) as first_member from linkage.{subject}_cluster
            where cluster not in (select cluster from kept) group by cluster
        )
        select cluster, {key}, false as is_new from kept
        union all
        select cluster, '{prefix}' || substr(md5(first_member
            -- the first member's own derived key may still be in use by the cluster it left
            || case when '{prefix}' || substr(md5(first_member), 1, 15) in (select {key} from previous_key)
                    then '|' || (select count(*) from previous_key) else '' end), 1, 15), true
        from fresh
    """)
    connection.execute(f"""
        create or replace table linkage.{subject}_key as
        select member, chosen.{key} from linkage.{subject}_cluster join chosen using (cluster) order by member
    """)
    connection.execute(f"""
        create or replace table linkage.{subject}_redirect as
        with moved as (
            select distinct previous_key.{key} as old_key, now.{key} as new_key
            from previous_key join linkage.{subject}_key as now using (member) where previous_key.{key} <> now.{key}
        ),
        alive as (select distinct {key} from linkage.{subject}_key)
        select old_key, new_key, case when old_key in (select {key} from alive) then 'split' else 'merge' end as kind
        from moved order by all
    """)
    _write(connection, subject, key, written)
    return _changes(connection, subject)


def _load_previous(connection: duckdb.DuckDBPyConnection, subject: str, key: str, previous: Path | None) -> None:
    source = (
        f"select member, {key} from read_parquet('{previous / f'{subject}.parquet'}')"
        if previous is not None
        else f"select '' as member, '' as {key} where false"
    )
    connection.execute(f"create or replace temp table previous_key as {source}")


def _write(connection: duckdb.DuckDBPyConnection, subject: str, key: str, written: Path) -> None:
    written.mkdir(parents=True, exist_ok=True)
    connection.execute(f"""
        copy (
            select member, {key} from linkage.{subject}_key
            union all
            select member, {key} from previous_key
            where member not in (select member from linkage.{subject}_key)
            order by member
        ) to '{written / f"{subject}.parquet"}' (compression zstd)
    """)
    connection.execute(
        f"copy linkage.{subject}_redirect to '{written / f'{subject}_redirect.parquet'}' (compression zstd)"
    )


def _changes(connection: duckdb.DuckDBPyConnection, subject: str) -> KeyChanges:
    row = connection.execute(f"""
        select count(*) filter (not is_new), count(*) filter (is_new),
            (select count(distinct old_key) from linkage.{subject}_redirect where kind = 'merge'),
            (select count(distinct old_key) from linkage.{subject}_redirect where kind = 'split')
        from chosen
    """).fetchone()
    assert row is not None
    return KeyChanges(*(int(value) for value in row))
