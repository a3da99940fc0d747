/*---
grain: one row per project (project_code)
uses: [raw.investment_project]
---*/
select
    _record_key as record_key,
    project_code,
    enterprise_code,
    translate(enterprise_code, ' .-/', '') as enterprise_code_clean,
    trim(name) as name,
    investor_country,
    capital_usd,
    planned_workers,
    actual_workers,
    started_on,
    status
from raw.investment_project
