/*---
grain: "one row per visit or stay (visit_id)"
uses: [linkage.person_link, staging.health_visit]
---*/
select link.person_key, link.is_identified, visit.visit_id, visit.facility_code, visit.kind, visit.admitted_on,
    visit.discharged_on, visit.result, visit.record_key
from staging.health_visit as visit
join linkage.person_link as link
  on link.registry = 'health' and link.dataset = 'visit' and link.record_key = visit.record_key
