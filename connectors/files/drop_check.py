"""Look at a place of dropped files without claiming anything: what waits, what is left alone, the first records."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO

from common.settings import Settings
from connectors.files.archive import Delivery
from connectors.files.file_kinds import Taker, is_taken, tables_of, takers_of, with_file_columns
from connectors.files.file_records import file_columns
from connectors.files.inbox import Changed, Inbox, owner_of
from connectors.files.places import place_of, scratch_of
from connectors.files.ready import look_around
from connectors.files.unpack import inner_files, inner_names
from connectors.formats import UnreadableFile
from connectors.source import Files, Source
from contracts.loader import load_contracts

if TYPE_CHECKING:
    import pyarrow as pa

_SAMPLE_ROWS = 20
_FILES_READ = 5
_PIECES_READ = 40


@dataclass
class FilesSeen:
    """What lies at a place. Counts are files; `samples` hold up to 20 records of a dataset, as text, unmasked."""

    address: str
    waiting: Counter[str] = field(default_factory=Counter)
    """Dataset → complete files that would be taken."""
    left_alone: Counter[str] = field(default_factory=Counter)
    """Reason → files."""
    unfinished: int = 0
    """Claimed by an earlier run, to be finished by the next."""
    claimed_by_others: Mapping[str, int] = field(default_factory=dict)
    """Owner (another data folder) → files."""
    samples: "dict[str, pa.Table]" = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    """What is wrong with files that would be refused."""


def check_files(settings: Settings, registry: str, source: Source, *, now: datetime) -> FilesSeen:
    """Whether the place is there and lets files be renamed, and what a pull would take; nothing is claimed or landed.

    Raises `ConfigurationError` or `SourceError` where the place cannot be reached.
    """
    takers, files = takers_of(source, load_contracts()[registry]), source.files or Files()
    with place_of(settings, registry, source) as place:
        inbox = Inbox(place, owner_of(settings.data, registry))
        there = inbox.prepare()
        seen = FilesSeen(
            place.address, claimed_by_others=inbox.claimed_by_others(), unfinished=len(inbox.left_claimed())
        )
        look = look_around(place, files, there=there, is_ours=lambda entry: is_taken(place, takers, entry))
        seen.left_alone.update(left.why for left in look.left_alone)
        for number, ready in enumerate(look.ready):
            delivery = Delivery(ready.entry.name, "", ready.entry.size, ready.entry.modified, now)
            by_name = [taker for taker in takers if taker.takes(delivery.name) or taker.takes(_plain(delivery.name))]
            if by_name and number >= _FILES_READ:
                seen.waiting.update(taker.name for taker in by_name)
                continue
            try:
                with place.fetch(ready.entry) as stream:
                    _Look(settings, files, takers, seen).take_in(delivery, stream)
            except UnreadableFile as error:
                seen.problems.append(str(error))
            except Changed:
                seen.left_alone["it changed while it was being read"] += 1
    return seen


@dataclass(frozen=True)
class _Look:
    """One file looked into for the first records of every dataset that has none yet."""

    settings: Settings
    files: Files
    takers: Sequence[Taker]
    seen: FilesSeen

    def take_in(self, delivery: Delivery, stream: BinaryIO) -> None:
        names = [delivery.name, *inner_names(stream, delivery.name)]
        wanting = [taker for taker in self.takers if any(taker.takes(name) for name in names)]
        self.seen.waiting.update(taker.name for taker in wanting)
        lacking = [taker for taker in wanting if not self._has_enough(taker)]
        limit, scratch = self.files.max_unpacked_bytes, scratch_of(self.settings)
        for inner in inner_files(stream, delivery.name, limit=limit, scratch=scratch) if lacking else ():
            takes = [taker for taker in lacking if taker.takes(delivery.name) or taker.takes(inner.name)]
            for taker, rows in islice(tables_of(inner, takes), _PIECES_READ):
                self._sample(taker, with_file_columns(rows, file_columns(delivery, inner)))
                if all(map(self._has_enough, takes)):
                    break

    def _has_enough(self, taker: Taker) -> bool:
        sample = self.seen.samples.get(taker.name)
        return sample is not None and sample.num_rows >= _SAMPLE_ROWS

    def _sample(self, taker: Taker, rows: "pa.Table") -> None:
        import pyarrow as pa

        before = self.seen.samples.get(taker.name)
        both = rows if before is None else pa.concat_tables([before, rows], promote_options="permissive")
        self.seen.samples[taker.name] = both.slice(0, _SAMPLE_ROWS)


def _plain(name: str) -> str:
    return name[:-3] if name.lower().endswith(".gz") else name
