"""Checks on a build: each passes on a build that keeps its promises and fails on one that breaks them all."""

import re
from collections.abc import Sequence
from pathlib import Path

import duckdb
import pytest
from landed_records import AS_OF, RUN

from common.settings import CheckSettings, Settings
from common.values import Silent
from expectations.build import check_build
from expectations.checks import Check, NoRows
from expectations.suite_files import written_checks
from expectations.verdicts import Verdict

# One worker pays for the import of great-expectations.
pytestmark = pytest.mark.xdist_group("great_expectations")

KEPT = """
create table staging.insurance_charge (unit_code varchar, due_vnd bigint, adjustment_vnd bigint);
insert into staging.insurance_charge values ('U1', 100, null), ('U1', 60, -10), ('U1', -30, null);

create table marts.due (unit_code varchar, month varchar, fund varchar, due_vnd bigint);
insert into marts.due values ('U1', '2026-01', 'si', 100), ('U1', '2026-02', 'si', 50), ('U1', '2026-03', 'si', -30);

create table marts.unit_money (unit_code varchar, money_no bigint, kind varchar, money_id varchar, amount_vnd bigint,
    from_vnd bigint, to_vnd bigint);
insert into marts.unit_money values ('U1', 1, 'payment', 'P1', 80, 0, 80),
    ('U1', 2, 'credit', '2026-03/si', 30, 80, 110);

create table marts.unit_month_part (unit_code varchar, month varchar, fund varchar, from_vnd bigint, amount_vnd bigint,
    money_kind varchar, money_id varchar, settled_on date, days_late integer, interest_days integer,
    interest_exact decimal(38, 6));
insert into marts.unit_month_part values
    ('U1', '2026-01', 'si', 0, 80, 'payment', 'P1', '2026-02-01', 0, 0, 0),
    ('U1', '2026-01', 'si', 80, 20, 'credit', '2026-03/si', '2026-04-30', 59, 59, 0.354),
    ('U1', '2026-02', 'si', 100, 10, 'credit', '2026-03/si', '2026-04-30', 30, 30, 0.09),
    ('U1', '2026-02', 'si', 110, 40, null, null, null, 91, 91, 1.092);

create table marts.unit_month (unit_code varchar, month varchar, due_vnd bigint, credit_vnd bigint, paid_vnd bigint,
    unpaid_vnd bigint, late_vnd bigint, excused_vnd bigint, interest_vnd bigint, days_late integer);
insert into marts.unit_month values
    ('U1', '2026-01', 100, 0, 100, 0, 0, 0, 0, 0), ('U1', '2026-02', 50, 0, 10, 40, 40, 0, 1, 91),
    ('U1', '2026-03', 0, 30, 0, 0, 0, 0, 0, 0);

create table marts.spell (spell_id varchar, from_day date, to_day date);
insert into marts.spell values ('S1', '2026-01-01', '9999-12-31');

create table linkage.person_mention (mention_no bigint);
insert into linkage.person_mention values (1), (2), (3);
create table linkage.person_link (mention_no bigint, registry varchar, dataset varchar, record_key varchar,
    role varchar, person_key varchar, method varchar);
insert into linkage.person_link values (1, 'tax', 'payroll', 'L1', 'self', 'P1', 'identifier'),
    (2, 'health', 'birth', 'B1', 'mother', 'P1', 'identifier'), (3, 'health', 'birth', 'B1', 'father', 'P2', 'alone');
create table linkage.trusted_identifier (mention_no bigint, kind varchar, value varchar);
insert into linkage.trusted_identifier values
    (1, 'citizen', '001080000001'), (2, 'citizen', '001080000001'), (3, 'citizen', '001080000002'), (2, 'si', '0108000001');
create table linkage.judgement (judgement_id varchar, kind varchar, mention_a bigint, mention_b bigint);
insert into linkage.judgement values ('J1', 'same', 1, 2), ('J2', 'different', 2, 3);

create table findings.finding (finding_id varchar, flag_id varchar, rule varchar, rule_version varchar, law varchar,
    status varchar, grade varchar, subject_kind varchar, employer_key varchar, unit_code varchar, person_key varchar,
    facility_code varchar, doctor_code varchar, office_code varchar, from_date date, to_date date, principal_vnd bigint,
    interest_vnd bigint, days_late integer, facts varchar, steps varchar);
insert into findings.finding values
    ('F1', 'G1', 'CD04', 'v1', '41/2024/QH15 Đ39', 'late', 'A', 'employer', 'E1', 'U1', null, null, null, null,
     '2026-02-01', '2026-02-28', 40, 1, 91, '{"month": "2026-02"}', '[]'),
    ('F2', 'G1', 'CD04', 'v1', '41/2024/QH15 Đ39', 'excused', 'A', 'employer', 'E1', 'U1', null, null, null, null,
     '2026-03-01', '2026-03-31', 5, 0, 61, '{}', '[]'),
    ('F3', 'G2', 'BG18', 'v1', '41/2024/QH15 Đ75', 'suspected', 'B', 'person', null, null, 'P1', null, null, null,
     '2026-02-01', null, null, null, null, '{}', '[]');
create table findings.finding_evidence (finding_id varchar, position integer, registry varchar, dataset varchar,
    record_key varchar, pull varchar);
insert into findings.finding_evidence values ('F1', 1, 'insurance', 'charge', 'C1', 'p'),
    ('F2', 1, 'insurance', 'charge', 'C2', 'p'), ('F3', 1, 'insurance', 'benefit', 'B1', 'p');
create table findings.flag (flag_id varchar, findings integer, principal_vnd bigint, interest_vnd bigint,
    change varchar);
insert into findings.flag values
    ('G1', 2, 40, 1, 'worse'), ('G2', 1, null, null, 'new'), ('G3', 0, null, null, 'cleared');
"""

BREAKS = {
    "findings.finding": {
        "key_unique": "insert into findings.finding select * from findings.finding where finding_id = 'F3'",
        "has_evidence": "delete from findings.finding_evidence where finding_id = 'F3'",
        "cites_rule_and_law": "update findings.finding set law = '' where finding_id = 'F1'",
        "known_status_and_grade": "update findings.finding set grade = 'D' where finding_id = 'F1'",
        "has_subject": "update findings.finding set person_key = null where finding_id = 'F3'",
        "amounts_not_negative": "update findings.finding set principal_vnd = -40 where finding_id = 'F1'",
        "facts_are_json": "update findings.finding set facts = '{' where finding_id = 'F3'",
        "has_flag": "update findings.finding set flag_id = null where finding_id = 'F3'",
        "dates_in_order": "update findings.finding set to_date = date '2026-01-31' where finding_id = 'F3'",
    },
    "findings.finding_evidence": {
        "key_unique": "insert into findings.finding_evidence values ('F1', 1, 'insurance', 'charge', 'C9', 'p')",
        "names_its_record": "update findings.finding_evidence set pull = null where finding_id = 'F2'",
        "cites_a_finding": "insert into findings.finding_evidence values ('F9', 1, 'insurance', 'charge', 'C9', 'p')",
    },
    "findings.flag": {
        "key_unique": "insert into findings.flag select * from findings.flag where flag_id = 'G3'",
        "counts_its_findings": "update findings.flag set findings = 3 where flag_id = 'G2'",
        "known_change": "update findings.flag set change = 'gone' where flag_id = 'G3'",
        "sums_its_findings": "update findings.flag set principal_vnd = 45 where flag_id = 'G1'",
    },
    "linkage.person_link": {
        "key_unique": "insert into linkage.person_link select * from linkage.person_link where mention_no = 3",
        "one_citizen_id_per_person": "update linkage.person_link set person_key = 'P1' where mention_no = 3",
        "linked": "update linkage.person_link set method = null where mention_no = 2",
        "every_mention_is_linked": "insert into linkage.person_mention values (4)",
        "judged_different_stay_apart": "insert into linkage.judgement values ('J3', 'different', 1, 2)",
    },
    "marts.due": {
        "key_unique": "insert into marts.due select * from marts.due where month = '2026-03'",
        "charges_add_up": "update marts.due set due_vnd = 51 where month = '2026-02'",
    },
    "marts.spell": {
        "key_unique": "insert into marts.spell select * from marts.spell",
        "dates_in_order": "update marts.spell set to_day = date '2025-12-31'",
    },
    "marts.unit_money": {
        "key_unique": "insert into marts.unit_money select * from marts.unit_money where money_no = 2",
        "money_is_used_once": "update marts.unit_month_part set amount_vnd = 81 where from_vnd = 0",
        "money_is_not_left_idle": "update marts.unit_money set to_vnd = 120 where money_no = 2",
    },
    "marts.unit_month": {
        "key_unique": "insert into marts.unit_month select * from marts.unit_month where month = '2026-01'",
        "ledger_adds_up": "update marts.unit_month set unpaid_vnd = 39 where month = '2026-02'",
        "amounts_not_negative": "update marts.unit_month set interest_vnd = -1 where month = '2026-02'",
        "every_month_has_its_dues": "delete from marts.unit_month where month = '2026-03'",
    },
    "marts.unit_month_part": {
        "key_unique": "insert into marts.unit_month_part select * from marts.unit_month_part where from_vnd = 110",
        "allocation_adds_up": "update marts.unit_month_part set amount_vnd = 41 where from_vnd = 110",
        "pieces_positive": "update marts.unit_month_part set days_late = -1 where from_vnd = 110",
    },
}


def key_of(check: Check) -> list[str]:
    assert isinstance(check.question, NoRows)
    found = re.match(r"select (.*)\nfrom", check.question.query)
    assert found is not None
    return found[1].split(", ")


def make_build(path: Path, checks: Sequence[Check]) -> Path:
    """A build that keeps every promise; a table that only has a key check gets its key columns and one row."""
    with duckdb.connect(str(path)) as connection:
        for schema in ("staging", "marts", "linkage", "findings"):
            connection.execute(f"create schema {schema}")
        connection.execute(KEPT)
        for check in checks:
            if check.suite not in BREAKS:
                columns = ", ".join(f"'k' as {name}" for name in key_of(check))
                connection.execute(f"create table {check.suite} as select {columns}")
    return path


def judge(path: Path, **checks: CheckSettings) -> list[Verdict]:
    settings = Settings(checks={name.replace("__", "."): found for name, found in checks.items()})
    return check_build(settings, path, run=RUN, as_of=AS_OF, progress=Silent())


def failed(verdicts: Sequence[Verdict]) -> set[tuple[str, str]]:
    return {(verdict.suite, verdict.check) for verdict in verdicts if not verdict.passed}


CHECKS = written_checks("build", as_of=AS_OF)


def test_a_build_that_keeps_its_promises_passes_every_check(tmp_path: Path) -> None:
    verdicts = judge(make_build(tmp_path / "build.duckdb", CHECKS))
    assert failed(verdicts) == set()
    assert len(verdicts) == len(CHECKS)


@pytest.mark.parametrize("suite", BREAKS)
def test_a_broken_promise_is_found(tmp_path: Path, suite: str) -> None:
    path = make_build(tmp_path / "build.duckdb", CHECKS)
    with duckdb.connect(str(path)) as connection:
        for statement in BREAKS[suite].values():
            connection.execute(statement)
    verdicts = judge(path)
    assert {check for found, check in failed(verdicts) if found == suite} == set(BREAKS[suite])
    assert [verdict.observed for verdict in verdicts if "could not be checked" in verdict.observed] == []


def test_every_check_that_is_not_about_a_key_alone_has_a_build_that_breaks_it() -> None:
    written = {suite: {check.name for check in CHECKS if check.suite == suite} for suite in {c.suite for c in CHECKS}}
    assert {suite: names for suite, names in written.items() if names != {"key_unique"}} == {
        suite: set(breaks) for suite, breaks in BREAKS.items()
    }


def test_a_key_that_stands_twice_in_any_mart_blocks(tmp_path: Path) -> None:
    path = make_build(tmp_path / "build.duckdb", CHECKS)
    marts = {check.suite for check in CHECKS if check.suite not in BREAKS}
    with duckdb.connect(str(path)) as connection:
        for mart in marts:
            connection.execute(f"insert into {mart} select * from {mart}")
    verdicts = judge(path)
    assert failed(verdicts) == {(mart, "key_unique") for mart in marts}
    assert all(verdict.blocks for verdict in verdicts if not verdict.passed)


def test_a_check_whose_table_does_not_exist_fails_and_says_why(tmp_path: Path) -> None:
    path = tmp_path / "build.duckdb"
    duckdb.connect(str(path)).close()
    verdicts = judge(path)
    assert failed(verdicts) == {(check.suite, check.name) for check in CHECKS}
    unit = next(found for found in verdicts if found.suite == "marts.unit")
    assert unit.blocks
    assert unit.observed == (
        'could not be checked: Catalog Error: Table with name "marts.unit" does not exist'
        ' because schema "marts" does not exist.'
    )


def test_the_build_can_be_written_again_after_its_checks(tmp_path: Path) -> None:
    path = make_build(tmp_path / "build.duckdb", CHECKS)
    judge(path)
    with duckdb.connect(str(path), config={"threads": 1}) as connection:
        connection.execute("create table still_mine as select 1")


def test_the_level_of_a_build_check_is_configured_by_its_table(tmp_path: Path) -> None:
    path = make_build(tmp_path / "build.duckdb", CHECKS)
    with duckdb.connect(str(path)) as connection:
        connection.execute(BREAKS["marts.spell"]["dates_in_order"])
    assert not [verdict for verdict in judge(path) if verdict.blocks]
    strict = judge(path, marts__spell=CheckSettings(block=("dates_in_order",)))
    assert [verdict.check for verdict in strict if verdict.blocks] == ["dates_in_order"]


def test_every_mart_has_a_check_on_its_key() -> None:
    root = Path(__file__).parents[2] / "warehouse" / "marts"
    marts = {f"marts.{path.stem}" for path in root.glob("*.sql")}
    assert marts - {check.suite for check in CHECKS if check.name == "key_unique"} == set()
