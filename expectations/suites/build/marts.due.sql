/*---
check: key_unique
level: block
expected: one row per unit_code, month, fund
title_vi: Mỗi đơn vị, tháng, quỹ một dòng
title_en: One row per unit, month and fund
---*/
select unit_code, month, fund
from marts.due
group by unit_code, month, fund
having count(*) > 1

/*---
check: charges_add_up
level: block
expected: the net due of a unit equals its charges and adjustments
title_vi: Khoản phải nộp bằng tổng các khoản đã tính và điều chỉnh
title_en: What is due equals charges and adjustments
---*/
with charged as (
  select unit_code, sum(due_vnd + coalesce(adjustment_vnd, 0)) as charged_vnd
  from staging.insurance_charge
  group by unit_code
),
owed as (
  select unit_code, sum(due_vnd) as owed_vnd
  from marts.due
  group by unit_code
)
select coalesce(charged.unit_code, owed.unit_code)
from charged
full join owed on owed.unit_code = charged.unit_code
where charged.charged_vnd is distinct from owed.owed_vnd
