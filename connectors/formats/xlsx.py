"""XLSX workbooks: DuckDB reads the cells as they are stored, a look through the sheet's XML says what they mean.

DuckDB's reader streams (a million rows in flat memory) but shows a date as its day number, a truth value as 1, and knows
nothing of merged cells. All of these are few and easily found in the XML, without taking every cell apart.
"""

import itertools
import re
import zipfile
from array import array
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
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
    EXTRA_COLUMNS,
    HEAD_ROWS,
    Block,
    Column,
    Merge,
    Row,
    Sheet,
    column_letters,
    column_number,
    compute,
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

    Numbers = np.ndarray[tuple[int], np.dtype[np.int64]]

Kind = Moment | Literal["number", "bool", "error"]

_UNPACKED_MAX = 4 * 2**30
_UNPACKED_FREE = 64 * 2**20
_RATIO_MAX = 200
_CHUNK_BYTES = 2**20
_MERGE = re.compile(rb"<(?:\w+:)?mergeCell\b[^>]*?\bref=[\"']([A-Z]+)(\d+):([A-Z]+)(\d+)[\"']")
_COLUMN = re.compile(rb"\br=[\"']([A-Z]+)\d+[\"']")
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
            target = str(targets.get(str(identifier), ""))
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
        start = stream.read(_CHUNK_BYTES).replace(b"\x00", b"")
        if b"<!DOCTYPE" in start or re.search(rb"<[A-Za-z]", start) is None:
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
    def has_escapes(self) -> bool:
        """Whether the shared texts hold what may stand for a character XML cannot hold."""
        if "xl/sharedStrings.xml" not in self.packed.namelist():
            return False
        with self.packed.open("xl/sharedStrings.xml") as stream:
            return any(b"_x" in piece for piece in iter(lambda: stream.read(_CHUNK_BYTES), b""))

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


class XlsxSheet(Sheet):
    """One worksheet."""

    def __init__(self, book: _Workbook, name: str, part: str, *, is_hidden: bool) -> None:
        super().__init__(name, is_hidden=is_hidden)
        self._book, self._name, self._part = book, name, part

    @property
    def head(self) -> list[Row]:
        return self._head

    @cached_property
    def _head(self) -> list[Row]:
        rows: list[Row] = []
        for block in self.blocks(0, COLUMNS_MAX):
            grid = _rows_of(block)
            for number, row in zip(block.numbers.tolist(), grid, strict=True):
                if number >= HEAD_ROWS:
                    return rows
                rows += [[] for _ in range(number - len(rows))]
                rows.append(row)
        return rows

    @property
    def merges(self) -> list[Merge]:
        return self._read[0].merges

    def blocks(self, first_row: int, width: int) -> Iterator[Block]:
        import pyarrow.parquet as pq

        meaning, path = self._read
        with pq.ParquetFile(path) as stored:
            for batch in stored.iter_batches(BLOCK_ROWS):
                numbers = batch.column(0).to_numpy()
                start = int(numbers.searchsorted(first_row))
                block = Block(
                    numbers[start:], [column[start:] for column in batch.columns[1 : width + 1 + EXTRA_COLUMNS]]
                )
                if len(block.numbers):
                    yield _Typed(meaning, block, self._book.first_day).block()

    @cached_property
    def _read(self) -> tuple[_Meaning, Path]:
        """What the XML says of the cells, and a file with the cells; both are made side by side."""
        import duckdb

        try:
            with ThreadPoolExecutor(1) as aside:
                copy = aside.submit(self._copy_cells)
                meaning = self._meaning()
                return meaning, copy.result()
        except (duckdb.IOException, duckdb.InvalidInputException, zipfile.BadZipFile, EOFError) as error:
            raise damaged(error) from error

    def _copy_cells(self) -> Path:
        """All rows that hold anything, with their numbers from 0, as DuckDB reads them."""
        path = self._book.path.with_name(f"{self._part.replace('/', '-')}.parquet")
        width = self._width()
        cells = f"A1:{column_letters(width - 1)}{2**20}"
        # Without a header row DuckDB names the columns by their letters.
        filled = ", ".join(f'"{column_letters(at)}"' for at in range(width))
        read = (
            f"read_xlsx({_quoted(str(self._book.path))}, sheet={_quoted(self._name)}, header=false, all_varchar=true, "
            f"stop_at_empty=false, range='{cells}')"
        )
        with _duckdb() as connection:
            connection.execute(
                f"copy (select * from (select row_number() over () - 1 as row, * from {read}) where coalesce({filled}) "
                f"is not null) to {_quoted(str(path))} (format parquet, compression lz4, row_group_size {BLOCK_ROWS})"
            )
        return path

    def _width(self) -> int:
        """How many columns are worth reading: those of the first rows, and some more."""
        with self._book.packed.open(self._part) as stream:
            start = stream.read(_CHUNK_BYTES)
        used = {column_number(letters.decode()) for letters in set(_COLUMN.findall(start))}
        return min(max(used, default=0) + 1 + EXTRA_COLUMNS, COLUMNS_MAX)

    def _meaning(self) -> _Meaning:
        meaning = _Meaning(has_escapes=self._book.has_escapes)
        styles = self._book.date_styles
        telling = _Telling(styles)
        with self._book.packed.open(self._part) as stream:
            for text in _whole_rows(stream):
                _note_cells(text, telling, styles, meaning)
                meaning.has_escapes |= b"_x" in text
                if b"mergeCell" in text:
                    meaning.merges += [_merge(found) for found in _MERGE.finditer(text)]
        meaning.sort()
        return meaning


def _rows_of(block: Block) -> list[Row]:
    """The rows of a block, without the empty columns on the right."""
    used = [at for at, column in enumerate(block.columns) if column.null_count < len(column)]
    columns = [column.to_pylist() for column in block.columns[: max(used, default=-1) + 1]]
    return [list(row) for row in zip(*columns, strict=True)]


class _Telling:
    """What marks a cell that is more than the text it is stored as: its style, its type, how its number is written."""

    def __init__(self, styles: Iterable[int]) -> None:
        numbers = "|".join(map(str, styles)) or "-"
        self.any_order = re.compile(rf" (?:s=[\"'](?:{numbers})|t=[\"'][be])[\"']".encode())
        self.usual = re.compile(
            rf'r="([A-Z]+)(\d+)" (?:s="({numbers})"(?: t="([a-z]+)")?|(?:s="\d+" )?t="([be])")'.encode()
        )

    def odd_numbers(self, text: bytes) -> "Iterator[re.Match[bytes]]":
        return itertools.chain.from_iterable(pattern.finditer(text) for pattern in _ODD_NUMBERS)


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


def _note_cells(text: bytes, telling: "_Telling", styles: dict[int, Kind], meaning: _Meaning) -> None:
    usual = telling.usual.findall(text)
    if len(usual) == len(telling.any_order.findall(text)):
        for column, row, style, kind, other in usual:
            meaning.note(_kind_of_cell(style, kind or other, styles), column, row)
        found: Iterable[re.Match[bytes]] = telling.odd_numbers(text)
    else:
        found = itertools.chain(telling.any_order.finditer(text), telling.odd_numbers(text))
    for each in found:
        start = _start_of_cell(text, text.rfind(b"<", 0, each.start()))
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

    def __init__(self, meaning: _Meaning, block: Block, first_day: int) -> None:
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


def _duckdb() -> "duckdb.DuckDBPyConnection":
    import duckdb

    connection = duckdb.connect(config={"threads": 1, "memory_limit": "400MB"})
    connection.execute("set enable_progress_bar = false")
    version = connection.execute("select library_version from pragma_version()").fetchone()
    assert version is not None
    extension = files("duckdb_extension_excel") / "extensions" / version[0] / "excel.duckdb_extension"
    connection.execute(f"load {_quoted(str(extension))}")
    return connection


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
