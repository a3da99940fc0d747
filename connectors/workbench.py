"""What stands set aside today, for a person at the command line: by dataset and reason, and record by record."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any

import duckdb

from common.files import DataFolder
from common.settings import CheckSettings, Settings
from connectors.manifests import PullManifest, finished_pulls
from connectors.mapping import Mapping as FieldMapping
from connectors.parsing import quoted
from connectors.source import source_of
from contracts.loader import Dataset
from contracts.set_aside import REPLAYED, FinishedPull, excused_query, outstanding_query, since_last_full
from contracts.waivers import waived_expression, waived_until_expression, waivers_in_force


@dataclass(frozen=True)
class ReasonCount:
    """Records set aside for one reason; a record may have several. `oldest_pull` is the first that delivered one."""

    reason: str
    records: int
    waived: int
    oldest_pull: str
    newest_pull: str


@dataclass(frozen=True)
class DatasetCount:
    """What of one dataset stands set aside; `delivered` are the newest delivery's (set aside, received)."""

    dataset: Dataset
    records: int
    waived: int
    in_force: int
    delivered: tuple[int, int]
    reasons: tuple[ReasonCount, ...]
    limits: CheckSettings

    @property
    def counted(self) -> int:
        """Records that count towards the threshold."""
        return self.records - self.waived

    @property
    def percent(self) -> float:
        of = self.records + self.in_force
        return 100 * self.counted / of if of else 0.0

    @property
    def is_over(self) -> bool:
        """Whether a run would be blocked by it."""
        return self.limits.is_too_much(self.counted, self.records + self.in_force) or self.limits.is_too_much(
            *self.delivered
        )


@dataclass(frozen=True)
class AsideRecord:
    """One record set aside. `record` is its text as delivered; `page` and `row` count from 1."""

    record_key: str | None
    updated_at: datetime | None
    pull: str
    page: int
    row: int
    reasons: tuple[str, ...]
    record: str
    waived_until: date | None


class Workbench:
    """One dataset's quarantine, on a connection of its own."""

    def __init__(self, settings: Settings, contract: Dataset, connection: duckdb.DuckDBPyConnection) -> None:
        self._settings, self._contract, self._connection = settings, contract, connection

    @cached_property
    def manifests(self) -> list[PullManifest]:
        found = finished_pulls(self._settings.data, self._contract.registry, self._contract.name)
        return [manifest for manifest in found if manifest.offered]

    @cached_property
    def pulls(self) -> list[FinishedPull]:
        return [as_finished(self._settings.data, manifest) for manifest in self.manifests]

    def count(self, today: date) -> DatasetCount | None:
        """None where nothing stands set aside."""
        outstanding = outstanding_query(self._contract, self.pulls)
        if outstanding is None:
            return None
        waived = self._waived(today)
        self._connection.execute(
            f"""create or replace temp table aside as
            select coalesce(record_key, version) as record, list_distinct(reasons) as reasons, pull, is_newest,
                ({waived}) as is_waived
            from ({outstanding})"""
        )
        records, covered = self._numbers("select count(*), count(*) filter (is_waived) from aside where is_newest")
        if not records:
            return None
        reasons = self._connection.execute(
            """
            with one_each as (select record, unnest(reasons) as reason, pull, is_newest, is_waived from aside)
            select reason, count(*) filter (is_newest) as records, count(*) filter (is_newest and is_waived),
                min(pull), max(pull)
            from one_each group by reason having records > 0 order by records desc, reason
            """
        ).fetchall()
        return DatasetCount(
            dataset=self._contract,
            records=records,
            waived=covered,
            in_force=self._in_force(),
            delivered=self._delivered(waived),
            reasons=tuple(ReasonCount(*row) for row in reasons),
            limits=self._settings.checks_for(self._contract.registry, self._contract.name),
        )

    def records(
        self, today: date, *, reason: str | None = None, key: str | None = None, limit: int | None = None
    ) -> tuple[int, list[AsideRecord]]:
        """How many match, and the first `limit` of them by pull and place; `reason` is part of one, in any case."""
        outstanding = outstanding_query(self._contract, self.pulls)
        if outstanding is None:
            return 0, []
        where = f"is_newest and {matches(reason=reason, key=key)}"
        until = waived_until_expression(
            self._settings.data, waivers_in_force(self._settings.data, self._contract.full_name, today)
        )
        (matching,) = self._numbers(f"select count(*) from ({outstanding}) where {where}")
        rows = self._connection.execute(
            f"""select record_key, updated_at, pull, page, "row", list_distinct(reasons), record, {until}
            from ({outstanding}) where {where} order by pull, page, "row" {f"limit {limit}" if limit else ""}"""
        ).fetchall()
        found = [
            AsideRecord(key, at, pull, page, row, tuple(sorted(reasons)), record, waived)
            for key, at, pull, page, row, reasons, record, waived in rows
        ]
        return matching, found

    def versions(self, *, reason: str | None, key: str | None) -> list[str]:
        """What the records with exactly this reason, or this key, are known by."""
        outstanding = outstanding_query(self._contract, self.pulls)
        if outstanding is None:
            return []
        tests = [f"list_contains(reasons, {quoted(reason)})"] if reason is not None else []
        tests += [f"record_key = {quoted(key)}"] if key is not None else []
        rows = self._connection.execute(
            f"select version from ({outstanding}) where {' and '.join(['is_newest', *tests])} order by version"
        ).fetchall()
        return [version for (version,) in rows]

    def _waived(self, today: date) -> str:
        data = self._settings.data
        return waived_expression(data, waivers_in_force(data, self._contract.full_name, today))

    def _in_force(self) -> int:
        """Records whose newest landed version is no tombstone."""
        counted = since_last_full(self.pulls) if self._contract.is_fetched_whole else self.pulls
        parts = [str(part) for pull in counted for part in pull.parts]
        if not parts:
            return 0
        names = self._contract.names
        gone = "coalesce(deleted, false)" if "deleted" in names else "false"
        age = ["updated_at"] if "updated_at" in names else []
        (number,) = self._numbers(
            f"""select count(*) from (
                select _record_key, max_by({gone}, row({", ".join([*age, "filename", "_seq"])})) as is_gone
                from read_parquet({parts!r}, union_by_name = true, filename = true) group by _record_key
            ) where not is_gone"""
        )
        return number

    def _delivered(self, waived: str) -> tuple[int, int]:
        newest = next((each for each in reversed(self.manifests) if not each.replay_of), None)
        if newest is None:
            return 0, 0
        excusing = excused_query(as_finished(self._settings.data, newest), self.pulls, waived)
        excused = 0 if excusing is None else self._numbers(excusing)[0]
        return newest.rows_quarantined - excused, newest.rows_received

    def _numbers(self, query: str) -> tuple[int, ...]:
        row = self._connection.execute(query).fetchone()
        assert row is not None
        return row


@contextlib.contextmanager
def workbench(settings: Settings, contract: Dataset) -> Iterator[Workbench]:
    """The quarantine of one dataset, for the length of the block."""
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": settings.build.memory_limit,
        "threads": settings.build.threads,
        "temp_directory": str(settings.data.root / "tmp"),
        "autoinstall_known_extensions": False,
    }
    with duckdb.connect(config=config) as connection:
        connection.execute("set timezone = 'Asia/Ho_Chi_Minh'")
        yield Workbench(settings, contract, connection)


def as_finished(data: DataFolder, manifest: PullManifest) -> FinishedPull:
    folder = data.pull(manifest.registry, manifest.dataset, manifest.pull)
    aside = manifest.quarantine
    return FinishedPull(
        pull=manifest.pull,
        is_full=manifest.kind == "full",
        parts=tuple(folder / part.file for part in manifest.parts),
        set_aside=data.quarantine(manifest.registry, manifest.dataset) / aside.file if aside is not None else None,
        replayed=folder / REPLAYED if manifest.replay_of else None,
    )


def matches(*, reason: str | None, key: str | None) -> str:
    """SQL: rows of the quarantine with this key and a reason that holds this text."""
    tests = ["true"]
    if reason is not None:
        tests.append(f"len(list_filter(reasons, said -> contains(lower(said), lower({quoted(reason)})))) > 0")
    if key is not None:
        tests.append(f"record_key = {quoted(key)}")
    return " and ".join(tests)


def fields_fed(settings: Settings, contract: Dataset) -> Mapping[str, Sequence[str]] | None:
    """Field of the source, as the source file writes it → the contract's fields made of it.

    None where the source uses the contract's own names. Raises `ConfigurationError` for a source file that is wrong.
    """
    if contract.registry not in settings.registries:
        return None
    source = source_of(settings, contract.registry)
    if contract.name not in source.datasets:
        return None
    mapping = FieldMapping(contract, source.datasets[contract.name], source.via_of(contract.name))
    if mapping.is_identity:
        return None
    fed: dict[str, dict[str, Any]] = {}
    for fields in mapping.variants.values():
        for name, how in fields.items():
            for read in how.reads:
                fed.setdefault(read, {})[name] = None
    return {read: tuple(names) for read, names in fed.items()}
