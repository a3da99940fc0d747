/*---
rule: CD06
title_vi: Chậm đóng kéo dài, diện công khai
title_en: Long-late, for public naming
subject: employer
law: [{act: 41/2024/QH15, article: "35.2"}, {act: 41/2024/QH15, article: "38.1"}]
uses: [law.late_publication_days, law.late_publication_months, marts.enterprise_status, marts.late_month, marts.unit_month]
needs: [insurance.charge, insurance.unit]
needs_landed: [insurance.payment]
inputs: [late_month.principal_vnd, late_month.days_late, unit_month.due_vnd, enterprise_status.is_ending]
params: [as_of]
innocent:
  - {vi: đang làm thủ tục phá sản hoặc giải thể, en: insolvency or dissolution proceedings, document: quyết định mở thủ tục phá sản hoặc thông báo giải thể}
  - {vi: được tạm dừng đóng hoặc gặp bất khả kháng, en: a pause or force majeure, document: quyết định tạm dừng đóng hoặc hồ sơ bất khả kháng}
  - {vi: đã nộp nhưng chưa được phân bổ, en: paid but not yet allocated, document: chứng từ nộp tiền và C12-TS}
reason_vi: "Đơn vị {name} (mã đơn vị {unit_code}, MST {tax_code}) chậm đóng kéo dài: còn thiếu {principal_vnd} của {months} tháng, tháng cũ nhất quá hạn {days_late} ngày; số phải đóng bình quân {average_due_vnd} mỗi tháng. Thuộc diện xem xét công khai."
reason_en: "{name} (unit {unit_code}, tax code {tax_code}) is long-late: {principal_vnd} of {months} months is unpaid, the oldest {days_late} days past its deadline; the average monthly due is {average_due_vnd}. To be considered for public naming."
---*/
with ranked as (
    select unit_code, due_vnd - credit_vnd as net_due_vnd, row_number() over (partition by unit_code order by month desc) as place
    from marts.unit_month
),
average as (
    select unit_code, cast(sum(net_due_vnd) as bigint) as due_vnd, count(*) as months from ranked where place <= 12 group by unit_code
),
late as (
    select unit_code, employer_key, count(*) as months, cast(sum(principal_vnd) as bigint) as principal_vnd, cast(sum(interest_vnd) as bigint) as interest_vnd,
        max(days_late) as days_late, min(month_first_day) as from_date, max(last_day(month_first_day)) as to_date,
        min(status) as gravest_status, max(grade) as grade,
        flatten(list(evidence)) as evidence, list_distinct(flatten(list(doubts))) as doubts
    from marts.late_month
    where variant = ''
    group by unit_code, employer_key
),
final as (
    select 'employer' as subject_kind, late.employer_key, late.unit_code, late.unit_code as item,
        -- 'evasion' sorts before 'late'
        late.gravest_status as status, late.grade, late.from_date, late.to_date, late.principal_vnd, late.interest_vnd, late.days_late,
        late.evidence,
        list_concat(late.doubts, case when enterprise_status.is_ending
            then ['insolvency_or_dissolution'] else [] end) as doubts,
        late.months as fact_months, average.due_vnd // average.months as fact_average_due_vnd
    from late
    join average on average.unit_code = late.unit_code
    left join marts.enterprise_status as enterprise_status on enterprise_status.employer_key = late.employer_key
    join law.late_publication_days as days on $as_of between days.valid_from and days.valid_to
    join law.late_publication_months as worth on $as_of between worth.valid_from and worth.valid_to
    where late.days_late >= days.amount
       or (average.due_vnd > 0 and late.principal_vnd * average.months >= worth.amount * average.due_vnd)
)
select * from final
