/*---
grain: "one row per unemployment-benefit decision (decision_no); `last_paid_day` is where the benefit really ended"
uses: [linkage.person_link, staging.labour_unemployment]
---*/
select link.person_key, link.is_identified, unemployment.decision_no, unemployment.monthly_vnd, unemployment.from_date,
    least(unemployment.to_date, coalesce(unemployment.ended_on, unemployment.to_date)) as last_paid_day,
    unemployment.status, unemployment.province_code, unemployment.record_key
from staging.labour_unemployment as unemployment
join linkage.person_link as link
  on link.registry = 'labour' and link.dataset = 'unemployment' and link.record_key = unemployment.record_key
