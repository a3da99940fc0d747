/*---
grain: one row per payer and period (return_id)
uses: [raw.tax_withholding]
---*/
select
    _record_key as record_key,
    return_id,
    tax_code,
    translate(tax_code, ' .-/', '') as tax_code_clean,
    period,
    workers,
    workers_contracted,
    income_vnd,
    tax_vnd,
    filed_on,
    case when period like '%-Q%'
        then cast(substr(period, 1, 4) || '-' || lpad(cast(3 * cast(substr(period, 7, 1) as integer) - 2 as varchar), 2, '0') || '-01' as date)
        else cast(period || '-01' as date) end as period_first_day,
    case when period like '%-Q%' then 3 else 1 end as period_months
from raw.tax_withholding
