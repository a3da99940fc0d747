"""A tax registry that nobody here wrote: a SQLite database served by Datasette, with its own names and codes."""

import contextlib
import random
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_TABLES = """
create table nguoi_nop_thue (
    ma_so_thue text primary key, ten_nguoi_nop_thue text not null, loai text not null, trang_thai text not null,
    ngay_cap text, ma_tinh text not null, dia_chi text, ghi_chu_noi_bo text, thay_doi_luc integer not null);
create table bang_luong (
    so_dong text primary key, ma_so_thue text not null, nam integer not null, bieu text not null,
    ho_ten text not null, loai_giay_to text, so_giay_to text, thu_nhap text not null, bao_hiem text, thue text,
    thay_doi_luc integer not null);
create index nguoi_nop_thue_thay_doi on nguoi_nop_thue (thay_doi_luc);
create index bang_luong_thay_doi on bang_luong (thay_doi_luc);
"""
_FIRST_CHANGE = 1_775_000_000
"""1 April 2026."""

FIELDS = """
[datasets.taxpayer]
path = "nguoi_nop_thue.json"
ignore = ["ghi_chu_noi_bo"]

[datasets.taxpayer.fields]
tax_code = "ma_so_thue"
name = "ten_nguoi_nop_thue"
kind = { from = "loai", recode = { DN = "organisation", HKD = "household_business", CN = "individual" } }
status = { from = "trang_thai", recode = { "00" = "active", "03" = "closed", "06" = "absconded" } }
started_on = { from = "ngay_cap", parse = "dd/mm/yyyy" }
province_code = "ma_tinh"
address = "dia_chi"
updated_at = { from = "thay_doi_luc", parse = "epoch_seconds" }

[datasets.payroll]
path = "bang_luong.json"

[datasets.payroll.fields]
line_id = "so_dong"
tax_code = "ma_so_thue"
year = "nam"
schedule = { from = "bieu", recode = { "05-1/BK" = "progressive", "05-2/BK" = "flat" } }
full_name = "ho_ten"
id_kind = { from = "loai_giay_to", recode = { CCCD = "citizen", CMND = "old", HC = "passport" } }
id_number = "so_giay_to"
income_vnd = { from = "thu_nhap", parse = "1.234.567" }
insurance_deducted_vnd = { from = "bao_hiem", parse = "1.234.567" }
tax_vnd = { from = "thue", parse = "1.234.567" }
updated_at = { from = "thay_doi_luc", parse = "epoch_seconds" }
"""
"""How its fields become those of the contract, as a source file says it."""

BY_NEXT_ADDRESS = """
[rest.paging]
kind = "next_url"
cursor_path = "next_url"
limit_param = "_size"
total_path = "filtered_table_rows_count"

[rest.body]
records = "rows"
"""
"""With `_shape=objects`: records as objects, the next page by its address."""

BY_NEXT_TOKEN = """
[rest.paging]
kind = "cursor"
cursor_param = "_next"
cursor_path = "next"
limit_param = "_size"
total_path = "filtered_table_rows_count"

[rest.body]
shape = "columns_rows"
records = "rows"
columns = "columns"
"""
"""Datasette's own default: names once, rows as lists, the next page by a token."""

BY_LINK_HEADER = """
[rest.paging]
kind = "link"
limit_param = "_size"

[rest.body]
records = ""
"""
"""With `_shape=array`: nothing but the records, the next page in the Link header."""


def source_text(base_url: str, way: str, shape: str) -> str:
    """A whole source file: `way` is one of the three above, `shape` what Datasette is asked for."""
    return f"""registry = "tax"

[rest]
base_url = "{base_url}"
page_size = 100
params = {{ _shape = "{shape}", _sort = "thay_doi_luc" }}

[rest.incremental]
param = "thay_doi_luc__gte"
format = "epoch_seconds"
{way}{FIELDS}"""


def write_registry(path: Path, *, taxpayers: int = 250, lines: int = 700, seed: int = 3) -> None:
    """A made-up registry in a SQLite file."""
    chance = random.Random(seed)
    with contextlib.closing(sqlite3.connect(path)) as database, database:
        database.executescript(_TABLES)
        codes = [f"01{number:08}" for number in range(taxpayers)]
        database.executemany(
            f"insert into nguoi_nop_thue values ({', '.join('?' * 9)})",
            [_taxpayer(chance, code, number) for number, code in enumerate(codes)],
        )
        database.executemany(
            f"insert into bang_luong values ({', '.join('?' * 11)})",
            [_line(chance, number, chance.choice(codes)) for number in range(lines)],
        )


def _taxpayer(chance: random.Random, code: str, number: int) -> tuple[object, ...]:
    loai = chance.choice(["DN", "DN", "DN", "HKD"])
    name = f"Công ty TNHH “Thử nghiệm” số {number}" if loai == "DN" else f"Hộ kinh doanh Số {number}, chợ Đồng Xuân"
    granted = f"{chance.randint(1, 28):02}/{chance.randint(1, 12):02}/{chance.randint(2001, 2025)}"
    return (
        code,
        name,
        loai,
        chance.choice(["00", "00", "00", "03", "06"]),
        chance.choice([granted, granted, None]),
        chance.choice(["01", "79", "48"]),
        f"Số {number}, đường Láng",
        "không chuyển",
        _FIRST_CHANGE + number // 3,
    )


def _line(chance: random.Random, number: int, code: str) -> tuple[object, ...]:
    return (
        f"2025-{number:06}",
        code,
        2025,
        chance.choice(["05-1/BK", "05-2/BK"]),
        f"Nguyễn Thử {number}",
        chance.choice(["CCCD", "CMND", "HC"]),
        f"{chance.randint(0, 10**12 - 1):012}",
        dotted(chance.randint(0, 900_000_000)),
        dotted(chance.randint(0, 60_000_000)),
        chance.choice([None, dotted(chance.randint(0, 99_000_000))]),
        _FIRST_CHANGE + 86_400 + number // 5,
    )


def dotted(amount: int) -> str:
    """1234567 as `1.234.567`."""
    return f"{amount:,}".replace(",", ".")


@contextmanager
def serving_datasette(database: Path) -> Iterator[str]:
    """Serve the SQLite file until the block ends; yields the address of its tables."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "datasette", "serve", str(database), "--host", "127.0.0.1", "--port", str(port)]
    log = database.with_suffix(".log")
    with log.open("wb") as written:
        server = subprocess.Popen(command, stdout=written, stderr=subprocess.STDOUT)
        try:
            _wait_for(f"http://127.0.0.1:{port}/-/versions.json", server, log)
            yield f"http://127.0.0.1:{port}/{database.stem}"
        finally:
            server.terminate()
            server.wait(timeout=10)


def _wait_for(address: str, server: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError as error:
            if server.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"Datasette does not start: {log.read_text()[-2000:]}") from error
            time.sleep(0.05)
