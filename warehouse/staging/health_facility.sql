/*---
grain: one row per facility (facility_code)
uses: [raw.health_facility]
---*/
select
    _record_key as record_key,
    facility_code,
    trim(name) as name,
    level,
    province_code,
    status,
    may_certify,
    _newer_set_aside as has_newer_set_aside
from raw.health_facility
