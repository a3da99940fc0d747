/*---
check: key_unique
level: block
expected: one row per person_key
title_vi: Mỗi người một dòng
title_en: One row per person
---*/
select person_key
from marts.person
group by person_key
having count(*) > 1
