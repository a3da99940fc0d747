"""Who is who: mentions that share a trusted identifier and do not contradict each other are one person."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from warehouse.linkage.clusters import components, repair
from warehouse.linkage.judgements import APART, TOGETHER, load_judgements, settle_judgements
from warehouse.linkage.keys import KeyChanges, assign_keys

MAX_PEOPLE_PER_IDENTIFIER = 3
"""An identifier carried by more people than this, who cannot be one, identifies nobody."""

STRENGTH = {"citizen": 0, "si": 1, "tax": 2, "old": 3, "passport": 4}
"""Which identifier decides first where they pull apart."""

# Two profiles under one identifier agree when nothing known of them says they are two people.
_NAMES_AGREE = """(
    a.name_key is null or b.name_key is null or a.name_key = b.name_key
    or (a.family = b.family and a.given = b.given)
    or a.sorted_name = b.sorted_name
    or damerau_levenshtein(a.name_key, b.name_key) <= 2
    or (a.given = b.given and a.birth_date = b.birth_date and length(a.birth_date) = 10)
)"""
_BIRTHS_AGREE = """(
    a.birth_date is null or b.birth_date is null
    or starts_with(a.birth_date, b.birth_date) or starts_with(b.birth_date, a.birth_date)
    -- one part mistyped, or day and month swapped, under the same full name
    or (a.name_key = b.name_key and (
        substr(a.birth_date, 1, 4) = substr(b.birth_date, 1, 4)
        or (length(a.birth_date) = 10 and substr(a.birth_date, 5) = substr(b.birth_date, 5))
    ))
)"""


@dataclass(frozen=True)
class LinkageFigures:
    """What the run report says of person linkage."""

    records: int
    persons: int
    by_method: dict[str, int]
    dropped_identifiers: dict[str, int]
    contradictions: int
    judgements: dict[str, int]
    keys: KeyChanges

    def to_json(self) -> dict[str, Any]:
        return {
            "records": self.records,
            "persons": self.persons,
            "by_method": self.by_method,
            "dropped_identifiers": self.dropped_identifiers,
            "contradictions": self.contradictions,
            "judgements": self.judgements,
            "merges": self.keys.merged,
            "splits": self.keys.split,
            "new": self.keys.new,
        }


def link_persons(
    connection: duckdb.DuckDBPyConnection, *, previous: Path | None, written: Path, judgements: Sequence[Path] = ()
) -> LinkageFigures:
    """Make `linkage.person_link`, `contradiction`, `trusted_identifier`, `dropped_identifier` and `judgement`.

    Reads `linkage.person_mention`, `linkage.identifier` and the files of `judgements`, oldest first. Keys come from the
    identity version in `previous` and are written with this run's additions to `written`.
    """
    load_judgements(connection, judgements)
    _group_carriers(connection)
    _cluster(connection)
    settle_judgements(connection)
    keys = assign_keys(connection, subject="person", prefix="P", previous=previous, written=written)
    _write_links(connection)
    return _figures(connection, keys)


def _group_carriers(connection: duckdb.DuckDBPyConnection) -> None:
    """Split the carriers of every identifier into people who can be one: `carrier (kind, value, person_no, mention_no)`."""
    connection.execute("""
        create or replace temp table profile as
        with trusted as (
            select distinct identifier.kind, identifier.value, mention.name_key, mention.birth_date, mention.sex
            from linkage.identifier as identifier join linkage.person_mention as mention using (mention_no)
            where identifier.verdict = 'trusted'
        )
        select kind, value, name_key, birth_date, sex,
            row_number() over (order by kind, value, name_key, birth_date, sex) - 1 as profile_no,
            split_part(name_key, ' ', 1) as family, split_part(name_key, ' ', -1) as given,
            list_sort(string_split(name_key, ' ')) as sorted_name,
            count(*) over (partition by kind, value) as profiles
        from trusted
    """)
    pairs = connection.execute(f"""
        select a.profile_no, b.profile_no
        from profile as a join profile as b
          on a.kind = b.kind and a.value = b.value and a.profile_no < b.profile_no
        where a.profiles between 2 and 200 and a.name_key is not null and b.name_key is not null
          and (a.sex is null or b.sex is null or a.sex = b.sex) and {_NAMES_AGREE} and {_BIRTHS_AGREE}
    """).fetchnumpy()
    size = int(_scalar(connection, "select count(*) from profile"))
    left, right = (np.asarray(column, dtype=np.int64) for column in pairs.values())
    labels = components(left, right, size)
    connection.register("profile_label", {"profile_no": np.arange(size), "person_no": labels})
    connection.execute(f"""
        create or replace temp table carrier as
        with labelled as (
            select profile.*, profile_label.person_no from profile join profile_label using (profile_no)
        ),
        counted as (
            select *, count(distinct person_no) filter (name_key is not null) over (partition by kind, value) as people
            from labelled
        )
        select counted.kind, counted.value, counted.person_no, counted.people, mention.mention_no,
            counted.name_key is not null as is_named, counted.people > {MAX_PEOPLE_PER_IDENTIFIER} as is_over_shared
        from linkage.identifier as identifier
        join linkage.person_mention as mention using (mention_no)
        join counted on counted.kind = identifier.kind and counted.value = identifier.value
            and counted.name_key is not distinct from mention.name_key
            and counted.birth_date is not distinct from mention.birth_date
            and counted.sex is not distinct from mention.sex
        where identifier.verdict = 'trusted'
    """)
    connection.unregister("profile_label")
    _settle_nameless(connection)
    _write_dropped(connection)


def _settle_nameless(connection: duckdb.DuckDBPyConnection) -> None:
    """A mention without a name goes with the people of its identifier only where one of them clearly owns it."""
    connection.execute("""
        create or replace temp table carrier as
        with people as (
            select kind, value, person_no, count(*) as mentions from carrier where is_named group by all
        ),
        owner as (
            select kind, value, arg_max(person_no, (mentions, -person_no)) as person_no,
                max(mentions) * 3 >= sum(mentions) * 2 as is_clear
            from people group by kind, value
        )
        select carrier.kind, carrier.value, carrier.people, carrier.mention_no, carrier.is_over_shared,
            case when carrier.is_named or owner.person_no is null then carrier.person_no
                 when owner.is_clear then owner.person_no end as person_no
        from carrier left join owner using (kind, value)
    """)


def _write_dropped(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("""
        create or replace table linkage.dropped_identifier as
        select mention_no, field, kind, verdict as reason from linkage.identifier where verdict <> 'trusted'
        union all
        select mention_no, 'shared', kind, 'shared by too many people' from carrier where is_over_shared
        order by all
    """)
    connection.execute("delete from carrier where is_over_shared or person_no is null")
    connection.execute("""
        create or replace table linkage.trusted_identifier as
        -- an identifier that people who cannot be one carry still links, but it proves nothing about absence
        select distinct mention_no, kind, value, people <= 1 as is_exclusive from carrier order by all
    """)


def _cluster(connection: duckdb.DuckDBPyConnection) -> None:
    """Make `linkage.person_cluster (member, cluster)` and `linkage.kept_apart (mention_a, mention_b)`."""
    size = int(_scalar(connection, "select count(*) from linkage.person_mention"))
    edges = connection.execute(f"""
        select mention_no, min(mention_no) over (partition by kind, value, person_no) as hub from carrier
        union all
        {TOGETHER}
    """).fetchnumpy()
    labels = components(edges["mention_no"].astype(np.int64), edges["hub"].astype(np.int64), size)
    connection.register("label", {"mention_no": np.arange(size), "cluster": labels})
    connection.execute("create or replace temp table mention_cluster as select * from label")
    connection.unregister("label")
    kept_apart = _repair_contradictory(connection)
    connection.execute("create or replace table linkage.kept_apart (mention_a bigint, mention_b bigint)")
    if kept_apart:
        connection.executemany("insert into linkage.kept_apart values (?, ?)", sorted(set(kept_apart)))
    connection.execute("""
        create or replace table linkage.person_cluster as
        select concat_ws('|', registry, dataset, record_key, role) as member, cluster
        from linkage.person_mention join mention_cluster using (mention_no)
    """)


def _repair_contradictory(connection: duckdb.DuckDBPyConnection) -> list[tuple[int, int]]:
    order = " ".join(f"when '{kind}' then {rank}" for kind, rank in STRENGTH.items())
    connection.execute("""
        create or replace temp table citizen as
        select mention_no, min(value) as citizen_id from linkage.identifier
        where kind = 'citizen' and verdict = 'trusted' group by mention_no
    """)
    connection.execute(f"""
        create or replace temp table contradictory as
        select cluster from mention_cluster join citizen using (mention_no)
        group by cluster having count(distinct citizen_id) > 1
        union
        select a.cluster from ({APART}) as apart
        join mention_cluster as a on a.mention_no = apart.mention_a
        join mention_cluster as b on b.mention_no = apart.mention_b and b.cluster = a.cluster
    """)
    citizen_of = dict(
        connection.execute("""
            select mention_no, citizen_id from citizen join mention_cluster using (mention_no)
            where cluster in (select cluster from contradictory)
        """).fetchall()
    )
    groups = connection.execute(f"""
        with torn as (
            select mention_no from mention_cluster where cluster in (select cluster from contradictory)
        ),
        offered as (
            select case kind {order} end as strength, value, list_sort(list(mention_no)) as mentions
            from carrier join torn using (mention_no)
            group by kind, value, person_no
            union all
            -- what a person judged yields to the citizen id and to nothing else
            select {STRENGTH["citizen"]} + 0.5, lpad(cast(position as varchar), 9, '0'), [mention_a, mention_b]
            from linkage.judgement
            where kind = 'same' and mention_a in (select mention_no from torn)
        )
        select mentions from offered order by strength, value, mentions
    """).fetchall()
    roots, kept_apart = repair([group[0] for group in groups], citizen_of, connection.execute(APART).fetchall())
    if roots:
        offset = int(_scalar(connection, "select max(cluster) + 1 from mention_cluster"))
        moved = {"mention_no": np.array(list(roots)), "root": np.array(list(roots.values())) + offset}
        connection.register("moved", moved)
        connection.execute("""
            update mention_cluster set cluster = moved.root from moved where moved.mention_no = mention_cluster.mention_no
        """)
        connection.unregister("moved")
    return kept_apart


def _write_links(connection: duckdb.DuckDBPyConnection) -> None:
    connection.execute("""
        create or replace table linkage.person_link as
        with sized as (select member, count(*) over (partition by cluster) as mentions from linkage.person_cluster)
        select mention.mention_no, mention.registry, mention.dataset, mention.record_key, mention.role, key.person_key,
            case when mention.mention_no in (select mention_no from linkage.judged_link) then 'judged'
                 when sized.mentions > 1 then 'identifier' else 'alone' end as method, cast(null as double) as score,
            -- carries at least one identifier that was trusted to the end
            mention.mention_no in (select mention_no from carrier) as is_identified
        from linkage.person_mention as mention
        join linkage.person_key as key on key.member = concat_ws('|', mention.registry, mention.dataset, mention.record_key, mention.role)
        join sized on sized.member = key.member
        order by mention.mention_no
    """)
    connection.execute("""
        create or replace table linkage.contradiction as
        select distinct least(a.person_key, b.person_key) as person_key, greatest(a.person_key, b.person_key) as other_key
        from linkage.kept_apart
        join linkage.person_link as a on a.mention_no = kept_apart.mention_a
        join linkage.person_link as b on b.mention_no = kept_apart.mention_b
        where a.person_key <> b.person_key
        order by all
    """)


def _figures(connection: duckdb.DuckDBPyConnection, keys: KeyChanges) -> LinkageFigures:
    def counts(sql: str) -> dict[str, int]:
        return {str(name): int(count) for name, count in connection.execute(sql).fetchall()}

    return LinkageFigures(
        records=int(_scalar(connection, "select count(*) from linkage.person_link")),
        persons=int(_scalar(connection, "select count(distinct person_key) from linkage.person_link")),
        by_method=counts("select method, count(*) from linkage.person_link group by 1 order by 1"),
        dropped_identifiers=counts("select reason, count(*) from linkage.dropped_identifier group by 1 order by 1"),
        contradictions=int(_scalar(connection, "select count(*) from linkage.contradiction")),
        judgements=counts("select outcome, count(*) from linkage.judgement group by 1 order by 1"),
        keys=keys,
    )


def _scalar(connection: duckdb.DuckDBPyConnection, sql: str) -> Any:
    row = connection.execute(sql).fetchone()
    assert row is not None
    return row[0]
