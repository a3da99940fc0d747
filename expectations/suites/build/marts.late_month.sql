/*---
check: key_unique
level: block
expected: one row per unit_code, month, variant
title_vi: Mỗi đơn vị, tháng chậm đóng một dòng
title_en: One row per late unit-month
---*/
select unit_code, month, variant
from marts.late_month
group by unit_code, month, variant
having count(*) > 1
