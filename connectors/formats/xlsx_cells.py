"""What the cells of an XLSX sheet mean besides the text they are stored as: found in its XML, written into its columns.

A cell's style makes a date of a number, its type a truth value or an error; programmes write numbers as `1.2E7`.
"""

import itertools
import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Literal

from connectors.formats import UnreadableFile
from connectors.formats.grid import Block, Column, Merge, column_number, compute
from connectors.formats.numbers import Moment, moments, plain_number

if TYPE_CHECKING:
    import numpy as np

    Numbers = np.ndarray[tuple[int], np.dtype[np.int64]]

Kind = Moment | Literal["number", "bool", "error"]

_CHUNK_BYTES = 2**20
_ROW_MAX = 64 * 2**20
_MERGE = re.compile(rb"<(?:\w+:)?mergeCell\b[^>]*?\bref=[\"']([A-Z]+)(\d+):([A-Z]+)(\d+)[\"']")
_ADDRESS = re.compile(rb"\br=[\"']([A-Z]+)(\d+)[\"']")
_STYLE = re.compile(rb"\bs=[\"'](\d+)[\"']")
_TYPE = re.compile(rb"\bt=[\"'](\w+)[\"']")
_CELL = re.compile(rb"<(?:\w+:)?c[ >]")
_IN_CELL = re.compile(rb"</?(?:\w+:)?[fv]\b")
_USUAL_CELL = re.compile(rb'<c r="([A-Z]+)(\d+)"(?: s="(\d+)")?(?: t="(\w+)")? ?/?>')
_ODD_NUMBERS = [re.compile(rb"\.(?:0|\d{9,17})</"), re.compile(rb"E[-+]?\d{1,3}</")]
"""Ends of numbers that are not written as a person would: `5.0`, `0.30000000000000004`, `1.2E7`."""
_ESCAPED = re.compile("_x([0-9A-Fa-f]{4})_")


@dataclass
class CellMeanings:
    """What the XML of one sheet says of its cells."""

    merges: list[Merge] = field(default_factory=list)
    has_escapes: bool = False
    rows: "dict[Kind, dict[int, Numbers]]" = field(default_factory=dict)
    """Kind → column → rows, from 1, ascending."""
    _noted: dict[tuple[Kind | None, bytes], "array[int]"] = field(default_factory=dict)

    def note(self, kind: Kind | None, column: bytes, row: bytes) -> None:
        rows = self._noted.get((kind, column))
        if rows is None:
            rows = self._noted[kind, column] = array("q")
        rows.append(int(row))

    def sort(self) -> None:
        import numpy as np

        for (kind, letters), noted in self._noted.items():
            rows = np.sort(np.frombuffer(noted, dtype=np.int64))
            is_first = np.concatenate([[True], rows[1:] != rows[:-1]])
            if kind is not None:
                self.rows.setdefault(kind, {})[column_number(letters.decode())] = rows[is_first]
        self._noted.clear()


def look_through(stream: IO[bytes], styles: dict[int, Kind], *, has_escapes: bool) -> CellMeanings:
    """Go through the XML of a sheet once; `styles` are those that make a date or a time of a number."""
    meaning = CellMeanings(has_escapes=has_escapes)
    numbers = "|".join(map(str, styles)) or "-"
    telling = re.compile(rf" (?:s=[\"'](?:{numbers})|t=[\"'][be])[\"']".encode())
    for text in _whole_rows(stream):
        _note_cells(text, telling, styles, meaning)
        meaning.has_escapes |= b"_x" in text
        if b"mergeCell" in text:
            meaning.merges += [_merge(found) for found in _MERGE.finditer(text)]
    meaning.sort()
    return meaning


def typed(block: Block, meaning: CellMeanings, first_day: int) -> Block:
    """The block as stored, with dates, truth values and odd numbers written as text should have them."""
    return _Typed(meaning, block, first_day).block()


def _whole_rows(stream: IO[bytes]) -> Iterator[bytes]:
    """The stream in pieces that end with the end of a row, or of the stream."""
    rest = b""
    while piece := stream.read(_CHUNK_BYTES):
        text = rest + piece
        end = text.rfind(b"row>") + 4
        if end < 4:
            rest = text
            if len(rest) > _ROW_MAX:
                raise UnreadableFile(
                    "a row of the sheet is larger than 64 MB", remedy="have the agency send the list anew"
                )
            continue
        yield text[:end]
        rest = text[end:]
    yield rest


def _note_cells(text: bytes, telling: "re.Pattern[bytes]", styles: dict[int, Kind], meaning: CellMeanings) -> None:
    for found in itertools.chain(telling.finditer(text), *(odd.finditer(text) for odd in _ODD_NUMBERS)):
        start = text.rfind(b"<", 0, found.start())
        cell = _USUAL_CELL.match(text, start)
        if cell is None:
            start = _start_of_cell(text, start)
            cell = _USUAL_CELL.match(_usual(text[start : text.index(b">", start) + 1])) if start >= 0 else None
        if cell is not None:
            meaning.note(_kind_of_cell(cell[3], cell[4], styles), cell[1], cell[2])


def _start_of_cell(text: bytes, start: int) -> int:
    """Where the `<c` begins whose value or formula begins at `start`, or itself; -1 where it is none of these."""
    for _ in range(8):
        if start < 0 or _CELL.match(text, start):
            return start
        if not _IN_CELL.match(text, start):
            return -1
        start = text.rfind(b"<", 0, start)
    return -1


def _usual(tag: bytes) -> bytes:
    """The tag of a cell with its attributes in the order and the quotes most programmes write."""
    address, style, kind = _ADDRESS.search(tag), _STYLE.search(tag), _TYPE.search(tag)
    if address is None:
        raise UnreadableFile(
            "the cells of the sheet have no addresses",
            remedy="open the workbook in a spreadsheet programme and save it anew",
        )
    written = b'<c r="%s%s"' % address.groups()
    written += b' s="%s"' % style[1] if style else b""
    return written + (b' t="%s">' % kind[1] if kind else b">")


def _kind_of_cell(style: bytes | None, kind: bytes | None, styles: dict[int, Kind]) -> Kind | None:
    if kind in (b"b", b"e"):
        return "bool" if kind == b"b" else "error"
    return styles.get(int(style or 0), "number") if not kind or kind == b"n" else None


def _merge(found: "re.Match[bytes]") -> Merge:
    left, top, right, bottom = (part.decode() for part in found.groups())
    return Merge(int(top) - 1, column_number(left), int(bottom) - 1, column_number(right))


class _Typed:
    """A block with dates, truth values and odd numbers written as text should have them."""

    def __init__(self, meaning: CellMeanings, block: Block, first_day: int) -> None:
        self._meaning, self._block, self._first_day = meaning, block, first_day

    def block(self) -> Block:
        columns = list(self._block.columns)
        if self._meaning.has_escapes:
            columns = [_unescaped(column) for column in columns]
        faults: dict[int, dict[int | None, str]] = {}
        for kind, by_column in self._meaning.rows.items():
            for at in by_column.keys() & set(range(len(columns))):
                rows = self._rows_of(by_column[at])
                if kind == "error":
                    for row in rows:
                        said = columns[at][int(row)].as_py()
                        faults.setdefault(int(self._block.numbers[row]), {})[at] = f"the cell holds the error {said}"
                elif len(rows):
                    columns[at] = self._written(kind, columns[at], rows)
        return Block(self._block.numbers, columns, faults)

    def _rows_of(self, rows: "Numbers") -> "Numbers":
        """Positions in this block of the rows, which count from 1."""
        import numpy as np

        first = int(self._block.numbers[0]) + 1
        low, high = np.searchsorted(rows, [first, first + len(self._block.numbers)])
        return rows[low:high] - first

    def _written(self, kind: Kind, column: Column, rows: "Numbers") -> Column:
        import numpy as np
        import pyarrow as pa

        mask = np.zeros(len(column), dtype=bool)
        mask[rows] = True
        given = column.take(pa.array(rows))
        pc = compute()
        match kind:
            case "bool":
                new = _truth(given)
            case "date" | "datetime" | "time":
                new = moments(given, kind, self._first_day)
                if new.null_count:
                    new = pc.coalesce(new, _plain(given))
            case _:
                new = _plain(given)
        return pc.replace_with_mask(column, pa.array(mask), new)


def _truth(given: Column) -> Column:
    import pyarrow as pa

    return pa.array([{"1": "true", "0": "false"}.get(text, text) for text in given.to_pylist()], pa.string())


def _plain(given: Column) -> Column:
    import pyarrow as pa

    return pa.array([None if text is None else plain_number(text) for text in given.to_pylist()], pa.string())


def _unescaped(column: Column) -> Column:
    """`_x000D_` is how XLSX writes a character XML cannot hold."""
    import pyarrow as pa

    pc = compute()
    if not pc.any(pc.match_substring(column, "_x")).as_py():
        return column
    texts = column.to_pylist()
    return pa.array([t and _ESCAPED.sub(lambda found: chr(int(found[1], 16)), t) for t in texts], pa.string())
