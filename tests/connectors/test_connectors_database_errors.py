"""What is wrong with a database is said with its place in the source file and a remedy, never with a record or a secret."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from database_pulls import FIELDS, look, pull, source_file
from payments import make_book, settings_of
from postgres_server import OWNER, PASSWORD, PostgresDatabase, PostgresServer, serving

from common.errors import ConfigurationError, Exit


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with serving() as server:
        yield server


@pytest.fixture(scope="session")
def database(postgres: PostgresServer) -> PostgresDatabase:
    database = postgres.database()
    make_book(database, 500)
    database.run(
        """
        create view so_hong as select *, (case when id = 400 then 'Nguyễn Văn Kín' else '1' end)::int as lan from so_thu;
        create view so_cham as select *, (select 1 from pg_sleep(case when id = 300 then 3 end)) is null as cham from so_thu;
        create table so_mat as select * from so_thu;
        create role nguoi_ngoai login password 'ngoài';
        """
    )
    return database


# what is wrong → (keys of the source file, keys of [database], what the error says)
WRONG: dict[str, tuple[dict[str, Any], dict[str, Any], list[str]]] = {
    "a password that does not fit": ({}, {"password": "mật-sai"}, ["cannot be reached", "password", "[database]"]),
    "a database that is not there": ({}, {"url": "/khong_co"}, ["cannot be reached", '"khong_co" does not exist']),
    "a table that is not there": ({"table": "so_chi"}, {}, ["no such table", "datasets.payment.table", "so_thu", "so_hong"]),
    "a schema that is not there": ({"table": "cu.so_thu"}, {}, ["no such table", "datasets.payment.table"]),
    "a column that is not there": (
        {"fields": {**FIELDS, "amount_vnd": "so_tiên"}}, {},
        ["there is no column so_tiên", "datasets.payment.fields.amount_vnd", "so_ct, ma_dvi, ngay_nop, so_tien, cap_nhat"],
    ),
    "a changed column that is not there": (
        {"changed": "sua_luc"}, {}, ["there is no column sua_luc", "datasets.payment.changed", "cap_nhat"],
    ),
    "a range column that is not there": ({"range_column": "stt"}, {}, ["no column stt", "datasets.payment.range_column"]),
    "a range column of truth values": (
        {"query": "select *, id > 3 as lon from so_thu", "range_column": "lon"}, {}, ["has no ranges", "range_column"],
    ),
    "a column of the query that is not there": ({"query": "select so_no from so_thu"}, {}, ["no such column", "datasets.payment.query"]),
    "a query that is no SQL": ({"query": "selec 1"}, {}, ["not valid SQL", "datasets.payment.query"]),
    "a query that names a column twice": ({"query": "select *, so_ct from so_thu"}, {}, ["columns twice: so_ct", "datasets.payment.query"]),
    "a column nobody mapped": ({"ignore": []}, {}, ["neither mapped nor ignored: id", "datasets.payment.table"]),
    "a table this account may not read": (
        {"table": "so_mat"}, {"user": "nguoi_ngoai", "password": "ngoài"}, ["may not read it", "datasets.payment.table"],
    ),
    "a server that gives up on long queries": (
        {"table": "so_cham", "ignore": ["id", "x"], "on_drift": "evolve"}, {"url": "?options=-cstatement_timeout%3D500"},
        ["statement_timeout", "fetch_rows", "datasets.payment.table"],
    ),
    "a value the view cannot make": (
        {"table": "so_hong", "on_drift": "evolve"}, {}, ["cannot be read as the type the query asks for", "datasets.payment.table"],
    ),
    "text that does not say how it writes a time": (
        {"changed": "id"}, {}, ["column id is a number", "datasets.payment.changed", "epoch_seconds"],
    ),
    "a name without a driver": ({}, {"url": "mysql+pymysql://127.0.0.1/x"}, ["no Python package pymysql", "database.url"]),
    "a database nobody knows": ({}, {"url": "dbase://127.0.0.1/x"}, ["dbase names no database", "database.url"]),
}  # fmt: skip


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+psycopg"])
@pytest.mark.parametrize("wrong", WRONG)
def test_an_error_names_what_is_wrong_its_key_and_what_there_is(
    wrong: str, scheme: str, database: PostgresDatabase, tmp_path: Path
) -> None:
    keys, access, expected = WRONG[wrong]
    address = str(access.get("url", ""))
    url = address if "://" in address else database.url.replace("postgresql", scheme) + address
    url = url.replace(f"/{database.name}/", "/")
    settings = settings_of(database, tmp_path, **{**keys, "url": url, "access": {**access, "url": url}})
    outcome = pull(settings)
    assert outcome.status == "failed"
    said = str(outcome.error)
    assert all(part in said for part in expected), said
    assert "→" in said
    assert not any(secret in said for secret in (PASSWORD, "khó", "Nguyễn", "mật-sai", "ngoài")), said
    assert outcome.exit_code in (Exit.SOURCE, Exit.USAGE)


def test_a_check_tells_the_same_without_landing_anything(database: PostgresDatabase, tmp_path: Path) -> None:
    sample = look(settings_of(database, tmp_path, table="so_chi"))
    assert sample.rows is None
    assert "there is no such table or view" in (sample.error or "")
    good = look(settings_of(database, tmp_path))
    assert good.rows is not None
    assert (good.rows.num_rows, good.columns, good.estimated_rows is None) == (
        100,
        ("id", "so_ct", "ma_dvi", "ngay_nop", "so_tien", "cap_nhat"),
        False,
    )
    assert not (tmp_path / "var").exists()


def test_a_server_that_is_not_there_is_tried_again_and_named(tmp_path: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"postgresql://127.0.0.1:{nobody.getsockname()[1]}/bhxh"
    access = {"url": url, "user": OWNER, "password": PASSWORD}
    outcome = pull(source_file(tmp_path, access, table="so_thu"))
    assert outcome.exit_code == Exit.SOURCE
    assert f"the database cannot be reached: Connection refused [{url}]" in (outcome.error or "")


@pytest.mark.parametrize(
    ("access", "key"),
    [
        ({"url": "postgresql://csdl.example/bhxh", "user": "u", "password": "bí mật"}, "database.password"),
        ({"url": "postgresql://u:bí%20mật@csdl.example/bhxh"}, "database.url"),
        ({"url": "postgresql://u@csdl.example:cổng/bhxh"}, "database.url"),
    ],
)
def test_a_secret_in_the_source_file_is_refused_outside_loopback(
    access: dict[str, str], key: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        pull(source_file(tmp_path, access, table="so_thu"))
    assert key in refused.value.where
    assert "mật" not in str(refused.value)


def test_a_password_from_a_file_and_a_unix_socket_work(
    postgres: PostgresServer, database: PostgresDatabase, tmp_path: Path
) -> None:
    (tmp_path / "mk").write_text(PASSWORD, encoding="utf-8")
    access = {
        "url": f"postgresql:///{database.name}?host={postgres.folder}&port={postgres.port}&sslmode=disable",
        "user": OWNER,
        "password": {"file": str(tmp_path / "mk")},
    }
    settings = source_file(tmp_path, access, table="so_thu", ignore=["id"])
    assert pull(settings).rows_landed == 500
