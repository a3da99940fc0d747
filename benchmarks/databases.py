"""Rows a second from a PostgreSQL table to checked Parquet, beside what one writes first.

`python -m benchmarks.databases [--rows 1000000]` starts a PostgreSQL from Debian's packages and runs every way of
reading in a process of its own, all on this machine. Prints rows/s, CPU seconds and peak memory of that process.
"""

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

_TABLE = """
    create table qua_trinh (
        id bigint generated always as identity primary key, spell_id text not null, si_number varchar(10), full_name text,
        birth_date date, sex char(1), citizen_id char(12), old_id text, person_tax_code text, passport_no text,
        nationality text, unit_code text, kind text, from_month text, to_month text, wage_vnd numeric(18, 2),
        pays_si boolean, pays_hi boolean, pays_ui boolean, absence text, submitted_on date, updated_at timestamptz,
        deleted boolean
    );
    insert into qua_trinh overriding user value
    select n, 'SP' || lpad(n::text, 10, '0'), lpad((n * 7919 % 10000000000)::text, 10, '0'), 'Nguyễn Thị Hồng Nhung ' || n % 5000,
           date '1960-01-01' + (n % 15000)::int, case n % 2 when 0 then 'F' else 'M' end,
           lpad((n * 104729 % 1000000000000)::text, 12, '0'), case n % 3 when 0 then lpad((n % 1000000000)::text, 9, '0') end,
           lpad((n * 31 % 10000000000)::text, 10, '0'), null, null, 'TA' || lpad((n % 20000)::text, 5, '0') || 'A', 'compulsory',
           '20' || lpad((15 + n % 11)::text, 2, '0') || '-0' || 1 + n % 9, null, 4000000 + n % 36000 * 1000, true, true, n % 10 <> 0,
           'none', date '2015-01-01' + (n % 4000)::int, timestamptz '2025-01-01 00:00+07' + n * interval '10 second', false
    from generate_series(1::bigint, {rows}) n;
    analyze qua_trinh
"""


def _ours(url: str, folder: Path, *, scheme: str, **keys: str) -> int:
    """The whole of a pull: one snapshot, durable pages, contract checks, quarantine, Parquet, manifest."""
    from common.settings import RegistrySettings, Settings
    from common.values import Silent
    from connectors.pull import pull_registry

    said = "\n".join(f'{key} = "{value}"' for key, value in keys.items())
    folder.mkdir(parents=True)
    path = folder / "insurance.toml"
    path.write_text(
        f'registry = "insurance"\n[database]\nurl = "{url.replace("postgresql", scheme)}"\n'
        f'[datasets.participation]\ntable = "qua_trinh"\nignore = ["id"]\n{said}\n',
        encoding="utf-8",
    )
    settings = Settings(data_dir=folder / "var", registries={"insurance": RegistrySettings(source=path)})
    (outcome,) = asyncio.run(
        pull_registry(
            settings, "insurance", datasets=["participation"], clock=lambda: datetime.now(UTC), progress=Silent()
        )
    )
    assert outcome.status == "landed", outcome.error
    assert not outcome.rows_quarantined
    return outcome.rows_landed


def _naive(url: str, folder: Path) -> int:
    """A server-side cursor, `Table.from_pylist`, Parquet; nothing is checked, nothing can be resumed."""
    import psycopg
    import pyarrow as pa
    import pyarrow.parquet as pq
    from psycopg.rows import dict_row

    folder.mkdir(parents=True)
    rows, writer = 0, None
    with psycopg.connect(url) as connection, connection.cursor("reading", row_factory=dict_row) as cursor:
        cursor.execute("select * from qua_trinh")
        while batch := cursor.fetchmany(50_000):
            table = pa.Table.from_pylist(batch, schema=writer.schema if writer else _naive_schema(batch))
            writer = writer or pq.ParquetWriter(folder / "naive.parquet", table.schema, compression="zstd")
            writer.write_table(table)
            rows += table.num_rows
    assert writer is not None
    writer.close()
    return rows


def _naive_schema(batch: list[dict[str, object]]) -> "object":
    import pyarrow as pa

    found = pa.Table.from_pylist(batch).schema
    return pa.schema([pa.field(each.name, pa.string() if pa.types.is_null(each.type) else each.type) for each in found])


def _bare_copy(url: str, folder: Path) -> int:
    """DuckDB's extension alone, typed, straight to Parquet: the most that reading through it could reach."""
    import duckdb

    from common.databases import load_postgres

    folder.mkdir(parents=True)
    with duckdb.connect(config={"threads": 2}) as connection:
        load_postgres(connection)
        connection.execute(f"attach '{url}' as source (type postgres, read_only)")
        copied = connection.execute(
            f"copy (from source.public.qua_trinh) to '{folder / 'bare.parquet'}' (format parquet, compression zstd)"
        ).fetchone()
    assert copied is not None
    return int(copied[0])


WAYS: dict[str, Callable[[str, Path], int]] = {
    "ours, by blocks": lambda url, folder: _ours(url, folder, scheme="postgresql"),
    "ours, by ranges": lambda url, folder: _ours(url, folder, scheme="postgresql", range_column="id"),
    "ours, SQLAlchemy": lambda url, folder: _ours(url, folder, scheme="postgresql+psycopg", range_column="id"),
    "psycopg and from_pylist, unchecked": _naive,
    "DuckDB copy, unchecked": _bare_copy,
}


def _measure(way: str, url: str, folder: Path) -> None:
    began = time.perf_counter()
    rows = WAYS[way](url, folder)
    seconds = time.perf_counter() - began
    used = resource.getrusage(resource.RUSAGE_SELF)
    said = {"rows": rows, "seconds": seconds, "cpu": used.ru_utime + used.ru_stime, "peak_mb": used.ru_maxrss / 1024}
    sys.stdout.write(json.dumps(said))


def _compare(rows: int) -> None:
    from urllib.parse import quote

    from tests.connectors.postgres_server import PASSWORD, serving

    with serving() as server, tempfile.TemporaryDirectory() as folder:
        database = server.database()
        database.run(_TABLE.format(rows=rows))
        url = database.url.replace("//", f"//chu_so_huu:{quote(PASSWORD)}@")
        sys.stdout.write("| way | rows/s | seconds | CPU s | peak MB |\n|---|---|---|---|---|\n")
        for number, way in enumerate(WAYS):
            command = [sys.executable, "-m", "benchmarks.databases", "--way", way, url, str(Path(folder) / str(number))]
            said = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            figures = f"{said['rows'] / said['seconds']:,.0f} | {said['seconds']:.1f} | {said['cpu']:.1f} | {said['peak_mb']:.0f}"
            sys.stdout.write(f"| {way} | {figures} |\n")
            sys.stdout.flush()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--way", nargs=3, metavar=("WAY", "URL", "FOLDER"))
    given = parser.parse_args()
    if given.way:
        _measure(given.way[0], given.way[1], Path(given.way[2]))
    else:
        _compare(given.rows)
