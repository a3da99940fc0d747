"""Workbooks as agencies send them: made up, but laid out like the real forms."""

import io
import zipfile
from collections.abc import Callable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import xlsxwriter
import xlwt

Cell = str | int | float | bool | date | datetime | None
Grid = Sequence[Sequence[Cell]]
Merges = Sequence[tuple[int, int, int, int]]
"""Top, left, bottom, right, from 0, both ends included."""

D02_TITLE: Grid = [
    ["ĐƠN VỊ: CÔNG TY TNHH MAY MẪU", None, None, None, None, "Mẫu D02-LT"],
    ["Mã đơn vị: TZ0001A"],
    ["DANH SÁCH LAO ĐỘNG THAM GIA BHXH, BHYT, BHTN, BHTNLĐ-BNN"],
    ["Kỳ: Tháng 06 năm 2025"],
    [],
]
D02_HEADER: Grid = [
    [
        "STT",
        "Họ và tên",
        "Mã số\nBHXH",
        "Ngày, tháng, năm sinh",
        "Giới tính",
        "Số CCCD",
        "Tiền lương",
        None,
        "Từ tháng, năm",
        "Đến tháng, năm",
        "Mã PA",
        "Ghi chú",
    ],
    [None, None, None, None, None, None, "Mức lương", "Phụ cấp"],
    ["(1)", "(2)", "(3)", "(4)", "(5)", "(6)", "(7)", "(8)", "(9)", "(10)", "(11)", "(12)"],
]
D02_MERGES: Merges = [
    (0, 0, 1, 0),
    (0, 1, 1, 1),
    (0, 2, 1, 2),
    (0, 3, 1, 3),
    (0, 4, 1, 4),
    (0, 5, 1, 5),
    (0, 6, 0, 7),
    (0, 8, 1, 8),
    (0, 9, 1, 9),
    (0, 10, 1, 10),
    (0, 11, 1, 11),
]
D02_ROWS: Grid = [
    ["I", "Tăng"],
    [
        1,
        "Nguyễn Văn An",
        "0123456789",
        date(1985, 2, 3),
        "Nam",
        "001085000001",
        5_310_000,
        None,
        "06/2025",
        None,
        "TM",
        None,
    ],
    [
        2,
        "Trần Thị Bình",
        "0123456790",
        "1990",
        "Nữ",
        "001190000002",
        "12.500.000",
        500_000,
        date(2025, 6, 1),
        None,
        "TD",
        "x",
    ],
    ["II", "Giảm"],
    [
        3,
        "Lê Hoàng Cường",
        "0123456791",
        "15/08/1979",
        "Nam",
        "001079000003",
        7_000_000,
        None,
        "06/2025",
        None,
        "GH",
        None,
    ],
    [None, "Tổng cộng", None, None, None, None, 24_810_000, 500_000],
]
D02_FOOTER: Grid = [
    [],
    [None, None, None, None, None, None, None, None, "Hà Nội, ngày 15 tháng 6 năm 2025"],
    [None, "Người lập biểu", None, None, None, None, None, None, "Thủ trưởng đơn vị"],
    [None, "(Ký, họ tên)", None, None, None, None, None, None, "(Ký tên, đóng dấu)"],
    [None, "Phạm Thị Dung", None, None, None, None, None, None, "Hoàng Văn Em"],
]


def moved(merges: Merges, down: int) -> list[tuple[int, int, int, int]]:
    return [(top + down, left, bottom + down, right) for top, left, bottom, right in merges]


def d02_grid(rows: Grid = D02_ROWS) -> tuple[list[Sequence[Cell]], list[tuple[int, int, int, int]]]:
    return [*D02_TITLE, *D02_HEADER, *rows, *D02_FOOTER], moved(D02_MERGES, len(D02_TITLE))


def xlsx(*sheets: tuple[str, Grid, Merges], edit: Callable[[Any, Any], None] | None = None) -> bytes:
    """A workbook; `edit` may write more into the last sheet (workbook, worksheet)."""
    content = io.BytesIO()
    book = xlsxwriter.Workbook(content, {"in_memory": True})
    day, moment = book.add_format({"num_format": "dd/mm/yyyy"}), book.add_format({"num_format": "dd/mm/yyyy hh:mm:ss"})
    for name, grid, merges in sheets:
        sheet = book.add_worksheet(name)
        for top, left, bottom, right in merges:
            sheet.merge_range(top, left, bottom, right, "")
        for row, cells in enumerate(grid):
            for column, value in enumerate(cells):
                if isinstance(value, datetime):
                    sheet.write_datetime(row, column, value, moment)
                elif isinstance(value, date):
                    sheet.write_datetime(row, column, datetime(value.year, value.month, value.day), day)
                elif isinstance(value, str):
                    sheet.write_string(row, column, value)
                elif value is not None:
                    sheet.write(row, column, value)
        if edit is not None:
            edit(book, sheet)
    book.close()
    return content.getvalue()


def xls(name: str, grid: Grid, merges: Merges = ()) -> bytes:
    book = xlwt.Workbook(encoding="utf-8")
    sheet = book.add_sheet(name)
    day = xlwt.easyxf(num_format_str="dd/mm/yyyy")
    covered = {
        (row, column)
        for top, left, bottom, right in merges
        for row in range(top, bottom + 1)
        for column in range(left, right + 1)
    }
    for row, cells in enumerate(grid):
        for column, value in enumerate(cells):
            if value is not None and (row, column) not in covered:
                sheet.write(row, column, value, day if isinstance(value, date) else xlwt.Style.default_style)
    for top, left, bottom, right in merges:
        value = grid[top][left] if left < len(grid[top]) else None
        sheet.write_merge(top, bottom, left, right, value or "")
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


_ODS_SPACES = (
    'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" '
    'xmlns:calcext="urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0"'
)


def ods(*sheets: tuple[str, Grid, Merges], before: str = "", last_row: str = "") -> bytes:
    """An OpenDocument workbook; `before` stands in front of the root element, `last_row` ends every table."""
    tables = "".join(
        f'<table:table table:name="{escape(name)}">'
        f"{''.join(_ods_row(row, cells, merges) for row, cells in enumerate(grid))}{last_row}</table:table>"
        for name, grid, merges in sheets
    )
    content = (
        f'<?xml version="1.0" encoding="UTF-8"?>{before}<office:document-content {_ODS_SPACES}><office:body>'
        f"<office:spreadsheet>{tables}</office:spreadsheet></office:body></office:document-content>"
    )
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet", zipfile.ZIP_STORED)
        packed.writestr("META-INF/manifest.xml", "<manifest/>")
        packed.writestr("content.xml", content)
    return made.getvalue()


def _ods_row(row: int, cells: Sequence[Cell], merges: Merges) -> str:
    spans = {(top, left): (bottom - top + 1, right - left + 1) for top, left, bottom, right in merges}
    width = max([len(cells), *(left + 1 for top, left, _, _ in merges if top == row)], default=0)
    full = [*cells, *([None] * (width - len(cells)))]
    written = "".join(_ods_cell(value, spans.get((row, column))) for column, value in enumerate(full))
    return f"<table:table-row>{written}</table:table-row>"


def _ods_cell(value: Cell, span: tuple[int, int] | None) -> str:
    spanned = f' table:number-rows-spanned="{span[0]}" table:number-columns-spanned="{span[1]}"' if span else ""
    match value:
        case None:
            kind, text = "", ""
        case bool():
            kind, text = f' office:value-type="boolean" office:boolean-value="{str(value).lower()}"', str(value).upper()
        case int() | float():
            kind, text = f' office:value-type="float" office:value="{value!r}"', str(value)
        case date():
            kind, text = f' office:value-type="date" office:date-value="{value.isoformat()}"', f"{value:%d/%m/%Y}"
        case _:
            kind, text = ' office:value-type="string"', value
    paragraphs = "".join(f"<text:p>{escape(line)}</text:p>" for line in text.split("\n")) if text else ""
    return f"<table:table-cell{kind}{spanned}>{paragraphs}</table:table-cell>"


def repacked(workbook: bytes, change: Callable[[str, bytes], bytes]) -> bytes:
    """The workbook with its parts changed: part name and content → content."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook)) as given, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as packed:
        for part in given.infolist():
            packed.writestr(part.filename, change(part.filename, given.read(part.filename)))
    return made.getvalue()


C12_HEADER: Grid = [["STT", "Nội dung", "BHXH", "BHYT", "BHTN", "BHTNLĐ-BNN", "Cộng"]]
C12_TITLE: Grid = [
    ["BẢO HIỂM XÃ HỘI CƠ SỞ MẪU"],
    ["THÔNG BÁO KẾT QUẢ ĐÓNG BHXH, BHYT, BHTN, BHTNLĐ-BNN"],
    ["Tháng 06 năm 2025"],
    ["Tên đơn vị: Công ty TNHH May Mẫu", None, "Mã đơn vị:", "TZ0001A"],
]
C12_ROWS: Grid = [
    ["A", "Kỳ trước mang sang"],
    ["A.1", "Số lao động", 10, 10, 10, 10],
    ["A.2", "Phải đóng"],
    ["A.2.2", "Thiếu", 1_000_000, 200_000, 100_000, 20_000, 1_320_000],
    ["B", "Phát sinh trong kỳ"],
    ["B.1", "Số lao động", 10, 10, 10, 10],
    ["B.2", "Quỹ lương", 53_100_000, 53_100_000, 53_100_000, 53_100_000],
    ["B.3", "Phải đóng", 13_275_000, 2_389_500, 1_062_000, 265_500, 16_992_000],
    ["B.4", "Điều chỉnh phải đóng kỳ trước", -100_000, None, None, None, -100_000],
    ["B.5", "Tiền lãi"],
    ["B.5.1", "Số tiền tính lãi", 1_000_000, 200_000, 100_000, 20_000, 1_320_000],
    ["B.5.2", "Tỷ lệ lãi", "0,03%"],
    ["B.5.3", "Tổng tiền lãi", 9_000, 1_800, 900, 180, 11_880],
    ["C", "Số tiền đã nộp trong kỳ", None, None, None, None, 18_000_000],
    [None, "UNC số 123 ngày 10/06/2025", None, None, None, None, 10_000_000],
    [None, "UNC số 45/NH ngày 25/06/2025", None, None, None, None, 8_000_000],
    ["D", "Phân bổ tiền đóng"],
    ["D.1", "Phải đóng", 14_000_000, 2_500_000, 1_100_000, 280_000, 17_880_000],
    ["Đ", "Chuyển kỳ sau"],
    ["Đ.1", "Số lao động", 10, 10, 10, 10],
]


def c12_grid(rows: Grid = C12_ROWS) -> list[Sequence[Cell]]:
    return [*C12_TITLE, [], *C12_HEADER, *rows]


def write(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path
