/*---
grain: one row per assessment (assessment_no)
uses: [raw.health_assessment]
---*/
select
    _record_key as record_key,
    assessment_no,
    trim(full_name) as full_name,
    birth_date,
    citizen_id,
    upper(translate(citizen_id, ' .-/', '')) as citizen_id_clean,
    si_number,
    upper(translate(si_number, ' .-/', '')) as si_number_clean,
    assessed_on,
    former_percent,
    percent,
    chair_code
from raw.health_assessment
