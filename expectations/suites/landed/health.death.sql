/*---
check: not_before_birth
level: warn
expected: death on or after birth
title_vi: Ngày chết không trước ngày sinh
title_en: Nobody dies before birth
---*/
select _record_key
from health_death
where died_on < try_cast(birth_date || substr('-01-01', length(birth_date) - 3) as date)

/*---
check: one_notice_per_person
level: warn
expected: one death notice per citizen id
title_vi: Mỗi người chỉ một giấy báo tử
title_en: A person has one death notice
remedy_vi: Hỏi cơ sở y tế ngày nào đúng; trùng số định danh có thể là nhập nhầm.
remedy_en: ask the facilities which day is right; a shared id may be mistyped
---*/
select citizen_id
from health_death
where citizen_id is not null
group by citizen_id
having count(distinct died_on) > 1
