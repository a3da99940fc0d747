/*---
grain: one row per notice (notice_no)
uses: [raw.health_death]
---*/
select
    _record_key as record_key,
    notice_no,
    trim(full_name) as full_name,
    birth_date,
    sex,
    citizen_id,
    upper(translate(citizen_id, ' .-/', '')) as citizen_id_clean,
    old_id,
    upper(translate(old_id, ' .-/', '')) as old_id_clean,
    si_number,
    upper(translate(si_number, ' .-/', '')) as si_number_clean,
    hi_card,
    upper(translate(hi_card, ' .-/', '')) as hi_card_clean,
    died_on,
    facility_code
from raw.health_death
