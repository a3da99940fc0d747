/*---
grain: one row per visit (visit_id)
uses: [raw.health_visit]
---*/
select
    _record_key as record_key,
    visit_id,
    trim(full_name) as full_name,
    birth_date,
    sex,
    citizen_id,
    upper(translate(citizen_id, ' .-/', '')) as citizen_id_clean,
    hi_card,
    upper(translate(hi_card, ' .-/', '')) as hi_card_clean,
    facility_code,
    kind,
    admitted_at,
    cast(admitted_at as date) as admitted_on,
    discharged_at,
    cast(discharged_at as date) as discharged_on,
    diagnosis_code,
    result,
    total_vnd,
    insurer_paid_vnd,
    card_from,
    card_to,
    transferred_from
from raw.health_visit
