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
    invoices
from raw.tax_revenue
