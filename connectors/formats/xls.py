"""XLS workbooks, as Excel wrote them until 2003: at most 65,536 rows, read whole."""

import struct
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from connectors.formats import UnreadableFile
from connectors.formats.grid import BLOCK_ROWS, EXTRA_COLUMNS, HEAD_ROWS, Block, Merge, Row, Sheet, columns_of
from connectors.formats.numbers import FIRST_DAY, FIRST_DAY_1904, kind_of_format, moments, plain_number

if TYPE_CHECKING:
    import xlrd
    from xlrd.sheet import Cell

_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
"""A workbook of any kind with a password lies in the same container as an XLS workbook."""
_BROKEN_RECORDS = (struct.error, AssertionError, LookupError, ValueError, TypeError, AttributeError, OverflowError)
"""What xlrd lets through where the records of a workbook are nonsense."""


def open_xls(path: Path) -> list[Sheet]:
    """The worksheets of a workbook. Raises `UnreadableFile` for one that is damaged or asks for a password."""
    import xlrd
    from xlrd.compdoc import CompDocError

    if _ENCRYPTED in path.read_bytes():
        raise UnreadableFile("the workbook asks for a password", remedy="have the agency send it without one")
    try:
        # The log goes nowhere: it repeats names of sheets and styles.
        book = xlrd.open_workbook(str(path), formatting_info=True, logfile=_Nowhere())
    except (xlrd.XLRDError, CompDocError, *_BROKEN_RECORDS) as error:
        is_locked = "password" in str(error).lower() or "encrypted" in str(error).lower()
        raise UnreadableFile(
            "the workbook asks for a password" if is_locked else "the workbook is damaged, or no XLS file",
            remedy="have the agency send it without one" if is_locked else "have the agency send it again",
        ) from error
    return [XlsSheet(book, sheet) for sheet in book.sheets()]


class _Nowhere:
    def write(self, text: str) -> None: ...

    def flush(self) -> None: ...


class XlsSheet(Sheet):
    """One worksheet."""

    def __init__(self, book: "xlrd.Book", sheet: "xlrd.sheet.Sheet") -> None:
        super().__init__(sheet.name, is_hidden=sheet.visibility != 0)
        self._book, self._sheet = book, sheet

    @cached_property
    def head(self) -> list[Row]:
        return [self._row(at)[0] for at in range(min(HEAD_ROWS, self._sheet.nrows))]

    @property
    def merges(self) -> list[Merge]:
        return [Merge(top, left, bottom - 1, right - 1) for top, bottom, left, right in self._sheet.merged_cells]

    def blocks(self, first_row: int, width: int) -> Iterator[Block]:
        import numpy as np

        for start in range(first_row, self._sheet.nrows, BLOCK_ROWS):
            numbers = range(start, min(start + BLOCK_ROWS, self._sheet.nrows))
            rows, faults = [], {}
            for at in numbers:
                row, wrong = self._row(at)
                rows.append(row)
                if wrong:
                    faults[at] = wrong
            yield Block(np.array(numbers), columns_of(rows, width + EXTRA_COLUMNS), faults)

    def _row(self, at: int) -> tuple[Row, dict[int | None, str]]:
        cells = self._sheet.row(at)
        texts = [self._text(cell) for cell in cells]
        faults: dict[int | None, str] = {
            column: f"the cell holds the error {texts[column]}" for column, cell in enumerate(cells) if cell.ctype == 5
        }
        return texts, faults

    def _text(self, cell: "Cell") -> str | None:
        import xlrd

        match cell.ctype:
            case xlrd.XL_CELL_TEXT:
                return str(cell.value) or None
            case xlrd.XL_CELL_NUMBER:
                return plain_number(repr(cell.value))
            case xlrd.XL_CELL_DATE:
                return self._moment(cell)
            case xlrd.XL_CELL_BOOLEAN:
                return "true" if cell.value else "false"
            case xlrd.XL_CELL_ERROR:
                return str(xlrd.error_text_from_code.get(cell.value, "#ERROR"))
            case _:
                return None

    def _moment(self, cell: "Cell") -> str:
        import pyarrow as pa

        code = self._book.format_map[self._book.xf_list[cell.xf_index].format_key].format_str
        kind = kind_of_format(code)
        plain = plain_number(repr(cell.value))
        if kind is None:
            return plain
        first_day = FIRST_DAY_1904 if self._book.datemode else FIRST_DAY
        return moments(pa.array([repr(cell.value)]), kind, first_day)[0].as_py() or plain
