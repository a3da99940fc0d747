/*---
check: key_unique
level: block
expected: one row per employer_key
title_vi: Mỗi doanh nghiệp một dòng
title_en: One row per employer in the business register
---*/
select employer_key
from marts.enterprise_status
group by employer_key
having count(*) > 1
