/*---
grain: one row per permit (permit_no)
uses: [raw.labour_work_permit]
---*/
select
    _record_key as record_key,
    permit_no,
    trim(full_name) as full_name,
    birth_date,
    sex,
    passport_no,
    upper(translate(passport_no, ' .-/', '')) as passport_no_clean,
    nationality,
    tax_code,
    translate(tax_code, ' .-/', '') as tax_code_clean,
    contract_from,
    contract_to,
    intra_company
from raw.labour_work_permit
