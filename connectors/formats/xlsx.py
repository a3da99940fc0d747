"""XLSX workbooks: DuckDB reads the cells as they are stored, a look through the sheet's XML says what they mean.

DuckDB's reader streams (a million rows in flat memory) but shows a date as its day number, a truth value as 1, and knows
nothing of merged cells. All of these are few and easily found in the XML, without taking every cell apart.
"""

import re
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import IO, TYPE_CHECKING

from lxml import etree

from connectors.formats import UnreadableFile
from connectors.formats.grid import (
    BLOCK_ROWS,
    COLUMNS_MAX,
    EXTRA_COLUMNS,
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
    built_in_kind,
    kind_of_format,
)
from connectors.formats.packed import damage_told, refuse_bomb
from connectors.formats.xlsx_cells import CellMeanings, Kind, look_through, typed

if TYPE_CHECKING:
    import duckdb

_CHUNK_BYTES = 2**20
_COLUMN = re.compile(rb"\br=[\"']([A-Z]+)\d+[\"']")


def open_xlsx(path: Path) -> list[Sheet]:
    """The worksheets of a workbook, in its order.

    Raises `UnreadableFile` for a file that is no XLSX workbook, is damaged, or unpacks to an absurd size.
    """
    with damage_told(LookupError, ValueError):
        packed = zipfile.ZipFile(path)
        refuse_bomb(packed)
        book = _Workbook(path, packed)
        book.refuse_entities()
        return list(book.sheets())


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
        start = stream.read(_CHUNK_BYTES)
        if b"\x00" in start:
            raise UnreadableFile(f"{part} is not written in UTF-8", remedy="open the workbook and save it anew as XLSX")
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
        import pyarrow as pa

        meaning, path = self._read
        with pa.memory_map(str(path)) as mapped, pa.ipc.open_file(mapped) as stored:
            for number in range(stored.num_record_batches):
                batch = stored.get_batch(number)
                numbers = batch.column(0).to_numpy()
                start = int(numbers.searchsorted(first_row))
                columns = batch.columns[1 : width + 1 + EXTRA_COLUMNS]
                block = Block(numbers[start:], [column[start:] for column in columns] if start else columns)
                if len(block.numbers):
                    yield typed(block, meaning, self._book.first_day)

    @cached_property
    def _read(self) -> tuple[CellMeanings, Path]:
        """What the XML says of the cells, and a file with the cells; both are made side by side."""
        import duckdb

        with damage_told(duckdb.Error, LookupError, ValueError), ThreadPoolExecutor(1) as aside:
            copy = aside.submit(self._copy_cells)
            meaning = self._meaning()
            return meaning, copy.result()

    def _copy_cells(self) -> Path:
        """All rows that hold anything, with their numbers from 0, as DuckDB reads them."""
        import pyarrow as pa

        path = self._book.path.with_name(f"{self._part.replace('/', '-')}.arrow")
        width = self._width()
        cells = f"A1:{column_letters(width - 1)}{2**20}"
        # Without a header row DuckDB names the columns by their letters.
        filled = ", ".join(f'"{column_letters(at)}"' for at in range(width))
        read = (
            f"read_xlsx({_quoted(str(self._book.path))}, sheet={_quoted(self._name)}, header=false, all_varchar=true, "
            f"stop_at_empty=false, range='{cells}')"
        )
        query = f"from (select row_number() over () - 1 as row, * from {read}) where coalesce({filled}) is not null"
        with _duckdb() as connection:
            batches = connection.execute(query).to_arrow_reader(BLOCK_ROWS)
            with pa.ipc.new_file(str(path), batches.schema) as sink:
                for batch in batches:
                    sink.write_batch(batch)
        return path

    def _width(self) -> int:
        """How many columns are worth reading: those of the first rows, and some more."""
        with self._book.packed.open(self._part) as stream:
            start = stream.read(_CHUNK_BYTES)
        used = {column_number(letters.decode()) for letters in set(_COLUMN.findall(start))}
        return min(max(used, default=0) + 1 + EXTRA_COLUMNS, COLUMNS_MAX)

    def _meaning(self) -> CellMeanings:
        with self._book.packed.open(self._part) as stream:
            return look_through(stream, self._book.date_styles, has_escapes=self._book.has_escapes)


def _rows_of(block: Block) -> list[Row]:
    """The rows of a block, without the empty columns on the right."""
    used = [at for at, column in enumerate(block.columns) if column.null_count < len(column)]
    columns = [column.to_pylist() for column in block.columns[: max(used, default=-1) + 1]]
    return [list(row) for row in zip(*columns, strict=True)]


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
