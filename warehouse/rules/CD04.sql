/*---
rule: CD04
title_vi: "Quá 60 ngày nhưng chưa đôn đốc"
title_en: "Past day 60, not yet urged"
subject: employer
law: [{act: 41/2024/QH15, article: "35.1"}, {act: 41/2024/QH15, article: "38.1"}, {act: 274/2025/NĐ-CP, article: đôn đốc trong 10 ngày đầu tháng}]
uses: [marts.late_month]
needs: [insurance.charge, insurance.unit]
needs_landed: [insurance.payment]
inputs: [late_month.principal_vnd, late_month.days_late, late_month.stage]
innocent:
  - {vi: tiền đang chuyển hoặc chưa được phân bổ, en: a payment in transit or not yet allocated, document: "chứng từ nộp tiền, ngày giá trị của ngân hàng (bank value date)"}
  - {vi: quyết định tạm dừng đóng hoặc bất khả kháng chưa được số hóa, en: a pause or force-majeure decision not yet on file, document: "quyết định tạm dừng đóng, hồ sơ bất khả kháng gửi trước ngày 25"}
  - {vi: "số phải đóng đang được đối chiếu, điều chỉnh", en: the amount due is disputed or being adjusted, document: "biên bản đối chiếu C12-TS"}
  - {vi: văn bản đôn đốc đã gửi nhưng chưa được số hóa, en: a reminder was sent but is not on file, document: sổ gửi văn bản đôn đốc}
reason_vi: "Đơn vị {name} (mã đơn vị {unit_code}, MST {tax_code}) còn thiếu {principal_vnd} của tháng {period_month}; hạn đóng {deadline_on}, đã quá hạn {days_late} ngày; chưa có văn bản đôn đốc cho tháng này. Tiền chậm đóng tạm tính {interest_vnd}.{excuse_vi}"
reason_en: "{name} (unit {unit_code}, tax code {tax_code}) still owes {principal_vnd} for {period_month}; the deadline was {deadline_on}, {days_late} days ago; no reminder covers the month. Interest so far {interest_vnd}.{excuse_en}"
---*/
select 'employer' as subject_kind, employer_key, unit_code, unit_code || '/' || month as item, variant, status,
    grade, month_first_day as from_date, last_day(month_first_day) as to_date, principal_vnd, interest_vnd, days_late, evidence, doubts, steps,
    month as fact_period_month, deadline_on as fact_deadline_on,
    excuse_vi as fact_excuse_vi, excuse_en as fact_excuse_en
from marts.late_month
where stage = 'past_evasion_not_reminded'
