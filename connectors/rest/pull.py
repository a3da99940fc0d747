"""Pull datasets over HTTP, side by side."""

import asyncio
import contextlib
import shutil
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import duckdb

from common.errors import DoiChieuError, SourceError
from common.files import DataFolder
from common.settings import RegistrySettings, Settings
from common.values import Progress
from connectors.draft import Draft, finish_not_offered, open_draft, plan_pull
from connectors.landing import Landing
from connectors.manifests import PullManifest, finished_pulls
from connectors.outcome import PullOutcome, failed, landed
from connectors.rest.envelope import Page
from connectors.rest.http import Refused, RegistryClient, Unreachable
from connectors.rest.reading import Reading, reading_of
from connectors.source import Rest, Source, access_of
from connectors.walk import SavedPage, Walk
from contracts.loader import Dataset

_CURSOR_UNKNOWN = frozenset({400, 404, 409, 410, 412, 416, 422})


@dataclass(frozen=True)
class Start:
    """Where the caller wants the pull to start, instead of where the manifests say."""

    since: datetime | None = None
    full: bool = False


async def pull_rest(
    settings: Settings,
    source: Source,
    wanted: Sequence[Dataset],
    *,
    since: datetime | None = None,
    full: bool = False,
    clock: Callable[[], datetime],
    progress: Progress,
) -> list[PullOutcome]:
    """Land `wanted` over HTTP. A dataset answered with 404 while others answer is recorded as not offered."""
    access = access_of(settings.registries[source.registry], source.rest or Rest())
    described = None if source.is_default_profile else source.rest
    async with RegistryClient(access, source.registry, clock=clock, rest=described) as client:
        pull = _RestPull(settings.data, source, access, client, clock, progress, Start(since, full))
        return await pull.run(wanted)


class _RestPull:
    """One call of `pull_rest`: what its datasets share."""

    def __init__(
        self,
        data: DataFolder,
        source: Source,
        access: RegistrySettings,
        client: RegistryClient,
        clock: Callable[[], datetime],
        progress: Progress,
        start: Start,
    ) -> None:
        self._data, self._source, self._access, self._client = data, source, access, client
        self._address = str(access.base_url)
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
            outcomes.append(self._not_offered(contract) if answered else failed(contract, outcome))
        return outcomes

    async def _try(self, contract: Dataset) -> PullOutcome | Refused:
        """The dataset's outcome, or the 404 that only its neighbours can explain."""
        async with self._side_by_side:
            began = time.monotonic()
            self._progress.start(contract.full_name, None)
            try:
                manifest = await self._pull(contract)
                return replace(landed(manifest), seconds=time.monotonic() - began)
            except Refused as error:
                if error.status == 404 and not any(pull.offered for pull in self._finished(contract)):
                    return error
                failure: DoiChieuError = error
            except Unreachable as error:
                self._down = failure = error
            except DoiChieuError as error:
                failure = error
            except (OSError, duckdb.IOException, duckdb.OutOfMemoryException) as error:
                failure = disk_error(error, contract, self._data)
            finally:
                self._progress.finish(contract.full_name)
            return replace(failed(contract, failure), seconds=time.monotonic() - began)

    async def _pull(self, contract: Dataset) -> PullManifest:
        if self._down is not None:
            raise self._down
        finished = self._finished(contract)
        reading = self._reading(contract)
        plan = plan_pull(
            self._source,
            contract,
            self._access,
            finished,
            address=self._address,
            since=self._start.since,
            full=self._start.full,
            now=self._clock(),
            asks_for_changes=reading.incremental.param is not None,
            pages_may_shift=reading.paging.kind not in ("cursor", "none"),
        )
        draft = open_draft(self._data, plan, finished, self._clock())
        first = draft.walk(1)
        landing = draft.landing(first)
        try:
            walks = [await self._walk(draft, first, landing)]
            if (await asyncio.to_thread(draft.arrival, walks[0])).is_short:
                walks.append(await self._walk(draft, draft.walk(2), None))
            return await asyncio.to_thread(draft.finish, walks, clock=self._clock, landing=landing)
        except BaseException:
            landing.abandon()
            raise

    async def _walk(self, draft: Draft, walk: Walk, landing: Landing | None) -> Walk:
        """Every page to the last, from where an interrupted walk stopped; `landing` converts them as they come."""
        self._progress.advance(draft.contract.full_name, walk.rows, next(iter(walk.totals), None))
        try:
            await self._fetch_rest(draft, walk, landing)
        except Refused as error:
            if not walk.pages or error.status not in _CURSOR_UNKNOWN:
                raise
            # The registry no longer knows the cursor: begin again, once.
            self._progress.advance(draft.contract.full_name, -walk.rows)
            walk.discard()
            if landing is not None:
                landing.begin_again()
            await self._fetch_rest(draft, walk, landing)
        return walk

    async def _fetch_rest(self, draft: Draft, walk: Walk, landing: Landing | None) -> None:
        """The next page is fetched while the one before is being made durable and others are being converted."""
        contract, asked = draft.contract, draft.query.asked
        if walk.is_finished:
            return
        saving: asyncio.Future[SavedPage] | None = None

        async def settle() -> None:
            if saving is not None:
                saved = await saving
                self._progress.advance(contract.full_name, saved.found.rows, saved.total)
                if landing is not None:
                    landing.offer(saved)

        pages: AsyncGenerator[tuple[str | None, Page], None] = self._client.pages(
            contract.name,
            limit=asked.limit,
            updated_since=asked.updated_since,
            start=walk.cursor,
            of=self._source.datasets[contract.name],
        )
        async with contextlib.aclosing(pages):
            try:
                async for position, page in pages:
                    await settle()
                    saving = None
                    following = page.next_cursor
                    if following is not None and (following == position or walk.has_asked(following)):
                        walk.discard()
                        raise self._going_in_circles(contract)
                    draft.begin()
                    saving = asyncio.ensure_future(asyncio.to_thread(walk.save, page, asked=position))
            finally:
                await settle()

    def _going_in_circles(self, contract: Dataset) -> SourceError:
        return SourceError(
            "the registry's next_cursor leads back to a page already delivered: the walk would never end",
            where=f"{self._address}/{contract.name}",
            remedy="tell the agency; what was landed before stays in force",
        )

    def _reading(self, contract: Dataset) -> Reading:
        return reading_of(self._source.rest, self._address, contract.name, self._source.datasets[contract.name])

    def _not_offered(self, contract: Dataset) -> PullOutcome:
        manifest = finish_not_offered(
            self._data, contract, self._access, self._finished(contract), self._clock(), address=self._address
        )
        return PullOutcome(contract.registry, contract.name, "not_offered", pull=manifest.pull)

    async def _another_dataset_answers(self, contract: Dataset) -> bool:
        for name, other in self._source.datasets.items():
            if name == contract.name or self._source.via_of(name) != "rest":
                continue
            if self._access.datasets is not None and name not in self._access.datasets:
                continue
            with contextlib.suppress(SourceError):
                await self._client.fetch_page(name, limit=1, of=other)
                return True
        return False

    def _finished(self, contract: Dataset) -> list[PullManifest]:
        return finished_pulls(self._data, contract.registry, contract.name)


def disk_error(error: Exception, contract: Dataset, data: DataFolder) -> DoiChieuError:
    """What a full disk or a folder without permission means for whoever has to mend it."""
    folder = data.pulls(contract.registry, contract.name)
    free = shutil.disk_usage(next(path for path in (folder, *folder.parents) if path.exists())).free
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error).splitlines()[0]
    return DoiChieuError(
        f"the pull cannot be written: {said}",
        where=f"{folder}, {free // 2**20} MiB free",
        remedy="make room or correct the folder's permissions, then pull again: it goes on where it stopped",
    )
