/*---
check: percent_plausible
level: warn
expected: a target of 0 to 100 percent
title_vi: Chỉ tiêu từ 0 đến 100 phần trăm
title_en: A target lies between 0 and 100 percent
---*/
select _record_key
from reference_target
where percent not between 0 and 100
