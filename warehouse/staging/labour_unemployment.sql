/*---
grain: one row per decision (decision_no)
uses: [raw.labour_unemployment]
---*/
select
    _record_key as record_key,
    decision_no,
    trim(full_name) as full_name,
    birth_date,
    sex,
    citizen_id,
    upper(translate(citizen_id, ' .-/', '')) as citizen_id_clean,
    si_number,
    upper(translate(si_number, ' .-/', '')) as si_number_clean,
    monthly_vnd,
    from_date,
    to_date,
    status,
    ended_on,
    end_reason,
    province_code
from raw.labour_unemployment
