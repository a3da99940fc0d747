/*---
check: key_unique
level: block
expected: one row per employer_key
title_vi: Mỗi người sử dụng lao động một dòng
title_en: One row per employer
---*/
select employer_key
from marts.employer
group by employer_key
having count(*) > 1
