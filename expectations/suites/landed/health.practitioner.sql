/*---
check: dates_in_order
level: warn
expected: licensed_from is not after licensed_to
title_vi: Ngày cấp không sau ngày hết hiệu lực
title_en: A licence begins before it ends
---*/
select _record_key
from health_practitioner
where licensed_to < licensed_from
