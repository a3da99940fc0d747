/*---
grain: one row per inspection (inspection_no)
uses: [raw.insurance_inspection]
---*/
select
    _record_key as record_key,
    inspection_no,
    unit_code,
    tax_code,
    translate(tax_code, ' .-/', '') as tax_code_clean,
    notified_on,
    concluded_on,
    outcome,
    assessed_vnd
from raw.insurance_inspection
