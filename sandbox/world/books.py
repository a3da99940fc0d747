"""The insurer's own books: what units owe for each month, what they paid, and the rates between."""

from dataclasses import dataclass
from datetime import date

import duckdb
import pyarrow as pa

from sandbox.world.stage import first_month


@dataclass(frozen=True)
class Rates:
    """Shares of the wage in thousandths, employer and worker together, from a day on."""

    valid_from: date
    si: int
    hi: int
    ui: int
    oai: int


RATES = (
    Rates(date(2014, 1, 1), si=250, hi=45, ui=20, oai=10),
    Rates(date(2017, 6, 1), si=250, hi=45, ui=20, oai=5),
    Rates(date(2021, 7, 1), si=250, hi=45, ui=20, oai=0),
    Rates(date(2021, 10, 1), si=250, hi=45, ui=10, oai=0),
    Rates(date(2022, 7, 1), si=250, hi=45, ui=10, oai=5),
    Rates(date(2022, 10, 1), si=250, hi=45, ui=20, oai=5),
)
"""Retirement 22 % and sickness–maternity 3 % make `si`; law on social insurance, health insurance, employment."""

# Wages are whole thousands of dong and rates whole thousandths: every due is a whole number of dong.
_CHARGE = """
create table due as
with basis as (
    select t.unit_code, m.month,
        sum(m.wage_vnd) filter (absence = 'none')::bigint as si,
        sum(m.wage_vnd) filter (absence = 'none' and not is_foreign)::bigint as ui
    from job_month as m join unit as t on t.e = m.e and t.number = m.unit_number
    group by t.unit_code, m.month),
split as (
    select b.unit_code, b.month, unnest(['si', 'hi', 'ui', 'oai']) as fund,
        unnest([b.si * r.si // 1000, b.si * r.hi // 1000, coalesce(b.ui, 0) * r.ui // 1000, b.si * r.oai // 1000]) as due_vnd
    from basis as b join rate as r on r.month = b.month where b.si is not null)
select s.*, t.pays, t.cycle_months, s.unit_code || '-' || month_text(s.month) || '-' || fund as charge_id,
    if(t.pays <> 'staged' and fund = 'si' and u(s.unit_code || s.month, 'adjusted') < 0.015,
        floor((u(s.unit_code || s.month, 'adjustment') - 0.4) * due_vnd / 4000)::bigint * 1000, null) as adjustment_vnd,
    -- Last month of the cycle that holds the month, and the last day to pay.
    ((s.month // t.cycle_months) * t.cycle_months + t.cycle_months - 1)::int as cycle_end,
    month_end(cycle_end + 1) as deadline
from split as s join unit as t on t.unit_code = s.unit_code where due_vnd > 0
"""

_CHARGES = """
insert into insurance_charge by name
select charge_id, unit_code, month_text(month) as month, fund, due_vnd, adjustment_vnd,
    office_time(month_start(month + 1) + floor(u(unit_code || month, 'charged') * 5)::int, charge_id, 'charge')
        as updated_at
from due
"""

# Ordinary units pay in full. Sloppy ones are now and then up to three weeks late, never lately.
_PAYMENTS = """
insert into insurance_payment by name
with owed as (
    select unit_code, cycle_end, any_value(deadline) as deadline, any_value(pays) as pays,
        sum(due_vnd + coalesce(adjustment_vnd, 0))::bigint as amount_vnd
    from due where pays <> 'staged' group by unit_code, cycle_end),
parts as (
    select *, if(amount_vnd > 60000000 and u(unit_code || cycle_end, 'parts') < 0.3, [1, 2], [1]) as numbers from owed),
split as (
    select * exclude (numbers), unnest(numbers) as number, len(numbers) as parts from parts),
paid as (
    select unit_code, number, cycle_end,
        case when parts = 1 then amount_vnd when number = 1 then amount_vnd // 2
             else amount_vnd - amount_vnd // 2 end as amount_vnd,
        case when pays = 'sloppy' and deadline < getvariable('as_of') - 60 and u(unit_code || cycle_end, 'late') < 0.25
             then deadline + 1 + floor(u(unit_code || cycle_end, 'late days') * 20)::int
             when u(unit_code || cycle_end, 'last day') < 0.1 then deadline
             else deadline - floor(u(unit_code || cycle_end || number, 'early') * 20)::int end as paid_on
    from split)
select unit_code || '-P' || month_text(cycle_end) || '-' || number as payment_id, unit_code, paid_on, amount_vnd,
    office_time(paid_on, unit_code || cycle_end || number, 'payment') as updated_at
from paid
"""

# A month that was remembered before the deadline's day ten has no letter; sloppy units get one now and then.
_REMINDERS = """
insert into insurance_reminder by name
select unit_code || '-N' || month_text(cycle_end) as reminder_id, unit_code, any_value(deadline) + 8 as sent_on,
    month_text(cycle_end) as up_to_month,
    office_time(any_value(deadline) + 8, unit_code || cycle_end, 'reminder') as updated_at
from due
where pays = 'sloppy' and deadline < getvariable('as_of') - 60 and u(unit_code || cycle_end, 'late') < 0.25
    and u(unit_code || cycle_end, 'late days') >= 0.4
group by unit_code, cycle_end
"""


def build_dues(con: duckdb.DuckDBPyConnection, as_of: date) -> None:
    """Create `due`: what every unit owes by month and fund; whole dong, exactly wages × rates."""
    months = range(first_month(as_of), first_month(as_of) + 48)
    in_force = [max((r for r in RATES if r.valid_from <= date(m // 12, m % 12 + 1, 1)), key=_start) for m in months]
    funds = {
        fund: pa.array([getattr(found, fund) for found in in_force], pa.int64()) for fund in ("si", "hi", "ui", "oai")
    }
    rates = pa.table({"month": pa.array(months, pa.int32()), **funds})
    con.register("incoming", rates)
    con.execute("create table rate as select * from incoming")
    con.unregister("incoming")
    con.execute(_CHARGE)


def register_books(con: duckdb.DuckDBPyConnection) -> None:
    for statement in (_CHARGES, _PAYMENTS, _REMINDERS):
        con.execute(statement)


def _start(rates: Rates) -> date:
    return rates.valid_from
