"""Pull datasets from a database: each in one state of it, piece by piece, every piece a durable page.

An interrupted pull keeps its pieces and reads the rest from a later state; what changed in between is read once more.
Its high-water mark never passes its first start, so the next pull asks again for all that changed since.
"""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import duckdb
import sqlalchemy as sa
import stamina
import stamina.instrumentation

from common.errors import DoiChieuError, SourceError
from common.files import DataFolder
from common.settings import RegistrySettings, Settings
from common.values import Progress
from connectors.databases.postgres import PostgresTable
from connectors.databases.sql_access import ConnectionLost, DatabaseAddress, Unreachable, address_of, connected
from connectors.databases.sql_pieces import Counted, place_of
from connectors.databases.sql_tables import SqlTable
from connectors.draft import Draft, finish_not_offered, open_draft, plan_pull
from connectors.landing import Landing
from connectors.manifests import PullManifest, finished_pulls
from connectors.outcome import PullOutcome, failed, landed
from connectors.rest.pull import disk_error
from connectors.source import Source
from connectors.walk import Walk
from contracts.loader import Dataset

if TYPE_CHECKING:
    import pyarrow as pa

_SAMPLE_ROWS = 100


@dataclass(frozen=True)
class DatabaseSample:
    """The first rows of one dataset as the source writes them, every column text, and about how many there are."""

    dataset: str
    columns: tuple[str, ...] = ()
    """All there are, ignored ones included."""
    rows: "pa.Table | None" = None
    estimated_rows: int | None = None
    error: str | None = None
    """What is wrong, where, and how to mend it."""


async def pull_database(
    settings: Settings,
    registry: str,
    source: Source,
    datasets: Sequence[Dataset],
    *,
    since: datetime | None = None,
    full: bool = False,
    clock: Callable[[], datetime],
    progress: Progress,
) -> list[PullOutcome]:
    """Land `datasets` from the database of `source`, one after the other, each with its own outcome.

    Raises `ConfigurationError` for an address that cannot be read or a secret that is not there.
    """
    access: RegistrySettings = settings.registries[registry]  # type: ignore[index]
    address = address_of(source, timeout_seconds=access.timeout_seconds)
    # stamina's own hooks write a warning line per retry to stderr, in the middle of progress bars.
    stamina.instrumentation.set_on_retry_hooks(())
    stop = threading.Event()
    pull = _DatabasePull(settings.data, source, access, address, clock, progress, since, full, stop)
    try:
        return [await asyncio.to_thread(pull.outcome, contract) for contract in datasets]
    except asyncio.CancelledError:
        stop.set()
        raise


async def check_database(
    settings: Settings, registry: str, source: Source, datasets: Sequence[Dataset]
) -> list[DatabaseSample]:
    """The first 100 rows of each dataset; nothing is written.

    Raises `ConfigurationError` for an address that cannot be read or a secret that is not there.
    """
    access: RegistrySettings = settings.registries[registry]  # type: ignore[index]
    address = address_of(source, timeout_seconds=access.timeout_seconds)
    return [await asyncio.to_thread(_sample, source, address, contract) for contract in datasets]


def _sample(source: Source, address: DatabaseAddress, contract: Dataset) -> DatabaseSample:
    try:
        with connected(address) as connection:
            table = open_table(connection, source, contract, address, refuses_drift=False)
            return DatabaseSample(contract.name, tuple(table.columns), table.sample(_SAMPLE_ROWS), table.estimate())
    except DoiChieuError as error:
        return DatabaseSample(contract.name, error=str(error))


def open_table(
    connection: sa.Connection,
    source: Source,
    contract: Dataset,
    address: DatabaseAddress,
    *,
    since: datetime | None = None,
    refuses_drift: bool = True,
) -> SqlTable:
    """The dataset's table or query. Raises `SourceError` where it, or a column the source file names, is not there."""
    assert source.database is not None
    kind = PostgresTable if address.is_read_by_duckdb else SqlTable
    return kind(
        connection,
        contract,
        source.datasets[contract.name],
        address,
        refuses_drift=refuses_drift and source.drift_policy(contract.name) == "fail",
        since=since,
        settings=source.database,
    )


class _Stopped(SourceError):
    """Whoever asked for the pull no longer waits for it."""


@dataclass
class _DatabasePull:
    """One call of `pull_database`: what its datasets share."""

    data: DataFolder
    source: Source
    access: RegistrySettings
    address: DatabaseAddress
    clock: Callable[[], datetime]
    progress: Progress
    since: datetime | None
    full: bool
    stop: threading.Event
    down: Unreachable | None = None

    def outcome(self, contract: Dataset) -> PullOutcome:
        began = time.monotonic()
        failure: DoiChieuError
        self.progress.start(contract.full_name, None)
        try:
            if self.access.datasets is not None and contract.name not in self.access.datasets:
                return self._not_offered(contract)
            return replace(landed(self._pull(contract)), seconds=time.monotonic() - began)
        except DoiChieuError as error:
            failure = error
            self.down = error if isinstance(error, Unreachable) else None
        except (OSError, duckdb.IOException, duckdb.OutOfMemoryException) as error:
            failure = disk_error(error, contract, self.data)
        finally:
            self.progress.finish(contract.full_name)
        return replace(failed(contract, failure), seconds=time.monotonic() - began)

    def _pull(self, contract: Dataset) -> PullManifest:
        if self.down is not None:
            raise self.down
        finished = finished_pulls(self.data, contract.registry, contract.name)
        plan = plan_pull(
            self.source,
            contract,
            self.access,
            finished,
            address=self.address.shown,
            since=self.since,
            full=self.full,
            now=self.clock(),
            asks_for_changes=self.source.datasets[contract.name].changed is not None,
        )
        draft = open_draft(self.data, plan, finished, self.clock())
        first = draft.walk(1)
        landing = draft.landing(first)
        try:
            warnings = self._walk(draft, first, landing)
            walks = [first]
            if draft.arrival(first).is_short:
                walks.append(draft.walk(2))
                self._walk(draft, walks[1], None)
            return draft.finish(walks, clock=self.clock, landing=landing, warnings=warnings)
        except BaseException:
            landing.abandon()
            raise

    def _walk(self, draft: Draft, walk: Walk, landing: Landing | None) -> list[str]:
        """Every page to the last, from where an interrupted walk stopped; a lost connection is tried again."""
        self.progress.advance(draft.contract.full_name, walk.rows, next(iter(walk.totals), None))
        counted = Counted(0, 0)
        for attempt in stamina.retry_context(
            on=ConnectionLost,
            attempts=self.access.attempts,
            timeout=None,
            wait_initial=min(0.5, self.access.retry_wait_max_seconds),
            wait_max=self.access.retry_wait_max_seconds,
        ):
            with attempt:
                if not walk.is_finished:
                    counted = self._read_rest(draft, walk, landing)
        if not counted.undated:
            return []
        said = f"{counted.undated} rows do not say legibly when they changed: they come with every pull"
        return [f"{draft.contract.full_name}: {said}"]

    def _read_rest(self, draft: Draft, walk: Walk, landing: Landing | None) -> Counted:
        """What is left of the walk, from one state of the database."""
        contract, asked = draft.contract, draft.query.asked
        with connected(self.address) as connection:
            table = open_table(connection, self.source, contract, self.address, since=asked.updated_since)
            place = place_of(walk.cursor)
            if place is not None and not table.can_go_on(place):
                self.progress.advance(contract.full_name, -walk.rows)
                walk.discard()
                if landing is not None:
                    landing.begin_again()
                place = None
            counted = table.count()
            begun = draft.started_at - timedelta(minutes=self.access.overlap_minutes)
            pages = table.read(table.pieces(counted, place, begun))
            with contextlib.closing(pages):
                for rows, next_place in pages:
                    self._keep(
                        draft, walk, landing, rows, None if next_place is None else next_place.cursor, counted.rows
                    )
        return counted

    def _keep(
        self, draft: Draft, walk: Walk, landing: Landing | None, rows: "pa.Table", next_cursor: str | None, total: int
    ) -> None:
        if self.stop.is_set():
            raise _Stopped("the pull was stopped", where=self.address.shown, remedy="pull again: it goes on from here")
        draft.begin()
        saved = walk.save_table(rows, asked=walk.cursor, next_cursor=next_cursor, total=total)
        if landing is not None:
            landing.offer(saved)
        self.progress.advance(draft.contract.full_name, rows.num_rows, total)

    def _not_offered(self, contract: Dataset) -> PullOutcome:
        finished = finished_pulls(self.data, contract.registry, contract.name)
        manifest = finish_not_offered(
            self.data, contract, self.access, finished, self.clock(), address=self.address.shown
        )
        return PullOutcome(contract.registry, contract.name, "not_offered", pull=manifest.pull)
