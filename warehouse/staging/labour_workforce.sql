/*---
grain: one row per employer, half-year, worker and contract (line_id)
uses: [raw.labour_workforce]
---*/
select
    _record_key as record_key,
    line_id,
    tax_code,
    translate(tax_code, ' .-/', '') as tax_code_clean,
    period,
    trim(full_name) as full_name,
    birth_date,
    sex,
    citizen_id,
    upper(translate(citizen_id, ' .-/', '')) as citizen_id_clean,
    old_id,
    upper(translate(old_id, ' .-/', '')) as old_id_clean,
    si_number,
    upper(translate(si_number, ' .-/', '')) as si_number_clean,
    passport_no,
    upper(translate(passport_no, ' .-/', '')) as passport_no_clean,
    nationality,
    job_title,
    contract,
    contract_from,
    contract_to,
    wage_vnd,
    insured_from,
    cast(insured_from || '-01' as date) as insured_from_first_day,
    cast(substr(period, 1, 4) as integer) as period_year,
    cast(substr(period, 1, 4) || case when period like '%H1' then '-06-30' else '-12-31' end as date) as period_last_day
from raw.labour_workforce
