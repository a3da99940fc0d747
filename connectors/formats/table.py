"""Tables in files: XLSX, XLS, ODS and delimited text, told apart by their content, turned into text records.

The header is found by the names a source file asks for. Text in older Vietnamese encodings becomes Unicode; cells merged
over several rows count for each of them; titles, sections, totals and signatures are no records.
"""

import fnmatch
import re
import shutil
import tempfile
import unicodedata
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from connectors.formats import PLACE, Piece, UnreadableFile, Wanted
from connectors.formats.delimited import DelimitedSheet
from connectors.formats.grid import EXTRA_COLUMNS, Block, Column, Row, Sheet, column_letters, compute
from connectors.formats.header import Closest, Header, find_header
from connectors.formats.legacy_text import LegacyText
from connectors.formats.merged import FilledDown
from connectors.formats.ods import open_ods
from connectors.formats.packed import damage_told
from connectors.formats.record_rows import RecordRows
from connectors.formats.xls import open_xls
from connectors.formats.xlsx import open_xlsx
from connectors.source import Format

if TYPE_CHECKING:
    import pyarrow as pa

UNREADABLE = "_unreadable"
"""Column: why this row cannot be taken apart; null for nearly all."""
CAPTURE = "_capture."
_OLE2 = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def read_table(stream: BinaryIO, format: Format, wanted: Wanted) -> Iterator[Piece]:
    """The records of the sheets that have a header with the wanted names.

    `Piece.record` is the wanted kind the sheet's name fits, else the sheet's name, or `table` for delimited text. Columns
    are named as wanted where they were asked for, else as their header says; besides them `_place`, `_unreadable` and
    `_capture.<name>`. Raises `UnreadableFile` where no sheet has the header, or the file as a whole cannot be read.
    """
    with opened_sheets(stream, format) as sheets:
        for kind, names in wanted.items():
            yield from _read_kind(_chosen(sheets, kind, format), kind, names, format)


class opened_sheets:  # noqa: N801 - a context manager, used like a function
    """The sheets of a file, whatever kind it is; what had to be copied to a file is gone at the end."""

    def __init__(self, stream: BinaryIO, format: Format) -> None:
        self._stream, self._format = stream, format
        self._folder = tempfile.TemporaryDirectory(prefix="doichieu-")

    def __enter__(self) -> list[Sheet]:
        try:
            return self._opened()
        except UnreadableFile:
            self._folder.cleanup()
            raise

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def _opened(self) -> list[Sheet]:
        self._stream.seek(0)
        first = self._stream.read(512)
        if first.startswith(b"PK\x03\x04"):
            return self._out_of_zip()
        if first.startswith(_OLE2):
            return open_xls(self._as_file())
        _refuse_markup(first)
        return [DelimitedSheet(self._stream, self._format.encoding, self._format.delimiter)]

    def _out_of_zip(self) -> list[Sheet]:
        path = self._as_file()
        with damage_told(), zipfile.ZipFile(path) as packed:
            parts = set(packed.namelist())
        if "xl/workbook.xml" in parts:
            return open_xlsx(path)
        if "content.xml" in parts:
            return open_ods(path)
        raise UnreadableFile(
            "a binary workbook (XLSB)" if "xl/workbook.bin" in parts else "neither an XLSX nor an ODS workbook",
            remedy="have the agency save it as XLSX",
        )

    def _as_file(self) -> Path:
        path = Path(self._folder.name) / "workbook"
        self._stream.seek(0)
        with path.open("wb") as copy:
            shutil.copyfileobj(self._stream, copy)
        return path


def _refuse_markup(first: bytes) -> None:
    start = first.decode("latin-1").replace("\x00", "").lstrip("\ufeffÿþï»¿ \r\n\t").lower()
    if start.startswith(("<html", "<!doctype", "<?xml", "<table", "<meta")):
        raise UnreadableFile(
            "a web page or XML under the name of a table", remedy="open it in a spreadsheet programme, save it as XLSX"
        )
    if not start:
        raise UnreadableFile("the file is empty", remedy="have the agency send it again")


def _chosen(sheets: Sequence[Sheet], kind: str | None, format: Format) -> list[Sheet]:
    """The sheets that may hold the records of one kind: by the kind's name, else by `[files.format] sheet`."""
    if not sheets:
        raise UnreadableFile("the workbook has no sheet with cells", remedy="have the agency send it again")
    pattern = kind or format.sheet
    if pattern is None or sheets[0].label is None:
        return [sheet for sheet in sheets if not sheet.is_hidden] or list(sheets)
    named = [sheet for sheet in sheets if _fits(sheet.label or "", pattern)]
    if not named and format.sheet is not None:
        named = [sheet for sheet in sheets if _fits(sheet.label or "", format.sheet)]
    if not named:
        raise UnreadableFile(
            f"no sheet is called {pattern}",
            where=", ".join(str(sheet.label) for sheet in sheets),
            remedy="correct the name in the source file, or ask the agency what became of the sheet",
        )
    return named


def _fits(label: str, pattern: str) -> bool:
    given, asked = (unicodedata.normalize("NFC", text).casefold().strip() for text in (label, pattern))
    return fnmatch.fnmatchcase(given, asked)


def _read_kind(sheets: Sequence[Sheet], kind: str | None, names: tuple[str, ...], format: Format) -> Iterator[Piece]:
    closest: list[tuple[Sheet, Closest]] = []
    is_found = False
    for sheet in sheets:
        text = LegacyText(sheet.declared if isinstance(sheet, DelimitedSheet) else format.encoding)
        head = unicode_head(sheet, text)
        header = find_header(head, sheet.merges, names)
        if isinstance(header, Closest):
            closest.append((sheet, header))
            continue
        is_found = True
        yield from _Table(sheet, header, head, text, format).pieces(kind or sheet.label or "table")
        if kind is None and format.sheet is None:
            return
    if not is_found:
        raise _no_header(closest, names)


def unicode_head(sheet: Sheet, text: LegacyText) -> list[Row]:
    where = f"{sheet.label}, the rows above the records" if sheet.label else "the rows above the records"
    changes = text.texts(where, [cell for row in sheet.head for cell in row if cell])
    return [[changes.get(cell, cell) if cell else None for cell in row] for row in sheet.head]


def _no_header(closest: Sequence[tuple[Sheet, Closest]], names: Sequence[str]) -> UnreadableFile:
    sheet, best = max(closest, key=lambda each: len(each[1].found))
    missing = [name for name in names if name not in best.found and not name.startswith("_")]
    place = f"row {best.row + 1}" + (f" of sheet {sheet.label}" if sheet.label else "")
    near = f"{place} comes closest with {', '.join(best.found)}" if best.found else "no row has any of them"
    return UnreadableFile(
        f"no header was found in {len(closest)} sheet(s); {near}; looked for and not found: {', '.join(missing)}",
        where=sheet.label or "",
        remedy="write the column names in the source file as the header has them, or ask what became of the columns",
    )


class _Table:
    """One sheet with its header: blocks of cells in, pieces of named columns out."""

    def __init__(self, sheet: Sheet, header: Header, head: Sequence[Row], text: LegacyText, format: Format) -> None:
        self._sheet, self._header, self._text = sheet, header, text
        self._records = RecordRows(header)
        self._captured = captured(head[: header.top], format.capture)
        self._filled = FilledDown(sheet.merges, header.bottom)
        self._columns = (*header.names, *([None] * EXTRA_COLUMNS))

    def pieces(self, record: str) -> Iterator[Piece]:
        """The records in bounded pieces, at least one; the last one carries the notes."""
        held: pa.Table | None = None
        for block in self._sheet.blocks(self._header.bottom, self._header.width):
            rows = self._rows(block)
            if rows.num_rows:
                if held is not None:
                    yield Piece(record, held)
                held = rows
        yield Piece(record, held if held is not None else self._rows(_no_rows(len(self._columns))), self._notes())

    def _notes(self) -> tuple[str, ...]:
        where = f"sheet {self._sheet.label}: " if self._sheet.label else ""
        left_out = [f"{where}{count} {kind} row(s) left out" for kind, count in self._records.left_out.items()]
        converted = [
            f"{where}{count} text(s) converted from {encoding.upper()}"
            for encoding, count in self._text.converted.items()
        ]
        return (*left_out, *converted)

    def _rows(self, block: Block) -> "pa.Table":
        import pyarrow as pa

        keep = pa.array(self._records.mask(block))
        filled = self._filled.columns(block)
        numbers = pa.array(block.numbers).filter(keep)
        named = {
            self._name(at): _trimmed(column.filter(keep))
            for at, column in enumerate(filled)
            if self._header_has(at) or column.null_count < len(column)
        }
        table = self._text.columns(pa.table(named)) if named else pa.table({})
        for name, value in self._captured.items():
            table = table.append_column(CAPTURE + name, pa.array([value] * len(numbers), pa.string()))
        table = table.append_column(PLACE, self._places(numbers))
        return table.append_column(UNREADABLE, self._faults(block, numbers))

    def _header_has(self, at: int) -> bool:
        return at in self._header.matched

    def _name(self, at: int) -> str:
        return self._columns[at] or f"Cột {column_letters(at)}"

    def _places(self, numbers: Column) -> Column:
        import pyarrow as pa

        before = f"trang {self._sheet.label}, dòng " if self._sheet.label else "dòng "
        pc = compute()
        return pc.binary_join_element_wise(before, pc.add(numbers, 1).cast(pa.string()), "")

    def _faults(self, block: Block, numbers: Column) -> Column:
        import pyarrow as pa

        if not block.faults:
            return pa.nulls(len(numbers), pa.string())
        said = {row: self._said(faults) for row, faults in block.faults.items()}
        return pa.array([said.get(row) for row in numbers.to_pylist()], pa.string())

    def _said(self, faults: dict[int | None, str]) -> str | None:
        """The faults of a row in the columns that were asked for."""
        told = [
            why if column is None else f"{self._name(column)}: {why}"
            for column, why in faults.items()
            if column is None or column in self._header.matched
        ]
        return "; ".join(told) or None


def captured(head: Sequence[Row], patterns: dict[str, str]) -> dict[str, str | None]:
    """What the regular expressions find in the cells above the header, cell by cell, then row by row.

    A group with a name stands for its name: `(?P<H1>đầu năm)|(?P<H2>cuối năm)` gives `H1` or `H2`.
    """
    rows = [[unicodedata.normalize("NFC", cell) for cell in row if cell] for row in head]
    texts = [cell for row in rows for cell in row] + [" ".join(row) for row in rows]
    found: dict[str, str | None] = {}
    for name, pattern in patterns.items():
        compiled = re.compile(unicodedata.normalize("NFC", pattern), re.IGNORECASE)
        match = next((match for text in texts if (match := compiled.search(text))), None)
        found[name] = _said(match) if match else None
    return found


def _said(match: "re.Match[str]") -> str | None:
    if match.re.groupindex:
        return next((name for name, text in match.groupdict().items() if text is not None), None)
    return " ".join(match[1].split()) if match[1] else None


def _trimmed(column: Column) -> Column:
    """Without the spaces around, the unbreakable kind included; an empty text is null."""
    import pyarrow as pa

    pc = compute()
    text = pc.utf8_trim(column, " \t\r\n\u00a0\ufeff")
    return pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)


def _no_rows(width: int) -> Block:
    import numpy as np
    import pyarrow as pa

    return Block(np.array([], dtype=np.int64), [pa.nulls(0, pa.string()) for _ in range(width)])
