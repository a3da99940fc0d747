/*---
grain: one row per unit, month and fund (charge_id)
uses: [raw.insurance_charge]
---*/
select
    _record_key as record_key,
    charge_id,
    unit_code,
    month,
    cast(month || '-01' as date) as month_first_day,
    fund,
    due_vnd,
    adjustment_vnd
from raw.insurance_charge
