/*---
grain: one row per tax code (tax_code)
uses: [raw.tax_taxpayer]
---*/
select
    _record_key as record_key,
    tax_code,
    translate(tax_code, ' .-/', '') as tax_code_clean,
    parent_tax_code,
    translate(parent_tax_code, ' .-/', '') as parent_tax_code_clean,
    trim(name) as name,
    kind,
    declaration_method,
    status,
    status_on,
    started_on,
    province_code,
    ward_code,
    address
from raw.tax_taxpayer
