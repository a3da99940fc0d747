"""The pulls that dropped files feed: what each holds already, and the records that come to it in this run."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import BinaryIO

from common.settings import Settings
from common.values import VIETNAM, Progress
from connectors.draft import PullPlan, Query
from connectors.files.archive import Delivery
from connectors.files.file_kinds import Note, Taker, tables_of, with_file_columns
from connectors.files.file_pages import FilePages
from connectors.files.places import scratch_of
from connectors.files.unpack import InnerFile, inner_files
from connectors.manifests import AskedFor, DeliveredFile, PullManifest, finished_pulls
from connectors.source import Files, Source
from contracts.loader import Dataset


class FileRecords:
    """The pulls of one registry's datasets that come in files."""

    def __init__(
        self,
        settings: Settings,
        source: Source,
        takers: Sequence[Taker],
        asked: Sequence[Dataset],
        clock: Callable[[], datetime],
        progress: Progress,
    ) -> None:
        self.takers, self.asked = takers, [contract.name for contract in asked]
        self._settings, self._source, self._clock, self._progress = settings, source, clock, progress
        self._limit = (source.files or Files()).max_unpacked_bytes
        self._finished = {each.name: finished_pulls(settings.data, source.registry, each.name) for each in takers}
        self._held = {name: _files(pulls) for name, pulls in self._finished.items()}
        self._pages: dict[str, FilePages] = {}

    def open(self, address: str) -> None:
        """Take up the interrupted pulls, or begin new ones; nothing is written before the first record."""
        access, now = self._settings.registries[self._source.registry], self._clock()
        for taker in self.takers:
            if taker.name not in self.asked:
                continue
            plan = PullPlan(
                taker.contract,
                taker.mapping,
                Query(
                    source=address,
                    contract_version=taker.contract.version,
                    # A file adds; it never says what is missing from it.
                    kind="incremental",
                    asked=AskedFor(updated_since=None, limit=access.page_size),
                    mapping=taker.mapping.fingerprint,
                ),
                self._source.drift_policy(taker.name),
                f"{self._source.path}: datasets.{taker.name}",
                access.withdrawn_percent,
            )
            finished = self._finished[taker.name]
            self._pages[taker.name] = FilePages(self._settings.data, plan, finished, now)
            self._progress.start(taker.contract.full_name, None)

    def fed_by(self, names: Sequence[str]) -> list[Taker]:
        """The datasets whose pattern takes one of a file's names: its own, and those inside it."""
        return [taker for taker in self.takers if any(taker.takes(name) for name in names)]

    def hold(self, dataset: str, sha256: str) -> bool:
        """Whether the file is in a finished pull of the dataset."""
        return sha256 in self._held[dataset]

    def lack(self, taker: Taker, sha256: str) -> bool:
        under_way = self._pages.get(taker.name)
        return not self.hold(taker.name, sha256) and (under_way is None or sha256 not in under_way.files)

    def read(self, delivery: Delivery, stream: BinaryIO, takers: Sequence[Taker], note: Note) -> None:
        """Every record of the file, once, into the pages of the datasets that want it; `end` or `drop` has to follow.

        Raises `UnreadableFile`, possibly after some records.
        """
        scratch = scratch_of(self._settings)
        for inner in inner_files(stream, delivery.name, limit=self._limit, scratch=scratch):
            wanting = [taker for taker in takers if taker.takes(delivery.name) or taker.takes(inner.name)]
            columns = file_columns(delivery, inner)
            for taker, rows in tables_of(inner, wanting, note):
                self._pages[taker.name].add(_file(delivery), with_file_columns(rows, columns))
                self._progress.advance(taker.contract.full_name, rows.num_rows)

    def end(self, delivery: Delivery, takers: Sequence[Taker]) -> None:
        for taker in takers:
            self._pages[taker.name].end(_file(delivery))

    def drop(self) -> None:
        for pages in self._pages.values():
            pages.drop()

    def abandon(self) -> None:
        for pages in self._pages.values():
            pages.abandon()

    def land(self, dataset: str) -> PullManifest | None:
        """Finish the dataset's pull; None where no file was for it."""
        manifest = self._pages[dataset].finish(clock=self._clock)
        if manifest is not None:
            self._finished[dataset].append(manifest)
            self._held[dataset] |= _files([manifest])
        return manifest

    def rows_of(self, sha256: str) -> dict[str, int]:
        """Dataset → records of the file in finished pulls."""
        return {name: held[sha256] for name, held in self._held.items() if sha256 in held}


def _files(pulls: Iterable[PullManifest]) -> dict[str, int]:
    """SHA-256 → records, of the files in finished pulls."""
    return {file.sha256: file.rows for pull in pulls for file in pull.files}


def _file(delivery: Delivery) -> DeliveredFile:
    return DeliveredFile(delivery.name, delivery.sha256, 0)


def file_columns(delivery: Delivery, inner: InnerFile) -> dict[str, str]:
    """What every record of the file may be mapped from besides the file's own fields."""
    is_alone = inner.name in (delivery.name, delivery.name[:-3])
    return {
        "_file_name": delivery.name if is_alone else f"{delivery.name}/{inner.name}",
        "_file_modified": delivery.modified.astimezone(VIETNAM).isoformat(),
        "_file_received": delivery.received.astimezone(VIETNAM).isoformat(),
    }
