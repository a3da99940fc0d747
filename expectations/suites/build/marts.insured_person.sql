/*---
check: key_unique
level: block
expected: one row per person_key, spell_id
title_vi: Mỗi người và giai đoạn bắt buộc một dòng
title_en: One row per person and compulsory spell
---*/
select person_key, spell_id
from marts.insured_person
group by person_key, spell_id
having count(*) > 1
