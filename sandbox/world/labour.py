"""Labour-use reports, unemployment decisions, work permits."""

import duckdb

from sandbox.world import identity


def register_labour(con: duckdb.DuckDBPyConnection) -> None:
    """Needs `job`. Creates `unemployed` (decision, person, months) for the payments made on it."""
    con.execute(_workforce())
    con.execute(_day_labour())
    con.execute(_UNEMPLOYED)
    con.execute(_unemployment())
    con.execute(_work_permits())


def _workforce() -> str:
    record, day = "w.line_id", "w.reported_on"
    return f"""
insert into labour_workforce by name
with halves as (
    select unnest(range(getvariable('first_month') // 6, getvariable('last_month') // 6 + 1))::int as half),
w as (
    select j.*, h.half, (h.half // 2) || '-H' || (h.half % 2 + 1) as period,
        month_start(h.half * 6 + 5) + 1 + floor(u(j.e * 100 + h.half % 100, 'reported') * 8)::int as reported_on,
        e.tax_code, (h.half // 2) || 'H' || (h.half % 2 + 1) || '-' || j.job_id as line_id
    from job as j join halves as h on j.from_month < h.half * 6 + 5
        and coalesce(j.to_month, 99999) >= h.half * 6
    join employer as e on e.e = j.e where j.is_reported)
select w.line_id, w.tax_code, w.period, {identity.full_name(record)} as full_name,
    {identity.birth_date(record)} as birth_date, p.sex, {identity.citizen_id(record)} as citizen_id,
    {identity.old_id(record)} as old_id,
    if(u({record}, 'si known') < 0.8, {identity.si_number(record, day)}, null) as si_number,
    if(p.nationality is null, null, p.passport_no) as passport_no, p.nationality,
    pick(['Công nhân', 'Nhân viên kinh doanh', 'Kế toán', 'Kỹ sư', 'Lái xe', 'Tổ trưởng', 'Bảo vệ'], w.job_id, 'title')
        as job_title, w.contract,
    month_start(w.from_month) + w.first_day - 1 as contract_from,
    case when w.to_month is not null then month_end(w.to_month) when w.contract = 'fixed'
         then getvariable('as_of') + 100 + floor(u(w.job_id, 'term') * 500)::int end as contract_to,
    w.wage_vnd, month_text(w.from_month) as insured_from, office_time({day}, {record}, 'workforce') as updated_at,
    w.p as _self
from w join person as p on p.p = w.p
"""


def _day_labour() -> str:
    record = "d.line_id"
    return f"""
insert into labour_workforce by name
with payers as (
    select tax_code, row_number() over (order by e) - 1 as turn, count(*) over () as total
    from employer where kind = 'enterprise' and status = 'active' and not is_cast),
d as (
    select p.p, k.tax_code, (getvariable('last_month') - 6) // 6 as half, 'D-' || p.p as line_id
    from person as p join payers as k on k.turn = floor(u(p.p, 'day payer') * k.total)
    where p.kind in ('informal', 'student') and not p.is_cast and p.died_on is null and u(p.p, 'day labour') < 0.02)
select d.line_id, d.tax_code, (d.half // 2) || '-H' || (d.half % 2 + 1) as period,
    {identity.full_name(record)} as full_name, {identity.birth_date(record)} as birth_date, p.sex, p.citizen_id,
    'Thời vụ' as job_title, 'under_1_month' as contract, month_start(d.half * 6 + 2) + 4 as contract_from,
    month_start(d.half * 6 + 2) + 22 as contract_to, 4500000 as wage_vnd,
    office_time(month_start(d.half * 6 + 5) + 3, {record}, 'workforce') as updated_at, d.p as _self
from d join person as p on p.p = d.p
"""


_UNEMPLOYED = """
create table unemployed as
with ordered as (
    select j.*, lead(j.from_month) over (partition by j.p order by j.from_month) as next_from
    from job as j join person as p on p.p = j.p where not p.is_cast and p.nationality is null)
select 'TN' || job_id as decision_no, p, to_month + 2 as from_month, to_month + 4 as to_month,
    wage_vnd * 3 // 5 as monthly_vnd
from ordered
where to_month is not null and to_month + 4 < coalesce(next_from, 99999) and u(job_id, 'claims') < 0.7
"""


def _unemployment() -> str:
    record, day = "d.decision_no", "month_start(d.from_month)"
    return f"""
insert into labour_unemployment by name
with d as (
    select *, 'receiving' as status, office_time(month_start(from_month) - 6, decision_no, 'granted') as updated_at
    from unemployed
    union all
    select *, 'ended', office_time(month_end(to_month) + 2, decision_no, 'ended') from unemployed)
select d.decision_no, {identity.full_name(record)} as full_name, {identity.birth_date(record)} as birth_date, p.sex,
    {identity.citizen_id(record)} as citizen_id, {identity.si_number(record, day)} as si_number, d.monthly_vnd,
    {day} as from_date, month_end(d.to_month) as to_date, d.status,
    if(d.status = 'ended', month_end(d.to_month), null) as ended_on,
    if(d.status = 'ended', 'Hết thời hạn hưởng', null) as end_reason, p.province_code, d.updated_at, d.p as _self
from d join person as p on p.p = d.p
"""


def _work_permits() -> str:
    record = "j.job_id"
    return f"""
insert into labour_work_permit by name
select 'GP' || lpad(j.job_id::varchar, 8, '0') as permit_no, p.full_name, {identity.birth_date(record)} as birth_date,
    p.sex, p.passport_no, p.nationality, e.tax_code, month_start(j.from_month) + j.first_day - 1 as contract_from,
    greatest(month_start(j.from_month) + 729, getvariable('as_of') + 120) as contract_to,
    u({record}, 'intra') < 0.15 as intra_company,
    office_time(month_start(j.from_month) + 1, {record}, 'permit') as updated_at, j.p as _self
from job as j join person as p on p.p = j.p join employer as e on e.e = j.e
where p.nationality is not null and not p.is_cast
"""
