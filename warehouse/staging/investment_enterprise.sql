/*---
grain: one row per enterprise (enterprise_code)
uses: [raw.investment_enterprise]
---*/
select
    _record_key as record_key,
    enterprise_code,
    translate(enterprise_code, ' .-/', '') as enterprise_code_clean,
    trim(name) as name,
    legal_form,
    status,
    status_on,
    registered_on,
    province_code,
    ward_code,
    address,
    phone,
    industry_code,
    charter_capital_vnd,
    trim(representative_name) as representative_name,
    representative_id,
    upper(translate(representative_id, ' .-/', '')) as representative_id_clean,
    representative_title
from raw.investment_enterprise
