"""What people judged about who is who: two records are one person, or never are."""

from collections.abc import Sequence
from pathlib import Path

import duckdb
import numpy as np

from common.errors import ConfigurationError
from warehouse.linkage.clusters import components

TOGETHER = "select mention_a as mention_no, mention_b as hub from linkage.judgement where kind = 'same'"
"""Edges between mentions that are judged to be one person."""

APART = "select mention_a, mention_b from linkage.judgement where kind = 'different' order by all"
"""Pairs of mentions that are judged to be two people."""

_SIDES = ("a", "b")


def load_judgements(connection: duckdb.DuckDBPyConnection, judged: Sequence[Path]) -> None:
    """Make `linkage.judgement`: of every pair of records the latest judgement, where both records are delivered today.

    The files' names sort by time; whoever judged a pair before is replaced. Raises `ConfigurationError` where a file
    is gone or cannot be read: without it the list would silently be another.
    """
    connection.execute(f"create or replace temp table judged as {_read(connection, judged)}")
    connection.execute("""
        create or replace table linkage.judgement as
        with latest as (
            select * from judged
            qualify row_number() over (partition by mention_a, mention_b order by file desc, judgement_id desc) = 1
        )
        select judgement_id, kind, a.mention_no as mention_a, b.mention_no as mention_b,
            row_number() over (order by file, judgement_id) as position, cast(null as varchar) as outcome
        from latest
        join linkage.person_mention as a on latest.mention_a = concat_ws('|', a.registry, a.dataset, a.record_key, a.role)
        join linkage.person_mention as b on latest.mention_b = concat_ws('|', b.registry, b.dataset, b.record_key, b.role)
        order by position
    """)


def _read(connection: duckdb.DuckDBPyConnection, judged: Sequence[Path]) -> str:
    if not judged:
        names = ("judgement_id", "kind", "mention_a", "mention_b", "file")
        return "select " + ", ".join(f"'' as {name}" for name in names) + " where false"
    gone = [path.name for path in judged if not path.is_file()]
    sides = [f"concat_ws('|', registry_{side}, dataset_{side}, record_key_{side}, role_{side})" for side in _SIDES]
    sql = (
        f"select judgement_id, kind, least({', '.join(sides)}) as mention_a, greatest({', '.join(sides)}) as mention_b,"
        f" parse_filename(filename) as file"
        f" from read_parquet({[str(path) for path in judged]}, filename = true) where kind in ('same', 'different')"
    )
    try:
        if not gone:
            connection.execute(f"select count(*) from ({sql})")
            return sql
        problem = f"{len(gone)} judgement(s) on who is who are gone, {gone[0]} first"
    except duckdb.Error as error:
        problem = f"the judgements on who is who cannot be read ({type(error).__name__})"
    raise ConfigurationError(
        problem,
        where=str(judged[0].parent),
        remedy="bring the files back from the backup; a judgement is taken back by judging the pair again",
    )


def settle_judgements(connection: duckdb.DuckDBPyConnection) -> None:
    """After clustering: what became of every judgement, and `linkage.judged_link`, the mentions that rest on one.

    An identifier that two people judged different carry no longer proves that somebody is absent elsewhere.
    """
    connection.execute("""
        update linkage.judgement as judged
        set outcome = case when judged.kind = 'same' and a.cluster <> b.cluster then 'refused' else judged.kind end
        from mention_cluster as a, mention_cluster as b
        where a.mention_no = judged.mention_a and b.mention_no = judged.mention_b
    """)
    connection.execute("""
        update linkage.trusted_identifier set is_exclusive = false
        where (kind, value) in (
            select shared.kind, shared.value
            from linkage.trusted_identifier as shared join mention_cluster using (mention_no)
            where (shared.kind, shared.value) in (
                select kind, value from linkage.trusted_identifier where mention_no in (
                    select unnest([mention_a, mention_b]) from linkage.judgement where kind = 'different'))
            group by all having count(distinct mention_cluster.cluster) > 1
        )
    """)
    _write_judged_links(connection)


def _write_judged_links(connection: duckdb.DuckDBPyConnection) -> None:
    """Within clusters that a judgement put together: its two records, and whoever hangs on the smaller side."""
    connection.execute("""
        create or replace temp table put_together as
        select mention_no, cluster, row_number() over (order by mention_no) - 1 as place from mention_cluster
        where cluster in (
            select cluster from mention_cluster join linkage.judgement on mention_no = mention_a where outcome = 'same')
    """)
    edges = connection.execute("""
        select place, min(place) over (partition by kind, value, person_no, cluster) as hub
        from carrier join put_together using (mention_no)
    """).fetchnumpy()
    sizes = connection.execute("select count(*) from put_together").fetchone()
    assert sizes is not None
    sides = components(edges["place"].astype(np.int64), edges["hub"].astype(np.int64), int(sizes[0]))
    connection.register("side", {"place": np.arange(len(sides)), "side": sides})
    connection.execute("""
        create or replace table linkage.judged_link as
        with sided as (select put_together.*, side.side from put_together join side using (place)),
        weighed as (
            select side, cluster, row_number() over (partition by cluster order by count(*) desc, min(mention_no)) as place
            from sided group by side, cluster
        ),
        named as (
            select unnest([mention_a, mention_b]) as mention_no
            from linkage.judgement
            join sided as a on a.mention_no = mention_a join sided as b on b.mention_no = mention_b
            where outcome = 'same' and a.side <> b.side
        )
        select mention_no from named
        union
        select sided.mention_no from sided join weighed using (side, cluster) where weighed.place > 1
        order by mention_no
    """)
    connection.unregister("side")
