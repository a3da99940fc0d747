/*---
check: key_unique
level: block
expected: one row per first_day
title_vi: Mỗi tháng một dòng
title_en: One row per calendar month
---*/
select first_day
from marts.calendar_month
group by first_day
having count(*) > 1
