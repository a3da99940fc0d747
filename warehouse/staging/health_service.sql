/*---
grain: one row per service line (service_id)
uses: [raw.health_service]
---*/
select
    _record_key as record_key,
    service_id,
    visit_id,
    service_code,
    doctor_code,
    machine_code,
    performed_at,
    cast(performed_at as date) as performed_on,
    quantity,
    insurer_paid_vnd
from raw.health_service
