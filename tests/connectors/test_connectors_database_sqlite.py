"""A database SQLAlchemy knows, here SQLite: the same pull through its driver."""

import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from database_pulls import FIELDS, NOW, Watching, in_force, landed, look, pull, source_file

from common.errors import SourceError
from common.settings import Settings

HELD = "select so_ct, cast(so_tien as int) from so_thu order by so_ct"


@pytest.fixture
def book(tmp_path: Path) -> Path:
    path = tmp_path / "so sách.db"
    run(
        path,
        "create table so_thu (id integer primary key, so_ct text, ma_dvi text, ngay_nop text, so_tien real, cap_nhat text)",
    )
    run(
        path,
        """insert into so_thu with recursive n(n) as (select 1 union all select n + 1 from n where n < 1200)
           select n, 'CT' || n, 'TA', date('2026-01-01', (n % 100) || ' days'), n * 1000.0,
                  strftime('%d/%m/%Y %H:%M:%S', '2026-06-01', n || ' minutes') from n""",
    )
    return path


def run(path: Path, sql: str) -> list[Any]:
    with sqlite3.connect(path) as connection:
        return connection.execute(sql).fetchall()


def settings_of(folder: Path, **keys: Any) -> Settings:
    when = {"from": "cap_nhat", "parse": "dd/mm/yyyy HH:MM:SS"}
    keys = {"table": "so_thu", "ignore": ["id"], "changed": "cap_nhat", **keys}
    keys = {name: value for name, value in keys.items() if value is not None}
    access = {"url": "sqlite:///so sách.db", "fetch_rows": 100}
    return source_file(folder, access, {**FIELDS, "updated_at": when}, **keys)


@pytest.mark.parametrize("range_column", ["id", "ngay_nop", None])
def test_a_database_file_beside_the_source_file_is_landed_whole_and_then_by_what_changed(
    range_column: str | None, book: Path, tmp_path: Path
) -> None:
    settings = settings_of(tmp_path, range_column=range_column)
    first = pull(settings)
    assert (first.error, first.rows_landed, first.total_announced) == (None, 1200, 1200)
    assert landed(settings) == run(book, HELD)
    run(book, "update so_thu set so_tien = 5, cap_nhat = '30/06/2026 10:00:00' where id = 3")
    run(book, "update so_thu set so_tien = 6, cap_nhat = '1/7/2026 0:30:00' where id = 4")
    second = pull(settings, at=NOW + timedelta(hours=1))
    assert (second.kind, second.rows_landed) == ("incremental", 2)
    assert second.warnings == (
        "insurance.payment: 1 rows do not say legibly when they changed: they come with every pull",
    )
    assert in_force(settings) == run(book, HELD)


def test_a_pull_cut_off_goes_on_and_reads_once_more_what_changed(book: Path, tmp_path: Path) -> None:
    settings = settings_of(tmp_path, range_column="id")

    def cut() -> None:
        raise SourceError("cut off by the test")

    assert pull(settings, progress=Watching(600, cut)).error == "cut off by the test"
    run(book, "update so_thu set so_tien = 5, cap_nhat = '01/07/2026 01:00:30' where id in (3, 1000)")
    outcome = pull(settings, at=NOW + timedelta(minutes=5))
    assert (outcome.error, outcome.rows_received) == (None, 1202)
    assert in_force(settings) == run(book, HELD)


def test_writers_wait_or_fail_but_never_change_what_is_being_read(book: Path, tmp_path: Path) -> None:
    run(book, "pragma journal_mode = wal")
    settings = settings_of(tmp_path, range_column="id", changed=None)
    held = run(book, HELD)
    edit = "update so_thu set so_tien = 1, id = -id"
    outcome = pull(settings, progress=Watching(300, lambda: run(book, edit)))
    assert (outcome.rows_landed, outcome.warnings) == (1200, ())
    assert landed(settings) == held


def test_bytes_a_missing_table_and_a_missing_file_are_named(book: Path, tmp_path: Path) -> None:
    missing = pull(settings_of(tmp_path, table="so_chi"))
    assert "there is no such table or view" in (missing.error or "")
    assert "there are: so_thu" in (missing.error or "")
    run(book, "alter table so_thu add anh blob")
    run(book, "update so_thu set anh = x'00ff' where id = 1150")
    outcome = pull(settings_of(tmp_path, on_drift="evolve"))
    assert "the column anh holds bytes" in (outcome.error or "")
    book.unlink()
    (tmp_path / "so sách.db").mkdir()
    assert "the database file cannot be opened" in (pull(settings_of(tmp_path)).error or "")


def test_a_check_shows_the_first_rows_as_text(book: Path, tmp_path: Path) -> None:
    sample = look(settings_of(tmp_path))
    assert sample.rows is not None
    assert sample.estimated_rows == 1200
    assert sample.rows.slice(0, 1).to_pylist() == [
        {"so_ct": "CT1", "ma_dvi": "TA", "ngay_nop": "2026-01-02", "so_tien": "1000", "cap_nhat": "01/06/2026 00:01:00"}
    ]
