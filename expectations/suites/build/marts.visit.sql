/*---
check: key_unique
level: block
expected: one row per visit_id
title_vi: Mỗi lượt khám một dòng
title_en: One row per visit
---*/
select visit_id
from marts.visit
group by visit_id
having count(*) > 1
