"""Which records stand set aside today: one definition, as SQL, for every room that asks.

Set aside today is the newest version of a record that broke its contract, delivered since the last full delivery (which
brings everything anew), that no landed version has superseded and no replay has settled. A record without a readable
key is known by its text: it stays until a replay takes it up or the next full delivery comes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from contracts.loader import Dataset

REPLAYED = "replayed.parquet"
"""Beside the parts of a replay: `version` of every record set aside that it settled, and what became of it."""

VERSION = r"sha256(coalesce(record_key || chr(10) || epoch_us(updated_at)::varchar, record))"
"""SQL over a quarantine file: what a version is known by, however often it is delivered."""


@dataclass(frozen=True)
class FinishedPull:
    """What the question needs to know of one finished pull that was offered."""

    pull: str
    is_full: bool
    parts: tuple[Path, ...]
    set_aside: Path | None
    replayed: Path | None
    """Only a replay of earlier pulls has it."""


def since_last_full(pulls: Sequence[FinishedPull]) -> Sequence[FinishedPull]:
    """The newest full delivery and everything after it; all of them where none was full. Pulls come oldest first."""
    starts = [position for position, pull in enumerate(pulls) if pull.is_full]
    return pulls[starts[-1] :] if starts else pulls


def is_newer(aside: str, landed: str) -> str:
    """SQL: the set-aside version is newer than the landed one (columns `_changed_at` and `_pull`).

    By its own time where that can be read, and else by the pull it came in.
    """
    return f"""(
        {aside}.updated_at > {landed}._changed_at
        or ({aside}.updated_at is not distinct from {landed}._changed_at and {aside}.pull > {landed}._pull)
        or ({aside}.updated_at is null and {aside}.pull > {landed}._pull)
    )"""


def unsettled_query(pulls: Sequence[FinishedPull]) -> str | None:
    """SQL: every row set aside since the last full delivery that no later replay settled, with its `version`."""
    files = [str(pull.set_aside) for pull in since_last_full(pulls) if pull.set_aside is not None]
    if not files:
        return None
    rows = f"select *, {VERSION} as version from read_parquet({files!r}, union_by_name = true)"
    settled = _settled(pulls)
    if settled is None:
        return rows
    return f"""select aside.* from ({rows}) as aside anti join ({settled}) as settled
        on settled.version = aside.version and settled.replay > aside.pull"""


def outstanding_query(dataset: Dataset, pulls: Sequence[FinishedPull]) -> str | None:
    """SQL: the unsettled rows that no landed version supersedes; None where there can be none.

    Columns of the quarantine, `version`, and `is_newest`: the one row of its record that counts as set aside today.
    """
    unsettled = unsettled_query(pulls)
    if unsettled is None:
        return None
    return f"""
        with aside as materialized ({unsettled}),
        newest as ({_newest_landed(dataset, pulls)}),
        outstanding as (
            select aside.* from aside left join newest on newest._record_key = aside.record_key
            where newest._record_key is null or {is_newer("aside", "newest")}
        )
        select *, row_number() over (
            partition by coalesce('key ' || record_key, 'version ' || version)
            order by coalesce(updated_at, {_moment_of_pull()}) desc nulls last, pull desc, page desc, "row" desc
        ) = 1 as is_newest
        from outstanding
    """


def excused_query(pull: FinishedPull, pulls: Sequence[FinishedPull], waived: str) -> str | None:
    """SQL: how many rows one pull set aside that a later replay settled, or for which `waived` (SQL) is true."""
    if pull.set_aside is None:
        return None
    settled = _settled(pulls) or "select null::varchar as version, null::varchar as replay limit 0"
    return f"""
        with aside as (select *, {VERSION} as version from read_parquet([{str(pull.set_aside)!r}])),
        settled as ({settled})
        select count(*) from aside
        where ({waived}) or exists (
            select 1 from settled where settled.version = aside.version and settled.replay > aside.pull
        )
    """


def _newest_landed(dataset: Dataset, pulls: Sequence[FinishedPull]) -> str:
    """SQL: the newest landed version of the keys that stand in `aside`."""
    counted = since_last_full(pulls) if dataset.is_fetched_whole else pulls
    parts = [str(part) for pull in counted for part in pull.parts]
    if not parts:
        return "select null::varchar as _record_key, null::timestamptz as _changed_at, null::varchar as _pull limit 0"
    changed_at = "updated_at" if "updated_at" in dataset.names else "null::timestamptz"
    return f"""
        select _record_key, {changed_at} as _changed_at, parse_path(filename)[-2] as _pull
        from read_parquet({parts!r}, union_by_name = true, filename = true)
        where _record_key in (select record_key from aside)
        qualify row_number() over (partition by _record_key order by _changed_at desc nulls last, _pull desc) = 1
    """


def _settled(pulls: Sequence[FinishedPull]) -> str | None:
    files = [str(pull.replayed) for pull in pulls if pull.replayed is not None]
    if not files:
        return None
    return f"select version, parse_path(filename)[-2] as replay from read_parquet({files!r}, filename = true)"


def _moment_of_pull() -> str:
    """SQL: when a pull began, from its name; stands for a version's own time where that cannot be read."""
    return "try_strptime(pull, '%Y%m%dT%H%M%S%fZ')::timestamptz"
