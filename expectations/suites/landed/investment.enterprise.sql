/*---
check: dates_in_order
level: warn
expected: registered_on is not after status_on
title_vi: Ngày thay đổi trạng thái không trước ngày đăng ký
title_en: An enterprise registers before its status changes
remedy_vi: Gửi danh sách số lượng cho cơ quan nguồn đối chiếu; các bản ghi này vẫn được dùng như đã nhận.
remedy_en: have the source compare these records; they are used as delivered
---*/
select _record_key
from investment_enterprise
where status_on < registered_on
