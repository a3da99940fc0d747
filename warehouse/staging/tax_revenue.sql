/*---
grain: one row per taxpayer and year (tax_code, year)
uses: [raw.tax_revenue]
---*/
select
    _record_key as record_key,
    tax_code,
    translate(tax_code, ' .-/', '') as tax_code_clean,
    year,
    revenue_vnd,
    invoices,
    _newer_set_aside as has_newer_set_aside
from raw.tax_revenue
