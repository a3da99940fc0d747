/*---
grain: "one row per employer in the business register (employer_key)"
uses: [linkage.employer_key, staging.investment_enterprise]
---*/
select key.employer_key, min(enterprise.status) as enterprise_status,
    max(enterprise.status in ('dissolving', 'dissolved', 'bankrupt', 'revoked')) as is_ending
from staging.investment_enterprise as enterprise
join linkage.employer_key as key on key.member = 'tax:' || enterprise.enterprise_code_clean
group by key.employer_key
