/*---
grain: one row per licence (doctor_code)
uses: [raw.health_practitioner]
---*/
select
    _record_key as record_key,
    doctor_code,
    trim(full_name) as full_name,
    facility_code,
    licensed_from,
    licensed_to,
    status
from raw.health_practitioner
