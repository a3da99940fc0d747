/*---
check: key_unique
level: block
expected: one row per serial
title_vi: Mỗi số giấy chứng nhận một dòng
title_en: One row per certificate serial
---*/
select serial
from marts.certificate_sign
group by serial
having count(*) > 1
