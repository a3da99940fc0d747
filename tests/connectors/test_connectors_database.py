"""Databases as sources, against a real PostgreSQL: what is landed is what the table holds."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest
from database_pulls import FIELDS, NOW, Watching, in_force, landed, look, pull
from payments import HELD, READ, make_book, settings_of
from postgres_server import PostgresDatabase, PostgresServer, serving


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with serving() as server:
        yield server


@pytest.fixture
def database(postgres: PostgresServer) -> PostgresDatabase:
    return postgres.database()


@pytest.mark.parametrize("way", READ)
def test_every_row_is_landed_once_however_the_table_is_read(
    way: str, database: PostgresDatabase, tmp_path: Path
) -> None:
    make_book(database, 2345)
    database.run("update so_thu set ngay_nop = '2026-02-02' where id between 300 and 700")
    settings = settings_of(database, tmp_path, **READ[way])
    outcome = pull(settings)
    assert (outcome.error, outcome.warnings, outcome.total_announced, outcome.rows_landed) == (None, (), 2345, 2345)
    assert landed(settings) == database.run(HELD)
    assert outcome.pages > 10


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+psycopg"])
def test_keys_beyond_four_bytes_below_zero_and_missing_are_in_some_range(
    scheme: str, database: PostgresDatabase, tmp_path: Path
) -> None:
    make_book(database, 1000)
    database.run("alter table so_thu add khoa numeric(15); update so_thu set khoa = (id - 500) * 10000000000")
    database.run("update so_thu set khoa = null where id % 50 = 0")
    settings = settings_of(database, tmp_path, url=scheme, range_column="khoa")
    assert (pull(settings).rows_landed, landed(settings)) == (1000, database.run(HELD))
    database.run("alter table so_thu alter khoa type bigint")
    assert pull(settings, at=NOW + timedelta(hours=1), full=True).rows_received == 1000


def test_an_empty_table_is_a_pull_without_rows(database: PostgresDatabase, tmp_path: Path) -> None:
    make_book(database, 0)
    outcome = pull(settings_of(database, tmp_path, changed="cap_nhat"))
    assert (outcome.status, outcome.rows_received, outcome.total_announced) == ("landed", 0, 0)


def test_postgres_and_unquoted_names_may_be_written_as_people_write_them(
    database: PostgresDatabase, tmp_path: Path
) -> None:
    make_book(database, 5)
    database.run('create schema "Sổ"; create table "Sổ"."Thu.2026" as select * from so_thu')
    short = settings_of(database, tmp_path, url="postgres", table="PUBLIC.So_Thu")
    assert pull(short).rows_landed == 5
    (tmp_path / "other").mkdir()
    quoted = settings_of(database, tmp_path / "other", table='"Sổ"."Thu.2026"')
    assert pull(quoted).rows_landed == 5


TYPED = """
    create domain dong as numeric;
    create table muon_kieu (
        so_ct char(12), ma_dvi varchar(40), ngay_nop date, so_tien dong, cap_nhat timestamptz, bay timestamp, gio timestamp,
        ngay_luu timestamp, thuc float8, vo_han timestamptz, co boolean, the json, danh_sach text[], ma uuid, ghi_chu text
    );
    insert into muon_kieu values
    ('CT1', 'Đơn vị "A", 100%', '2026-06-30', 1000.7000, '2026-06-30 17:00:00.5+00', '2026-06-30 23:59:59',
     '2026-06-30 08:00', '2026-06-30 00:00', 1e20, 'infinity', true, '{"a": 1.50}', array['x', 'y,z'],
     '3f2504e0-4f89-11d3-9a0c-0305e82c3301', ''),
    (null, null, null, 1000.0000, null, null, null, null, 'NaN', null, false, null, null, null, null),
    ('1', '2', 'infinity', 12345678901234567890123456789012345678901234.50, '1965-01-01 00:00+00', null, null, null, 0.1,
     null, null, null, null, null, null)
"""
AS_TEXT = {
    "so_ct": ["CT1", None, "1"],
    "ma_dvi": ['Đơn vị "A", 100%', None, "2"],
    "ngay_nop": ["2026-06-30", None, "infinity"],
    "so_tien": ["1000.7", "1000", "12345678901234567890123456789012345678901234.5"],
    "cap_nhat": ["2026-07-01T00:00:00.5+07:00", None, "1965-01-01T08:00:00+08"],
    "bay": ["2026-06-30T23:59:59", None, None],
    "gio": ["2026-06-30T08:00:00", None, None],
    "ngay_luu": ["2026-06-30", None, None],
    "thuc": ["100000000000000000000", "NaN", "0.1"],
    "vo_han": ["infinity", None, None],
    "co": ["true", "false", None],
    "the": ['{"a": 1.50}', None, None],
    "danh_sach": ['["x","y,z"]', None, None],
    "ma": ["3f2504e0-4f89-11d3-9a0c-0305e82c3301", None, None],
    "ghi_chu": ["", None, None],
}


def test_every_type_arrives_as_the_text_the_contract_likes(database: PostgresDatabase, tmp_path: Path) -> None:
    database.run(TYPED)
    sample = look(settings_of(database, tmp_path, table="muon_kieu"))
    assert sample.error is None
    assert sample.rows is not None
    assert sample.rows.to_pydict() == AS_TEXT
    assert {str(field.type) for field in sample.rows.schema} == {"string"}


def test_a_pull_through_sqlalchemy_lands_what_a_pull_through_duckdb_lands(
    database: PostgresDatabase, tmp_path: Path
) -> None:
    make_book(database, 250)
    database.run("alter table so_thu alter cap_nhat type timestamp using cap_nhat at time zone 'UTC'")
    database.run("update so_thu set so_tien = 0.5 where id = 7; update so_thu set ma_dvi = '' where id = 8")
    rows = []
    for scheme in ("postgresql", "postgresql+psycopg"):
        folder = tmp_path / scheme
        folder.mkdir()
        settings = settings_of(database, folder, url=scheme)
        assert (pull(settings).rows_quarantined, len(landed(settings))) == (2, 248)
        (part,) = settings.data.root.glob("raw/insurance/payment/*/part-*.parquet")
        rows.append(duckdb.sql(f"select * exclude (_seq) from '{part}' order by payment_id").fetchall())
    assert rows[0] == rows[1]


def test_bytes_are_refused_with_the_columns_name_unless_ignored(database: PostgresDatabase, tmp_path: Path) -> None:
    make_book(database, 5)
    database.run("alter table so_thu add anh bytea default 'x'")
    for scheme in ("postgresql", "postgresql+psycopg"):
        keys = {"url": scheme, "on_drift": "evolve"}
        outcome = pull(settings_of(database, tmp_path, **keys))
        assert outcome.status == "failed"
        assert "the column anh holds bytes" in (outcome.error or "")
        assert pull(settings_of(database, tmp_path, ignore=["id", "a?h"], **keys)).rows_landed == 5


MOMENT = "(timestamptz '2026-06-20 10:00+07' + n * interval '1 hour')"
# how a source writes the change → (SQL of a value, how the source file says so)
WRITTEN = {
    "a time with its offset": (MOMENT, None),
    "a time without, in Vietnam": (f"({MOMENT}) at time zone 'Asia/Ho_Chi_Minh'", None),
    "a day": (f"(({MOMENT}) at time zone 'Asia/Ho_Chi_Minh')::date", "yyyy-mm-dd"),
    "seconds since 1970": (f"extract(epoch from {MOMENT})::bigint", "epoch_seconds"),
    "milliseconds since 1970": (f"extract(epoch from {MOMENT}) * 1000", "epoch_milliseconds"),
    "a number of digits": (f"to_char({MOMENT} at time zone 'Asia/Ho_Chi_Minh', 'YYYYMMDDHH24MISS')::numeric", "yyyymmddHHMMSS"),
    "text, day first": (f"to_char({MOMENT} at time zone 'Asia/Ho_Chi_Minh', 'DD/MM/YYYY HH24:MI:SS')", "dd/mm/yyyy HH:MM:SS"),
    "ISO text": (f"to_char({MOMENT} at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')", None),
}  # fmt: skip


@pytest.mark.parametrize("way", WRITTEN)
@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+psycopg"])
def test_the_next_pull_asks_for_what_changed_however_the_change_is_written(
    scheme: str, way: str, database: PostgresDatabase, tmp_path: Path
) -> None:
    expression, parse = WRITTEN[way]
    make = (
        "create table so_thu as select 'CT' || n as so_ct, 'TA' as ma_dvi, date '2026-01-01' as ngay_nop, n as so_tien,"
    )
    database.run(f"{make} {expression} as cap_nhat from generate_series(1, 200) n")
    changed = "cap_nhat" if parse is None else {"from": "cap_nhat", "parse": parse}
    settings = settings_of(database, tmp_path, {**FIELDS, "updated_at": changed}, url=scheme, changed="cap_nhat")
    first = pull(settings)
    assert (first.rows_landed, first.kind, first.warnings) == (200, "full", ())
    # The newest of them is of 28 June, 18:00.
    database.run(f"insert into so_thu select 'CT201', 'TA', '2026-01-01', 201, {expression.replace(' n ', ' 201 ')}")
    second = pull(settings, at=NOW + timedelta(hours=1))
    assert (second.kind, second.error) == ("incremental", None)
    # An hour of overlap; a day and more where only the day is compared.
    assert 2 <= second.rows_received <= (3 if way not in ("a day", "ISO text") else 50)
    assert in_force(settings) == sorted((f"CT{n}", n) for n in range(1, 202))


def test_rows_that_do_not_say_when_they_changed_come_with_every_pull_and_are_counted(
    database: PostgresDatabase, tmp_path: Path
) -> None:
    make_book(database, 50)
    database.run("update so_thu set cap_nhat = null where id <= 3")
    settings = settings_of(
        database, tmp_path, {**FIELDS, "updated_at": {"from": "cap_nhat", "default": "2026-06-01T00:00:00+07:00"}},
        changed="cap_nhat",
    )  # fmt: skip
    said = "insurance.payment: 3 rows do not say legibly when they changed: they come with every pull"
    assert pull(settings).warnings == (said,)
    database.run("update so_thu set so_tien = 5 where id = 2")
    second = pull(settings, at=NOW + timedelta(hours=1))
    assert said in second.warnings
    assert second.rows_received == 3 + 50 - 3  # the overlap of an hour holds the rest
    assert ("CT2", 5) in in_force(settings)


@pytest.mark.parametrize("way", ["by its blocks", "by ranges of whole numbers", "through SQLAlchemy by ranges"])
def test_rows_that_change_while_they_are_read_are_neither_lost_nor_doubled(
    way: str, database: PostgresDatabase, tmp_path: Path
) -> None:
    make_book(database, 3000)
    held = database.run(HELD)
    settings = settings_of(database, tmp_path, changed="cap_nhat", **READ[way])

    def edit() -> None:
        database.run("update so_thu set so_tien = so_tien + 1, cap_nhat = '2026-06-30 17:59+00' where id % 3 = 0")
        database.run("delete from so_thu where id % 10 = 1")
        database.run(
            "insert into so_thu (so_ct, ma_dvi, ngay_nop, so_tien, cap_nhat) values ('MOI', 'TA', now(), 1, '2026-06-30 17:59+00')"
        )

    outcome = pull(settings, progress=Watching(300, edit))
    assert (outcome.rows_landed, outcome.warnings) == (3000, ())
    assert landed(settings) == held
    pull(settings, at=NOW + timedelta(hours=1))
    pull(settings, at=NOW + timedelta(hours=2), full=True)
    assert in_force(settings) == database.run(HELD)
