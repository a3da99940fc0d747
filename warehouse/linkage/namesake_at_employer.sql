/*---
grain: "one row per person and insured namesake at the same employer who is not proven to be someone else (person_key, employer_key, other_key)"
uses: [linkage.employer_key, linkage.person_citizen, linkage.person_link, linkage.person_mention, staging.insurance_participation, staging.labour_workforce, staging.tax_payroll]
---*/
with reported as (
    select 'tax' as registry, 'payroll' as dataset, record_key, tax_code_clean from staging.tax_payroll
    union all
    select 'labour', 'workforce', record_key, tax_code_clean from staging.labour_workforce
),
paid as (
    select distinct link.person_key, key.employer_key, mention.name_key, mention.birth_year
    from reported
    join linkage.person_link as link
      on link.registry = reported.registry and link.dataset = reported.dataset and link.record_key = reported.record_key
    join linkage.person_mention as mention on mention.mention_no = link.mention_no
    join linkage.employer_key as key on key.member = 'tax:' || reported.tax_code_clean
),
insured as (
    select distinct link.person_key, key.employer_key, mention.name_key, mention.birth_year
    from staging.insurance_participation as spell
    join linkage.person_link as link
      on link.registry = 'insurance' and link.dataset = 'participation' and link.record_key = spell.record_key
    join linkage.person_mention as mention on mention.mention_no = link.mention_no
    join linkage.employer_key as key on key.member = 'unit:' || spell.unit_code
),
final as (
    select distinct paid.person_key, paid.employer_key, insured.person_key as other_key
    from paid
    join insured
      on insured.employer_key = paid.employer_key and insured.name_key = paid.name_key and insured.person_key <> paid.person_key
    left join linkage.person_citizen as one on one.person_key = paid.person_key
    left join linkage.person_citizen as other on other.person_key = insured.person_key
    where (one.citizen_id is null or other.citizen_id is null or damerau_levenshtein(one.citizen_id, other.citizen_id) <= 2)
      and (paid.birth_year is null or insured.birth_year is null or paid.birth_year = insured.birth_year)
)
select * from final
