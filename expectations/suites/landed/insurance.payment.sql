/*---
check: unit_exists
level: warn
expected: each unit_code stands in insurance.unit
title_vi: Khoản nộp thuộc một đơn vị đã đăng ký
title_en: Payment records point to a registered unit
remedy_vi: Kiểm tra phạm vi dữ liệu hai cơ quan cung cấp có khớp nhau không; bản ghi không khớp vẫn được giữ.
remedy_en: compare what insurance.payment and insurance.unit cover; records that point nowhere are kept
---*/
select insurance_payment._record_key
from insurance_payment
where insurance_payment.unit_code is not null
  and not exists (
    select 1 from insurance_unit where insurance_unit.unit_code = insurance_payment.unit_code
  )

/*---
check: amount_positive
level: warn
expected: an amount above zero
title_vi: Số tiền nộp lớn hơn không
title_en: A payment is above zero
---*/
select _record_key
from insurance_payment
where amount_vnd <= 0
