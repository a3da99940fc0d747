"""Pull the datasets that come in dropped files: listed, claimed, read once, landed, archived.

The order makes every crash harmless: a file is claimed by a rename, its records reach a pull, a copy reaches the archive,
the pull's manifest names the file by its SHA-256, the index names the copy, and only then the claim is removed. A claim
found by a later run is taken up at the first of these steps that is missing.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import BinaryIO

import duckdb

from common.errors import DoiChieuError, SourceError
from common.settings import Settings
from common.values import Progress
from connectors.files.archive import Archive, Delivery, Kept, digest
from connectors.files.drop_notices import Notices
from connectors.files.file_kinds import Taker, is_taken, takers_of
from connectors.files.file_records import FileRecords
from connectors.files.inbox import Changed, Claim, Entry, Inbox, Place, owner_of
from connectors.files.places import place_of, scratch_of
from connectors.files.ready import Ready, clear_announcements, look_around
from connectors.files.unpack import inner_names
from connectors.formats import UnreadableFile
from connectors.outcome import PullOutcome, failed, landed
from connectors.rest.pull import disk_error
from connectors.source import Files, Source
from contracts.loader import Dataset, load_contracts


async def pull_files(
    settings: Settings,
    registry: str,
    source: Source,
    datasets: Sequence[Dataset],
    *,
    clock: Callable[[], datetime],
    progress: Progress,
) -> list[PullOutcome]:
    """Land every complete file that feeds one of `datasets`: at most one pull for each, and no file twice.

    Files left alone, refused or already landed are told in the warnings; an outcome with a refused file has exit code
    `SOURCE` though the rest is landed. The caller holds the data folder's lock.
    """
    return await asyncio.to_thread(_pull, settings, registry, source, datasets, clock, progress)


def _pull(
    settings: Settings,
    registry: str,
    source: Source,
    datasets: Sequence[Dataset],
    clock: Callable[[], datetime],
    progress: Progress,
) -> list[PullOutcome]:
    began = time.monotonic()
    try:
        takers = takers_of(source, load_contracts()[registry])
        with place_of(settings, registry, source) as place:
            records = FileRecords(settings, source, takers, datasets, clock, progress)
            outcomes = _Pass(settings, source, place, records, clock, progress).outcomes()
    except DoiChieuError as error:
        outcomes = [failed(contract, error) for contract in datasets]
    except (OSError, duckdb.IOException, duckdb.OutOfMemoryException) as error:
        outcomes = [failed(contract, disk_error(error, contract, settings.data)) for contract in datasets]
    return [replace(outcome, seconds=time.monotonic() - began) for outcome in outcomes]


@dataclass(frozen=True)
class _Taken:
    """A file on its way from claim to archive."""

    claim: Claim
    delivery: Delivery
    feeds: tuple[Taker, ...]
    kept: Kept
    is_duplicate: bool
    is_new: bool
    """Some dataset got its records in this run."""


class _Pass:
    """One look at a place: every file that is ready is taken, landed and let go."""

    def __init__(
        self,
        settings: Settings,
        source: Source,
        place: Place,
        records: FileRecords,
        clock: Callable[[], datetime],
        progress: Progress,
    ) -> None:
        self._files, self._place, self._records, self._progress = source.files or Files(), place, records, progress
        self._contracts = [load_contracts()[source.registry][name] for name in records.asked]
        self._inbox = Inbox(place, owner_of(settings.data, source.registry))
        limit = self._files.max_unpacked_bytes
        self._archive = Archive(settings.data, source.registry, scratch=scratch_of(settings), limit=limit)
        self._data, self._notices = settings.data, Notices(place.address, records.asked)
        self._received, self._task = clock(), f"{source.registry}: files"
        self._taken: list[_Taken] = []
        self._kept: dict[str, Kept] = {}

    def outcomes(self) -> list[PullOutcome]:
        there = self._inbox.prepare()
        self._records.open(self._place.address)
        self._progress.start(self._task, None)
        try:
            try:
                self._take_all(there)
            except SourceError as error:
                # The place went away: what was read until now is landed, the rest waits for the next run.
                self._records.drop()
                self._notices.went_away(error)
            ended = [self._landed(contract) for contract in self._contracts]
        finally:
            self._records.abandon()
            self._progress.finish(self._task)
        try:
            self._let_go()
        except SourceError as error:
            self._notices.went_away(error)
        return [self._notices.told(outcome) for outcome in ended]

    def _take_all(self, there: datetime) -> None:
        for owner, files in self._inbox.claimed_by_others().items():
            self._notices.say(f"claimed by another data folder, {owner}: move them back if it is gone", files=files)
        recovered = self._inbox.left_claimed()
        for claim in recovered:
            self._take(claim, None)
        look = look_around(self._place, self._files, there=there, is_ours=self._is_ours)
        for left in look.left_alone:
            self._leave_alone(left.name, left.why)
        self._progress.advance(self._task, 0, len(recovered) + len(look.ready))
        for ready in look.ready:
            self._claim_and_take(ready)

    def _claim_and_take(self, ready: Ready) -> None:
        stream: BinaryIO | None = None
        try:
            if ready.sha256:
                stream = self._place.fetch(ready.entry)
                if digest(stream) not in ready.sha256:
                    return self._leave_alone(ready.entry.name, "its content is not the one in its manifest")
            claim = self._inbox.claim(ready.entry)
            if claim is not None:
                self._take(claim, stream)
        except Changed:
            self._leave_alone(ready.entry.name, "it changed while it was being read")
        finally:
            if stream is not None:
                stream.close()

    def _take(self, claim: Claim, fetched: BinaryIO | None) -> None:
        try:
            with fetched or self._place.fetch(claim.entry) as stream:
                self._read_and_keep(claim, stream)
        except UnreadableFile as error:
            self._records.drop()
            folder = self._inbox.refuse(claim, error).rpartition("/")[0]
            feeds = [taker.name for taker in self._records.fed_by([claim.name])]
            self._notices.refuse(error, f"{self._place.address}/{folder}", feeds)
        except Changed:
            self._records.drop()
            self._inbox.release(claim)
            self._leave_alone(claim.name, "it changed while it was being read")
        self._progress.advance(self._task, 1)

    def _read_and_keep(self, claim: Claim, stream: BinaryIO) -> None:
        entry = claim.entry
        delivery = Delivery(claim.name, digest(stream), entry.size, entry.modified, self._received)
        feeds = self._records.fed_by([claim.name, *inner_names(stream, claim.name)])
        if not feeds:
            self._inbox.release(claim)
            return self._leave_alone(claim.name, "no pattern of the source file takes it")
        lacking = [taker for taker in feeds if self._records.lack(taker, delivery.sha256)]
        reading = [taker for taker in lacking if taker.name in self._records.asked]
        if reading:
            self._records.read(delivery, stream, reading, self._note)
        if not entry.is_same_as(self._place.look_at(entry.path)):
            raise Changed("the file changed while it was being read", where=claim.name)
        kept = self._kept[delivery.sha256] = self._keep(delivery, stream, feeds)
        self._records.end(delivery, reading)
        is_duplicate = not lacking and not claim.is_recovered
        self._taken.append(_Taken(claim, delivery, tuple(feeds), kept, is_duplicate, bool(reading)))
        return None

    def _note(self, dataset: str, said: str) -> None:
        self._notices.say(f"in which {said}", [dataset])

    def _keep(self, delivery: Delivery, stream: BinaryIO, feeds: Sequence[Taker]) -> Kept:
        known = self._kept.get(delivery.sha256) or self._archive.find(delivery.sha256)
        if known is not None:
            return known
        if all(taker.format.name != "claims_xml" for taker in feeds):
            return self._archive.keep(delivery, stream)
        by_its_name = any(taker.takes(delivery.name) for taker in feeds)
        return self._archive.keep(
            delivery, stream, is_kept=lambda inner: by_its_name or any(taker.takes(inner) for taker in feeds)
        )

    def _landed(self, contract: Dataset) -> PullOutcome:
        try:
            manifest = self._records.land(contract.name)
        except DoiChieuError as error:
            return failed(contract, error)
        except (OSError, duckdb.IOException, duckdb.OutOfMemoryException) as error:
            return failed(contract, disk_error(error, contract, self._data))
        finally:
            self._progress.finish(contract.full_name)
        if manifest is not None:
            return landed(manifest)
        if self._notices.broken_by is not None:
            return failed(contract, self._notices.broken_by)
        return PullOutcome(contract.registry, contract.name, "landed", kind="incremental")

    def _let_go(self) -> None:
        """Note every file that is landed in all datasets it feeds and remove its claim; others wait for the next run."""
        done: list[Claim] = []
        for taken in self._taken:
            sha256, feeds = taken.delivery.sha256, [taker.name for taker in taken.feeds]
            waiting = [name for name in feeds if not self._records.hold(name, sha256)]
            if waiting:
                self._notices.say(f"kept until {', '.join(waiting)} is landed too", feeds)
                continue
            if taken.is_duplicate:
                self._notices.say("landed before: archived, not landed again", feeds)
            if taken.is_duplicate or taken.is_new or self._archive.find(sha256) is None:
                rows = {} if taken.is_duplicate else self._records.rows_of(sha256)
                self._archive.note(taken.delivery, taken.kept, rows, is_duplicate=taken.is_duplicate)
            done.append(taken.claim)
        self._archive.settle()
        for claim in done:
            self._inbox.finish(claim)
        held = self._records
        clear_announcements(
            self._place, self._files, lambda sha256: any(held.hold(taker.name, sha256) for taker in held.takers)
        )

    def _leave_alone(self, name: str, why: str) -> None:
        self._notices.say(f"left alone, {why}", [taker.name for taker in self._records.fed_by([name])])

    def _is_ours(self, entry: Entry) -> bool:
        return is_taken(self._place, self._records.takers, entry)
