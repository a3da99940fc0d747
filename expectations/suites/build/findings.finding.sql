/*---
check: key_unique
level: block
expected: one row per finding_id
title_vi: Mỗi sự việc một mã
title_en: One row per finding
---*/
select finding_id
from findings.finding
group by finding_id
having count(*) > 1

/*---
check: has_evidence
level: block
expected: at least one cited record per finding
title_vi: Mỗi sự việc có ít nhất một bản ghi làm căn cứ
title_en: Every finding cites a record
---*/
select finding.finding_id
from findings.finding as finding
where not exists (
  select 1 from findings.finding_evidence as evidence where evidence.finding_id = finding.finding_id
)

/*---
check: cites_rule_and_law
level: block
expected: rule, version and article of law on every finding
title_vi: Mỗi sự việc nêu quy tắc và điều luật
title_en: Every finding names its rule and its article of law
---*/
select finding_id
from findings.finding
where coalesce(rule, '') = '' or coalesce(rule_version, '') = '' or coalesce(law, '') = ''

/*---
check: known_status_and_grade
level: block
expected: status and grade from their lists
title_vi: Trạng thái và mức tin cậy nằm trong danh mục
title_en: Status and grade stand on their lists
---*/
select finding_id
from findings.finding
where status is null or status not in ('late', 'evasion', 'excused', 'suspected', 'lead')
   or grade is null or grade not in ('A', 'B', 'C')
   or subject_kind is null or subject_kind not in ('employer', 'person', 'facility', 'doctor', 'agency')

/*---
check: has_subject
level: block
expected: the subject its kind asks for
title_vi: Mỗi sự việc có chủ thể
title_en: Every finding has its subject
---*/
select finding_id
from findings.finding
where case subject_kind
    when 'employer' then coalesce(employer_key, unit_code)
    when 'person' then person_key
    when 'facility' then facility_code
    when 'doctor' then doctor_code
    when 'agency' then office_code
  end is null

/*---
check: amounts_not_negative
level: block
expected: no amount or days below zero
title_vi: Số tiền và số ngày không âm
title_en: Amounts and days are not negative
---*/
select finding_id
from findings.finding
where principal_vnd < 0 or interest_vnd < 0 or days_late < 0

/*---
check: facts_are_json
level: block
expected: facts and steps are JSON
title_vi: Dữ kiện và phép tính đọc được
title_en: Facts and steps can be read
---*/
select finding_id
from findings.finding
where facts is null or not json_valid(facts) or steps is null or not json_valid(steps)

/*---
check: has_flag
level: block
expected: every finding belongs to a flag
title_vi: Mỗi sự việc thuộc một dấu hiệu
title_en: Every finding belongs to a flag
---*/
select finding.finding_id
from findings.finding as finding
where not exists (
  select 1 from findings.flag as flag where flag.flag_id = finding.flag_id
)

/*---
check: dates_in_order
level: warn
expected: from_date is not after to_date
title_vi: Ngày bắt đầu không sau ngày kết thúc
title_en: A finding begins before it ends
remedy_vi: Xem bản ghi nguồn của các sự việc này trước khi dùng.
remedy_en: look at the cited records before these findings are used
---*/
select finding_id
from findings.finding
where to_date < from_date
