"""The insurer's books add up: dues are wages × rates, and ordinary units pay what they owe."""

from collections.abc import Iterator

import duckdb
import pytest

from sandbox.world import World


@pytest.fixture(scope="module")
def books(world: World) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as con:
        for name in ("unit", "participation", "charge", "payment"):
            con.register(name, world.tables[f"insurance.{name}"])
        con.register("truth_employer", world.truth["employers"])
        con.execute(f"set variable as_of = date '{world.as_of}'")
        con.execute("""
            create table due as
            select c.*, u.cycle_months, c.due_vnd + coalesce(c.adjustment_vnd, 0) as owed_vnd,
                strptime(c.month || '-01', '%Y-%m-%d')::date as first_day,
                (month(first_day) - 1) // cycle_months * cycle_months + cycle_months as cycle_end,
                (make_date(year(first_day), 1, 1) + to_months(cycle_end + 1))::date - 1 as deadline
            from charge as c join unit as u using (unit_code)""")
        yield con


def test_every_due_is_the_sum_of_wages_times_the_rate(books: duckdb.DuckDBPyConnection) -> None:
    wrong = books.execute("""
        with wages as (
            select d.charge_id, d.due_vnd, d.fund,
                sum(p.wage_vnd) filter (case d.fund when 'ui' then pays_ui when 'hi' then pays_hi else pays_si end) as basis
            from due as d join participation as p on p.unit_code = d.unit_code
                and d.month between p.from_month and coalesce(p.to_month, '9999-12')
            group by all)
        select count(*) from wages
        where due_vnd * 1000 <> basis * case fund when 'si' then 250 when 'hi' then 45 when 'ui' then 20 else 5 end
    """).fetchone()
    assert wrong == (0,)


def test_every_insured_month_is_charged(books: duckdb.DuckDBPyConnection) -> None:
    missing = books.execute("""
        with months as (select distinct month from due),
        insured as (
            select distinct p.unit_code, m.month from participation as p join months as m
                on m.month between p.from_month and coalesce(p.to_month, '9999-12')
            where p.pays_si and p.unit_code is not null)
        select count(*) from insured as i anti join due as d on d.unit_code = i.unit_code and d.month = i.month
        where i.month < strftime(getvariable('as_of') - interval 2 month, '%Y-%m')""").fetchone()
    assert missing == (0,)


def test_ordinary_units_owe_nothing_past_a_deadline(books: duckdb.DuckDBPyConnection) -> None:
    short = books.execute("""
        with ordinary as (select unnest(unit_codes) as unit_code from truth_employer where not is_cast),
        owed as (select unit_code, sum(owed_vnd) as vnd from due where deadline < getvariable('as_of') group by 1),
        paid as (select unit_code, sum(amount_vnd) as vnd from payment where paid_on <= getvariable('as_of') group by 1)
        select count(*) filter (owed.vnd > coalesce(paid.vnd, 0)), count(*)
        from ordinary join owed using (unit_code) left join paid using (unit_code)""").fetchone()
    assert short is not None
    assert short[0] == 0
    assert short[1] > 50


def test_payments_equal_dues_to_the_dong_once_every_deadline_has_passed(books: duckdb.DuckDBPyConnection) -> None:
    wrong = books.execute("""
        with ordinary as (select unnest(unit_codes) as unit_code from truth_employer where not is_cast),
        owed as (select unit_code, deadline, sum(owed_vnd)::bigint as vnd from due group by all),
        paid as (
            select unit_code, sum(amount_vnd) as vnd from payment group by 1),
        settled as (
            select o.unit_code, sum(o.vnd) filter (deadline < getvariable('as_of')) as least, sum(o.vnd) as most
            from owed as o join ordinary using (unit_code) group by 1)
        select count(*) from settled join paid using (unit_code) where paid.vnd not between least and most""").fetchone()
    assert wrong == (0,)


def test_adjustments_cycles_and_late_payers_exist_among_ordinary_units(books: duckdb.DuckDBPyConnection) -> None:
    found = books.execute("""
        select count(*) filter (adjustment_vnd > 0) > 0, count(*) filter (adjustment_vnd < 0) > 0,
            count(distinct cycle_months) = 3 from due""").fetchone()
    assert found == (True, True, True)
