/*---
check: unit_exists
level: warn
expected: each unit_code stands in insurance.unit
title_vi: Quyết định tạm dừng thuộc một đơn vị đã đăng ký
title_en: Pause records point to a registered unit
remedy_vi: Kiểm tra phạm vi dữ liệu hai cơ quan cung cấp có khớp nhau không; bản ghi không khớp vẫn được giữ.
remedy_en: compare what insurance.pause and insurance.unit cover; records that point nowhere are kept
---*/
select insurance_pause._record_key
from insurance_pause
where insurance_pause.unit_code is not null
  and not exists (
    select 1 from insurance_unit where insurance_unit.unit_code = insurance_pause.unit_code
  )

/*---
check: months_in_order
level: warn
expected: from_month is not after to_month
title_vi: Tháng bắt đầu không sau tháng kết thúc
title_en: A pause begins before it ends
---*/
select _record_key
from insurance_pause
where to_month < from_month
