/*---
check: unit_exists
level: warn
expected: each unit_code stands in insurance.unit
title_vi: Khoản phải nộp thuộc một đơn vị đã đăng ký
title_en: Charge records point to a registered unit
remedy_vi: Kiểm tra phạm vi dữ liệu hai cơ quan cung cấp có khớp nhau không; bản ghi không khớp vẫn được giữ.
remedy_en: compare what insurance.charge and insurance.unit cover; records that point nowhere are kept
---*/
select insurance_charge._record_key
from insurance_charge
where insurance_charge.unit_code is not null
  and not exists (
    select 1 from insurance_unit where insurance_unit.unit_code = insurance_charge.unit_code
  )

/*---
check: one_per_month_and_fund
level: warn
expected: one charge per unit, month and fund
title_vi: Mỗi đơn vị, tháng, quỹ chỉ một khoản phải nộp
title_en: A unit is charged once per month and fund
remedy_vi: Hỏi cơ quan bảo hiểm khoản nào đúng; mọi khoản đều được cộng vào số phải nộp.
remedy_en: ask the insurer which charge is right; all of them are added to what is due
---*/
select unit_code, month, fund
from insurance_charge
group by unit_code, month, fund
having count(*) > 1
