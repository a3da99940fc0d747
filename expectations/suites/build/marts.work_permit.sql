/*---
check: key_unique
level: block
expected: one row per permit_no
title_vi: Mỗi giấy phép lao động một dòng
title_en: One row per work permit
---*/
select permit_no
from marts.work_permit
group by permit_no
having count(*) > 1
