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
    may_certify
from raw.health_facility
