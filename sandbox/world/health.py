"""Facilities, visits, certificates, births, deaths, licences, services and assessments."""

import duckdb

from sandbox.world import identity

FACILITIES_PER_PROVINCE = 6

_FACILITY = f"""
create table facility as
select province_code || lpad(turn::varchar, 3, '0') as facility_code, province_code, turn,
    case turn when 1 then 'Bệnh viện Đa khoa tỉnh ' when 2 then 'Bệnh viện Đa khoa khu vực '
              when 3 then 'Bệnh viện Phụ sản ' when 4 then 'Trung tâm Y tế ' else 'Phòng khám Đa khoa ' end || province
        || if(turn > 4, ' số ' || turn, '') as name,
    case turn when 1 then '1' when 2 then '2' when 3 then '2' else '3' end as level, turn <> 6 as may_certify
from (select distinct province_code, province from ward), range(1, {FACILITIES_PER_PROVINCE + 1}) as turns(turn)
order by 1
"""

_FACILITIES = """
insert into health_facility by name
select facility_code, name, level, province_code, 'active' as status, may_certify,
    office_time(month_start(getvariable('first_month')) - 300, facility_code, 'facility') as updated_at
from facility
"""

_PRACTITIONERS = """
insert into health_practitioner by name
select doctor.code as doctor_code, p.full_name, f.facility_code, date '2010-03-01' + (doctor.turn * 90)::int as licensed_from,
    'active' as status, office_time(month_start(getvariable('first_month')) - 200, doctor.code, 'licence') as updated_at
from facility as f
cross join lateral (
    select f.facility_code || lpad(turn::varchar, 2, '0') || '/CCHN' as code, turn from range(1, 9) as t(turn)) as doctor
join (select full_name, row_number() over (order by p) as turn from person where kind = 'informal' and not is_cast) as p
    on p.turn = f.turn * 8 + doctor.turn
"""

# Visits of one person stand in their own slices of time, so that ordinary stays never overlap.
_SEEN = """
create table seen as
with counted as (
    select p, province_code, kind, birth, died_on,
        greatest(month_start(getvariable('first_month')), birth + 30) as low,
        coalesce(died_on - 25, getvariable('horizon')) as high,
        least(9, floor(-ln(1 - u(p, 'visits')) * if(kind in ('child', 'pensioner', 'elder'), 3.0, 1.8)))::int as visits
    from person where not is_cast),
numbered as (
    select *, unnest(range(visits)) as turn from counted where high > low + 30),
dated as (
    select p, kind, birth, died_on, turn, p * 10 + turn as number, p * 10 + turn as n,
        low + floor((high - low) * (turn + 0.8 * u(p * 10 + turn, 'visit day')) / visits)::int as day,
        province_code || lpad((1 + floor(u(p * 10 + turn, 'facility') * 5)::int)::varchar, 3, '0') as facility_code
    from numbered),
final_stays as (
    select p, kind, birth, died_on, 9, p * 10 + 9, p * 10 + 9, died_on - 4, province_code || '001' from person
    where died_on is not null and not is_cast and u(p, 'dies in hospital') < 0.5
        and died_on > month_start(getvariable('first_month')) + 5)
select *, case when turn = 9 then 'inpatient' when u(n, 'visit kind') < 0.86 then 'outpatient'
               when u(n, 'visit kind') < 0.97 then 'inpatient' else 'day' end as visit_kind,
    if(visit_kind = 'inpatient', if(turn = 9, 4, 2 + floor(u(n, 'stay') * 6)::int), 0) as stay,
    facility_code || '-' || strftime(day, '%y') || '-' || lpad(number::varchar, 9, '0') as visit_id,
    facility_code || lpad((1 + floor(u(n, 'doctor') * 8)::int)::varchar, 2, '0') || '/CCHN' as doctor_code,
    pick(['J06.9', 'J20', 'I10', 'E11', 'K29', 'M54', 'A09', 'J02', 'N39', 'H10', 'K02', 'R51'], n, 'diagnosis')
        as diagnosis_code
from (select * from dated where turn < 9 union all select * from final_stays)
"""


def register_health(con: duckdb.DuckDBPyConnection) -> None:
    """Needs `job`, `absence`. Creates `facility`, `seen`, `sick_note` and `delivery` for the benefits paid on them."""
    for statement in (_FACILITY, _FACILITIES, _PRACTITIONERS, _SEEN):
        con.execute(statement)
    con.execute(_visits())
    con.execute(_SICK_NOTE)
    con.execute(_SICK_LEAVES)
    con.execute(_discharges())
    con.execute(_DELIVERY)
    con.execute(_births())
    con.execute(_deaths())
    con.execute(_SERVICES)
    con.execute(_assessments())


def _visits() -> str:
    record = "s.visit_id"
    return f"""
insert into health_visit by name
select s.visit_id, {identity.full_name(record)} as full_name, {identity.birth_date(record)} as birth_date, p.sex,
    if(s.kind = 'child' and u({record}, 'child id') < 0.5, null, {identity.citizen_id(record)}) as citizen_id,
    {identity.hi_card(record)} as hi_card, s.facility_code, s.visit_kind as kind,
    office_time(s.day, s.n, 'admitted') as admitted_at,
    if(s.turn = 9, s.died_on::timestamp + to_hours(12), office_time(s.day, s.n, 'admitted') + to_hours(2)
        + to_days(s.stay)) as discharged_at, s.diagnosis_code,
    case when s.turn = 9 then 'died' when u(s.n, 'result') < 0.5 then 'recovered' when u(s.n, 'result') < 0.95
         then 'improved' else 'unchanged' end as result,
    (100 + floor(u(s.n, 'cost') * 900) * (1 + s.stay))::bigint * 1000 as total_vnd, total_vnd * 8 // 10
        as insurer_paid_vnd, make_date(year(s.day), 1, 1) as card_from, make_date(year(s.day), 12, 31) as card_to,
    office_time(s.day + s.stay + 1 + if(s.turn = 9, 3, 0), s.n, 'uploaded') as updated_at, s.p as _self
from seen as s join person as p on p.p = s.p
"""


# Workers' own notes, and notes for a small child that name the child's visit and are used by the parent.
_SICK_NOTE = """
create table sick_note as
with parents as (
    select p, row_number() over (order by p) - 1 as turn, count(*) over () as total from person
    where kind = 'worker' and not is_cast and nationality is null
        and year(getvariable('as_of')) - year(birth) between 26 and 42),
noted as (
    select s.*, s.p as payee, 'sickness' as benefit from seen as s
    where s.kind = 'worker' and s.visit_kind = 'outpatient' and u(s.n, 'sick note') < 0.3
    union all
    select s.*, k.p, 'child_sickness' from seen as s join parents as k
        on k.turn = floor(u(s.p, 'parent') * k.total)
    where s.kind = 'child' and s.visit_kind = 'outpatient' and s.birth > s.day - 2400 and u(s.n, 'sick note') < 0.3)
select n.* exclude (kind), 1 + floor(u(n.n, 'days off') * 5)::int as days,
    facility_code || '.' || strftime(day, '%y') || '.' || lpad(n.number::varchar, 9, '0') as certificate_no,
    j.job_id, j.e, t.unit_code, m.wage_vnd
from noted as n
join job_month as m on m.p = n.payee and m.month = month_of(n.day) and m.absence = 'none'
join job as j on j.job_id = m.job_id
join unit as t on t.e = j.e and t.number = j.unit_number
"""

_SICK_LEAVES = """
insert into health_certificate by name
select s.certificate_no, 'sick_leave' as kind, s.visit_id, p.birth_text as birth_date, p.sex,
    p.si_number, p.card_prefix || p.si_number as hi_card, s.facility_code, s.doctor_code,
    'Công ty ' || e.trade || ' ' || e.word as employer_name, s.diagnosis_code, s.day as from_date,
    s.day + s.days - 1 as to_date, s.days, s.day as issued_on,
    office_time(s.day + 1, s.n, 'certificate') as updated_at, s.p as _self
from sick_note as s join person as p on p.p = s.p join employer as e on e.e = s.e
"""


def _discharges() -> str:
    record = "s.visit_id"
    return f"""
insert into health_certificate by name
select 'RV.' || s.facility_code || '.' || s.number as certificate_no, 'discharge' as kind, s.visit_id,
    {identity.full_name(record)} as full_name, {identity.birth_date(record)} as birth_date, p.sex,
    {identity.citizen_id(record)} as citizen_id, p.si_number, {identity.hi_card(record)} as hi_card, s.facility_code,
    s.doctor_code, s.diagnosis_code, s.day as from_date, s.day + s.stay as to_date, s.stay + 1 as days,
    s.day + s.stay as issued_on, office_time(s.day + s.stay + 1, s.n, 'discharge') as updated_at, s.p as _self
from seen as s join person as p on p.p = s.p where s.visit_kind = 'inpatient' and s.turn < 9
"""


_DELIVERY = """
create table delivery as
with fathers as (
    select p, row_number() over (order by p) - 1 as turn, count(*) over () as total from person
    where kind = 'worker' and sex = 'M' and not is_cast and nationality is null)
select a.job_id, a.p, a.from_month, a.to_month, f.p as father,
    month_start(a.from_month) + 5 + floor(u(a.job_id, 'born') * 18)::int as born_on,
    if(u(a.job_id, 'twins') < 0.02, 2, 1) as children, p.province_code || '003' as facility_code
from absence as a join person as p on p.p = a.p
join fathers as f on f.turn = floor(u(a.p, 'father') * f.total)
where a.absence = 'maternity'
"""


def _births() -> str:
    record = "('B' || d.job_id)"
    return f"""
insert into health_birth by name
select 'CS' || d.job_id as birth_no, {identity.full_name(record)} as mother_name,
    {identity.birth_date(record)} as mother_birth_date, {identity.citizen_id(record)} as mother_citizen_id,
    p.si_number as mother_si_number, {identity.hi_card(record)} as mother_hi_card, f.full_name as father_name,
    d.facility_code, d.born_on, d.children, office_time(d.born_on + 2, d.job_id, 'birth') as updated_at,
    d.p as _mother, d.father as _father
from delivery as d join person as p on p.p = d.p join person as f on f.p = d.father
"""


def _deaths() -> str:
    record = "('BT' || p.p)"
    return f"""
insert into health_death by name
select {record} as notice_no, {identity.full_name(record)} as full_name, {identity.birth_date(record)} as birth_date,
    p.sex, {identity.citizen_id(record)} as citizen_id, {identity.old_id(record)} as old_id,
    if(u(p.p, 'si on notice') < 0.7, p.si_number, null) as si_number, {identity.hi_card(record)} as hi_card, p.died_on,
    p.province_code || '001' as facility_code,
    office_time(p.died_on + 2 + floor(u(p.p, 'notice') * 8)::int, p.p, 'death') as updated_at, p.p as _self
from person as p where p.died_on is not null and not p.is_cast
"""


_SERVICES = """
insert into health_service by name
select s.visit_id || '-' || t.turn as service_id, s.visit_id,
    pick(['KB01', 'XN22.120', 'XN23.75', 'CDHA18.10', 'CDHA18.220', 'TT03.15'], s.n * 10 + t.turn, 'service')
        as service_code, s.doctor_code,
    if(u(s.n * 10 + t.turn, 'machine') < 0.3, 'M' || s.facility_code || (1 + t.turn), null) as machine_code,
    office_time(s.day, s.n, 'admitted') + to_minutes(20 * t.turn) as performed_at, 1 as quantity,
    (30 + floor(u(s.n * 10 + t.turn, 'price') * 400))::bigint * 1000 as insurer_paid_vnd,
    office_time(s.day + s.stay + 1, s.n, 'uploaded') as updated_at
from seen as s
join (values (1), (2), (3), (4)) as t(turn) on t.turn <= 1 + floor(u(s.n, 'services') * if(s.stay > 0, 4, 2))
where s.turn < 9
"""


def _assessments() -> str:
    record = "('GD' || p.p)"
    return f"""
insert into health_assessment by name
select {record} as assessment_no, {identity.full_name(record)} as full_name,
    {identity.birth_date(record)} as birth_date, {identity.citizen_id(record)} as citizen_id, p.si_number,
    month_start(getvariable('first_month') + floor(u(p.p, 'assessed') * 22)::int) + 9 as assessed_on,
    (5 + floor(u(p.p, 'loss') * 55))::int as percent, p.province_code || '00101/CCHN' as chair_code,
    office_time(assessed_on + 2, p.p, 'assessment') as updated_at, p.p as _self
from person as p where p.kind = 'worker' and not p.is_cast and u(p.p, 'injured') < 0.004
"""
