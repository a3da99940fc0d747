/*---
grain: one row per birth certificate (birth_no)
uses: [raw.health_birth]
---*/
select
    _record_key as record_key,
    birth_no,
    trim(mother_name) as mother_name,
    mother_birth_date,
    mother_citizen_id,
    upper(translate(mother_citizen_id, ' .-/', '')) as mother_citizen_id_clean,
    mother_si_number,
    upper(translate(mother_si_number, ' .-/', '')) as mother_si_number_clean,
    mother_hi_card,
    upper(translate(mother_hi_card, ' .-/', '')) as mother_hi_card_clean,
    trim(father_name) as father_name,
    facility_code,
    born_on,
    children
from raw.health_birth
