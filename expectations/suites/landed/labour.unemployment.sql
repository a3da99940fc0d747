/*---
check: dates_in_order
level: warn
expected: from_date is not after to_date
title_vi: Ngày bắt đầu hưởng không sau ngày kết thúc
title_en: Unemployment benefit begins before it ends
---*/
select _record_key
from labour_unemployment
where to_date < from_date
