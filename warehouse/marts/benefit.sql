/*---
grain: "one row per benefit payment (benefit_id)"
uses: [linkage.person_link, staging.insurance_benefit]
---*/
select link.person_key, link.is_identified, benefit.benefit_id, benefit.kind, benefit.unit_code, benefit.from_date,
    coalesce(benefit.to_date, benefit.from_date) as to_date, benefit.days, benefit.amount_vnd, benefit.certificate_no,
    benefit.certificate_serial, benefit.facility_code, benefit.paid_on, benefit.record_key
from staging.insurance_benefit as benefit
join linkage.person_link as link
  on link.registry = 'insurance' and link.dataset = 'benefit' and link.role = 'self' and link.record_key = benefit.record_key
