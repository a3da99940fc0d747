/*---
grain: one row per payer, person and year (line_id)
uses: [raw.tax_payroll]
---*/
select
    _record_key as record_key,
    line_id,
    tax_code,
    translate(tax_code, ' .-/', '') as tax_code_clean,
    year,
    schedule,
    trim(full_name) as full_name,
    person_tax_code,
    upper(translate(person_tax_code, ' .-/', '')) as person_tax_code_clean,
    id_kind,
    id_number,
    upper(translate(id_number, ' .-/', '')) as id_number_clean,
    income_vnd,
    insurance_deducted_vnd,
    tax_vnd
from raw.tax_payroll
