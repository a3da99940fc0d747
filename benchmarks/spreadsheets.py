"""How fast a workbook or a text table of workers is read into text records, header search and conversion included.

`python -m benchmarks.spreadsheets [ROWS]` makes an XLSX workbook and a CSV file of 18 columns and prints, for each way of
reading, rows per second of wall clock and of processor time and the peak memory of its own process. `calamine` is the bare
reader beside it: cells into Python objects, nothing found, nothing converted.
"""

import importlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

HEADINGS = (
    "STT", "Họ và tên", "Mã số BHXH", "Ngày, tháng, năm sinh", "Giới tính", "Số CCCD", "Chức danh", "Mức lương", "Hệ số",
    "Từ tháng, năm", "Đến tháng, năm", "Mã PA", "Tình trạng", "Tỷ lệ đóng", "Nơi làm việc", "Số hợp đồng", "Phụ cấp", "Ghi chú",
)  # fmt: skip
_FAMILIES = ("Nguyễn", "Trần", "Lê", "Phạm", "Hoàng", "Huỳnh", "Phan", "Vũ", "Võ", "Đặng", "Bùi", "Đỗ", "Hồ", "Ngô")


def _record(number: int) -> list[object]:
    born = datetime(1970, 1, 1) + timedelta(days=number * 7919 % 12_000)
    name = f"{_FAMILIES[number % 14]} Văn {_FAMILIES[number * 31 % 14]} {number % 5000}"
    return [
        number + 1, name, f"{number:010}", born, "Nam", f"{number:012}", "Công nhân may", 5_310_000 + number, 1.86,
        "06/2025", "12/2025", "TM", "Đang làm", 32, "Xưởng 1, Hà Nội", f"HĐ-{number}/2025", 730_000, "không",
    ]  # fmt: skip


def write_workbook(path: Path, rows: int) -> None:
    import xlsxwriter

    book = xlsxwriter.Workbook(str(path), {"constant_memory": True})
    sheet, day = book.add_worksheet("D02-LT"), book.add_format({"num_format": "dd/mm/yyyy"})
    sheet.write_row(0, 0, ["Mã đơn vị: TZ0001A"])
    sheet.write_row(3, 0, HEADINGS)
    for number in range(rows):
        record = _record(number)
        sheet.write_row(number + 4, 0, record[:3])
        sheet.write_datetime(number + 4, 3, record[3], day)
        sheet.write_row(number + 4, 4, record[4:])
    book.close()


def write_text(path: Path, rows: int) -> None:
    import csv

    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=";").writerows([HEADINGS, *(_record(number) for number in range(rows))])


def read_table(path: Path) -> int:
    from connectors.formats.table import read_table
    from connectors.source import Format

    how = Format(name="table", capture={"unit_code": r"Mã đơn vị:\s*(\S+)"})
    with path.open("rb") as stream:
        return sum(piece.rows.num_rows for piece in read_table(stream, how, {None: HEADINGS}))


def calamine(path: Path) -> int:
    from python_calamine import CalamineWorkbook

    return sum(1 for _ in CalamineWorkbook.from_path(path).get_sheet_by_index(0).iter_rows()) - 4


_WAYS: dict[str, Callable[[Path], int]] = {"read_table": read_table, "calamine": calamine}


def measure(way: str, path: Path) -> dict[str, float]:
    """Rows, seconds, processor seconds and peak memory (MB) of this process; what it imports is not counted."""
    for name in ("duckdb", "pyarrow.compute", "python_calamine", "connectors.formats.table"):
        importlib.import_module(name)
    began, used = time.perf_counter(), time.process_time()
    rows = _WAYS[way](path)
    seconds, busy = time.perf_counter() - began, time.process_time() - used
    return {
        "rows": rows,
        "seconds": seconds,
        "cpu": busy,
        "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def main(rows: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        workbook, text = Path(folder) / "d02.xlsx", Path(folder) / "d02.csv"
        write_workbook(workbook, rows)
        write_text(text, rows)
        for title, way, path in (
            ("XLSX through read_table", "read_table", workbook),
            ("XLSX through calamine, cells only", "calamine", workbook),
            ("CSV through read_table", "read_table", text),
        ):
            command = [sys.executable, "-m", "benchmarks.spreadsheets", "--measure", way, str(path)]
            found = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
            print(
                f"{title:36} {found['rows'] / found['seconds']:>9,.0f} rows/s  {found['rows'] / found['cpu']:>9,.0f} per CPU-s"
                f"  {found['mb']:>6,.0f} MB"
            )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        print(json.dumps(measure(sys.argv[2], Path(sys.argv[3]))))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000)
