/*---
check: key_unique
level: block
expected: one row per flag_id
title_vi: Mỗi dấu hiệu một mã
title_en: One row per flag
---*/
select flag_id
from findings.flag
group by flag_id
having count(*) > 1

/*---
check: counts_its_findings
level: block
expected: findings = the number of its findings; none where cleared
title_vi: Số sự việc của dấu hiệu đúng bằng số sự việc thực có
title_en: A flag counts its findings
---*/
with counted as (
  select flag_id, count(*) as findings from findings.finding group by flag_id
)
select flag.flag_id
from findings.flag as flag
left join counted on counted.flag_id = flag.flag_id
where flag.findings <> coalesce(counted.findings, 0)
   or (flag.change = 'cleared') <> (flag.findings = 0)

/*---
check: known_change
level: block
expected: new, standing, worse, eased or cleared
title_vi: Thay đổi của dấu hiệu nằm trong danh mục
title_en: A flag's change stands on its list
---*/
select flag_id
from findings.flag
where change is null or change not in ('new', 'standing', 'worse', 'eased', 'cleared')

/*---
check: sums_its_findings
level: block
expected: principal and interest = the sum of its findings, what is excused left out beside what is not
title_vi: Tiền của dấu hiệu đúng bằng tổng các sự việc
title_en: A flag sums its findings
---*/
with summed as (
  select
    flag_id,
    bool_and(status = 'excused') as is_all_excused,
    sum(principal_vnd) as all_principal_vnd,
    sum(principal_vnd) filter (status <> 'excused') as owed_principal_vnd,
    sum(interest_vnd) as all_interest_vnd,
    sum(interest_vnd) filter (status <> 'excused') as owed_interest_vnd
  from findings.finding
  group by flag_id
)
select flag.flag_id
from findings.flag as flag
join summed on summed.flag_id = flag.flag_id
where flag.principal_vnd is distinct from
    case when summed.is_all_excused then summed.all_principal_vnd else summed.owed_principal_vnd end
  or flag.interest_vnd is distinct from
    case when summed.is_all_excused then summed.all_interest_vnd else summed.owed_interest_vnd end
