/*---
grain: "one row per work permit (permit_no)"
uses: [linkage.employer_key, linkage.person_link, staging.labour_work_permit]
---*/
select link.person_key, key.employer_key, permit.permit_no, permit.contract_from, permit.contract_to, permit.intra_company,
    permit.record_key
from staging.labour_work_permit as permit
join linkage.person_link as link
  on link.registry = 'labour' and link.dataset = 'work_permit' and link.record_key = permit.record_key
left join linkage.employer_key as key on key.member = 'tax:' || permit.tax_code_clean
