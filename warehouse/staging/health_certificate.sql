/*---
grain: one row per certificate (certificate_no)
uses: [raw.health_certificate]
---*/
select
    _record_key as record_key,
    certificate_no,
    regexp_replace(translate(upper(certificate_no), 'OIL ./-_', '011'), '(^|[A-Z])0+', '\1', 'g') as certificate_serial,
    kind,
    visit_id,
    trim(full_name) as full_name,
    birth_date,
    sex,
    citizen_id,
    upper(translate(citizen_id, ' .-/', '')) as citizen_id_clean,
    si_number,
    upper(translate(si_number, ' .-/', '')) as si_number_clean,
    hi_card,
    upper(translate(hi_card, ' .-/', '')) as hi_card_clean,
    facility_code,
    doctor_code,
    trim(employer_name) as employer_name,
    diagnosis_code,
    from_date,
    to_date,
    days,
    issued_on
from raw.health_certificate
