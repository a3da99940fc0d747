/*---
check: key_unique
level: block
expected: one row per unit_code
title_vi: Mỗi cơ sở y tế một dòng
title_en: One row per health-care facility
---*/
select unit_code
from marts.set_aside_payment
group by unit_code
having count(*) > 1
