/*---
grain: "one row per unit of the insurer's books (unit_code)"
uses: [linkage.employer_key, staging.insurance_unit]
---*/
select unit.unit_code, key.employer_key, unit.status, unit.registered_on, unit.stopped_on,
    cast(unit.cycle_months as integer) as cycle_months, unit.province_code, unit.office_code, unit.region, unit.record_key
from staging.insurance_unit as unit
join linkage.employer_key as key on key.member = 'unit:' || unit.unit_code
