/*---
rule: TD02
title_vi: Người lao động có hợp đồng chưa được đăng ký tham gia BHXH
title_en: Worker with a contract not registered for social insurance
subject: employer
law: [{act: 41/2024/QH15, article: "2.1.a"}, {act: 41/2024/QH15, article: "28.1"}, {act: 41/2024/QH15, article: "39.1.a"}]
uses: [law.payroll_year_closes, law.worker_reporting_days, marts.insured_person, marts.paid_worker]
needs: [insurance.participation]
needs_any: [tax.payroll, labour.workforce]
inputs: [paid_worker.year, paid_worker.from_day, paid_worker.is_pensioner, paid_worker.is_foreigner, paid_worker.is_subject, insured_person.from_day]
params: [as_of]
innocent:
  - {vi: đã tham gia tại hợp đồng giao kết đầu tiên ở nơi khác, en: "insured at the first employer, elsewhere", document: "sổ BHXH, D02-LT của đơn vị kia"}
  - {vi: "đang hưởng lương hưu, thử việc, hợp đồng dưới 1 tháng", en: "a pensioner, on probation, or a contract under one month", document: "quyết định hưởng lương hưu, hợp đồng lao động"}
  - {vi: lao động nước ngoài không thuộc diện tham gia, en: a foreign worker who is not subject, document: "giấy phép lao động, văn bản di chuyển nội bộ"}
  - {vi: "nghỉ không lương, thai sản; tiền trả sau khi đã nghỉ việc", en: "unpaid or maternity leave, or money paid after the job ended", document: "bảng lương, quyết định thôi việc"}
  - {vi: sai số định danh giữa các cơ quan, en: an identifier mistyped at one agency, document: "căn cước, sổ BHXH"}
reason_vi: "{name} (MST {tax_code}) kê khai {person} là người lao động có hợp đồng năm {year} ({shown_by_vi}) nhưng không có tháng tham gia BHXH bắt buộc nào ở bất kỳ đơn vị nào trong thời gian đó."
reason_en: "{name} (tax code {tax_code}) reports {person} as a worker under contract in {year} ({shown_by_en}), but no compulsory month is on file anywhere for that time."
---*/
with insured as (
    select person_key, employer_key, from_day, to_day, wage_vnd from marts.insured_person
),
-- wages paid in a year around a spell at the same employer may be arrears of the year before, or the first weeks of a job
around_the_year as (
    select paid.record_key, paid.person_key, max(insured.wage_vnd) as wage_vnd
    from marts.paid_worker as paid
    join insured
      on insured.person_key = paid.person_key and insured.employer_key = paid.employer_key
      and (insured.to_day between cast(paid.from_day - interval '3' month as date) and paid.from_day
           or insured.from_day between paid.to_day and cast(paid.to_day + interval '3' month as date))
    where paid.dataset = 'payroll'
    group by paid.record_key, paid.person_key
),
payroll_sign as (
    select paid.employer_key, paid.person_key, paid.registry, paid.dataset, paid.record_key, paid.year, paid.from_day, paid.to_day
    from marts.paid_worker as paid
    join law.payroll_year_closes as closes on paid.to_day between closes.valid_from and closes.valid_to
    left join around_the_year on around_the_year.record_key = paid.record_key and around_the_year.person_key = paid.person_key
    where paid.dataset = 'payroll' and paid.is_subject and paid.is_traceable
      and not paid.is_pensioner and not paid.is_foreigner and not paid.may_be_insured
      and $as_of > cast(cast(paid.year + 1 as varchar) || '-' || closes.value as date)
      and coalesce(paid.income_vnd > 3 * around_the_year.wage_vnd, true)
      and not exists (select 1 from insured
                      where insured.person_key = paid.person_key and insured.from_day <= paid.to_day and insured.to_day >= paid.from_day)
),
contract_sign as (
    select paid.employer_key, paid.person_key, paid.registry, paid.dataset, paid.record_key, paid.year, paid.from_day, paid.to_day
    from marts.paid_worker as paid
    join law.worker_reporting_days as reporting on paid.from_day between reporting.valid_from and reporting.valid_to
    where paid.dataset = 'workforce' and paid.is_subject and paid.is_traceable
      and not paid.is_pensioner and not paid.is_foreigner and not paid.may_be_insured
      and date_diff('day', paid.from_day, $as_of) > reporting.amount
      and not exists (select 1 from insured where insured.person_key = paid.person_key and insured.to_day >= paid.from_day)
),
sign as (
    select * from payroll_sign
    union all
    select * from contract_sign
),
final as (
    -- one finding for a worker and a year, however many registers show it
    select 'employer' as subject_kind, employer_key, person_key, cast(year as varchar) as item, 'suspected' as status,
        case when count(distinct registry) > 1 then 'A' else 'B' end as grade,
        min(from_day) as from_date, max(to_day) as to_date,
        list(registry || '.' || dataset || ':' || record_key) as evidence, cast([] as varchar[]) as doubts,
        cast(year as varchar) as fact_year,
        case when count(distinct registry) > 1 then 'bảng kê quyết toán thuế và báo cáo sử dụng lao động'
             when min(registry) = 'tax' then 'bảng kê quyết toán thuế' else 'báo cáo sử dụng lao động' end as fact_shown_by_vi,
        case when count(distinct registry) > 1 then 'yearly payroll statement and labour-use report'
             when min(registry) = 'tax' then 'yearly payroll statement' else 'labour-use report' end as fact_shown_by_en
    from sign
    group by employer_key, person_key, year
)
select * from final
