"""How persons moved between two snapshots: merged, split, new, gone. Keys only; nobody is named."""

from dataclasses import asdict, dataclass
from typing import Any

from query.snapshot import Reading, attach, find_snapshot

KINDS = ("merged", "split", "new", "gone")


@dataclass(frozen=True)
class Change:
    """One person that is not who they were. `before` and `after` hold person keys."""

    kind: str
    before: list[str]
    after: list[str]
    records: int


@dataclass(frozen=True)
class Changes:
    """The persons of two snapshots compared; `listed` is cut at a limit, `counts` never."""

    earlier: str
    later: str
    counts: dict[str, int]
    listed: list[Change]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


# A record that both snapshots know carries its person of then to its person of now.
_MOVED = """
    create or replace temp table moved as
    select earlier.person_key as before, later.person_key as after, count(*) as records
    from earlier.main.link as earlier full join main.link as later using (registry, dataset, record_key, role)
    group by all
"""
_CHANGED = """
    create or replace temp table changed as
    with met as (select * from moved where before is not null and after is not null),
    merged as (
        select 'merged' as kind, list_sort(list(before)) as before, [after] as after, sum(records) as records
        from met group by met.after having count(*) > 1
    ),
    split as (
        select 'split', [before], list_sort(list(after)), sum(records) from met group by met.before having count(*) > 1
    ),
    fresh as (
        select 'new', cast([] as varchar[]), [after], sum(records) from moved
        where after is not null and after not in (select after from met) group by after
    ),
    gone as (
        select 'gone', [before], cast([] as varchar[]), sum(records) from moved
        where before is not null and before not in (select before from met) group by before
    )
    from merged union all from split union all from fresh union all from gone
"""


def compare_persons(opened: Reading, earlier: str, *, limit: int) -> Changes:
    """What became of the persons of snapshot `earlier` in the one that is open; merged and split ones are listed first.

    Raises `ConfigurationError` where there is no such snapshot.
    """
    before = find_snapshot(opened.data, earlier)
    attach(opened.connection, before.warehouse, "earlier")
    opened.connection.execute(_MOVED)
    opened.connection.execute(_CHANGED)
    counted = dict(opened.connection.execute("select kind, count(*) from changed group by kind").fetchall())
    rows = opened.connection.execute(
        "select kind, before, after, cast(records as bigint) from changed"
        f" order by list_position({list(KINDS)}, kind), before, after limit ?",
        [limit],
    ).fetchall()
    return Changes(
        earlier=before.name,
        later=opened.snapshot.name,
        counts={kind: counted.get(kind, 0) for kind in KINDS},
        listed=[Change(*row) for row in rows],
    )
