/*---
check: dates_in_order
level: warn
expected: contract_from is not after contract_to
title_vi: Ngày bắt đầu hợp đồng không sau ngày kết thúc
title_en: A foreign worker's contract begins before it ends
remedy_vi: Gửi danh sách số lượng cho cơ quan nguồn đối chiếu; các bản ghi này vẫn được dùng như đã nhận.
remedy_en: have the source compare these records; they are used as delivered
---*/
select _record_key
from labour_work_permit
where contract_to < contract_from
