/*---
grain: one row per payment (payment_id)
uses: [raw.insurance_payment]
---*/
select
    _record_key as record_key,
    payment_id,
    unit_code,
    paid_on,
    amount_vnd,
    _newer_set_aside as has_newer_set_aside
from raw.insurance_payment
