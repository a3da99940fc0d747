"""Health-insurance claim files (QĐ 4210, 130, 4750, 3176) and death notices: one table of texts for each kind of inner file.

Columns are the element names in upper case. Besides them, and only where a source file names them, a record may be mapped
from

- the envelope: `_envelope.MACSKCB`, `_envelope.NGAYLAP`;
- the XML1 of the same `HOSO`: `XML1.HO_TEN`;
- what is reckoned from its own fields: `_days.FROM.TO` (calendar days, both ends included), `_digits.12.FIELD` (the field
  where it is exactly that many digits) and `_whole.FIELD` (an amount to the nearest dong).

XML6 and XML15 are never decoded, parsed or delivered, whoever asks for them. An inner file that cannot be taken apart
costs nothing but itself: it is one row with `_unreadable`, the reason.
"""

import binascii
import itertools
import os
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from typing import TYPE_CHECKING, BinaryIO

from lxml import etree

from common.errors import DoiChieuError
from connectors.formats import PLACE, Piece, Wanted
from connectors.formats.claims_envelope import (
    NOTICE,
    SENSITIVE_KINDS,
    EnvelopeWalk,
    InnerFile,
    inner_files,
    is_sensitive_name,
)
from connectors.formats.records import Record, Records, unreadable
from connectors.formats.shapes import Shapes
from connectors.formats.xml_stream import Damaged, LocalNames, parse_whole, whole_parser
from connectors.source import Format

if TYPE_CHECKING:
    import pyarrow as pa

KINDS = frozenset({f"XML{number}" for number in range(1, 16)} | {NOTICE}) - SENSITIVE_KINDS
# What fits the processor's cache is done a sixth sooner than what does not.
_BATCH_BYTES = 2**20
_PIECE_ROWS = 10_000
# Two interpreters have to start, about a second each: below this size one process is through sooner.
_SHARED_FROM_BYTES = 192 * 2**20
_WORKERS_MAX = 4
_HUGE_BYTES = 8 * 2**20
_LISTS = ("DSACH", "DANHSACH", "DS_")


def read_claims(stream: BinaryIO, format: Format, wanted: Wanted) -> Iterator[Piece]:
    """Records of the kinds in `wanted` (`XML1` … `XML14`, `GIAYBAOTU`; none named: all of them), in the file's order."""
    size = stream.seek(0, os.SEEK_END)
    workers = min(_WORKERS_MAX, os.cpu_count() or 1) if size >= _SHARED_FROM_BYTES else 1
    return claims(stream, wanted, workers=workers)


def claims(stream: BinaryIO, wanted: Wanted, *, workers: int) -> Iterator[Piece]:
    """`read_claims` with the inner files taken apart in `workers` processes; 1: in this one."""
    fields = _fields_of(wanted)
    needed = {"XML1", *fields} if any(_names_behind("XML1.", names) for names in fields.values()) else set(fields)
    walk = EnvelopeWalk(needed.__contains__)
    batches = _batches(walk, inner_files(walk, stream), fields)
    waiting: dict[str, list[pa.Table]] = {}
    for tables in _taken_apart(batches, workers):
        for kind, table in tables:
            held = waiting.setdefault(kind, [])
            held.append(table)
            if sum(each.num_rows for each in held) >= _PIECE_ROWS:
                yield _piece(kind, waiting.pop(kind))
    for kind, held in waiting.items():
        yield _piece(kind, held)


def _fields_of(wanted: Wanted) -> dict[str, tuple[str, ...]]:
    named = {kind: names for kind, names in wanted.items() if kind is not None and kind not in SENSITIVE_KINDS}
    anything = not wanted or None in wanted
    return {**dict.fromkeys(KINDS, ()), **named} if anything else named


def _names_behind(prefix: str, names: Iterable[str]) -> tuple[str, ...]:
    """`HO_TEN` of `XML1.HO_TEN`; patterns such as `XML1.*` name nothing."""
    return tuple(name.removeprefix(prefix) for name in names if name.startswith(prefix) and "*" not in name)


@dataclass(frozen=True)
class _Batch:
    """Whole `HOSO`s, with the envelope's header as far as it was read."""

    files: list[InnerFile]
    header: Mapping[str, str]
    fields: Mapping[str, tuple[str, ...]]


def _batches(walk: EnvelopeWalk, files: Iterable[InnerFile], fields: Mapping[str, tuple[str, ...]]) -> Iterator[_Batch]:
    held, size, last = list[InnerFile](), 0, 0
    for file in files:
        if size >= _BATCH_BYTES and (file.hoso != last or file.hoso == 0):
            yield _Batch(held, dict(walk.header), fields)
            held, size = [], 0
        if file.content or file.kind in fields:
            held.append(file)
            size += len(file.content) + 100
        last = file.hoso
    if held:
        yield _Batch(held, dict(walk.header), fields)


_Tables = list[tuple[str, "pa.Table"]]


def _taken_apart(batches: Iterable[_Batch], workers: int) -> Iterator[_Tables]:
    """`take_apart` of every batch, in order; no more batches under way than keep the workers busy."""
    if workers == 1:
        yield from map(take_apart, batches)
        return
    # A forked process would inherit the locks of threads it does not have.
    with ProcessPoolExecutor(workers, mp_context=get_context("forkserver")) as pool:
        under_way: deque[Future[list[tuple[str, bytes]]]] = deque()
        try:
            for batch in batches:
                under_way.append(pool.submit(_take_apart_and_pack, batch))
                if len(under_way) > 2 * workers:
                    yield _unpacked(under_way.popleft().result())
            while under_way:
                yield _unpacked(under_way.popleft().result())
        except BrokenProcessPool as error:
            raise DoiChieuError(
                "a process that read part of the file was killed",
                where="claims_xml",
                remedy="look for a lack of memory in the system's log, then run again",
            ) from error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _take_apart_and_pack(batch: _Batch) -> list[tuple[str, bytes]]:
    """Tables as Arrow streams: columns that are slices of one array would each be pickled with all of it."""
    import pyarrow as pa

    packed = []
    for kind, table in take_apart(batch):
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table)
        packed.append((kind, sink.getvalue().to_pybytes()))
    return packed


def _unpacked(packed: list[tuple[str, bytes]]) -> _Tables:
    import pyarrow as pa

    return [(kind, pa.ipc.open_stream(content).read_all()) for kind, content in packed]


def take_apart(batch: _Batch) -> _Tables:
    """The records of a batch as one table of texts for each kind."""
    reader = _InnerReader()
    joined = {kind: _names_behind("XML1.", names) for kind, names in batch.fields.items()}
    found = {kind: Records() for kind in batch.fields}
    for _, files in itertools.groupby(batch.files, key=_of_one_hoso):
        together = [(file.kind, reader.records(file)) for file in files]
        for kind, records in together:
            if kind in found:
                visits = [each for other, each in together if other == "XML1"] if joined[kind] else []
                found[kind].add(_joined(records, joined[kind], visits) if joined[kind] else records)
    header = {f"_envelope.{name}": batch.header.get(name) for name in ("MACSKCB", "NGAYLAP")}
    return [(kind, records.table(batch.fields[kind], header)) for kind, records in found.items() if records]


def _of_one_hoso(file: InnerFile) -> tuple[int, int]:
    return file.hoso, 0 if file.hoso else file.start


def _joined(records: list[Record], names: tuple[str, ...], visits: list[list[Record]]) -> Iterator[Record]:
    """Records with fields of the XML1 that has their MA_LK; one that carries none takes the only XML1 there is."""
    known = [dict(zip(*each, strict=True)) for each in itertools.chain.from_iterable(visits)]
    by_id = {(visit.get("MA_LK") or "").strip(): visit for visit in known}
    only = next(iter(by_id.values())) if len(by_id) == 1 else {}
    for columns, values in records:
        own = (values[columns.index("MA_LK")] or "").strip() if "MA_LK" in columns else ""
        visit = by_id.get(own, {}) if own else only
        yield (*columns, *(f"XML1.{name}" for name in names)), [*values, *(visit.get(name) for name in names)]


class _InnerReader:
    """Takes inner files apart, with one parser for all of a batch."""

    def __init__(self) -> None:
        self._parser, self._huge = whole_parser(), whole_parser(huge=True)
        self._names = LocalNames()
        self._columns: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._shapes = Shapes()

    def records(self, file: InnerFile) -> list[Record]:
        """The file's records with their place; a single one that says why, where the file cannot be taken apart."""
        place = f"HOSO {file.hoso} / {file.kind}" if file.hoso else file.kind
        try:
            return self._records(file.content, place)
        except Damaged as error:
            return [unreadable(place, f"{file.kind}: {error}")]

    def _records(self, content: bytes, place: str) -> list[Record]:
        document = _document(content, self._huge)
        known = self._shapes.read(document)
        if known is not None:
            columns, texts = known
            return [(columns, [*texts, place])]
        root = parse_whole(document, self._parser if len(document) < _HUGE_BYTES else self._huge)
        if is_sensitive_name(self._names[root.tag]):
            raise Damaged("a care record that is not read stands under this label")
        # Most inner files are one flat record, with as many ends of elements as the root has children, and its own.
        is_flat = document.count(b"</") + document.count(b"/>") == len(root) + 1
        found = self._flat(root) if is_flat else list(self._descend(root))
        if is_flat and found:
            self._shapes.learn(str(root.tag), [str(child.tag) for child in root], found[0][0])
        for number, (_, values) in enumerate(found, start=1):
            values.append(place if len(found) == 1 else f"{place} / dòng {number}")
        return found

    def _flat(self, element: etree._Element) -> list[Record]:
        children = list(element)
        tags = tuple([child.tag for child in children])
        columns = self._columns.get(tags)
        if columns is None:
            columns = self._columns[tags] = (*(self._names[tag] for tag in tags), PLACE)
        if not tags or columns[0].startswith(_LISTS):
            return []
        return [(columns, [child.text for child in children])]

    def _descend(self, element: etree._Element) -> Iterator[Record]:
        nested = [child for child in element if len(child)]
        if not nested:
            yield from self._flat(element)
        elif len(nested) == len(element) or all(self._is_wrapper(child) for child in nested):
            for child in nested:
                yield from self._descend(child)
        else:
            raise Damaged("a field holds other elements")

    def _is_wrapper(self, element: etree._Element) -> bool:
        return self._names[element.tag].startswith(_LISTS)


def _document(content: bytes, parser: etree.XMLParser) -> bytes:
    """The inner document: from base64, or plain as elements, as CDATA or with its markup escaped."""
    text = content.strip()
    if text[:1] == b"<" and text[1:2] != b"!":
        return text
    if text[:1] == b"<" or b"&" in text:
        text = "".join(map(str, parse_whole(b"<t>" + text + b"</t>", parser).itertext())).strip().encode()
        if text[:1] == b"<":
            return _without_declaration(text)
    if not text:
        raise Damaged("empty")
    try:
        return _from_base64(text)
    except binascii.Error:
        raise Damaged("base64 is damaged") from None


def _from_base64(text: bytes) -> bytes:
    try:
        return binascii.a2b_base64(text, strict_mode=True)
    except binascii.Error:
        # Many programs break the lines.
        return binascii.a2b_base64(text.translate(None, b" \t\r\n"), strict_mode=True)


def _without_declaration(text: bytes) -> bytes:
    """Text that was unwrapped is UTF-8 now, whatever its declaration says."""
    text = text.removeprefix(b"\xef\xbb\xbf").lstrip()
    return text.partition(b"?>")[2] if text.startswith(b"<?xml") else text


def _piece(kind: str, tables: "list[pa.Table]") -> Piece:
    import pyarrow as pa

    return Piece(kind, pa.concat_tables(tables, promote_options="default"))
