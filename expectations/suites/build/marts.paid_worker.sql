/*---
check: key_unique
level: block
expected: one row per employer_key, person_key, registry, record_key
title_vi: Mỗi người lao động trong mỗi báo cáo một dòng
title_en: One row per employer, person and report
---*/
select employer_key, person_key, registry, record_key
from marts.paid_worker
group by employer_key, person_key, registry, record_key
having count(*) > 1
