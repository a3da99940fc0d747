"""What the insurer pays: one row per payment, each resting on a record of another registry."""

import duckdb

from sandbox.world import identity

# (kind, payee, what it rests on); every payment is paid after its period began and only to people then alive.
_PAID = """
create table paid as
with last_jobs as (
    select p, max(to_month) as left_in from job group by p having count(*) = count(to_month)),
relatives as (
    select p, row_number() over (order by p) - 1 as turn, count(*) over () as total from person
    where kind in ('elder', 'informal') and not is_cast and died_on is null),
dead as (
    select d.p, d.died_on, d.citizen_id, d.si_number, r.p as relative from person as d
    join relatives as r on r.turn = floor(u(d.p, 'relative') * r.total)
    where d.died_on is not null and d.kind = 'pensioner')
select 'OD' || n as benefit_id, benefit as kind, payee as p, unit_code, day as from_date, day + days - 1 as to_date,
    greatest(1, days * 5 // 7)::bigint as days, greatest(1, days * 5 // 7) * (wage_vnd // 24 * 3 // 4) as amount_vnd,
    certificate_no, facility_code, if(benefit = 'child_sickness', birth, null) as child_birth_date,
    null as deceased_citizen_id, null as deceased_si_number, null::bigint as deceased,
    day + days + 11 + floor(u(n, 'paid') * 20)::int as paid_on
from sick_note where u(n, 'claimed') < 0.8
union all
select 'TS' || d.job_id, 'maternity', d.p, t.unit_code, month_start(d.from_month), month_end(d.to_month), null,
    6 * j.wage_vnd, null, d.facility_code, d.born_on, null, null, null, d.born_on + 25
from delivery as d join job as j using (job_id) join unit as t on t.e = j.e and t.number = j.unit_number
union all
select 'TC' || d.job_id, 'paternity', d.father, t.unit_code, d.born_on + 3, d.born_on + 7, 5, m.wage_vnd // 24 * 5,
    null, d.facility_code, d.born_on, null, null, null, d.born_on + 40
from delivery as d
join job_month as m on m.p = d.father and m.month = month_of(d.born_on) and m.absence = 'none'
join unit as t on t.e = m.e and t.number = m.unit_number
where u(d.job_id, 'paternity') < 0.5
union all
select 'DS' || d.job_id, 'convalescence', d.p, t.unit_code, month_end(d.to_month) + 2, month_end(d.to_month) + 6, 5,
    5 * 702000, null, null, null, null, null, null, month_end(d.to_month) + 25
from delivery as d join job as j using (job_id) join unit as t on t.e = j.e and t.number = j.unit_number
where u(d.job_id, 'convalescence') < 0.2 and coalesce(j.to_month, 99999) > d.to_month
union all
select 'LH' || p || '-' || month_text(month), 'pension', p, null, month_start(month), month_end(month), null,
    (30 + floor(u(p, 'pension') * 60))::bigint * 100000, null, null, null, null, null, null,
    month_start(month) + 3 + floor(u(p * 100 + month % 100, 'pension day') * 6)::int
from person
cross join (select unnest(range(getvariable('first_month'), getvariable('last_month') + 1))::int as month)
where kind = 'pensioner' and not is_cast and month <= month_of(coalesce(died_on, date '2999-01-01'))
union all
select 'MT' || p, 'funeral', relative, null, died_on, null, null, 23400000, null, null, null, citizen_id, si_number, p,
    died_on + 20
from dead where u(p, 'funeral') < 0.9
union all
select 'TT' || d.p || '-' || month_text(m.month), 'survivor', d.relative, null, month_start(m.month),
    month_end(m.month), null, 1170000, null, null, null, d.citizen_id, d.si_number, d.p, month_start(m.month) + 9
from dead as d
join (select unnest(range(getvariable('first_month'), getvariable('last_month') + 1))::int as month) as m
    on m.month > month_of(d.died_on)
where u(d.p, 'survivor') < 0.3
union all
select 'BT' || a.p, 'lump_sum', a.p, null, month_start(a.left_in + 13), null, null,
    (10 + floor(u(a.p, 'lump') * 90))::bigint * 1000000, null, null, null, null, null, null,
    month_start(a.left_in + 13) + 15
from last_jobs as a join person as p on p.p = a.p
where not p.is_cast and u(a.p, 'lump sum') < 0.4 and a.left_in + 14 <= month_of(getvariable('as_of'))
union all
select 'TL' || p, 'accident', p, null, assessed.day + 1, null, null, 11700000, null, null, null, null, null, null,
    assessed.day + 30
from (select p, month_start(getvariable('first_month') + floor(u(p, 'assessed') * 22)::int) + 9 as day
      from person where kind = 'worker' and not is_cast and u(p, 'injured') < 0.004) as assessed
union all
select decision_no || '-' || month_text(month), 'unemployment', p, null, month_start(month), month_end(month), null,
    monthly_vnd, null, null, null, null, null, null, month_end(month) - 10
from (select *, unnest(range(from_month, to_month + 1))::int as month from unemployed)
"""


def register_benefits(con: duckdb.DuckDBPyConnection) -> None:
    """Needs `sick_note`, `delivery`, `unemployed`."""
    con.execute(_PAID)
    con.execute(_benefits())
    con.execute(_VERIFICATIONS)
    con.execute(_INSPECTIONS)


def _benefits() -> str:
    record, day = "b.benefit_id", "b.paid_on"
    # A serial is typed by hand: with spaces, with hyphens, in small letters.
    serial = f"""case when u({record}, 'serial') < 0.03 * getvariable('dirt') then lower(replace(b.certificate_no, '.', ' '))
             when u({record}, 'serial') < 0.06 * getvariable('dirt') then replace(b.certificate_no, '.', '-')
             else b.certificate_no end"""
    return f"""
insert into insurance_benefit by name
select b.benefit_id, b.kind, {identity.si_number(record, day)} as si_number, {identity.full_name(record)} as full_name,
    {identity.birth_date(record)} as birth_date, p.sex, {identity.citizen_id(record)} as citizen_id, b.unit_code,
    b.from_date, b.to_date, b.days, b.amount_vnd, {serial} as certificate_no, b.facility_code, b.child_birth_date,
    b.deceased_citizen_id, b.deceased_si_number,
    if(b.kind in ('pension', 'survivor', 'lump_sum', 'maternity'), p.bank_account, null) as bank_account, b.paid_on,
    office_time(b.paid_on, {record}, 'benefit') as updated_at, b.p as _self, b.deceased as _deceased
from paid as b join person as p on p.p = b.p
"""


_VERIFICATIONS = """
insert into insurance_verification by name
with y as (select unnest(range(getvariable('first_month') // 12, year(getvariable('as_of')) + 1))::int as year)
select 'XM' || p || '-' || y.year as verification_id, si_number,
    make_date(y.year, 1 + floor(u(p, 'verified month') * 12)::int, 10) as verified_on,
    case when u(p, 'paid by') < 0.7 then 'bank' when u(p, 'paid by') < 0.95 then 'cash' else 'proxy' end as paid_by,
    if(u(p, 'paid by') >= 0.95, make_date(y.year + 1, 1 + floor(u(p, 'verified month') * 12)::int, 9), null)
        as proxy_until,
    office_time(make_date(y.year, 1 + floor(u(p, 'verified month') * 12)::int, 12), p * 100 + y.year % 100, 'verified')
        as updated_at, p as _self
from person cross join y
where kind = 'pensioner' and not is_cast
    and coalesce(died_on, date '2999-01-01') > make_date(y.year, 1 + floor(u(p, 'verified month') * 12)::int, 10)
"""

_INSPECTIONS = """
insert into insurance_inspection by name
select 'KL-' || t.unit_code as inspection_no, t.unit_code, t.tax_code,
    month_start(getvariable('first_month') + 2 + floor(u(t.unit_code, 'inspected month') * 20)::int) + 7 as notified_on,
    notified_on + 45 as concluded_on, pick(['confirmed', 'partly', 'dismissed', 'dismissed'], t.unit_code, 'outcome')
        as outcome,
    case when outcome in ('confirmed', 'partly') then (5 + floor(u(t.unit_code, 'assessed') * 60))::bigint * 1000000
         when outcome = 'dismissed' then 0 end as assessed_vnd,
    office_time(notified_on + 46, t.unit_code, 'inspection') as updated_at
from unit as t where not t.is_cast and t.status = 'active' and u(t.unit_code, 'inspected') < 0.03
"""
