/*---
check: key_unique
level: block
expected: one row per unit_code, month
title_vi: Mỗi đơn vị, tháng một dòng
title_en: One row per unit-month
---*/
select unit_code, month
from marts.unit_month
group by unit_code, month
having count(*) > 1

/*---
check: ledger_adds_up
level: block
expected: due = paid + unpaid; late and excused are parts of the unpaid
title_vi: Phải nộp bằng đã nộp cộng còn thiếu
title_en: What is due equals what is paid plus what is unpaid
---*/
select unit_code
from marts.unit_month
where due_vnd <> paid_vnd + unpaid_vnd or late_vnd + excused_vnd > unpaid_vnd

/*---
check: amounts_not_negative
level: block
expected: no amount, days or interest below zero
title_vi: Số tiền, số ngày và lãi không âm
title_en: Amounts, days and interest are not negative
---*/
select unit_code
from marts.unit_month
where least(due_vnd, credit_vnd, paid_vnd, unpaid_vnd, late_vnd, excused_vnd, interest_vnd, days_late) < 0

/*---
check: every_month_has_its_dues
level: block
expected: the same units and months as the dues
title_vi: Sổ có đủ mọi đơn vị và tháng phải nộp
title_en: Every month with a due stands in the ledger
---*/
select coalesce(due.unit_code, ledger.unit_code)
from (select distinct unit_code, month from marts.due) as due
full join marts.unit_month as ledger on ledger.unit_code = due.unit_code and ledger.month = due.month
where due.unit_code is null or ledger.unit_code is null
