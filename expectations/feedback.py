"""The feedback file of an agency: its own records that stand set aside, for sending back.

Where each stood, why it was set aside and under which key: nothing else of the record is told.
"""

import csv
import errno
import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from common.errors import ConfigurationError, DoiChieuError
from common.files import DataFolder, sync_folder
from common.values import VIETNAM
from contracts.loader import Dataset, load_contracts
from contracts.reasons import in_vietnamese
from expectations.aside import outstanding_in

if TYPE_CHECKING:
    import xlsxwriter
    from xlsxwriter.format import Format as CellFormat
    from xlsxwriter.worksheet import Worksheet

HEADINGS = (
    "Tập dữ liệu",
    "Mã tập dữ liệu",
    "Mã bản ghi",
    "Tệp",
    "Vị trí trong tệp",
    "Trang",
    "Dòng",
    "Lý do",
    "Lý do (tiếng Anh)",
    "Lần lấy dữ liệu",
    "Thời điểm cập nhật",
)
_WIDTHS = (32, 22, 24, 28, 24, 8, 8, 64, 48, 20, 20)
_SHEET_ROWS = 1_048_576
_CELL_CHARACTERS = 32_767
_FORMULA_START = re.compile(r"^[=+\-@\t\r]")
_CREATED = datetime(2000, 1, 1)
"""A workbook wants a date; the same one always, so that the same records give the same file."""


@dataclass(frozen=True)
class BadRecord:
    """One line of the file."""

    dataset: Dataset
    record_key: str | None
    file: str | None
    place: str | None
    page: int
    row: int
    reasons: str
    reasons_vi: str
    pull: str
    """When the pull began, as people write it."""
    updated_at: str | None

    @property
    def cells(self) -> tuple[str | int | None, ...]:
        return (
            self.dataset.title_vi,
            self.dataset.full_name,
            self.record_key,
            self.file,
            self.place,
            self.page,
            self.row,
            self.reasons_vi,
            self.reasons,
            self.pull,
            self.updated_at,
        )


def bad_records(data: DataFolder, registry: str) -> Iterator[BadRecord]:
    """The records of a registry that stand set aside today, waived or not, by dataset and place."""
    for dataset in load_contracts()[registry].values():
        yield from _of_dataset(data, dataset)


def write_feedback(data: DataFolder, run: str) -> list[str]:
    """Write `reports/<run>/feedback/<registry>.xlsx` and `.csv` for every registry with bad records; returns their names."""
    told = [registry for registry in load_contracts() if next(bad_records(data, registry), None) is not None]
    for registry in told:
        for suffix in WRITERS:
            write_feedback_file(bad_records(data, registry), data.report(run) / "feedback" / f"{registry}{suffix}")
    return told


def write_feedback_file(records: Iterable[BadRecord], out: Path) -> int:
    """Write the records to `out`, an `.xlsx` or `.csv` file, whole or not at all; returns how many.

    Raises `ConfigurationError` for another ending, `DoiChieuError` where the disk is full.
    """
    write = WRITERS.get(out.suffix.lower())
    if write is None:
        raise ConfigurationError(
            "a feedback file is a workbook or a CSV file", where=str(out), remedy="let the name end in .xlsx or .csv"
        )
    draft = out.with_name(f".{out.name}.tmp")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        rows = write(records, draft)
        with draft.open("rb+") as file:
            os.fsync(file.fileno())
        draft.replace(out)
        sync_folder(out.parent)
    except OSError as error:
        raise DoiChieuError(
            f"the feedback file could not be written: {error.strerror or error}",
            where=str(out),
            remedy="free space or choose another folder; the file is as it was before",
        ) from error
    finally:
        draft.unlink(missing_ok=True)
    return rows


def _of_dataset(data: DataFolder, dataset: Dataset) -> Iterator[BadRecord]:
    import duckdb

    outstanding = outstanding_in(data, dataset)
    if outstanding is None:
        return
    of_file = "case when json_valid(record) then json_extract_string(record, '$.{}') end"
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'Asia/Ho_Chi_Minh'")
        found = connection.execute(
            f"""select record_key, {of_file.format("_file_name")}, {of_file.format("_place")}, page, "row",
                array_to_string(list_sort(list_distinct(reasons)), '; '), pull,
                strftime(updated_at, '%d/%m/%Y %H:%M')
            from ({outstanding}) where is_newest order by pull, page, "row" """
        )
        # Thousands of records have the same few reasons and pulls.
        words: dict[str, str] = {}
        while rows := found.fetchmany(10_000):
            for key, file, place, page, row, reasons, pull, updated_at in rows:
                if reasons not in words:
                    words[reasons] = "; ".join(in_vietnamese(reason, dataset) for reason in reasons.split("; "))
                if pull not in words:
                    words[pull] = _moment_of(pull)
                yield BadRecord(dataset, key, file, place, page, row, reasons, words[reasons], words[pull], updated_at)


def _write_csv(records: Iterable[BadRecord], path: Path) -> int:
    """UTF-8 with a byte order mark, which spreadsheets need to read Vietnamese; no text is taken for a formula."""
    rows = 0
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        writer.writerow(HEADINGS)
        for record in records:
            writer.writerow([_harmless(cell) for cell in record.cells])
            rows += 1
    return rows


def _harmless(cell: str | int | None) -> str | int | None:
    return f"'{cell}" if isinstance(cell, str) and _FORMULA_START.match(cell) else cell


def _write_workbook(records: Iterable[BadRecord], path: Path) -> int:
    import xlsxwriter
    from xlsxwriter.exceptions import FileCreateError

    workbook = xlsxwriter.Workbook(str(path), {"constant_memory": True, "tmpdir": str(path.parent)})
    workbook.set_properties({"title": "Bản ghi cần sửa", "created": _CREATED})
    bold = workbook.add_format({"bold": True})
    sheet, rows, line = _started_sheet(workbook, bold), 0, 1
    for record in records:
        if line == _SHEET_ROWS:
            sheet, line = _started_sheet(workbook, bold), 1
        _write_line(sheet, line, record)
        rows, line = rows + 1, line + 1
    try:
        workbook.close()
    except FileCreateError as error:
        # The library's own wrapping of a full disk or a folder it may not write to.
        raise OSError(errno.EIO, str(error)) from error
    return rows


def _started_sheet(workbook: "xlsxwriter.Workbook", bold: "CellFormat") -> "Worksheet":
    sheet: Worksheet = workbook.add_worksheet()
    sheet.freeze_panes(1, 0)
    for column, (heading, width) in enumerate(zip(HEADINGS, _WIDTHS, strict=True)):
        sheet.set_column(column, column, width)
        sheet.write_string(0, column, heading, bold)
    return sheet


def _write_line(sheet: "Worksheet", line: int, record: BadRecord) -> None:
    for column, cell in enumerate(record.cells):
        if isinstance(cell, int):
            sheet.write_number(line, column, cell)
        elif cell is not None:
            # Always text: never a formula, a number or a link.
            sheet.write_string(line, column, cell[:_CELL_CHARACTERS])


WRITERS: dict[str, Callable[[Iterable[BadRecord], Path], int]] = {".xlsx": _write_workbook, ".csv": _write_csv}


def _moment_of(pull: str) -> str:
    """`20260630T180000000000Z` → `01/07/2026 01:00`; a pull of another name stands for itself."""
    try:
        return _written(datetime.strptime(pull, "%Y%m%dT%H%M%S%f%z"))
    except ValueError:
        return pull


def _written(moment: datetime) -> str:
    return moment.astimezone(VIETNAM).strftime("%d/%m/%Y %H:%M")
