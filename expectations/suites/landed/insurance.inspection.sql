/*---
check: dates_in_order
level: warn
expected: notified_on is not after concluded_on
title_vi: Ngày thông báo không sau ngày kết luận
title_en: An inspection is announced before it is concluded
remedy_vi: Gửi danh sách số lượng cho cơ quan nguồn đối chiếu; các bản ghi này vẫn được dùng như đã nhận.
remedy_en: have the source compare these records; they are used as delivered
---*/
select _record_key
from insurance_inspection
where concluded_on < notified_on
