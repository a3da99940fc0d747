"""The file formats of exports: each opens a file and takes Arrow batches one at a time."""

import contextlib
import errno
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa

from common.errors import ConfigurationError

if TYPE_CHECKING:
    import xlsxwriter
    from xlsxwriter.worksheet import Worksheet

Format = Literal["parquet", "csv", "xlsx", "jsonl"]
Write = Callable[[pa.RecordBatch], None]

SHEET_ROWS = 1_048_576
"""Rows of a worksheet, the header included; more rows go on on further sheets."""
CELL_CHARACTERS = 32_767
LARGEST_EXACT_NUMBER = 2**53
"""A spreadsheet keeps numbers as binary floats: whole numbers beyond this are written as text."""
# Zip and document want a date; the same one always, for the file's bytes to stay the same.
SHEET_CREATED = datetime(2000, 1, 1)
_FORMULA_START = r"^([=+\-@\t\r])"


@contextlib.contextmanager
def write_parquet(path: Path, schema: pa.Schema, table: str) -> Iterator[Write]:
    import pyarrow.parquet as pq

    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        yield writer.write_batch


@contextlib.contextmanager
def write_csv(path: Path, schema: pa.Schema, table: str) -> Iterator[Write]:
    """UTF-8, comma, every text quoted, lists as JSON text. A null is an empty cell without quotes.

    Text that a spreadsheet would take for a formula is led by an apostrophe, which spreadsheets show as text.
    """
    import pyarrow.csv

    flat = pa.schema([pa.field(field.name, _csv_type(field.type)) for field in schema])
    with pyarrow.csv.CSVWriter(path, flat) as writer:

        def write(batch: pa.RecordBatch) -> None:
            writer.write_batch(pa.record_batch([_csv_column(found) for found in batch.columns], schema=flat))

        yield write


@contextlib.contextmanager
def write_jsonl(path: Path, schema: pa.Schema, table: str) -> Iterator[Write]:
    """One object per line, keys in column order, dates as ISO text, exact decimals as text."""
    import msgspec

    encoder = msgspec.json.Encoder(decimal_format="string")
    with path.open("wb") as file:

        def write(batch: pa.RecordBatch) -> None:
            file.write(encoder.encode_lines(batch.to_pylist()))

        yield write


@contextlib.contextmanager
def write_xlsx(path: Path, schema: pa.Schema, table: str) -> Iterator[Write]:
    """Text cells are always text (never a formula, number or link), dates are dates, lists are JSON text."""
    import xlsxwriter
    from xlsxwriter.exceptions import FileCreateError

    workbook = xlsxwriter.Workbook(str(path), {"constant_memory": True, "tmpdir": str(path.parent)})
    workbook.set_properties({"title": table, "created": SHEET_CREATED})
    sheets = _Sheets(workbook, schema, table)
    try:
        yield sheets.write
    finally:
        try:
            workbook.close()
        except FileCreateError as error:
            # The library's own wrapping of a full disk or a folder it may not write to.
            raise OSError(errno.EIO, str(error)) from error


WRITERS: dict[Format, Callable[[Path, pa.Schema, str], AbstractContextManager[Write]]] = {
    "parquet": write_parquet,
    "csv": write_csv,
    "xlsx": write_xlsx,
    "jsonl": write_jsonl,
}


class _Sheets:
    """The worksheets of one workbook; a full one is followed by the next."""

    def __init__(self, workbook: "xlsxwriter.Workbook", schema: pa.Schema, table: str) -> None:
        self._workbook, self._schema, self._table = workbook, schema, table
        self._bold = workbook.add_format({"bold": True})
        self._date = workbook.add_format({"num_format": "yyyy-mm-dd"})
        self._sheets = 0
        self._start_sheet()

    def write(self, batch: pa.RecordBatch) -> None:
        for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            if self._next_row == SHEET_ROWS:
                self._start_sheet()
            for position, value in enumerate(row):
                self._write_cell(position, value)
            self._next_row += 1

    def _start_sheet(self) -> None:
        self._sheets += 1
        self._sheet: Worksheet = self._workbook.add_worksheet(
            self._table if self._sheets == 1 else f"{self._table} {self._sheets}"
        )
        self._sheet.freeze_panes(1, 0)
        for position, name in enumerate(self._schema.names):
            self._sheet.write_string(0, position, name, self._bold)
        self._next_row = 1

    def _write_cell(self, position: int, value: Any) -> None:
        row = self._next_row
        if value is None:
            return
        if isinstance(value, date):
            self._sheet.write_datetime(row, position, datetime(value.year, value.month, value.day), self._date)
        elif _is_exact_number(value):
            self._sheet.write_number(row, position, value)
        else:
            text = _text(value)
            if len(text) > CELL_CHARACTERS:
                raise ConfigurationError(
                    f"a value of column {self._schema.names[position]} is longer than a spreadsheet's cell may be",
                    where=f"sheet {self._sheets}, row {row + 1}",
                    remedy="choose --format parquet, csv or jsonl: nothing is cut short there",
                )
            self._sheet.write_string(row, position, text)


def _is_exact_number(value: Any) -> bool:
    if isinstance(value, int):
        return -LARGEST_EXACT_NUMBER <= value <= LARGEST_EXACT_NUMBER
    return isinstance(value, float | Decimal)


def _csv_type(kind: pa.DataType) -> pa.DataType:
    return pa.string() if pa.types.is_list(kind) else kind


def _csv_column(column: "pa.Array[Any]") -> "pa.Array[Any]":
    import pyarrow.compute as pc

    if pa.types.is_list(column.type):
        return pa.array([None if value is None else _text(value) for value in column.to_pylist()], pa.string())
    if not pa.types.is_string(column.type):
        return column
    return pc.replace_substring_regex(column, pattern=_FORMULA_START, replacement=r"'\1")


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list) else str(value)
