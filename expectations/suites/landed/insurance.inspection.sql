/*---
check: dates_in_order
level: warn
expected: notified_on is not after concluded_on
title_vi: Ngày thông báo không sau ngày kết luận
title_en: An inspection is announced before it is concluded
---*/
select _record_key
from insurance_inspection
where concluded_on < notified_on
