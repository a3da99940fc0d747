"""The population: everybody the registries may know, with all their numbers."""

import duckdb
import numpy as np
import pyarrow as pa

from sandbox.world.names import FOREIGN, name_parts
from sandbox.world.numbers import tax_codes
from sandbox.world.places import wards

# Kinds: child, student, worker, voluntary, informal (uninsured adult), pensioner, elder (no pension).
_DRAWN = """
create table drawn as
with ordinary as (
    select p, false as is_cast,
        case when u(p, 'age') < 0.22 then u(p, 'years') * 16 when u(p, 'age') < 0.28 then 16 + u(p, 'years') * 4
             when u(p, 'age') < 0.85 then 20 + u(p, 'years') * 38 else 60 + u(p, 'years') * 30 end as age,
        if(u(p, 'sex') < 0.5, 'M', 'F') as sex
    from range($first, $last) as numbers(p)),
aged as (
    select *, getvariable('as_of') - 1 - floor(age * 365.25)::int as birth,
        case when age < 16 then 'child' when age < 20 then 'student'
             when age < 58 then case when u(p, 'kind') < 0.66 then 'worker' when u(p, 'kind') < 0.70 then 'voluntary'
                                     else 'informal' end
             else case when u(p, 'kind') < 0.5 then 'pensioner' else 'elder' end end as kind
    from ordinary),
everybody as (
    select p, true as is_cast, birth, sex, kind, nationality, null::double as age from cast_person
    union all
    select p, false, birth, sex, kind,
        if(kind = 'worker' and u(p, 'foreign') < 0.008, pick($nations, p, 'nation'), null), age from aged)
select *,
    case when birth < date '1970-01-01' then 1 when birth < date '1996-01-01' then 2 else 3 end as generation,
    nationality is null and not is_cast and u(p, 'ethnic') < 0.015 as is_ethnic,
    case when is_cast or kind in ('worker', 'voluntary', 'child', 'student') then null
         when u(p, 'death') < if(kind = 'informal', 0.008, 0.08)
         then month_start(getvariable('first_month')) + 20
            + floor(u(p, 'deathday') * (getvariable('as_of') - month_start(getvariable('first_month'))))::int
    end as died_on
from everybody
"""

_NAMED = """
create table named as
with keyed as (
    select p, slot(p, 'family') as first_slot, slot(p, 'middle') as middle_slot, slot(p, 'given') as last_slot,
        case when nationality is not null then 'foreign ' || nationality
             when is_ethnic then 'first ' || sex else 'family' end as first_kind,
        if(nationality is null and not is_ethnic, 'middle ' || sex, null) as middle_kind,
        case when is_ethnic then 'clan ' || sex when nationality is null then 'given ' || sex || generation end
            as last_kind
    from drawn)
select d.p,
    a.text || coalesce(' ' || b.text, '') || coalesce(' ' || c.text, '') as full_name,
    a.nfd || coalesce(' ' || b.nfd, '') || coalesce(' ' || c.nfd, '') as name_nfd,
    a.plain || coalesce(' ' || b.plain, '') || coalesce(' ' || c.plain, '') as name_plain,
    a.variant || coalesce(' ' || b.variant, '') || coalesce(' ' || c.variant, '') as name_variant
from keyed as d
join name_part as a on a.kind = d.first_kind and a.slot = d.first_slot
left join name_part as b on b.kind = d.middle_kind and b.slot = d.middle_slot
left join name_part as c on c.kind = d.last_kind and c.slot = d.last_slot
"""

# Six last digits of a citizen id: a permutation inside (province, sex, year), so that no two people share one.
_PERSON = """
create table person as
with numbered as (
    select d.*, if(d.is_cast, 0.0, getvariable('dirt')) as dirt,
        b.text as birth_province,
        (year(birth) // 100 - 19) * 2 + if(sex = 'F', 1, 0) as century,
        strftime(birth, '%y') as yy,
        lpad(((d.p * 48271313 + 11) % 100000000)::varchar, 8, '0') as serial
    from drawn as d join name_part as b on b.kind = 'birth province' and b.slot = slot(d.p, 'birthplace')),
rowed as (
    select *, row_number() over (partition by birth_province, century, yy order by p) as turn from numbered)
select r.p, r.is_cast, r.kind, r.sex, r.birth, r.nationality, r.died_on, r.dirt,
    n.full_name, n.name_nfd, n.name_plain, n.name_variant, w.province_code, w.province, w.ward_code, w.ward,
    'Số ' || (1 + floor(u(r.p, 'house') * 300)::int) || ', ' || w.ward || ', ' || w.province as address,
    if(r.nationality is not null, null, birth_province || century || yy
        || lpad(((turn * 7919 + floor(u(birth_province || yy, 'offset') * 900000)::int) % 1000000)::varchar, 6, '0')
    ) as citizen_id,
    if(r.nationality is null and r.birth < date '2001-01-01' and u(r.p, 'had old') < 0.9,
        lpad((100000000 + (r.p * 611953 + 7) % 900000000)::varchar, 9, '0'), null) as old_id,
    w.province_code || serial as si_number,
    case when r.nationality is not null then 'M' || serial when u(r.p, 'passport') < 0.2 then 'C' || serial end
        as passport_no,
    case r.kind when 'worker' then 'DN4' when 'pensioner' then 'HT3' when 'child' then 'TE1' when 'student' then 'HS4'
        else 'GD4' end || w.province_code as card_prefix,
    if(r.kind = 'child', null, t.code) as tax_number,
    case when not r.is_cast and r.birth < date '1962-01-01' and u(r.p, 'precision') < 0.25 then strftime(r.birth, '%Y')
         when not r.is_cast and r.birth < date '1962-01-01' and u(r.p, 'precision') < 0.30
         then strftime(r.birth, '%Y-%m')
         else strftime(r.birth, '%Y-%m-%d') end as birth_text,
    lpad(((r.p * 9301 + 49297) % 10000000000)::varchar, 13, '0') as bank_account
from rowed as r
join named as n using (p)
join personal_tax_number as t on t.n = r.p
join ward as w on w.slot = slot(r.p, 'place')
order by r.p
"""


def build_people(
    con: duckdb.DuckDBPyConnection, persons: int, cast_persons: pa.Table, rng: np.random.Generator
) -> None:
    """Create `person`: the cast first (p = 1 …), then `persons` ordinary people; and the lookup tables."""
    cast = cast_persons.num_rows
    for name, table in (("name_part", name_parts()), ("ward", wards()), ("cast_person", cast_persons)):
        con.register("incoming", table)
        con.execute(f"create table {name} as select * from incoming")
        con.unregister("incoming")
    con.execute(_DRAWN, {"first": cast + 1, "last": cast + persons + 1, "nations": list(FOREIGN)})
    con.execute(_NAMED)
    numbers = pa.table(
        {
            "n": pa.array(range(1, cast + persons + 1)),
            "code": tax_codes(cast + persons, first_serial=800_000_000, rng=rng),
        }
    )
    con.register("incoming", numbers)
    con.execute("create table personal_tax_number as select * from incoming")
    con.unregister("incoming")
    con.execute(_PERSON)
    con.execute("drop table drawn; drop table named; drop table personal_tax_number")
    con.execute(
        "set variable shared_ids = (select list(citizen_id order by p) from"
        " (select p, citizen_id from person where kind = 'child' and not is_cast order by p limit 2))"
    )
