/*---
check: key_unique
level: block
expected: one row per decision_no
title_vi: Mỗi quyết định trợ cấp thất nghiệp một dòng
title_en: One row per unemployment decision
---*/
select decision_no
from marts.unemployment
group by decision_no
having count(*) > 1
