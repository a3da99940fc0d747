/*---
grain: "one row per line of a yearly payroll statement (line_id); a year is never divided into months"
uses: [linkage.employer_key, linkage.person_link, staging.tax_payroll]
---*/
select link.person_key, link.is_identified, key.employer_key, payroll.line_id, cast(payroll.year as integer) as year,
    payroll.schedule, payroll.id_kind, payroll.income_vnd, payroll.insurance_deducted_vnd, payroll.record_key
from staging.tax_payroll as payroll
join linkage.person_link as link
  on link.registry = 'tax' and link.dataset = 'payroll' and link.record_key = payroll.record_key
left join linkage.employer_key as key on key.member = 'tax:' || payroll.tax_code_clean
