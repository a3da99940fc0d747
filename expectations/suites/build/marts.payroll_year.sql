/*---
check: key_unique
level: block
expected: one row per line_id
title_vi: Mỗi dòng bảng kê thuế một dòng
title_en: One row per payroll line
---*/
select line_id
from marts.payroll_year
group by line_id
having count(*) > 1
