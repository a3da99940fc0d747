"""A book of payments in a real PostgreSQL, and settings that read it."""

from pathlib import Path
from typing import Any

from database_pulls import source_file
from postgres_server import OWNER, PASSWORD, PostgresDatabase

from common.settings import Settings

_BOOK = """
    create table so_thu (
        id bigint generated always as identity primary key,
        so_ct text not null, ma_dvi text, ngay_nop date, so_tien numeric(18, 4), cap_nhat timestamptz
    );
    insert into so_thu (so_ct, ma_dvi, ngay_nop, so_tien, cap_nhat)
    select 'CT' || n, 'TA' || n % 7, date '2026-01-01' + n % 100, 1000 * n,
           timestamptz '2026-06-01 00:00+07' + n * interval '1 minute'
    from generate_series(1, {rows}) n
"""
HELD = "select so_ct, so_tien::bigint from so_thu order by so_ct"

# how a table is read → keys of the source file
READ = {
    "by its blocks": {},
    "by ranges of whole numbers": {"range_column": "id"},
    "by ranges of dates": {"range_column": "ngay_nop"},
    "as the stream of a query": {"query": "select * from so_thu where to_char(cap_nhat, 'HH24:MI') like '%:%';"},
    "through SQLAlchemy by ranges": {"range_column": "id", "url": "postgresql+psycopg"},
    "through SQLAlchemy as a stream": {"url": "postgresql+psycopg"},
}


def make_book(database: PostgresDatabase, rows: int) -> None:
    database.run(_BOOK.format(rows=rows))


def settings_of(
    database: PostgresDatabase, folder: Path, fields: dict[str, Any] | None = None, **keys: Any
) -> Settings:
    """Settings and a source file in `folder`; `url` may name the scheme alone."""
    url = keys.pop("url", database.url)
    access = {"url": url if "://" in url else database.url.replace("postgresql", url)}
    access |= {"user": OWNER, "password": PASSWORD, "fetch_rows": 100} | keys.pop("access", {})
    keys.setdefault("ignore", ["id"])
    if "query" not in keys:
        keys.setdefault("table", "so_thu")
    return source_file(folder, access, fields, **keys)
