/*---
check: dates_in_order
level: warn
expected: licensed_from is not after licensed_to
title_vi: Ngày cấp không sau ngày hết hiệu lực
title_en: A licence begins before it ends
remedy_vi: Gửi danh sách số lượng cho cơ quan nguồn đối chiếu; các bản ghi này vẫn được dùng như đã nhận.
remedy_en: have the source compare these records; they are used as delivered
---*/
select _record_key
from health_practitioner
where licensed_to < licensed_from
