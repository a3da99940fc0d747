/*---
grain: "one row per health-care facility (facility_code)"
uses: [staging.health_facility]
---*/
select facility_code, province_code, status, may_certify, record_key
from staging.health_facility
