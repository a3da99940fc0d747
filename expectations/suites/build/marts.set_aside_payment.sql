/*---
check: key_unique
level: block
expected: one row per unit_code
title_vi: Mỗi đơn vị có khoản tiền bị cách ly một dòng
title_en: One row per unit with money set aside
---*/
select unit_code
from marts.set_aside_payment
group by unit_code
having count(*) > 1
