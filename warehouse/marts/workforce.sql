/*---
grain: "one row per line of a labour-use report (line_id), with whether its contract makes the worker subject"
uses: [law.reference_level, linkage.employer_key, linkage.person_link, staging.labour_workforce]
---*/
select link.person_key, link.is_identified, key.employer_key, workforce.line_id, workforce.period,
    workforce.period_year, workforce.period_last_day, workforce.contract, workforce.contract_from, workforce.contract_to,
    workforce.nationality, workforce.wage_vnd, workforce.insured_from_first_day,
    -- 41/2024/QH15 Đ2.1.a, Đ2.1.l: indefinite, or a full month and more; part-time from the lowest contribution wage on
    case
        when workforce.contract in ('under_1_month', 'probation', 'other') then false
        when workforce.contract_from is null then false
        when workforce.contract_to < cast(workforce.contract_from + interval '1' month as date) - interval '1' day then false
        when workforce.contract = 'part_time' then coalesce(workforce.wage_vnd >= floor_wage.amount, false)
        else true
    end as is_subject,
    workforce.record_key
from staging.labour_workforce as workforce
join linkage.person_link as link
  on link.registry = 'labour' and link.dataset = 'workforce' and link.record_key = workforce.record_key
left join linkage.employer_key as key on key.member = 'tax:' || workforce.tax_code_clean
left join law.reference_level as floor_wage
  on workforce.contract_from between floor_wage.valid_from and floor_wage.valid_to
