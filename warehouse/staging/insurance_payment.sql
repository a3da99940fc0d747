/*---
grain: one row per payment (payment_id)
uses: [raw.insurance_payment]
---*/
select
    _record_key as record_key,
    payment_id,
    unit_code,
    paid_on,
    amount_vnd
from raw.insurance_payment
