/*---
check: months_in_order
level: warn
expected: from_month is not after to_month
title_vi: Tháng bắt đầu không sau tháng kết thúc
title_en: Assistance begins before it ends
remedy_vi: Gửi danh sách số lượng cho cơ quan nguồn đối chiếu; các bản ghi này vẫn được dùng như đã nhận.
remedy_en: have the source compare these records; they are used as delivered
---*/
select _record_key
from welfare_assistance
where to_month < from_month
