/*---
check: unit_exists
level: warn
expected: each unit_code stands in insurance.unit
title_vi: Văn bản đôn đốc thuộc một đơn vị đã đăng ký
title_en: Reminder records point to a registered unit
remedy_vi: Kiểm tra phạm vi dữ liệu hai cơ quan cung cấp có khớp nhau không; bản ghi không khớp vẫn được giữ.
remedy_en: compare what insurance.reminder and insurance.unit cover; records that point nowhere are kept
---*/
select insurance_reminder._record_key
from insurance_reminder
where insurance_reminder.unit_code is not null
  and not exists (
    select 1 from insurance_unit where insurance_unit.unit_code = insurance_reminder.unit_code
  )
