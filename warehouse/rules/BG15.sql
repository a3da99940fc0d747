/*---
rule: BG15
title_vi: Hưởng trợ cấp thất nghiệp khi đã có việc làm
title_en: Unemployment benefit while employed
subject: person
law: [{act: 38/2013/QH13, article: "53"}, {act: 74/2025/QH15, article: chấm dứt hưởng trợ cấp thất nghiệp}]
uses: [marts.calendar_month, marts.spell, marts.unemployment, marts.workforce]
needs: [labour.unemployment]
needs_any: [insurance.participation, labour.workforce]
inputs: [unemployment.from_date, unemployment.last_paid_day, spell.from_day, spell.to_day, workforce.contract_from]
innocent:
  - {vi: việc làm bắt đầu giữa tháng sau ngày chấm dứt hưởng, en: the job began after the benefit had ended, document: "hợp đồng lao động, thông báo có việc làm"}
  - {vi: kê khai tham gia lùi thời gian, en: the contribution was back-dated, document: hồ sơ truy đóng}
  - {vi: hợp đồng dưới 1 tháng hoặc BHXH tự nguyện, en: "a contract under one month, or voluntary insurance", document: hợp đồng lao động}
reason_vi: "{person} hưởng trợ cấp thất nghiệp theo quyết định {item} trong khi có {months} tháng trọn có việc làm ({shown_by_vi}), từ {from_date} đến {to_date}; số tiền của các tháng đó là {principal_vnd}."
reason_en: "{person} drew unemployment benefit under decision {item} while employed for {months} whole month(s) ({shown_by_en}), from {from_date} to {to_date}; the benefit of those months is {principal_vnd}."
---*/
with benefit_month as (
    select benefit.person_key, benefit.decision_no, benefit.monthly_vnd, benefit.status, benefit.from_date, benefit.record_key,
        month.first_day, month.last_day
    from marts.unemployment as benefit
    join marts.calendar_month as month on month.first_day >= benefit.from_date and month.last_day <= benefit.last_paid_day
),
job as (
    select person_key, from_day, to_day, is_backdated, 'insurance' as registry, 'participation' as dataset, record_key
    from marts.spell
    where kind = 'compulsory'
    union all
    -- an open contract is known to last until the end of the period it was reported for, no longer
    select person_key, contract_from, coalesce(contract_to, period_last_day), false, 'labour', 'workforce', record_key
    from marts.workforce
    where contract in ('indefinite', 'fixed', 'part_time') and contract_from is not null
      and coalesce(contract_to >= cast(contract_from + interval '1' month as date) - interval '1' day, true)
),
overlap as (
    select benefit_month.person_key, benefit_month.decision_no, benefit_month.monthly_vnd, benefit_month.status,
        benefit_month.record_key, benefit_month.first_day, benefit_month.last_day,
        job.registry, job.dataset, job.record_key as job_key, job.is_backdated, job.from_day < benefit_month.from_date as is_earlier_job
    from benefit_month
    join job on job.person_key = benefit_month.person_key
      and job.from_day <= benefit_month.first_day and job.to_day >= benefit_month.last_day
),
judged as (
    select person_key, decision_no, monthly_vnd, status, record_key, count(distinct first_day) as months,
        min(first_day) as from_date, max(last_day) as to_date,
        count(distinct registry) as registers, min(registry) as one_register,
        bool_and(is_backdated) as is_all_backdated, bool_and(is_earlier_job) as is_all_earlier_job,
        list(distinct registry || '.' || dataset || ':' || job_key) as job_evidence
    from overlap
    group by person_key, decision_no, monthly_vnd, status, record_key
),
final as (
    select 'person' as subject_kind, person_key, decision_no as item, 'suspected' as status,
        case when is_all_backdated or judged.status = 'suspended' then 'C' when registers > 1 then 'A' else 'B' end as grade,
        from_date, to_date, monthly_vnd * months as principal_vnd,
        list_concat(['labour.unemployment:' || record_key], job_evidence) as evidence,
        list_concat(
            case when is_all_backdated then ['job_was_backdated'] else [] end,
            list_concat(
                case when judged.status = 'suspended' then ['benefit_suspended'] else [] end,
                case when is_all_earlier_job then ['job_began_before_the_benefit'] else [] end)) as doubts,
        months as fact_months,
        case when registers > 1 then 'quá trình đóng BHXH và báo cáo sử dụng lao động'
             when one_register = 'insurance' then 'quá trình đóng BHXH' else 'báo cáo sử dụng lao động' end as fact_shown_by_vi,
        case when registers > 1 then 'contribution spells and labour-use reports'
             when one_register = 'insurance' then 'contribution spells' else 'labour-use reports' end as fact_shown_by_en
    from judged
)
select * from final
