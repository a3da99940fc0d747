"""Pull the datasets of one registry side by side, each with its own outcome."""

import asyncio
import contextlib
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

import duckdb

from common.errors import ConfigurationError, DoiChieuError, Exit, NotBuiltYet, SourceError
from common.files import DataFolder
from common.settings import REGISTRIES, RegistrySettings, Settings
from common.values import Progress
from connectors.draft import Draft, finish_not_offered, open_draft, query_for
from connectors.drift import NO_DRIFT, Drift
from connectors.http import Refused, RegistryClient, Unreachable
from connectors.manifests import PullKind, PullManifest, finished_pulls
from connectors.walk import SavedPage, Walk
from contracts.loader import Dataset, dataset, load_contracts

_CURSOR_UNKNOWN = frozenset({400, 404, 409, 410, 412, 416, 422})


@dataclass(frozen=True)
class PullOutcome:
    """How the pull of one dataset ended. Counts are of this pull; `rows_landed` are the new or changed records."""

    registry: str
    dataset: str
    status: Literal["landed", "not_offered", "failed"]
    seconds: float = 0.0
    pull: str | None = None
    kind: PullKind | None = None
    pages: int = 0
    rows_received: int = 0
    rows_landed: int = 0
    rows_quarantined: int = 0
    rows_already_held: int = 0
    total_announced: int | None = None
    drift: Drift = NO_DRIFT
    warnings: tuple[str, ...] = ()
    error: str | None = None
    exit_code: Exit = Exit.DONE


@dataclass(frozen=True)
class Start:
    """Where the caller wants the pull to start, instead of where the manifests say."""

    since: datetime | None = None
    full: bool = False


async def pull_registry(
    settings: Settings,
    registry: str,
    *,
    datasets: Sequence[str] | None = None,
    since: datetime | None = None,
    full: bool = False,
    clock: Callable[[], datetime],
    progress: Progress,
) -> list[PullOutcome]:
    """Land what the registry has for `datasets` (None: all of its contract), each with its own outcome.

    An interrupted pull of the same query goes on from its last durable page. `since` (inclusive, with offset) takes the
    place of the start derived from the manifests; `full` asks for everything. The caller holds the data folder's lock.
    Raises `ConfigurationError` for a registry or dataset nobody knows, or a secret that is not there.
    """
    access = registry_settings(settings, registry)
    names = load_contracts()[registry] if datasets is None else datasets
    wanted = [dataset(registry, name) for name in names]
    async with RegistryClient(access, registry, clock=clock) as client:
        pull = _RegistryPull(settings.data, access, client, clock, progress, Start(since, full))
        return await pull.run(wanted)


def registry_settings(settings: Settings, registry: str) -> RegistrySettings:
    """How to reach the registry. Raises where it is not configured or asks for what is not built."""
    access = next((found for name, found in settings.registries.items() if name == registry), None)
    if access is None:
        known = ", ".join(settings.registries) or "none yet"
        raise ConfigurationError(
            f"the registry {registry} is not configured",
            where=str(settings.path),
            remedy=f"add a section [registries.{registry}], or choose one of: {known}"
            if registry in REGISTRIES
            else f"choose one of: {known}",
        )
    if access.source is not None:
        raise NotBuiltYet(
            "source files are not read yet: a registry has to speak the default wire profile",
            where=f"{settings.path}: registries.{registry}.source",
            remedy="remove the key to use the default profile",
        )
    return access


class _RegistryPull:
    """One call of `pull_registry`: what its datasets share."""

    def __init__(
        self,
        data: DataFolder,
        access: RegistrySettings,
        client: RegistryClient,
        clock: Callable[[], datetime],
        progress: Progress,
        start: Start,
    ) -> None:
        self._data, self._access, self._client = data, access, client
        self._clock, self._progress, self._start = clock, progress, start
        self._side_by_side = asyncio.Semaphore(access.concurrency)
        self._down: Unreachable | None = None

    async def run(self, wanted: Sequence[Dataset]) -> list[PullOutcome]:
        tries = await asyncio.gather(*(self._try(contract) for contract in wanted))
        answered = any(isinstance(outcome, PullOutcome) and outcome.status == "landed" for outcome in tries)
        outcomes: list[PullOutcome] = []
        for contract, outcome in zip(wanted, tries, strict=True):
            if isinstance(outcome, PullOutcome):
                outcomes.append(outcome)
                continue
            # Asked alone, a dataset has no neighbour in this pull to show that the registry itself is well.
            answered = answered or await self._another_dataset_answers(contract)
            outcomes.append(self._not_offered(contract) if answered else _failed(contract, outcome))
        return outcomes

    async def _try(self, contract: Dataset) -> PullOutcome | Refused:
        """The dataset's outcome, or the 404 that only its neighbours can explain."""
        async with self._side_by_side:
            began = time.monotonic()
            self._progress.start(contract.full_name, None)
            try:
                if not self._is_listed(contract):
                    return self._not_offered(contract)
                manifest = await self._pull(contract)
                return replace(_landed(manifest), seconds=time.monotonic() - began)
            except Refused as error:
                if error.status == 404 and not any(pull.offered for pull in self._finished(contract)):
                    return error
                failure: DoiChieuError = error
            except Unreachable as error:
                self._down = failure = error
            except DoiChieuError as error:
                failure = error
            except (OSError, duckdb.IOException, duckdb.OutOfMemoryException) as error:
                failure = self._disk_error(error, contract)
            finally:
                self._progress.finish(contract.full_name)
            return replace(_failed(contract, failure), seconds=time.monotonic() - began)

    async def _pull(self, contract: Dataset) -> PullManifest:
        if self._down is not None:
            raise self._down
        finished = self._finished(contract)
        query = query_for(contract, finished, self._access, since=self._start.since, full=self._start.full)
        draft = open_draft(self._data, contract, query, finished, self._clock())
        walks = [await self._walk(draft, 1)]
        if (await asyncio.to_thread(draft.arrival, walks[0])).is_short:
            walks.append(await self._walk(draft, 2))
        return await asyncio.to_thread(draft.finish, walks, clock=self._clock)

    async def _walk(self, draft: Draft, number: int) -> Walk:
        """Every page to the last, from where an interrupted walk stopped."""
        walk = draft.walk(number)
        self._progress.advance(draft.contract.full_name, walk.rows, next(iter(walk.totals), None))
        try:
            await self._fetch_rest(draft, walk)
        except Refused as error:
            if not walk.pages or error.status not in _CURSOR_UNKNOWN:
                raise
            # The registry no longer knows the cursor: begin again, once.
            self._progress.advance(draft.contract.full_name, -walk.rows)
            walk.discard()
            await self._fetch_rest(draft, walk)
        return walk

    async def _fetch_rest(self, draft: Draft, walk: Walk) -> None:
        """The next page is fetched while the one before is being made durable."""
        contract, asked = draft.contract, draft.query.asked
        saving: asyncio.Future[SavedPage] | None = None
        cursor, is_finished = walk.cursor, walk.is_finished
        try:
            while not is_finished:
                page = await self._client.fetch_page(
                    contract.name, limit=asked.limit, updated_since=asked.updated_since, cursor=cursor
                )
                if saving is not None:
                    saved = await saving
                    self._progress.advance(contract.full_name, saved.found.rows, saved.total)
                if page.next_cursor is not None and (page.next_cursor == cursor or walk.has_asked(page.next_cursor)):
                    walk.discard()
                    raise self._going_in_circles(contract)
                draft.begin()
                saving = asyncio.ensure_future(asyncio.to_thread(walk.save, page, asked=cursor))
                cursor, is_finished = page.next_cursor, page.next_cursor is None
        finally:
            if saving is not None:
                await saving

    def _going_in_circles(self, contract: Dataset) -> SourceError:
        return SourceError(
            "the registry's next_cursor leads back to a page already delivered: the walk would never end",
            where=f"{self._access.base_url}/{contract.name}",
            remedy="tell the agency; what was landed before stays in force",
        )

    def _is_listed(self, contract: Dataset) -> bool:
        return self._access.datasets is None or contract.name in self._access.datasets

    def _not_offered(self, contract: Dataset) -> PullOutcome:
        manifest = finish_not_offered(self._data, contract, self._access, self._finished(contract), self._clock())
        return PullOutcome(contract.registry, contract.name, "not_offered", pull=manifest.pull)

    async def _another_dataset_answers(self, contract: Dataset) -> bool:
        for other in load_contracts()[contract.registry].values():
            if other.name == contract.name or not self._is_listed(other):
                continue
            with contextlib.suppress(SourceError):
                await self._client.fetch_page(other.name, limit=1)
                return True
        return False

    def _finished(self, contract: Dataset) -> list[PullManifest]:
        return finished_pulls(self._data, contract.registry, contract.name)

    def _disk_error(self, error: Exception, contract: Dataset) -> DoiChieuError:
        folder = self._data.pulls(contract.registry, contract.name)
        free = shutil.disk_usage(next(path for path in (folder, *folder.parents) if path.exists())).free
        said = error.strerror if isinstance(error, OSError) and error.strerror else str(error).splitlines()[0]
        return DoiChieuError(
            f"the pull cannot be written: {said}",
            where=f"{folder}, {free // 2**20} MiB free",
            remedy="make room or correct the folder's permissions, then pull again: it goes on where it stopped",
        )


def _landed(manifest: PullManifest) -> PullOutcome:
    return PullOutcome(
        registry=manifest.registry,
        dataset=manifest.dataset,
        status="landed",
        pull=manifest.pull,
        kind=manifest.kind,
        pages=manifest.pages,
        rows_received=manifest.rows_received,
        rows_landed=manifest.rows_landed,
        rows_quarantined=manifest.rows_quarantined,
        rows_already_held=manifest.rows_already_held,
        total_announced=manifest.total_announced,
        drift=manifest.drift,
        warnings=manifest.warnings,
    )


def _failed(contract: Dataset, error: DoiChieuError) -> PullOutcome:
    return PullOutcome(contract.registry, contract.name, "failed", error=str(error), exit_code=error.exit_code)
