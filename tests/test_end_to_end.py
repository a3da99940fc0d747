"""The nightly flow over real HTTP, and its findings against the planted truth: all of it, and nothing else."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from common.errors import Exit
from common.settings import load_settings
from common.values import Silent
from flows.start import run_nightly
from sandbox.export import write_configuration, write_truth
from sandbox.server import serving
from sandbox.world import generate

PERSONS = 2_000
# Day 30 of a deadline and no unit 1–29 days late; then the other way round.
DAYS = [date(2026, 6, 30), date(2026, 6, 20)]


@dataclass(frozen=True)
class Checked:
    """One world's truth (schema `truth`) beside what the nightly flow found in it (`found`, one row per finding)."""

    as_of: date
    connection: duckdb.DuckDBPyConnection

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(sql).fetchall()


@pytest.fixture(scope="module", params=DAYS, ids=str)
def checked(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checked]:
    as_of: date = request.param
    folder = tmp_path_factory.mktemp("end-to-end")
    world = generate(PERSONS, seed=11, as_of=as_of)
    truth = write_truth(world, folder / "truth")
    with serving(world, faults="mild", seed=11) as base_url:
        write_configuration(base_url, folder / "doichieu.toml", folder / "data")
        settings = load_settings(folder / "doichieu.toml")
        outcome = run_nightly(settings, as_of=as_of, clock=lambda: datetime.now(UTC), progress=Silent())
    assert (outcome.exit_code, outcome.published) == (Exit.DONE, True), outcome.reason
    with duckdb.connect() as connection:
        for path in truth:
            connection.execute(f"create table {path.stem} as from '{path}'")
        for name in ("warehouse", "identity"):
            connection.execute(f"attach '{settings.data.current / name}.duckdb' as {name} (read_only)")
        connection.execute(_FOUND)
        yield Checked(as_of, connection)


# Whom a person key really means: the true person of most of the records linked to it.
_FOUND = """
    create table meant as
        select link.person_key, records.true_person
        from warehouse.link as link join records using (registry, dataset, record_key, role)
        group by link.person_key, records.true_person
        qualify row_number() over (partition by link.person_key order by count(*) desc, records.true_person) = 1;
    create table found as
        select finding.rule, finding.status, finding.subject_kind, finding.item, finding.unit_code,
            employer.tax_code, meant.true_person, finding.principal_vnd, finding.interest_vnd,
            concat_ws(' ', finding.rule, employer.tax_code, meant.true_person, finding.item) as what
        from warehouse.finding as finding
        left join identity.employer as employer on employer.employer_key = finding.employer_key
            and finding.subject_kind = 'employer'
        left join meant on meant.person_key = finding.person_key;
    create table expected as
        select *, concat_ws(' ', rule, case when subject_kind = 'employer' then tax_code end, true_person, item) as what
        from cases;
"""


def test_every_planted_case_is_found(checked: Checked) -> None:
    missed = checked.rows("""
        select expected.what, expected.status, expected.note from expected
        where kind = 'positive' and not exists (
            select 1 from found where found.what = expected.what
            and (expected.status is null or found.status = expected.status))
        order by all""")
    assert missed == []


def test_no_look_alike_is_accused(checked: Checked) -> None:
    accused = checked.rows("""
        select expected.what, found.status, expected.note from expected join found using (what)
        where expected.kind = 'lookalike' and found.status <> 'excused' order by all""")
    assert accused == []


def test_nobody_else_is_accused(checked: Checked) -> None:
    """The ordinary people and employers of the world are innocent under every rule."""
    accused = checked.rows("""
        select what, status, principal_vnd from found
        where what not in (select what from expected where kind = 'positive') order by all limit 20""")
    assert accused == []


def test_the_money_is_what_an_independent_reading_of_the_law_gives(checked: Checked) -> None:
    differing = checked.rows("""
        select expected.what, expected.status, expected.principal_vnd, found.principal_vnd, expected.interest_vnd,
            found.interest_vnd, expected.note
        from expected join found on found.what = expected.what and found.status = expected.status
        where expected.kind = 'positive' and (
            found.principal_vnd <> expected.principal_vnd or found.interest_vnd <> expected.interest_vnd)
        order by all""")
    assert differing == []
    compared = checked.rows("""
        select count(*) from expected join found on found.what = expected.what and found.status = expected.status
        where expected.interest_vnd is not null""")
    assert compared[0][0] > 50


def test_every_rule_has_cases_to_find_and_to_leave_alone(checked: Checked) -> None:
    rules = {rule for (rule,) in checked.rows("select rule from warehouse.rule")}
    planted = checked.rows("select distinct rule, kind from expected")
    absent = {"CD01" if checked.as_of == DAYS[0] else "CD02"}
    assert {rule for rule, kind in planted if kind == "positive"} >= rules - absent
    assert {rule for rule, kind in planted if kind == "lookalike"} == rules


def test_no_person_key_means_two_people_who_both_have_a_valid_citizen_id(checked: Checked) -> None:
    joined = checked.rows("""
        select link.person_key, count(distinct persons.citizen_id)
        from warehouse.link as link
        join records using (registry, dataset, record_key, role)
        join persons using (true_person)
        where link.method = 'identifier'
        group by link.person_key having count(distinct records.true_person) > 1 order by 1""")
    assert joined == []


def test_what_was_set_aside_is_exactly_what_broke_the_contract(checked: Checked) -> None:
    data = checked.rows("select path from duckdb_databases() where database_name = 'warehouse'")[0][0]
    quarantine = Path(data).parents[2] / "quarantine"
    aside = checked.connection.execute(
        "select regexp_extract(filename, 'quarantine/(\\w+)/(\\w+)/', 1) || '.'"
        " || regexp_extract(filename, 'quarantine/(\\w+)/(\\w+)/', 2), record_key"
        f" from read_parquet('{quarantine}/*/*/*.parquet', filename = true)"
    ).fetchall()
    assert len(aside) > 0
    planted = {
        (name, key)
        for name, key in checked.rows("select dataset, record_key from malformed where record_key is not null")
    }
    assert {(name, key) for name, key in aside if key is not None} >= planted
