/*---
check: key_unique
level: block
expected: one row per spell_id
title_vi: Mỗi giai đoạn tham gia một dòng
title_en: One row per participation spell
---*/
select spell_id
from marts.spell
group by spell_id
having count(*) > 1

/*---
check: dates_in_order
level: warn
expected: from_day is not after to_day
title_vi: Giai đoạn tham gia bắt đầu trước khi kết thúc
title_en: A spell begins before it ends
remedy_vi: Xem bản ghi nguồn; giai đoạn có tháng ngược không được tính là tham gia.
remedy_en: look at the source records; a spell that ends before it begins covers no month
---*/
select spell_id
from marts.spell
where to_day < from_day
