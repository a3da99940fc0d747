/*---
check: key_unique
level: block
expected: one row per unit_code, money_no
title_vi: Mỗi khoản tiền của đơn vị một dòng
title_en: One row per payment or credit of a unit
---*/
select unit_code, money_no
from marts.unit_money
group by unit_code, money_no
having count(*) > 1

/*---
check: money_is_used_once
level: block
expected: a payment or credit settles at most what stays of it
title_vi: Mỗi khoản tiền chỉ được dùng một lần
title_en: No payment settles more than its amount
---*/
with used as (
  select unit_code, money_kind, money_id, sum(amount_vnd) as used_vnd
  from marts.unit_month_part
  where money_id is not null
  group by unit_code, money_kind, money_id
),
kept as (
  select unit_code, kind, money_id, sum(to_vnd - from_vnd) as kept_vnd, sum(amount_vnd) as amount_vnd
  from marts.unit_money
  group by unit_code, kind, money_id
)
select used.money_id
from used
left join kept
  on kept.unit_code = used.unit_code and kept.kind = used.money_kind and kept.money_id = used.money_id
where kept.money_id is null or used.used_vnd > kept.amount_vnd

/*---
check: money_is_not_left_idle
level: block
expected: nothing is unsettled while money is left
title_vi: Còn tiền thì không còn khoản chưa trả
title_en: No due stays unsettled while money is left
---*/
with unsettled as (
  select distinct unit_code from marts.unit_month_part where settled_on is null
),
used as (
  select unit_code, sum(amount_vnd) as used_vnd
  from marts.unit_month_part
  where settled_on is not null
  group by unit_code
),
kept as (
  select unit_code, max(to_vnd) as kept_vnd from marts.unit_money group by unit_code
)
select unsettled.unit_code
from unsettled
join kept on kept.unit_code = unsettled.unit_code
left join used on used.unit_code = unsettled.unit_code
where coalesce(used.used_vnd, 0) < kept.kept_vnd
