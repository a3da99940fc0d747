"""Nobody is guilty but those who are planted: the rules read naively over the *true* people, without any linkage."""

import calendar
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import duckdb
import pytest

from sandbox.world import World, generate
from sandbox.world.late_scenes import SCENES

RULES = ("CD01", "CD02", "CD03", "CD04", "CD06", "TD01", "TD02", "BG03", "BG15", "BG18")


@pytest.fixture(scope="module")
def con(world: World) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as con:
        known = {name.split(".")[1]: table for name, table in world.tables.items()}
        for name, table in (known | {f"truth_{name}": table for name, table in world.truth.items()}).items():
            # Copied: DuckDB 1.5 cannot push a join's bloom filter into an Arrow scan.
            con.register("incoming", table)
            con.execute(f"create table {name} as select * from incoming")
            con.unregister("incoming")
        con.execute(f"set variable as_of = date '{world.as_of}'")
        con.execute(
            "create view self as select dataset, record_key, true_person from truth_records where role = 'self'"
        )
        con.execute("""
            create table insured as
            select s.true_person, strptime(p.from_month || '-01', '%Y-%m-%d')::date as from_date,
                coalesce(last_day(strptime(p.to_month || '-01', '%Y-%m-%d')::date), date '9999-12-31') as to_date
            from participation as p join self as s on s.dataset = 'participation' and s.record_key = p.spell_id
            where p.kind = 'compulsory'""")
        yield con


def expected(world: World, rule: str, *columns: str, kind: str = "positive") -> set[Any]:
    cases = [case for case in world.truth["cases"].to_pylist() if (case["rule"], case["kind"]) == (rule, kind)]
    return {tuple(case[column] for column in columns) for case in cases}


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_has_several_positives_and_lookalikes(world: World, rule: str) -> None:
    assert len(expected(world, rule, "item", "tax_code", "true_person")) >= 4
    assert len(expected(world, rule, "note", kind="lookalike")) >= 3


def test_no_case_is_both_guilty_and_innocent(world: World) -> None:
    keys = ("rule", "tax_code", "true_person", "item")
    cases = [(case["kind"], tuple(case[key] for key in keys)) for case in world.truth["cases"].to_pylist()]
    guilty = {key for kind, key in cases if kind == "positive"}
    assert {key for kind, key in cases if kind == "lookalike"} & guilty == set()


def test_every_record_that_names_a_person_has_its_true_person(world: World) -> None:
    counted = Counter(row["dataset"] for row in world.truth["records"].select(["dataset", "role"]).to_pylist())
    for name, table in world.tables.items():
        if "full_name" in table.column_names:
            assert counted[name.split(".")[1]] >= table.num_rows, name


def test_practitioners_are_nobody_of_the_population(con: duckdb.DuckDBPyConnection) -> None:
    found = con.execute("""
        select count(*), count(distinct true_person), count(*) filter (true_person in (select true_person from truth_persons))
        from self where dataset = 'practitioner'""").fetchall()
    assert found[0][0] == found[0][1] > 0
    assert found[0][2] == 0


def test_payroll_and_contracts_without_an_insured_month_are_exactly_the_planted_ones(
    world: World, con: duckdb.DuckDBPyConnection
) -> None:
    found = con.execute("""
        with pensioner as (select s.true_person from benefit as b join self as s on s.dataset = 'benefit'
                           and s.record_key = b.benefit_id where b.kind = 'pension'),
        exempt as (select s.true_person from work_permit as w join self as s on s.dataset = 'work_permit'
                   and s.record_key = w.permit_no where w.intra_company or w.contract_to < w.contract_from + 364),
        registered as (select distinct left(tax_code, 10) as tax_code from unit),
        paid as (
            select s.true_person, l.tax_code, l.year from payroll as l
            join self as s on s.dataset = 'payroll' and s.record_key = l.line_id
            where l.schedule = 'progressive' and make_date(l.year + 1, 3, 31) < getvariable('as_of')
                and not exists (select 1 from insured as i where i.true_person = s.true_person
                    and i.from_date <= make_date(l.year, 12, 31) and i.to_date >= make_date(l.year, 1, 1))),
        employed as (
            select s.true_person, l.tax_code, year(l.contract_from) from workforce as l
            join self as s on s.dataset = 'workforce' and s.record_key = l.line_id
            where l.contract in ('indefinite', 'fixed', 'part_time', 'other')
                and coalesce(l.contract_to, date '9999-12-31') >= l.contract_from + interval 1 month - interval 1 day
                and l.contract_from < getvariable('as_of') - 90
                and not exists (select 1 from insured as i where i.true_person = s.true_person
                    and i.to_date >= l.contract_from))
        select distinct f.tax_code, f.true_person, f.year::varchar
        from (select * from paid union select * from employed) as f
        where f.true_person not in (from pensioner) and f.true_person not in (from exempt)
            and left(f.tax_code, 10) in (from registered)""").fetchall()
    assert set(found) == expected(world, "TD02", "tax_code", "true_person", "item")


def test_payers_with_contracts_and_no_unit_are_the_planted_ones_and_their_doubles(
    world: World, con: duckdb.DuckDBPyConnection
) -> None:
    found = con.execute("""
        with registered as (select distinct left(tax_code, 10) as root, tax_code from unit),
        began as (
            select tax_code, min(case when period like '%Q%'
                then make_date(left(period, 4)::int, right(period, 1)::int * 3 - 2, 1)
                else strptime(period || '-01', '%Y-%m-%d')::date end) as first_day
            from withholding where workers_contracted > 0 group by 1)
        select tax_code from began join taxpayer using (tax_code)
        where status = 'active' and first_day < getvariable('as_of') - 90
            and (length(tax_code) = 12 or left(tax_code, 10) not in (select root from registered))
            and tax_code not in (select tax_code from registered)""").fetchall()
    # What a naive reading cannot see: pensioners, foreigners, people lent by a firm.
    innocent = {item for (item,) in expected(world, "TD01", "item", kind="lookalike")}
    assert {code for (code,) in found} - innocent == {item for (item,) in expected(world, "TD01", "item")}


def test_sick_pay_without_a_certificate_is_exactly_the_planted_one(
    world: World, con: duckdb.DuckDBPyConnection
) -> None:
    found = con.execute("""
        with known as (
            select regexp_replace(upper(certificate_no), '[^A-Z0-9]', '', 'g') as serial from certificate
            union select regexp_replace(upper(record_key), '[^A-Z0-9]', '', 'g') from truth_malformed
            where dataset = 'health.certificate')
        select benefit_id from benefit
        where kind in ('sickness', 'child_sickness') and paid_on <= getvariable('as_of') - 15
            and regexp_replace(upper(certificate_no), '[^A-Z0-9]', '', 'g') not in (from known)""").fetchall()
    assert set(found) == expected(world, "BG03", "item")


def test_unemployment_beside_a_job_is_exactly_the_planted_one(world: World, con: duckdb.DuckDBPyConnection) -> None:
    rows = con.execute("""
        with work as (
            select true_person, from_date, to_date from insured
            union all
            select s.true_person, l.contract_from, coalesce(l.contract_to, date '9999-12-31') from workforce as l
            join self as s on s.dataset = 'workforce' and s.record_key = l.line_id
            where l.contract not in ('under_1_month', 'probation'))
        select u.decision_no, greatest(u.from_date, w.from_date),
            least(u.to_date, coalesce(u.ended_on, u.to_date), w.to_date, getvariable('as_of'))
        from unemployment as u
        join self as s on s.dataset = 'unemployment' and s.record_key = u.decision_no
        join work as w on w.true_person = s.true_person""").fetchall()
    assert {(key,) for key, first, last in rows if holds_a_whole_month(first, last)} == expected(world, "BG15", "item")


def holds_a_whole_month(first: date, last: date) -> bool:
    start = first if first.day == 1 else (first.replace(day=28) + timedelta(days=4)).replace(day=1)
    return start.replace(day=calendar.monthrange(start.year, start.month)[1]) <= last


def test_benefits_for_a_time_after_the_death_are_exactly_the_planted_ones(
    world: World, con: duckdb.DuckDBPyConnection
) -> None:
    found = con.execute("""
        select b.benefit_id from benefit as b
        join self as s on s.dataset = 'benefit' and s.record_key = b.benefit_id
        join self as d on d.dataset = 'death' and d.true_person = s.true_person
        join death on death.notice_no = d.record_key
        where b.from_date > last_day(death.died_on)""").fetchall()
    assert set(found) == expected(world, "BG18", "item")


def test_the_dead_neither_work_nor_visit(world: World, con: duckdb.DuckDBPyConnection) -> None:
    late = con.execute("""
        select count(*) from visit join self as s on s.dataset = 'visit' and s.record_key = visit_id
        join self as d on d.dataset = 'death' and d.true_person = s.true_person
        join death on death.notice_no = d.record_key where admitted_at::date > died_on""").fetchone()
    assert late == (0,)
    working = con.execute("""
        select count(*) from insured as i join self as d on d.dataset = 'death' and d.true_person = i.true_person
        join death on death.notice_no = d.record_key where i.to_date > last_day(died_on)""").fetchone()
    assert working == (0,)


@pytest.mark.parametrize(
    ("as_of", "days", "rules"),
    [
        # Deadlines are month ends, so the day one looks decides which clocks can be seen.
        (date(2026, 6, 29), {29, 60}, {"CD01", "CD02", "CD03", "CD04", "CD06"}),
        (date(2026, 6, 30), {30, 61}, {"CD02", "CD03", "CD04", "CD06"}),
        (date(2026, 11, 21), {21, 52}, {"CD01", "CD02", "CD03", "CD04", "CD06"}),
        (date(2026, 1, 1), {1, 32}, {"CD01", "CD02", "CD03", "CD04", "CD06"}),
        (date(2025, 3, 15), {15, 43}, {"CD01", "CD02", "CD03", "CD04", "CD06"}),
    ],
)
def test_planted_units_fall_under_the_rule_their_days_say(as_of: date, days: set[int], rules: set[str]) -> None:
    cases = [case for case in generate(400, 3, as_of).truth["cases"].to_pylist() if case["rule"].startswith("CD0")]
    positives = [case for case in cases if case["kind"] == "positive"]
    assert {case["rule"] for case in positives} == rules
    assert days <= {int(case["note"].rsplit("; ")[1].split()[0]) for case in positives if case["rule"] != "CD06"}
    assert {case["status"] for case in positives if case["rule"] != "CD06"} == {"late", "evasion", "excused"}
    guilty = {(case["rule"], case["item"]) for case in positives}
    innocent = {(case["rule"], case["item"]) for case in cases if case["kind"] == "lookalike"}
    assert guilty & innocent == set()
    assert {scene.note for scene in SCENES} == {case["note"].split("; ")[0] for case in cases}
