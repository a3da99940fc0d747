/*---
check: key_unique
level: block
expected: one row per return_id
title_vi: Mỗi tờ khai khấu trừ một dòng
title_en: One row per withholding return
---*/
select return_id
from marts.withholding
group by return_id
having count(*) > 1
