/*---
check: key_unique
level: block
expected: one row per facility_code
title_vi: Mỗi cơ sở y tế một dòng
title_en: One row per health-care facility
---*/
select facility_code
from marts.facility
group by facility_code
having count(*) > 1
