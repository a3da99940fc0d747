/*---
check: dates_in_order
level: warn
expected: contract_from is not after contract_to
title_vi: Ngày bắt đầu hợp đồng không sau ngày kết thúc
title_en: A foreign worker's contract begins before it ends
---*/
select _record_key
from labour_work_permit
where contract_to < contract_from
