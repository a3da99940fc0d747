/*---
check: key_unique
level: block
expected: one row per unit_code, month, fund, from_vnd
title_vi: Mỗi phần của khoản phải nộp một dòng
title_en: One row per piece of a due
---*/
select unit_code, month, fund, from_vnd
from marts.unit_month_part
group by unit_code, month, fund, from_vnd
having count(*) > 1

/*---
check: allocation_adds_up
level: block
expected: a unit's dues equal their settled and unsettled pieces
title_vi: Tổng phải nộp bằng phần đã trả cộng phần còn thiếu
title_en: Dues equal what is settled plus what is unsettled
---*/
with owed as (
  select unit_code, month, fund, sum(due_vnd) as owed_vnd
  from marts.due
  where due_vnd > 0
  group by unit_code, month, fund
),
pieced as (
  select unit_code, month, fund, sum(amount_vnd) as pieced_vnd
  from marts.unit_month_part
  group by unit_code, month, fund
)
select coalesce(owed.unit_code, pieced.unit_code)
from owed
full join pieced on pieced.unit_code = owed.unit_code and pieced.month = owed.month and pieced.fund = owed.fund
where owed.owed_vnd is distinct from pieced.pieced_vnd

/*---
check: pieces_positive
level: block
expected: amounts above zero, days and interest not below
title_vi: Phần tiền lớn hơn không, số ngày và lãi không âm
title_en: Pieces are above zero, days and interest not below
---*/
select 1
from marts.unit_month_part
where amount_vnd <= 0 or days_late < 0 or interest_days < 0 or interest_exact < 0
