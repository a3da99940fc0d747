/*---
check: key_unique
level: block
expected: one row per certificate_no
title_vi: Mỗi giấy chứng nhận một dòng
title_en: One row per certificate
---*/
select certificate_no
from marts.certificate
group by certificate_no
having count(*) > 1
