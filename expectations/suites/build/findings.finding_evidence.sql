/*---
check: key_unique
level: block
expected: one row per finding_id, position
title_vi: Mỗi căn cứ một vị trí
title_en: One row per finding and position
---*/
select finding_id, position
from findings.finding_evidence
group by finding_id, position
having count(*) > 1

/*---
check: names_its_record
level: block
expected: registry, dataset, key and pull on every cited record
title_vi: Mỗi căn cứ nêu rõ bản ghi và lần nhận
title_en: Every citation names its record and its pull
---*/
select finding_id
from findings.finding_evidence
where registry is null or dataset is null or record_key is null or pull is null

/*---
check: cites_a_finding
level: block
expected: no evidence without its finding
title_vi: Không có căn cứ nào thiếu sự việc
title_en: No evidence without its finding
---*/
select evidence.finding_id
from findings.finding_evidence as evidence
where not exists (
  select 1 from findings.finding as finding where finding.finding_id = evidence.finding_id
)
