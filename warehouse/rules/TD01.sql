/*---
rule: TD01
title_vi: Đơn vị trả lương chưa đăng ký tham gia BHXH
title_en: Paying unit not registered for social insurance
subject: employer
law: [{act: 41/2024/QH15, article: "28.1"}, {act: 41/2024/QH15, article: "39.1.a"}]
uses: [law.registration_days, law.registration_grace_days, marts.employer, marts.insured_person, marts.paid_worker, marts.withholding]
needs: [insurance.unit, tax.taxpayer]
needs_any: [tax.withholding, tax.payroll, labour.workforce]
inputs: [employer.is_active_taxpayer, employer.first_unit_on, withholding.workers_contracted, paid_worker.from_day]
params: [as_of]
innocent:
  - {vi: "chỉ có người hưởng lương hưu, lao động nước ngoài được miễn", en: only pensioners or treaty-exempt foreign staff, document: "danh sách lao động kèm quyết định hưởng lương hưu, giấy phép lao động"}
  - {vi: đóng qua đơn vị chủ quản hoặc chi nhánh, en: registered through the parent or a branch, document: "danh sách tham gia (D02-LT) của đơn vị chủ quản"}
  - {vi: lao động thuê lại do doanh nghiệp cho thuê đóng, en: "hired-out staff, insured by the labour-hire firm", document: hợp đồng cho thuê lại lao động}
reason_vi: "{name} (MST {tax_code}) có {workers} lao động thuộc diện tham gia, trả lương từ {first_sign_on}, đến nay đã {days_late} ngày nhưng chưa đăng ký tham gia BHXH; thời hạn đăng ký {registration_days} ngày, quá thêm {grace_days} ngày là dấu hiệu trốn đóng."
reason_en: "{name} (tax code {tax_code}) has {workers} workers who must be insured and has paid wages since {first_sign_on}, {days_late} days ago, but has not registered a unit; the limit is {registration_days} days, and {grace_days} days after it the omission is a sign of evasion."
---*/
with worker as (
    select employer_key, person_key, min(certain_from_day) as from_day,
        bool_or(is_pensioner) as is_pensioner, bool_or(is_foreigner) as is_foreigner, bool_or(may_be_insured) as may_be_insured,
        bool_or(is_traceable) as is_traceable, bool_or(is_subject) as is_subject
    from marts.paid_worker
    group by employer_key, person_key
),
explained as (
    select worker.employer_key, worker.person_key, worker.from_day, worker.is_traceable and worker.is_subject as is_accountable,
        worker.is_pensioner or worker.is_foreigner or worker.may_be_insured
            or exists (select 1 from marts.insured_person as insured
                       where insured.person_key = worker.person_key and insured.to_day >= worker.from_day) as is_explained
    from worker
),
named as (
    select employer_key,
        count(case when is_explained then 1 end) as explained,
        count(case when not is_explained and is_accountable then 1 end) as missing,
        -- who these are, or whether they must be insured, cannot be known: they neither accuse nor explain
        count(case when not is_explained and not is_accountable then 1 end) as unknown,
        min(case when not is_explained and is_accountable then from_day end) as first_sign_on
    from explained
    group by employer_key
),
named_evidence as (
    select paid.employer_key, list(distinct paid.registry || '.' || paid.dataset || ':' || paid.record_key) as evidence
    from marts.paid_worker as paid
    join explained on explained.employer_key = paid.employer_key and explained.person_key = paid.person_key
    where not explained.is_explained and explained.is_accountable
    group by paid.employer_key
),
declared as (
    select employer_key, max(workers_contracted) as workers, min(period_first_day) as first_sign_on,
        list('tax.withholding:' || record_key) as evidence
    from marts.withholding
    where workers_contracted > 0
    group by employer_key
),
sign as (
    select employer.employer_key, employer.tax_code, employer.is_known_taxpayer,
        greatest(coalesce(declared.workers, 0), coalesce(named.missing, 0)) as workers,
        least(coalesce(declared.first_sign_on, named.first_sign_on), coalesce(named.first_sign_on, declared.first_sign_on)) as first_sign_on,
        coalesce(named.missing, 0) as missing,
        -- the whole declared workforce is reported by name, and everyone who can be identified is lawfully absent
        coalesce(named.missing = 0 and named.explained > 0
            and named.explained + named.unknown >= coalesce(declared.workers, 0), false) as is_whole_staff_explained,
        coalesce(named.explained > 0, false) as is_staff_partly_explained,
        declared.workers is not null as is_declared,
        list_concat(coalesce(declared.evidence, []), coalesce(named_evidence.evidence, [])) as evidence
    from marts.employer as employer
    left join declared on declared.employer_key = employer.employer_key
    left join named on named.employer_key = employer.employer_key
    left join named_evidence on named_evidence.employer_key = employer.employer_key
    where coalesce(declared.workers, 0) + coalesce(named.missing, 0) > 0
      and (employer.first_unit_on is null or employer.first_unit_on > $as_of)
      and (employer.parent_first_unit_on is null or employer.parent_first_unit_on > $as_of)
      and employer.possible_unit_code is null
      and employer.is_organised
      and (employer.is_active_taxpayer or (not employer.is_known_taxpayer and employer.has_trusted_tax_code))
),
final as (
    select 'employer' as subject_kind, sign.employer_key, sign.tax_code as item, 'suspected' as status,
        case when not sign.is_known_taxpayer then 'C'
             when sign.is_declared and sign.missing > 0 then 'A'
             when sign.missing = 0 and sign.is_staff_partly_explained then 'C' else 'B' end as grade,
        sign.first_sign_on as from_date, $as_of as to_date,
        date_diff('day', sign.first_sign_on, $as_of) as days_late,
        sign.evidence,
        list_concat(
            case when not sign.is_known_taxpayer then ['taxpayer_not_in_register'] else [] end,
            case when sign.missing = 0 and sign.is_staff_partly_explained then ['part_of_the_staff_is_lawfully_absent'] else [] end) as doubts,
        sign.workers as fact_workers, sign.first_sign_on as fact_first_sign_on,
        cast(registration.amount as integer) as fact_registration_days, cast(grace.amount as integer) as fact_grace_days
    from sign
    join law.registration_days as registration on sign.first_sign_on between registration.valid_from and registration.valid_to
    join law.registration_grace_days as grace on sign.first_sign_on between grace.valid_from and grace.valid_to
    where not sign.is_whole_staff_explained
      -- the first day itself is not counted: from day 91 on
      and date_diff('day', sign.first_sign_on, $as_of) > registration.amount + grace.amount
)
select * from final
