"""A pull from a database that was cut off keeps what it read; what changed in between is read once more."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from database_pulls import NOW, Watching, in_force, landed, pull
from payments import HELD, READ, make_book, settings_of
from postgres_server import PostgresDatabase, PostgresServer, serving

from common.errors import SourceError
from common.settings import Settings
from connectors.pull import pull_registry

SCRIPT = Path(__file__).with_name("pull_database_in_a_process.py")
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with serving() as server:
        yield server


@pytest.fixture
def database(postgres: PostgresServer) -> PostgresDatabase:
    return postgres.database()


def pages(settings: Settings) -> list[Path]:
    return sorted(settings.data.pulls("insurance", "payment").glob("*/pages/1/*.page.json"))


def kill_after(settings: Settings, pages_more: int) -> int:
    """Pull in a process and kill it once it has kept so many further pages; how many there are then."""
    before = len(pages(settings))
    command = [sys.executable, str(SCRIPT), str(settings.data_dir.parent)]
    running = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE)
    while running.poll() is None and len(pages(settings)) < before + pages_more:
        time.sleep(0.002)
    assert running.poll() is None, "it ended before it could be killed"
    running.send_signal(signal.SIGKILL)
    running.communicate()
    return len(pages(settings))


def cut_after(settings: Settings, rows: int) -> None:
    def cut() -> None:
        raise SourceError("cut off by the test")

    assert pull(settings, progress=Watching(rows, cut)).error == "cut off by the test"


def edit(database: PostgresDatabase, turn: int) -> None:
    """Rows that move to other blocks or ranges, go away, come in; some do not even say that they changed."""
    later = f"timestamptz '2026-06-30 18:0{turn}+00'"
    database.run(f"update so_thu set so_tien = so_tien + {turn}, cap_nhat = {later} where id % 11 = {turn}")
    database.run(f"update so_thu set so_tien = so_tien + 7 where id % 13 = {turn}")
    database.run(f"delete from so_thu where id % 171 = {turn}")
    database.run(
        "insert into so_thu (so_ct, ma_dvi, ngay_nop, so_tien, cap_nhat) "
        f"select 'MOI{turn}-' || n, 'TA', '2026-01-01', n, {later} from generate_series(1, 50) n"
    )


@pytest.mark.parametrize("way", ["by its blocks", "by ranges of dates"])
def test_a_pull_killed_while_the_table_changes_lands_every_row_the_table_holds(
    way: str, database: PostgresDatabase, tmp_path: Path
) -> None:
    make_book(database, 5000)
    settings = settings_of(database, tmp_path, changed="cap_nhat", **READ[way])
    kept = 0
    for turn in (1, 2):
        kept = kill_after(settings, 8)
        edit(database, turn)
    outcome = pull(settings)
    assert outcome.error is None
    assert outcome.pages > kept
    # Every row of today's table is there in today's version; what was deleted meanwhile is found by a full pull.
    assert set(database.run(HELD)) <= set(in_force(settings))
    pull(settings, at=NOW + timedelta(hours=1))
    assert set(database.run(HELD)) <= set(in_force(settings))
    assert pull(settings, at=NOW + timedelta(hours=2), full=True).rows_withdrawn > 0
    assert in_force(settings) == database.run(HELD)


@pytest.mark.parametrize("way", ["by its blocks", "by ranges of whole numbers", "through SQLAlchemy by ranges"])
def test_what_was_read_is_not_read_again(way: str, database: PostgresDatabase, tmp_path: Path) -> None:
    make_book(database, 2000)
    settings = settings_of(database, tmp_path, changed="cap_nhat", **READ[way])
    cut_after(settings, 1000)
    kept = {page: page.stat().st_mtime_ns for page in pages(settings)}
    assert len(kept) >= 9
    seen: dict[Path, int] = {}
    outcome = pull(
        settings, progress=Watching(2000, lambda: seen.update({page: page.stat().st_mtime_ns for page in kept}))
    )
    assert seen == kept
    assert (outcome.rows_landed, outcome.warnings) == (2000, ())
    assert landed(settings) == database.run(HELD)


def test_the_mark_of_an_interrupted_pull_is_not_later_than_its_first_start(
    database: PostgresDatabase, tmp_path: Path
) -> None:
    make_book(database, 1000)
    settings = settings_of(database, tmp_path, changed="cap_nhat")
    cut_after(settings, 500)
    database.run("update so_thu set so_tien = 1, cap_nhat = '2026-06-30 18:30+00' where id = 3")
    pull(settings, at=NOW + timedelta(hours=1))
    database.run("update so_thu set so_tien = 2, cap_nhat = '2026-06-30 18:20+00' where id = 4")
    second = pull(settings, at=NOW + timedelta(hours=2))
    assert second.rows_received == 2
    assert in_force(settings) == database.run(HELD)


def test_a_pull_nobody_waits_for_any_more_ends_at_its_next_page(database: PostgresDatabase, tmp_path: Path) -> None:
    make_book(database, 3000)
    settings = settings_of(database, tmp_path)

    async def give_up() -> None:
        loop = asyncio.get_running_loop()
        waiting = asyncio.current_task()
        assert waiting is not None
        watching = Watching(300, lambda: loop.call_soon_threadsafe(waiting.cancel))
        await pull_registry(settings, "insurance", datasets=["payment"], clock=lambda: NOW, progress=watching)

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(give_up())
    assert 3 <= len(pages(settings)) < 25
    assert pull(settings).rows_landed == 3000
    assert landed(settings) == database.run(HELD)


def test_a_table_written_anew_in_between_is_read_from_its_beginning(database: PostgresDatabase, tmp_path: Path) -> None:
    make_book(database, 2000)
    database.run("create index backwards on so_thu (cap_nhat desc)")
    settings = settings_of(database, tmp_path)
    cut_after(settings, 1000)
    database.run("cluster so_thu using backwards")
    assert pull(settings).rows_landed == 2000
    assert landed(settings) == database.run(HELD)


def test_a_stream_that_was_cut_off_begins_again(database: PostgresDatabase, tmp_path: Path) -> None:
    make_book(database, 2000)
    settings = settings_of(database, tmp_path, **READ["as the stream of a query"])
    cut_after(settings, 1000)
    assert pull(settings).rows_landed == 2000
    assert landed(settings) == database.run(HELD)


@pytest.mark.parametrize("way", ["by its blocks", "as the stream of a query", "through SQLAlchemy by ranges"])
def test_a_connection_lost_on_the_way_is_made_again(way: str, database: PostgresDatabase, tmp_path: Path) -> None:
    make_book(database, 3000)
    settings = settings_of(database, tmp_path, **READ[way])
    kill = "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
    outcome = pull(settings, progress=Watching(500, lambda: database.run(kill)))
    assert (outcome.error, outcome.rows_landed) == (None, 3000)
    assert landed(settings) == database.run(HELD)


def test_a_server_that_stops_for_good_is_named_and_the_next_pull_goes_on(tmp_path: Path) -> None:
    with serving() as server:
        database = server.database()
        make_book(database, 3000)
        settings = settings_of(database, tmp_path)
        outcome = pull(settings, progress=Watching(500, server.stop))
        assert outcome.status == "failed"
        assert f"127.0.0.1:{server.port}" in (outcome.error or "")
        kept = len(pages(settings))
        assert kept >= 5
        server.start()
        again = pull(settings)
        assert (again.error, again.rows_landed) == (None, 3000)
        assert landed(settings) == database.run(HELD)
