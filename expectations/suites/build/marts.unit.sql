/*---
check: key_unique
level: block
expected: one row per unit_code
title_vi: Mỗi đơn vị một dòng
title_en: One row per unit
---*/
select unit_code
from marts.unit
group by unit_code
having count(*) > 1
