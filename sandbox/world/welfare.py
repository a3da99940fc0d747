"""Social assistance, and the statistics office's population and target tables."""

import duckdb
import pyarrow as pa

from sandbox.world import identity

# Percent targets: decision 2753/QĐ-UBND of Đắk Lắk (2018) and directive 31-CT/TU of Hải Phòng, areas as before 7/2025.
TARGETS = (
    ("66", 2021, {"si": 13, "voluntary": "0.4", "ui": 11, "elderly": 36, "satisfaction": 80}, "QĐ 2753/QĐ-UBND"),
    ("66", 2025, {"si": 20, "voluntary": 1, "ui": 17, "elderly": 43, "satisfaction": 85}, "QĐ 2753/QĐ-UBND"),
    ("66", 2030, {"si": 30, "voluntary": 3, "ui": 25, "elderly": 47, "satisfaction": 90}, "QĐ 2753/QĐ-UBND"),
    ("31", 2025, {"si": 55, "voluntary": 3, "elderly": 60, "hi": 95}, "Chỉ thị 31-CT/TU"),
)


def register_assistance(con: duckdb.DuckDBPyConnection) -> None:
    record, day = "a.assistance_id", "month_start(a.began)"
    con.execute(f"""
insert into welfare_assistance by name
with a as (
    select 'TC' || p as assistance_id, p,
        case when kind = 'child' then if(u(p, 'programme') < 0.5, 'child', 'poor')
             when kind = 'elder' then if(birth < getvariable('as_of') - 27400, 'elderly', 'merit')
             else pick(['poor', 'near_poor', 'disability', 'overseas_worker', 'other'], p, 'programme') end as programme,
        getvariable('first_month') - floor(u(p, 'assisted since') * 24)::int as began
    from person
    where not is_cast and kind in ('child', 'elder', 'informal')
        and u(p, 'assisted') < if(kind = 'elder', 0.35, 0.05)),
versions as (
    select *, 'receiving' as status, office_time(month_start(began) + 8, assistance_id, 'granted') as updated_at from a
    union all
    select a.*, 'ended', office_time(p.died_on + 12, a.assistance_id, 'ended')
    from a join person as p using (p) where p.died_on is not null)
select a.assistance_id, a.programme, {identity.full_name(record)} as full_name,
    {identity.birth_date(record)} as birth_date, p.sex, {identity.citizen_id(record)} as citizen_id,
    if(a.programme in ('poor', 'near_poor'), 'HN' || p.province_code || lpad((a.p // 3)::varchar, 7, '0'), null)
        as household_no,
    if(a.programme = 'near_poor', null, 500000 + floor(u({record}, 'monthly') * 10)::int * 50000) as monthly_vnd,
    month_text(a.began) as from_month, if(a.status = 'ended', month_text(month_of(p.died_on)), null) as to_month,
    a.status, p.province_code, p.ward_code, greatest(a.updated_at, {day}::timestamp) as updated_at, a.p as _self
from versions as a join person as p on p.p = a.p
""")


def register_reference(con: duckdb.DuckDBPyConnection) -> None:
    """Denominators counted from the sandbox's own people, so that percentages come out plausible."""
    con.execute("""
insert into reference_population by name
select province_code as area_code, geography, year, count(*) as population,
    count(*) filter (kind in ('worker', 'voluntary', 'informal')) as labour_force,
    count(*) filter (kind in ('pensioner', 'elder')) as past_retirement_age, 'Niên giám thống kê (mô phỏng)' as source
from person
cross join (select unnest(range(getvariable('first_month') // 12, year(getvariable('as_of')) + 1))::int as year)
cross join (values ('before_2025_07'), ('after_2025_07')) as g(geography)
where (geography = 'after_2025_07' and year >= 2025) or (geography = 'before_2025_07' and year <= 2025)
group by all
""")
    rows = [
        (area, "before_2025_07", year, indicator, str(percent), source)
        for area, year, percents, source in TARGETS
        for indicator, percent in percents.items()
    ]
    names = ["area_code", "geography", "year", "indicator", "percent", "source"]
    con.register("incoming", pa.table([list(column) for column in zip(*rows, strict=True)], names=names))
    con.execute("insert into reference_target by name select * from incoming")
    con.unregister("incoming")
