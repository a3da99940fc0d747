/*---
grain: one row per payment (benefit_id)
uses: [raw.insurance_benefit]
---*/
select
    _record_key as record_key,
    benefit_id,
    kind,
    si_number,
    upper(translate(si_number, ' .-/', '')) as si_number_clean,
    trim(full_name) as full_name,
    birth_date,
    sex,
    citizen_id,
    upper(translate(citizen_id, ' .-/', '')) as citizen_id_clean,
    unit_code,
    from_date,
    to_date,
    days,
    amount_vnd,
    certificate_no,
    regexp_replace(translate(upper(certificate_no), 'OIL ./-_', '011'), '(^|[A-Z])0+', '\1', 'g') as certificate_serial,
    facility_code,
    child_birth_date,
    deceased_citizen_id,
    upper(translate(deceased_citizen_id, ' .-/', '')) as deceased_citizen_id_clean,
    deceased_si_number,
    upper(translate(deceased_si_number, ' .-/', '')) as deceased_si_number_clean,
    bank_account,
    paid_on
from raw.insurance_benefit
