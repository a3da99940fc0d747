/*---
check: key_unique
level: block
expected: one row per benefit_id
title_vi: Mỗi khoản chi trả một dòng
title_en: One row per benefit payment
---*/
select benefit_id
from marts.benefit
group by benefit_id
having count(*) > 1
