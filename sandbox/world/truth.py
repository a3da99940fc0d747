"""What is really so: who every record is about, and what must and must not be found."""

import duckdb
import pyarrow as pa

from contracts.loader import all_datasets
from sandbox.world.stage import ROLES

_PERSONS = """
select 'P' || lpad(p::varchar, 8, '0') as true_person, full_name, sex, birth as birth_date, citizen_id, old_id, si_number,
    passport_no, tax_number, nationality, kind, died_on, is_cast
from person order by p
"""
_EMPLOYERS = """
with units as (select e, list(unit_code order by number) as unit_codes from unit group by e),
branches as (select parent_tax_code, list(tax_code order by tax_code) as codes from tax_taxpayer
             where parent_tax_code is not null group by parent_tax_code),
projects as (select enterprise_code, list(project_code order by project_code) as codes from investment_project
             group by enterprise_code)
select 'E' || lpad(e.e::varchar, 7, '0') as true_employer, e.tax_code, e.kind, e.status, e.province_code, e.is_cast,
    coalesce(u.unit_codes, []) as unit_codes, coalesce(b.codes, []) as branch_codes,
    coalesce(p.codes, []) as project_codes
from employer as e
left join units as u on u.e = e.e
left join branches as b on b.parent_tax_code = e.tax_code
left join projects as p on p.enterprise_code = e.tax_code
order by e.e
"""

# Practitioners borrow the names of people of the world but are none of them: whoever links one to them links strangers.
_PRACTITIONERS = """
select 'health' as registry, 'practitioner' as dataset, doctor_code as record_key, 'self' as role,
    'D' || doctor_code as true_person
from health_practitioner where updated_at < getvariable('horizon')
"""


def collect_truth(con: duckdb.DuckDBPyConnection) -> dict[str, pa.Table]:
    """Tables `persons`, `records` (registry, dataset, record_key, role, true_person) and `employers`.

    Every record and role that names somebody is in `records`; practitioners alone are not in `persons`.
    """
    selects = [
        f"select distinct '{found.registry}' as registry, '{found.name}' as dataset, {_key(found.key)} as record_key,"
        f" '{role.removeprefix('_')}' as role, 'P' || lpad({role}::varchar, 8, '0') as true_person"
        f" from {found.table} where {role} is not null and updated_at < getvariable('horizon')"
        for found in all_datasets()
        if "updated_at" in found.names
        for role in ROLES
    ]
    selects.append(_PRACTITIONERS)
    return {
        "persons": con.execute(_PERSONS).to_arrow_table(),
        "records": con.execute(" union all ".join(selects) + " order by 1, 2, 3, 4").to_arrow_table(),
        "employers": con.execute(_EMPLOYERS).to_arrow_table(),
    }


def _key(names: tuple[str, ...]) -> str:
    return " || '|' || ".join(f'"{name}"::varchar' for name in names)
