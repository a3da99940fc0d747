"""The walker over hand-written suites, and the dialect they are asked through."""

from pathlib import Path

import duckdb
import pytest
import sqlalchemy
from landed_records import AS_OF

from common.errors import ConfigurationError
from contracts.loader import all_datasets
from expectations.checks import NoRows
from expectations.suite_files import Stage, read_suite, suite_files, written_checks

HEADER = "/*---\ncheck: {check}\nlevel: {level}\nexpected: e\ntitle_vi: t\ntitle_en: t\n---*/\n{query}\n"


@pytest.mark.parametrize("stage", ["landed", "build"])
def test_every_suite_file_can_be_read_and_speaks_vietnamese(stage: Stage) -> None:
    for path in suite_files(stage):
        for check in read_suite(path, stage, as_of=AS_OF):
            assert not check.wording.title_vi.isascii(), f"{check.suite} {check.name}"
            assert check.wording.title_en.isascii(), f"{check.suite} {check.name}"
            assert all((check.wording.remedy_vi, check.wording.remedy_en, check.expected))


def test_every_landed_suite_is_named_after_a_dataset_and_knows_what_it_reads() -> None:
    names = {found.full_name for found in all_datasets()}
    for check in written_checks("landed", as_of=AS_OF):
        assert check.suite in names
        assert check.suite in check.needs


def test_the_day_of_the_run_is_written_into_the_query(tmp_path: Path) -> None:
    path = tmp_path / "tax.payroll.sql"
    path.write_text(HEADER.format(check="c", level="warn", query="select 1 where $as_of > date '2000-01-01';"))
    (check,) = read_suite(path, "landed", as_of=AS_OF)
    assert check.question == NoRows("select 1 where date '2026-06-30' > date '2000-01-01'", "tax_payroll")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("select 1", "outside the checks"),
        ("", "at least one check"),
        (HEADER.format(check="c", level="stop", query="select 1"), "level must be block or warn"),
        (HEADER.format(check="c", level="warn", query=""), "query is missing"),
        (HEADER.format(check="c", level="warn", query="select 1") * 2, "each name once"),
        ("/*---\ncheck: c\nlevel: warn\nseverity: 3\n---*/\nselect 1", "expected is missing, .* severity is unknown"),
    ],
)
def test_a_suite_file_that_is_wrong_says_what_and_where(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "tax.payroll.sql"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=said) as raised:
        read_suite(path, "landed", as_of=AS_OF)
    assert "tax.payroll" in raised.value.where


def test_a_result_survives_its_connection_and_time_is_vietnamese(tmp_path: Path) -> None:
    path = tmp_path / "x.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("create table t as select timestamptz '2026-06-30 18:00:00+00' as seen_at from range(3)")
    sqlalchemy.dialects.registry.register("reading_duckdb", "expectations.duckdb_dialect", "ReadingDuckDB")
    engine = sqlalchemy.create_engine(f"reading_duckdb:///{path}", connect_args={"read_only": True})
    with engine.connect() as connection:
        result = connection.execute(sqlalchemy.text("select cast(seen_at as date), count(*) from t group by all"))
    assert [(str(day), count) for day, count in result.fetchall()] == [("2026-07-01", 3)]
    engine.dispose()


def test_the_dialect_cannot_write_what_it_reads(tmp_path: Path) -> None:
    path = tmp_path / "x.duckdb"
    duckdb.connect(str(path)).close()
    sqlalchemy.dialects.registry.register("reading_duckdb", "expectations.duckdb_dialect", "ReadingDuckDB")
    engine = sqlalchemy.create_engine(f"reading_duckdb:///{path}", connect_args={"read_only": True})
    with engine.connect() as connection, pytest.raises(sqlalchemy.exc.ProgrammingError, match="read-only"):
        connection.execute(sqlalchemy.text("create table t (x integer)"))
    engine.dispose()
