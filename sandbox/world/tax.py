"""Personal-income-tax returns: one return per payer and period, one yearly line per payer and person."""

import duckdb

from sandbox.world import identity

# A branch without its own unit pays its staff under its own tax code while they are insured under the head office.
_PAY = """
create table pay as
select j.job_id, j.p, j.e, e.pays = 'staged' as is_staged,
    case when e.has_branch and (j.unit_number = 2 or (not e.branch_has_unit and u(j.job_id, 'branch pays') < 0.4))
         then e.tax_code || if(u(j.job_id, 'hyphen') < 0.7, '-001', '001') else e.tax_code end as payer,
    e.tax_code || if(e.has_branch and (j.unit_number = 2
        or (not e.branch_has_unit and u(j.job_id, 'branch pays') < 0.4)), '-001', '') as payer_code,
    e.slots >= 25 as is_monthly
from job as j join employer as e on e.e = j.e
where j.is_insured and j.is_taxed
"""

_WITHHOLDING = """
insert into tax_withholding by name
with periods as (
    select p.payer_code, p.e, m.p, m.wage_vnd, m.absence, m.month,
        if(p.is_monthly, m.month, m.month // 3 * 3 + 2) as last_month, p.is_monthly
    from job_month as m join pay as p on p.job_id = m.job_id),
returns as (
    select payer_code, last_month, any_value(is_monthly) as is_monthly, count(distinct p) as contracted,
        (sum(wage_vnd) filter (absence = 'none') * 11 // 10)::bigint as income_vnd
    from periods group by payer_code, last_month)
select payer_code || '-' || month_text(last_month) as return_id, payer_code as tax_code,
    if(is_monthly, month_text(last_month), (last_month // 12) || '-Q' || (last_month % 12 // 3 + 1)) as period,
    contracted + floor(pow(u(payer_code || last_month, 'extra'), 4) * 4)::int as workers,
    contracted as workers_contracted, coalesce(income_vnd, 0) as income_vnd,
    coalesce(income_vnd, 0) * 3 // 100 as tax_vnd,
    if(is_monthly, month_start(last_month + 1) + 19, month_end(last_month + 1))
        - floor(u(payer_code || last_month, 'filed') * 12)::int as filed_on,
    office_time(filed_on, payer_code || last_month, 'return') as updated_at
from returns
"""


def register_tax(con: duckdb.DuckDBPyConnection) -> None:
    """Returns and payroll lines of everybody with a job, and flat-rate lines of people without one."""
    con.execute(_PAY)
    con.execute(_WITHHOLDING)
    con.execute(_progressive())
    con.execute(_flat())
    con.execute(_REVENUE)


def _progressive() -> str:
    record = "y.line_id"
    return f"""
insert into tax_payroll by name
with y as (
    select p.payer || '-' || (m.month // 12) || '-' || m.p as line_id, any_value(p.payer) as payer, m.p,
        (m.month // 12)::int as year, any_value(m.is_foreign) as is_foreign,
        sum(if(absence = 'none', m.wage_vnd, 0))::bigint as wages_vnd
    from job_month as m join pay as p on p.job_id = m.job_id
    group by p.payer, m.p, m.month // 12)
select y.line_id, y.payer as tax_code, y.year, 'progressive' as schedule, {identity.full_name(record)} as full_name,
    if(y.year >= 2025 and u({record}, 'personal code') < 0.6, p.citizen_id, p.tax_number) as person_tax_code,
    ({identity.document(record)}).kind as id_kind, ({identity.document(record)}).number as id_number,
    y.wages_vnd + floor(u({record}, 'bonus') * y.wages_vnd / 5000)::bigint * 1000 as income_vnd,
    y.wages_vnd * if(y.is_foreign, 95, 105) // 1000 as insurance_deducted_vnd, y.wages_vnd // 40 as tax_vnd,
    office_time(make_date(y.year + 1, 3, 1) + floor(u(y.payer || y.year, 'filed') * 28)::int, {record}, 'payroll')
        as updated_at,
    y.p as _self
from y join person as p on p.p = y.p
"""


def _flat() -> str:
    record = "f.line_id"
    return f"""
insert into tax_payroll by name
with payers as (
    select tax_code, row_number() over (order by e) - 1 as turn, count(*) over () as total
    from employer where kind = 'enterprise' and status = 'active' and not is_cast),
f as (
    select k.tax_code || '-' || y.year || '-' || p.p || 'T' as line_id, k.tax_code, y.year, p.p
    from person as p
    cross join (select unnest(range(getvariable('first_month') // 12, year(getvariable('as_of'))))::int as year) as y
    join payers as k on k.turn = floor(u(p.p * 10 + y.year % 10, 'flat payer') * k.total)
    where p.kind in ('informal', 'student') and not p.is_cast and p.died_on is null and u(p.p, 'freelance') < 0.08)
select f.line_id, f.tax_code, f.year, 'flat' as schedule, {identity.full_name(record)} as full_name,
    p.tax_number as person_tax_code, ({identity.document(record)}).kind as id_kind,
    ({identity.document(record)}).number as id_number,
    (20 + floor(u({record}, 'fee') * 300))::bigint * 100000 as income_vnd,
    (2 + floor(u({record}, 'fee') * 30))::bigint * 100000 as tax_vnd,
    office_time(make_date(f.year + 1, 3, 1) + floor(u({record}, 'filed') * 28)::int, {record}, 'payroll') as updated_at,
    f.p as _self
from f join person as p on p.p = f.p
"""


_REVENUE = """
insert into tax_revenue by name
select e.tax_code, y.year, (10 + floor(u(e.e, 'revenue') * 900))::bigint * greatest(1, e.slots) * 10000000
        as revenue_vnd, (20 + floor(u(e.e * 10 + y.year % 10, 'invoices') * 2000))::int as invoices,
    office_time(make_date(y.year + 1, 3, 25), e.e * 10 + y.year % 10, 'revenue') as updated_at
from employer as e
cross join (select unnest(range(getvariable('first_month') // 12, year(getvariable('as_of'))))::int as year) as y
where e.status = 'active'
"""
