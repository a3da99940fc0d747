"""XLSX workbooks: DuckDB reads the cells as they are stored, a look through the sheet's XML says what they mean.

DuckDB's reader streams (a million rows in flat memory) but shows a date as its day number, a truth value as 1, and knows
nothing of merged cells. All of these are few and easily found in the XML, without taking every cell apart.
"""

import re
import zipfile
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import IO, TYPE_CHECKING, Literal

from lxml import etree

from connectors.formats import UnreadableFile
from connectors.formats.grid import (
    BLOCK_ROWS,
    COLUMNS_MAX,
    HEAD_ROWS,
    Block,
    Merge,
    Row,
    Sheet,
    column_letters,
    column_number,
)
from connectors.formats.numbers import (
    FIRST_DAY,
    FIRST_DAY_1904,
    Moment,
    built_in_kind,
    kind_of_format,
    moments,
    plain_number,
)

if TYPE_CHECKING:
    import duckdb
    import numpy as np
    import pyarrow as pa

    Numbers = np.ndarray[tuple[int], np.dtype[np.int64]]

Kind = Moment | Literal["number", "bool", "error"]

_UNPACKED_MAX = 4 * 2**30
_UNPACKED_FREE = 64 * 2**20
_RATIO_MAX = 200
_ROWS_MAX = 2**20
_CHUNK_BYTES = 2**20
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


def open_xlsx(path: Path) -> list[Sheet]:
    """The worksheets of a workbook, in its order.

    Raises `UnreadableFile` for a file that is no XLSX workbook, is damaged, or unpacks to an absurd size.
    """
    try:
        packed = zipfile.ZipFile(path)
        refuse_bomb(packed)
        book = _Workbook(path, packed)
        book.refuse_entities()
        return list(book.sheets())
    except (zipfile.BadZipFile, KeyError, etree.XMLSyntaxError, EOFError, NotImplementedError) as error:
        raise damaged(error) from error


def refuse_bomb(packed: zipfile.ZipFile) -> None:
    """Raise `UnreadableFile` where the parts say they unpack to more than a workbook ever holds."""
    parts = packed.infolist()
    size, packed_size = sum(part.file_size for part in parts), sum(part.compress_size for part in parts)
    if size > _UNPACKED_MAX or (size > _UNPACKED_FREE and size > _RATIO_MAX * packed_size):
        raise UnreadableFile(
            f"the workbook unpacks to {size >> 20} MB from {packed_size >> 10} kB",
            remedy="have the agency send a workbook without formatting on empty rows, or a CSV file",
        )


def damaged(error: Exception) -> UnreadableFile:
    return UnreadableFile(
        f"the workbook is damaged or cut off ({type(error).__name__})", remedy="have the agency send it again"
    )


class _Workbook:
    def __init__(self, path: Path, packed: zipfile.ZipFile) -> None:
        self.path, self.packed = path, packed

    def sheets(self) -> Iterator["XlsxSheet"]:
        book = self._parsed("xl/workbook.xml")
        targets = {each.get("Id"): each.get("Target", "") for each in self._parsed("xl/_rels/workbook.xml.rels")}
        for each in book.iterfind("{*}sheets/{*}sheet"):
            identifier = next((value for key, value in each.attrib.items() if str(key).endswith("}id")), None)
            target = targets.get(identifier, "")
            part = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
            if "/worksheets/" in part:
                yield XlsxSheet(self, str(each.get("name")), part, is_hidden=each.get("state", "visible") != "visible")

    def _parsed(self, part: str) -> etree._Element:
        parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False, load_dtd=False)
        with self._opened(part) as stream:
            return etree.parse(stream, parser).getroot()

    def _opened(self, part: str) -> IO[bytes]:
        stream = self.packed.open(part)
        # A document type can only stand in front of the root element; spreadsheets have none, bombs need one.
        if b"<!DOCTYPE" in stream.read(_CHUNK_BYTES) or b"<!ENTITY" in stream.peek(0):
            raise UnreadableFile(
                f"{part} declares a document type, which no spreadsheet does",
                remedy="open it in a spreadsheet programme and save it anew; do not trust its sender blindly",
            )
        stream.seek(0)
        return stream

    def refuse_entities(self) -> None:
        for part in self.packed.namelist():
            if part.endswith((".xml", ".rels")):
                self._opened(part).close()

    @cached_property
    def first_day(self) -> int:
        """Days between 1970 and the day 0 of this workbook's calendar."""
        properties = self._parsed("xl/workbook.xml").find("{*}workbookPr")
        is_1904 = properties is not None and properties.get("date1904", "0") in ("1", "true")
        return FIRST_DAY_1904 if is_1904 else FIRST_DAY

    @cached_property
    def date_styles(self) -> dict[int, Kind]:
        """Style number → what its number format makes of a number, for those that make a date or a time of it."""
        if "xl/styles.xml" not in self.packed.namelist():
            return {}
        styles = self._parsed("xl/styles.xml")
        own = {int(each.get("numFmtId", "0")): each.get("formatCode", "") for each in styles.iter("{*}numFmt")}
        found: dict[int, Kind] = {}
        for number, each in enumerate(styles.iterfind("{*}cellXfs/{*}xf")):
            identifier = int(each.get("numFmtId", "0"))
            kind = kind_of_format(own[identifier]) if identifier in own else built_in_kind(identifier)
            if kind is not None:
                found[number] = kind
        return found


@dataclass
class _Meaning:
    """What the XML of one sheet says of its cells."""

    merges: list[Merge] = field(default_factory=list)
    rows: "dict[Kind, dict[int, Numbers]]" = field(default_factory=dict)
    """Kind → column → rows, from 1, ascending."""
    _noted: dict[tuple[Kind, bytes], "array[int]"] = field(default_factory=dict)

    def note(self, kind: Kind, column: bytes, row: int) -> None:
        rows = self._noted.get((kind, column))
        if rows is None:
            rows = self._noted[kind, column] = array("q")
        rows.append(row)

    def sort(self) -> None:
        import numpy as np

        for (kind, letters), rows in self._noted.items():
            by_column = self.rows.setdefault(kind, {})
            by_column[column_number(letters.decode())] = np.unique(np.frombuffer(rows, dtype=np.int64))
        self._noted.clear()


class XlsxSheet(Sheet):
    """One worksheet."""

    def __init__(self, book: _Workbook, name: str, part: str, *, is_hidden: bool) -> None:
        super().__init__(name, is_hidden=is_hidden)
        self._book, self._name, self._part = book, name, part

    @cached_property
    def head(self) -> list[Row]:
        rows: list[Row] = []
        for block in self._read(0, COLUMNS_MAX, rows=HEAD_ROWS):
            rows += [list(row) for row in zip(*(column.to_pylist() for column in block.columns), strict=True)]
        return rows

    @property
    def merges(self) -> list[Merge]:
        return self._meaning.merges

    def blocks(self, first_row: int, width: int) -> Iterator[Block]:
        return self._read(first_row, width, rows=_ROWS_MAX - first_row)

    def _read(self, first_row: int, width: int, *, rows: int) -> Iterator[Block]:
        import duckdb
        import numpy as np

        meaning = self._meaning
        # A range that ends early would be read, and thrown away, to the end of the sheet; a limit stops.
        cells = f"A{first_row + 1}:{column_letters(width - 1)}{_ROWS_MAX}"
        query = (
            f"select * from read_xlsx({_quoted(str(self._book.path))}, sheet={_quoted(self._name)}, header=false, "
            f"all_varchar=true, stop_at_empty=false, range='{cells}') limit {rows}"
        )
        try:
            with _duckdb() as connection:
                at = first_row
                for batch in connection.execute(query).to_arrow_reader(BLOCK_ROWS):
                    block = Block(np.arange(at, at + batch.num_rows), list(batch.columns))
                    at += batch.num_rows
                    if any(column.null_count < len(column) for column in block.columns):
                        yield _Typed(meaning, block, self._book.first_day).block()
                    if at >= first_row + rows:
                        return
        except duckdb.Error as error:
            raise damaged(error) from error

    @cached_property
    def _meaning(self) -> _Meaning:
        meaning = _Meaning()
        styles = self._book.date_styles
        numbers = "|".join(map(str, styles)) or "-"
        telling = [re.compile(rf" (?:s=[\"'](?:{numbers})[\"']|t=[\"'][be][\"'])".encode()), *_ODD_NUMBERS]
        try:
            with self._book.packed.open(self._part) as stream:
                for text in _whole_rows(stream):
                    for pattern in telling:
                        _note_cells(text, pattern, styles, meaning)
                    if b"mergeCell" in text:
                        meaning.merges += [_merge(found) for found in _MERGE.finditer(text)]
        except (zipfile.BadZipFile, EOFError) as error:
            raise damaged(error) from error
        meaning.sort()
        return meaning


def _whole_rows(stream: IO[bytes]) -> Iterator[bytes]:
    """The stream in pieces that end with the end of a row, or of the stream."""
    rest = b""
    while piece := stream.read(_CHUNK_BYTES):
        text = rest + piece
        end = max(text.rfind(b"</row>"), text.rfind(b":row>")) + 6
        if end < 6:
            rest = text
            continue
        yield text[:end]
        rest = text[end:]
    yield rest


def _note_cells(text: bytes, telling: "re.Pattern[bytes]", styles: dict[int, Kind], meaning: _Meaning) -> None:
    for found in telling.finditer(text):
        start = text.rfind(b"<", 0, found.start())
        cell = _USUAL_CELL.match(text, start)
        if cell is None:
            start = _start_of_cell(text, start)
            cell = _USUAL_CELL.match(_usual(text[start : text.index(b">", start) + 1])) if start >= 0 else None
        if cell is not None:
            kind = _kind_of_cell(cell[3], cell[4], styles)
            if kind is not None:
                meaning.note(kind, cell[1], int(cell[2]))


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
    return styles.get(int(style or 0), "number") if kind in (None, b"n") else None


def _merge(found: "re.Match[bytes]") -> Merge:
    left, top, right, bottom = (part.decode() for part in found.groups())
    return Merge(int(top) - 1, column_number(left), int(bottom) - 1, column_number(right))


class _Typed:
    """A block with dates, truth values and odd numbers written as text should have them."""

    def __init__(self, meaning: _Meaning, block: Block, first_day: int) -> None:
        self._meaning, self._block, self._first_day = meaning, block, first_day

    def block(self) -> Block:
        columns = [_unescaped(column) for column in self._block.columns]
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

    def _written(self, kind: Kind, column: "pa.Array", rows: "Numbers") -> "pa.Array":
        import numpy as np
        import pyarrow as pa
        import pyarrow.compute as pc

        mask = np.zeros(len(column), dtype=bool)
        mask[rows] = True
        given = column.take(pa.array(rows))
        new = _truth(given) if kind == "bool" else _plain(given)
        if kind in ("date", "datetime", "time"):
            new = pc.coalesce(moments(given, kind, self._first_day), new)
        return pc.replace_with_mask(column, pa.array(mask), new)


def _truth(given: "pa.Array") -> "pa.Array":
    import pyarrow as pa

    return pa.array([{"1": "true", "0": "false"}.get(text, text) for text in given.to_pylist()], pa.string())


def _plain(given: "pa.Array") -> "pa.Array":
    import pyarrow as pa

    return pa.array([None if text is None else plain_number(text) for text in given.to_pylist()], pa.string())


def _unescaped(column: "pa.Array") -> "pa.Array":
    """`_x000D_` is how XLSX writes a character XML cannot hold."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pc.any(pc.match_substring(column, "_x")).as_py():
        return column
    texts = column.to_pylist()
    return pa.array([t and _ESCAPED.sub(lambda found: chr(int(found[1], 16)), t) for t in texts], pa.string())


def _duckdb() -> "duckdb.DuckDBPyConnection":
    import duckdb

    connection = duckdb.connect(config={"threads": 1, "memory_limit": "400MB"})
    version = connection.execute("select library_version from pragma_version()").fetchone()
    assert version is not None
    extension = files("duckdb_extension_excel") / "extensions" / version[0] / "excel.duckdb_extension"
    connection.execute(f"load {_quoted(str(extension))}")
    return connection


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
