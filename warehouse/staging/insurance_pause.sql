/*---
grain: one row per decision (decision_no)
uses: [raw.insurance_pause]
---*/
select
    _record_key as record_key,
    decision_no,
    unit_code,
    kind,
    from_month,
    cast(from_month || '-01' as date) as from_month_first_day,
    to_month,
    cast(to_month || '-01' as date) as to_month_first_day
from raw.insurance_pause
