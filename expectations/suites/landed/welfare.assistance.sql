/*---
check: months_in_order
level: warn
expected: from_month is not after to_month
title_vi: Tháng bắt đầu không sau tháng kết thúc
title_en: Assistance begins before it ends
---*/
select _record_key
from welfare_assistance
where to_month < from_month
