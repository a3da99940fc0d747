"""Working lives: jobs, the months in them, absences, and the insured spells they make."""

import duckdb
import pyarrow as pa

from sandbox.world import identity

_SEAT = """
create table seat as
select e, row_number() over (order by e, seat) - 1 as number
from (select e, unnest(range(slots)) as seat from employer where slots > 0 and has_unit);
set variable seats = (select count(*) from seat);
"""

_JOB = """
create table job as
with worker as (
    select p, sex, birth, nationality,
        if(u(p, 'veteran') < 0.72,
            greatest(getvariable('first_month') - 1 - floor(u(p, 'began') * 72)::int, month_of(birth) + 217),
            getvariable('first_month') + floor(u(p, 'began') * 22)::int) as began,
        if(u(p, 'left') < 0.12, getvariable('last_month') - 2 - floor(u(p, 'when left') * 18)::int, null) as left_in,
        case when u(p, 'jobs') < 0.70 then 1 when u(p, 'jobs') < 0.92 then 2 else 3 end as jobs
    from person where kind = 'worker' and not is_cast),
cut as (
    select *, unnest(range(jobs)) as turn, greatest(began, getvariable('first_month')) as low,
        coalesce(left_in, getvariable('last_month')) + 1 as high
    from worker),
bounded as (
    select *, p * 10 + turn as job_id,
        if(turn = 0, began, low + ((high - low) * (turn + 0.6 * u(p * 10 + turn, 'cut') - 0.3) / jobs)::int
            + greatest(0, floor(u(p * 10 + turn, 'gap') * 16)::int - 9)) as from_month,
        if(turn = jobs - 1, left_in,
            low + ((high - low) * (turn + 1 + 0.6 * u(p * 10 + turn + 1, 'cut') - 0.3) / jobs)::int - 1) as to_month
    from cut)
select b.job_id, b.p, k.e,
    if(e.has_branch and e.branch_has_unit and u(job_id, 'unit') < 0.4, 2, 1) as unit_number,
    b.from_month, b.to_month,
    if(u(job_id, 'first day') < 0.6, 1, 2 + floor(u(job_id, 'day') * 12)::int)::int as first_day,
    (5500 + floor(pow(u(p, 'wage'), 3) * 1600) * 10 + floor(u(job_id, 'wage') * 30) * 10)::bigint * 1000 as wage_vnd,
    case when b.to_month is not null or b.nationality is not null then 'fixed' when u(job_id, 'contract') < 0.75
         then 'indefinite' when u(job_id, 'contract') < 0.97 then 'fixed' else 'part_time' end as contract,
    true as is_insured, true as is_taxed, true as is_reported
from bounded as b
join seat as k on k.number = floor(u(job_id, 'seat') * getvariable('seats'))::bigint
join employer as e on e.e = k.e
where b.from_month < coalesce(b.to_month, getvariable('last_month')) - 1
union all
select job_id, p, e, unit_number, from_month, to_month, first_day::int, wage_vnd, contract, is_insured, is_taxed,
    is_reported
from cast_job
"""

# One absence a job at most: maternity six months, unpaid or sick leave one.
_JOB_MONTH = """
create table absence as
with spread as (
    select j.job_id, j.p, greatest(j.from_month, getvariable('first_month')) as low,
        least(coalesce(j.to_month, 99999), getvariable('last_month')) as high,
        case when p.sex = 'F' and year(getvariable('as_of')) - year(p.birth) between 22 and 38
                  and u(job_id, 'maternity') < 0.15 then 'maternity'
             when u(job_id, 'away') < 0.02 then 'unpaid' when u(job_id, 'away') < 0.03 then 'sick' end as absence
    from job as j join person as p on p.p = j.p where j.is_insured and not p.is_cast),
placed as (
    select *, low + 7 + floor(u(job_id, 'absence month') * (high - low - 14))::int as from_month
    from spread where absence is not null and high - low > 15)
select job_id, p, absence, from_month, from_month + if(absence = 'maternity', 5, 0) as to_month from placed;

create table job_month as
select j.job_id, j.p, j.e, j.unit_number, m.month,
    (round(j.wage_vnd * pow(1 + 0.02 + 0.05 * u(j.job_id, 'raise'),
        greatest(0, m.month // 12 - getvariable('first_month') // 12)) / 1000) * 1000)::bigint as wage_vnd,
    coalesce(a.absence, 'none') as absence, p.nationality is not null as is_foreign
from job as j
join person as p on p.p = j.p
join (select unnest(range(getvariable('first_month'), getvariable('last_month') + 1))::int as month) as m
    on m.month >= j.from_month and m.month <= coalesce(j.to_month, 99999)
left join absence as a on a.job_id = j.job_id and m.month between a.from_month and a.to_month
where j.is_insured;
"""

# A spell ends where wage or absence changes. What was before the registries' history is one spell at a lower wage.
_SPELL = """
create table spell as
with islands as (
    select *, month - row_number() over (partition by job_id, wage_vnd, absence order by month) as island
    from job_month),
inside as (
    select job_id, any_value(p) as p, any_value(e) as e, any_value(unit_number) as unit_number, wage_vnd, absence,
        min(month)::int as from_month, max(month)::int as to_month, any_value(is_foreign) as is_foreign
    from islands group by job_id, wage_vnd, absence, island),
whole as (
    select * replace (if(to_month = getvariable('last_month'), null, to_month) as to_month) from inside
    union all
    select j.job_id, j.p, j.e, j.unit_number, floor(j.wage_vnd * 0.00085)::bigint * 1000, 'none', j.from_month,
        least(getvariable('first_month') - 1, coalesce(j.to_month, 99999)), p.nationality is not null
    from job as j join person as p on p.p = j.p
    where j.is_insured and j.from_month < getvariable('first_month'))
select w.*, t.unit_code,
    w.job_id || '-' || (row_number() over (partition by w.job_id order by w.from_month)) as spell_id,
    month_start(w.from_month) + 2 + floor(u(w.job_id * 100000 + w.from_month, 'submitted') * 20)::int as submitted_on
from whole as w join unit as t on t.e = w.e and t.number = w.unit_number
"""


def build_work(con: duckdb.DuckDBPyConnection, cast_jobs: pa.Table) -> None:
    """Create `job`, `absence`, `job_month` (with wages, from the first month on) and `spell`."""
    con.register("incoming", cast_jobs)
    con.execute("create table cast_job as select * from incoming")
    con.unregister("incoming")
    con.execute(_SEAT)
    con.execute(_JOB)
    con.execute(_JOB_MONTH)
    con.execute(_SPELL)


def register_participation(con: duckdb.DuckDBPyConnection) -> None:
    """Insured spells. A spell that ends is delivered twice: open when it begins, closed when it ends."""
    con.execute(_participation())
    con.execute(_voluntary())


def _participation() -> str:
    record, day = "s.spell_id", "s.submitted_on"
    return f"""
insert into insurance_participation by name
with versions as (
    select *, to_month as told_to, office_time(submitted_on, spell_id, 'opened') as updated_at,
        to_month is not null as is_first from spell
    where to_month is null or month_end(to_month) > getvariable('as_of') - 60
    union all
    select *, to_month, office_time(greatest(month_end(to_month) + 3, submitted_on + 1), spell_id, 'closed'), false
    from spell where to_month is not null)
select s.spell_id, {identity.si_number(record, day)} as si_number, {identity.full_name(record)} as full_name,
    {identity.birth_date(record)} as birth_date, p.sex, {identity.citizen_id(record)} as citizen_id,
    {identity.old_id(record)} as old_id, if(u(p.p, 'tax number known') < 0.7, p.tax_number, null) as person_tax_code,
    if(p.nationality is null, null, p.passport_no) as passport_no, p.nationality, s.unit_code, 'compulsory' as kind,
    month_text(s.from_month) as from_month,
    if(s.is_first or s.told_to is null, null, month_text(s.told_to)) as to_month, s.wage_vnd,
    s.absence = 'none' as pays_si, s.absence = 'none' as pays_hi, s.absence = 'none' and not s.is_foreign as pays_ui,
    s.absence, s.submitted_on, s.updated_at, s.p as _self
from versions as s join person as p on p.p = s.p
"""


def _voluntary() -> str:
    record, day = "v.spell_id", "month_start(v.began)"
    return f"""
insert into insurance_participation by name
with v as (
    select p, 'V' || p as spell_id,
        getvariable('first_month') - 20 + floor(u(p, 'voluntary from') * 36)::int as began from person
    where kind = 'voluntary')
select v.spell_id, {identity.si_number(record, day)} as si_number, {identity.full_name(record)} as full_name,
    {identity.birth_date(record)} as birth_date, p.sex, {identity.citizen_id(record)} as citizen_id,
    {identity.old_id(record)} as old_id, null as unit_code, 'voluntary' as kind, month_text(v.began) as from_month,
    (1500 + floor(u(v.p, 'chosen') * 30) * 50)::bigint * 1000 as wage_vnd, true as pays_si, false as pays_hi,
    false as pays_ui, 'none' as absence, {day} + 5 as submitted_on,
    office_time({day} + 6, v.spell_id, 'voluntary') as updated_at, v.p as _self
from v join person as p on p.p = v.p
"""
