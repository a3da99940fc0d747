/*---
check: dates_in_order
level: warn
expected: from_date is not after to_date
title_vi: Ngày bắt đầu hưởng không sau ngày kết thúc
title_en: A benefit period begins before it ends
---*/
select _record_key
from insurance_benefit
where to_date < from_date

/*---
check: days_within_period
level: warn
expected: no more working days than calendar days
title_vi: Số ngày hưởng không quá số ngày của kỳ
title_en: Days paid fit into the period paid for
---*/
select _record_key
from insurance_benefit
where days > to_date - from_date + 1 or days < 0

/*---
check: amount_positive
level: warn
expected: an amount above zero
title_vi: Số tiền hưởng lớn hơn không
title_en: A benefit is above zero
---*/
select _record_key
from insurance_benefit
where amount_vnd <= 0

/*---
check: unit_exists
level: warn
expected: each unit_code stands in insurance.unit
title_vi: Chế độ chi trả thuộc một đơn vị đã đăng ký
title_en: Benefit records point to a registered unit
remedy_vi: Kiểm tra phạm vi dữ liệu hai cơ quan cung cấp có khớp nhau không; bản ghi không khớp vẫn được giữ.
remedy_en: compare what insurance.benefit and insurance.unit cover; records that point nowhere are kept
allowed_percent: 1
---*/
select insurance_benefit._record_key
from insurance_benefit
where insurance_benefit.unit_code is not null
  and not exists (
    select 1 from insurance_unit where insurance_unit.unit_code = insurance_benefit.unit_code
  )
