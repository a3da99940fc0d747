/*---
grain: one row per unit (unit_code)
uses: [raw.insurance_unit]
---*/
select
    _record_key as record_key,
    unit_code,
    tax_code,
    translate(tax_code, ' .-/', '') as tax_code_clean,
    trim(name) as name,
    status,
    registered_on,
    stopped_on,
    cycle_months,
    province_code,
    ward_code,
    office_code,
    address,
    region
from raw.insurance_unit
