"""Which dataset a dropped file feeds, and its records as text tables for each of them."""

import fnmatch
import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING, cast

from common.errors import ConfigurationError
from connectors.files.inbox import Changed, Entry, Place
from connectors.files.ready import plain_name
from connectors.files.unpack import InnerFile, inner_names
from connectors.formats import PLACE, Reader, UnreadableFile
from connectors.mapping import RECORD, UNREADABLE
from connectors.mapping import Mapping as FieldMapping
from connectors.source import FILE_FIELDS, PULLED_AT, DatasetSource, Files, Format, Source
from contracts.loader import Dataset

if TYPE_CHECKING:
    import pyarrow as pa

_READERS = {
    "claims_xml": ("connectors.formats.claims_xml", "read_claims"),
    "tax_xml": ("connectors.formats.tax_xml", "read_tax"),
    "table": ("connectors.formats.table", "read_table"),
    "c12": ("connectors.formats.c12", "read_c12"),
    "json": ("connectors.formats.json_file", "read_json"),
    "ndjson": ("connectors.formats.json_file", "read_json"),
}
_NOT_OF_THE_FILE = frozenset({*FILE_FIELDS, PULLED_AT, PLACE, RECORD, UNREADABLE})


@dataclass(frozen=True)
class Taker:
    """A dataset that is fed from files."""

    contract: Dataset
    source: DatasetSource
    patterns: tuple[str, ...]
    format: Format
    mapping: FieldMapping

    @property
    def name(self) -> str:
        return self.contract.name

    @cached_property
    def kinds(self) -> Mapping[str | None, tuple[str, ...]]:
        """Kind of record → the file's fields that are mapped or ignored."""
        if self.source.records:
            return {kind: self._of_the_file(self.mapping.reads_of(kind)) for kind in self.source.records}
        return {self.source.record: self._of_the_file(self.mapping.wire_names)}

    def takes(self, name: str) -> bool:
        """Whether a pattern takes the name, or the last part of a path inside a packed file."""
        names = {plain_name(name), plain_name(name.rpartition("/")[2])}
        return any(fnmatch.fnmatchcase(each, plain_name(pattern)) for each in names for pattern in self.patterns)

    def _of_the_file(self, names: Sequence[str]) -> tuple[str, ...]:
        return tuple(dict.fromkeys([*(name for name in names if name not in _NOT_OF_THE_FILE), *self.source.ignore]))


def takers_of(source: Source, contracts: Mapping[str, Dataset]) -> list[Taker]:
    """Every dataset of the source that comes in files.

    Raises `ConfigurationError` where the format of its files is not said.
    """
    files = source.files or Files()
    found = []
    for name, described in source.datasets.items():
        if source.via_of(name) != "files":
            continue
        how = described.format or files.format
        if how is None:
            raise ConfigurationError(
                "what is inside the files is not said",
                where=f"{source.path}: datasets.{name}.format",
                remedy="write [files.format] name = …, for all datasets or for this one",
            )
        patterns = described.pattern or files.pattern or ("*",)
        found.append(
            Taker(contracts[name], described, patterns, how, FieldMapping(contracts[name], described, "files"))
        )
    return found


def is_taken(place: Place, takers: Sequence[Taker], entry: Entry) -> bool:
    """Whether some dataset takes the file: by its name, or by the name of something inside it."""
    plain = entry.name[:-3] if entry.name.lower().endswith(".gz") else entry.name
    if any(taker.takes(name) for taker in takers for name in (entry.name, plain)):
        return True
    if not entry.name.lower().endswith(".zip"):
        return False
    try:
        with place.fetch(entry) as stream:
            return any(taker.takes(name) for taker in takers for name in inner_names(stream, entry.name))
    except (UnreadableFile, Changed):
        return False


Note = Callable[[str, str], None]
"""Takes a dataset and what a reader has to say of a file: rows left out, texts converted."""


def tables_of(
    inner: InnerFile, takers: Sequence[Taker], note: Note = lambda dataset, said: None
) -> Iterator[tuple[Taker, "pa.Table"]]:
    """Each piece of the file for each dataset that wants its kind of record; the file is read once per format.

    Raises `UnreadableFile` naming the file, possibly after some pieces.
    """
    by_format = sorted(takers, key=lambda taker: taker.format.model_dump_json())
    try:
        for _, group in groupby(by_format, key=lambda taker: taker.format.model_dump_json()):
            yield from _read_once(inner, list(group), note)
    except UnreadableFile as error:
        where = f"{inner.name}, {error.where}" if error.where else inner.name
        raise UnreadableFile(error.what, where=where, remedy=error.remedy) from error


def _read_once(inner: InnerFile, takers: Sequence[Taker], note: Note) -> Iterator[tuple[Taker, "pa.Table"]]:
    wanted: dict[str | None, tuple[str, ...]] = {}
    for taker in takers:
        for kind, names in taker.kinds.items():
            wanted[kind] = tuple(dict.fromkeys([*wanted.get(kind, ()), *names]))
    inner.stream.seek(0)
    for piece in _reader_of(takers[0].format)(inner.stream, takers[0].format, wanted):
        kind = piece.record if piece.record in wanted else None
        for taker in takers:
            if kind not in taker.kinds:
                continue
            for said in piece.notes:
                note(taker.name, said)
            # What only another dataset maps is no drift of this one.
            foreign = set(wanted[kind]).difference(taker.kinds[kind])
            rows = piece.rows.select([name for name in piece.rows.column_names if name not in foreign])
            yield taker, _with_text(rows, RECORD, piece.record) if taker.source.records else rows


def with_file_columns(rows: "pa.Table", columns: Mapping[str, str]) -> "pa.Table":
    for name, value in columns.items():
        rows = _with_text(rows, name, value)
    return rows


def _with_text(rows: "pa.Table", name: str, value: str) -> "pa.Table":
    import pyarrow as pa

    return rows.append_column(name, pa.repeat(pa.scalar(value, pa.string()), rows.num_rows))


def _reader_of(how: Format) -> Reader:
    module, function = _READERS[how.name]
    return cast("Reader", getattr(importlib.import_module(module), function))
