/*---
grain: one row per person and programme spell (assistance_id)
uses: [raw.welfare_assistance]
---*/
select
    _record_key as record_key,
    assistance_id,
    programme,
    trim(full_name) as full_name,
    birth_date,
    sex,
    citizen_id,
    upper(translate(citizen_id, ' .-/', '')) as citizen_id_clean,
    household_no,
    monthly_vnd,
    from_month,
    cast(from_month || '-01' as date) as from_month_first_day,
    to_month,
    cast(to_month || '-01' as date) as to_month_first_day,
    status,
    province_code,
    ward_code
from raw.welfare_assistance
