/*---
grain: one row per reminder (reminder_id)
uses: [raw.insurance_reminder]
---*/
select
    _record_key as record_key,
    reminder_id,
    unit_code,
    sent_on,
    up_to_month,
    cast(up_to_month || '-01' as date) as up_to_month_first_day
from raw.insurance_reminder
