/*---
check: dates_in_order
level: warn
expected: registered_on is not after status_on
title_vi: Ngày thay đổi trạng thái không trước ngày đăng ký
title_en: An enterprise registers before its status changes
---*/
select _record_key
from investment_enterprise
where status_on < registered_on
