/*---
check: percent_plausible
level: warn
expected: a loss of 0 to 100 percent
title_vi: Tỷ lệ suy giảm từ 0 đến 100
title_en: A loss of capacity lies between 0 and 100 percent
---*/
select _record_key
from health_assessment
where percent not between 0 and 100 or former_percent not between 0 and 100
