/*---
check: key_unique
level: block
expected: one row per person_key, registry, dataset, record_key
title_vi: Mỗi tin báo tử của một người một dòng
title_en: One row per person and report of death
---*/
select person_key, registry, dataset, record_key
from marts.death
group by person_key, registry, dataset, record_key
having count(*) > 1
