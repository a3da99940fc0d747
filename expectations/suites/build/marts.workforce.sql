/*---
check: key_unique
level: block
expected: one row per line_id
title_vi: Mỗi dòng báo cáo lao động một dòng
title_en: One row per labour-report line
---*/
select line_id
from marts.workforce
group by line_id
having count(*) > 1
