/*---
grain: one row per unit and month (interest_id)
uses: [raw.insurance_interest]
---*/
select
    _record_key as record_key,
    interest_id,
    unit_code,
    month,
    cast(month || '-01' as date) as month_first_day,
    charged_vnd
from raw.insurance_interest
