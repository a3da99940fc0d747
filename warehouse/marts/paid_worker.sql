/*---
grain: "one row per employer, person and report that shows a worker (employer_key, person_key, registry, record_key); is_subject: who must be insured"
uses: [linkage.namesake_at_employer, linkage.set_aside_insured, marts.payroll_year, marts.person, marts.work_permit, marts.workforce]
---*/
with sign as (
    select employer_key, person_key, 'tax' as registry, 'payroll' as dataset, record_key, year,
        cast(cast(year as varchar) || '-01-01' as date) as from_day, cast(cast(year as varchar) || '-12-31' as date) as to_day,
        -- the form has no day of hiring: what is certain is only that the year had ended
        cast(cast(year as varchar) || '-12-31' as date) as certain_from_day,
        income_vnd, true as is_subject, coalesce(id_kind = 'passport', false) as has_passport
    from marts.payroll_year
    where schedule = 'progressive'
    union all
    select employer_key, person_key, 'labour', 'workforce', record_key, period_year,
        coalesce(contract_from, period_last_day), coalesce(contract_to, period_last_day),
        coalesce(contract_from, period_last_day), cast(null as bigint), is_subject,
        coalesce(upper(nationality) not in ('VN', 'VNM'), false)
    from marts.workforce
),
permit_holder as (
    select distinct person_key from marts.work_permit
),
namesake as (
    select distinct person_key, employer_key from linkage.namesake_at_employer
),
final as (
    select sign.employer_key, sign.person_key, person.is_traceable, sign.registry, sign.dataset, sign.record_key, sign.year,
        sign.from_day, sign.to_day, sign.certain_from_day, sign.income_vnd, sign.is_subject,
        coalesce(person.pension_from_date <= sign.to_day, false) as is_pensioner,
        -- eligible foreigners are a rule of their own; here a foreigner is never counted as missing
        sign.has_passport or person.is_foreign or permit_holder.person_key is not null as is_foreigner,
        namesake.person_key is not null or set_aside.person_key is not null as may_be_insured
    from sign
    join marts.person as person on person.person_key = sign.person_key
    left join permit_holder on permit_holder.person_key = sign.person_key
    left join linkage.set_aside_insured as set_aside on set_aside.person_key = sign.person_key
    left join namesake on namesake.person_key = sign.person_key and namesake.employer_key = sign.employer_key
)
select * from final
