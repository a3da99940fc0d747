/*---
check: percent_plausible
level: warn
expected: a target of 0 to 100 percent
title_vi: Chỉ tiêu từ 0 đến 100 phần trăm
title_en: A target lies between 0 and 100 percent
remedy_vi: Gửi danh sách số lượng cho cơ quan nguồn đối chiếu; các bản ghi này vẫn được dùng như đã nhận.
remedy_en: have the source compare these records; they are used as delivered
---*/
select _record_key
from reference_target
where percent not between 0 and 100
