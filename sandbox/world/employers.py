"""Employers: enterprises, household businesses, dependent branches, and the units they are insured under."""

import duckdb
import numpy as np
import pyarrow as pa

from sandbox.world.names import COMPANY_WORDS, TRADES
from sandbox.world.numbers import tax_codes

PERSONS_PER_EMPLOYER = 40 / 3

# `slots` is the employer's share of the jobs; a household business is taxed under its owner's personal id.
_EMPLOYER = """
create table employer as
with owners as (
    select citizen_id, p, row_number() over (order by p) as turn
    from person where kind = 'informal' and not is_cast and died_on is null),
numbered as (
    select e, false as is_cast, if(u(e, 'kind') < 0.8, 'enterprise', 'household') as kind,
        if(u(e, 'closed') < 0.02, 'closed', 'active') as status,
        case when u(e, 'cycle') < 0.01 then 6 when u(e, 'cycle') < 0.035 then 3 else 1 end as cycle_months,
        true as has_unit, null::bigint as owner,
        if(u(e, 'pays') < 0.1, 'sloppy', 'prompt') as pays
    from range($first, $last) as numbers(e)
    union all
    select e, true, kind, status, cycle_months, has_unit, owner, pays from cast_employer),
ranked as (
    select *, sum((kind = 'household' and not is_cast)::int) over (order by e) as household_turn from numbered)
select r.e, r.is_cast, r.kind, r.status, r.cycle_months, r.has_unit, coalesce(r.owner, o.p) as owner,
    if(r.kind = 'household', coalesce(c.citizen_id, o.citizen_id), t.code) as tax_code,
    case when r.is_cast or r.status = 'closed' then 0
         when r.kind = 'household' then floor(u(e, 'size') * 3)::int
         else least(250, floor(2.5 / pow(1 - u(e, 'size'), 0.8)))::int end as slots,
    pick($words, e, 'word') as word, pick($trades, e, 'trade') as trade,
    case when r.kind = 'household' then 'other' when u(e, 'form') < 0.45 then 'llc1' when u(e, 'form') < 0.72 then 'llc2'
         when u(e, 'form') < 0.88 then 'jsc' when u(e, 'form') < 0.92 then 'foreign' when u(e, 'form') < 0.96
         then 'private' else 'cooperative' end as legal_form,
    w.province_code, w.province, w.ward_code, w.ward, w.region,
    date '2004-01-01' + floor(u(e, 'founded') * 4300)::int as founded,
    lpad((1 + floor(u(e, 'industry') * 95)::int)::varchar, 2, '0') || '10' as industry_code,
    not r.is_cast and r.kind = 'enterprise' and u(e, 'branch') < 0.06 as has_branch,
    u(e, 'branch unit') < 0.6 as branch_has_unit,
    r.pays
from ranked as r
join employer_tax_code as t on t.n = r.e
left join owners as o on r.kind = 'household' and not r.is_cast and o.turn = r.household_turn
left join person as c on c.p = r.owner
join ward as w on w.slot = slot(r.e, 'employer place')
where r.kind <> 'household' or o.p is not null or r.owner is not null
order by r.e
"""

# A unit is (employer, number): 1 the head office, 2 the branch that is insured under its own code.
_UNIT = """
create table unit as
with numbered as (
    select *, 1 as number from employer where has_unit
    union all
    select *, 2 from employer where has_unit and has_branch and branch_has_unit),
turned as (
    select *, (row_number() over (order by e, number) * 7919 + 4907) % 6760000 as code from numbered)
select e, number, is_cast, status, cycle_months, pays, province_code, province, ward_code, ward, region,
    chr(65 + (code // 260000)::int) || chr(65 + (code // 10000 % 26)::int) || lpad((code % 10000)::varchar, 4, '0')
        || chr(65 + (code % 24)::int) as unit_code,
    case when number = 2 then tax_code || if(u(e, 'hyphen') < 0.5, '-', '') || '001' else tax_code end as tax_code,
    word, trade, kind, founded + 20 as registered_on
from turned
"""

_TAXPAYERS = """
insert into tax_taxpayer by name
select tax_code, null as parent_tax_code,
    if(kind = 'household', 'Hộ kinh doanh ' || word, 'Công ty ' || trade || ' ' || word) as name,
    if(kind = 'household', 'household_business', 'organisation') as kind,
    if(kind = 'household', true, null) as declaration_method, status,
    if(status = 'active', null, month_start(getvariable('first_month')) - 200) as status_on, founded as started_on,
    province_code, ward_code, 'Số ' || (1 + e % 200) || ', ' || ward || ', ' || province as address,
    office_time(if(status = 'active', founded + 5, month_start(getvariable('first_month')) - 190), tax_code, 'taxpayer')
        as updated_at,
    if(kind = 'household', owner, null) as _representative
from employer
union all
select tax_code || '-001', tax_code, 'Chi nhánh Công ty ' || trade || ' ' || word, 'branch', null, 'active', null,
    founded + 100, province_code, ward_code, ward || ', ' || province, office_time(founded + 105, tax_code, 'branch'),
    null
from employer where has_branch
union all
select tax_number, null, full_name, 'individual', null, 'active', null, birth + 8000, province_code, ward_code, address,
    office_time(least(birth + 8000, month_start(getvariable('first_month'))), tax_number, 'individual'), p
from person where not is_cast and kind in ('informal', 'worker') and u(p, 'individual taxpayer') < 0.03
"""

_ENTERPRISES = """
insert into investment_enterprise by name
with boss as (select e, min(p) as p from job where contract <> 'probation' group by e)
select e.tax_code as enterprise_code, 'Công ty ' || e.trade || ' ' || e.word as name, e.legal_form,
    if(e.status = 'closed', 'dissolved', 'active') as status,
    if(e.status = 'closed', month_start(getvariable('first_month')) - 200, null) as status_on,
    e.founded as registered_on, e.province_code, e.ward_code,
    'Số ' || (1 + e.e % 200) || ', ' || e.ward || ', ' || e.province as address,
    '02' || lpad((e.e * 7907 % 100000000)::varchar, 8, '0') as phone, e.industry_code,
    (1 + floor(u(e.e, 'capital') * 200))::bigint * 100000000 as charter_capital_vnd,
    p.full_name as representative_name, coalesce(p.citizen_id, p.passport_no) as representative_id,
    if(p.p is null, null, 'Giám đốc') as representative_title,
    office_time(if(e.status = 'closed', month_start(getvariable('first_month')) - 195,
        month_start(getvariable('first_month')) - 1000 + floor(u(e.e, 'registered') * 900)::int), e.e, 'enterprise')
        as updated_at,
    p.p as _representative
from employer as e left join boss as b using (e) left join person as p on p.p = b.p
where e.kind = 'enterprise'
"""

_PROJECTS = """
insert into investment_project by name
with staff as (select e, count(*) filter (to_month is null) as workers from job group by e)
select lpad((1000000000 + e.e * 104729 % 9000000000)::varchar, 10, '0') as project_code, e.tax_code as enterprise_code,
    'Dự án ' || lower(e.trade) || ' ' || e.ward as name, if(e.legal_form = 'foreign', 'KR', null) as investor_country,
    (1 + floor(u(e.e, 'usd') * 50))::bigint * 100000 as capital_usd, (coalesce(s.workers, 0) * 1.2)::int + 2
        as planned_workers, coalesce(s.workers, 0) as actual_workers, e.founded + 60 as started_on, 'active' as status,
    office_time(month_start(getvariable('first_month')) + floor(u(e.e, 'project day') * 300)::int, e.e, 'project')
        as updated_at
from employer as e left join staff as s using (e)
where e.kind = 'enterprise' and not e.is_cast and e.status = 'active'
    and (e.legal_form = 'foreign' or u(e.e, 'project') < 0.08)
"""

_UNITS = """
insert into insurance_unit by name
select unit_code, tax_code,
    if(number = 2, 'Chi nhánh ', '') || if(kind = 'household', 'Hộ kinh doanh ' || word,
        'Công ty ' || trade || ' ' || word) as name,
    if(status = 'closed', 'stopped', 'active') as status, registered_on,
    if(status = 'closed', month_start(getvariable('first_month')) - 180, null) as stopped_on, cycle_months,
    province_code, ward_code, '0' || province_code || lpad((1 + e % 6)::varchar, 2, '0') as office_code,
    ward || ', ' || province as address, region,
    office_time(if(status = 'closed', month_start(getvariable('first_month')) - 175, registered_on + 3), unit_code,
        'unit') as updated_at
from unit
"""


def build_employers(
    con: duckdb.DuckDBPyConnection, persons: int, cast_employers: pa.Table, rng: np.random.Generator
) -> None:
    """Create `employer` and `unit`: the cast first (e = 1 …), then one ordinary employer to every 13 or 14 persons."""
    cast = cast_employers.num_rows
    ordinary = max(20, round(persons / PERSONS_PER_EMPLOYER))
    codes = tax_codes(cast + ordinary, first_serial=60_100_000, rng=rng)
    tables = {
        "cast_employer": cast_employers,
        "employer_tax_code": pa.table({"n": pa.array(range(1, cast + ordinary + 1), pa.int64()), "code": codes}),
    }
    for name, table in tables.items():
        con.register("incoming", table)
        con.execute(f"create table {name} as select * from incoming")
        con.unregister("incoming")
    words = {"words": list(COMPANY_WORDS), "trades": list(TRADES)}
    con.execute(_EMPLOYER, {"first": cast + 1, "last": cast + ordinary + 1, **words})
    con.execute(_UNIT)


def register_employers(con: duckdb.DuckDBPyConnection) -> None:
    """What the registries of investment, tax and insurance hold about employers; needs `job` for the directors."""
    for statement in (_TAXPAYERS, _ENTERPRISES, _PROJECTS, _UNITS):
        con.execute(statement)
