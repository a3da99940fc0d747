/*---
check: key_unique
level: block
expected: one row per registry, dataset, record_key, role
title_vi: Mỗi lượt nhắc đến người chỉ thuộc một người
title_en: One person per record and role
---*/
select registry, dataset, record_key, role
from linkage.person_link
group by registry, dataset, record_key, role
having count(*) > 1

/*---
check: one_citizen_id_per_person
level: block
expected: no person with two different valid citizen ids
title_vi: Không người nào mang hai số định danh hợp lệ khác nhau
title_en: No person holds two different valid citizen ids
---*/
select link.person_key
from linkage.trusted_identifier as held
join linkage.person_link as link on link.mention_no = held.mention_no
where held.kind = 'citizen'
group by link.person_key
having count(distinct held.value) > 1

/*---
check: linked
level: block
expected: person_key, method filled
title_vi: Mọi lượt nhắc đến người đều có khóa và cách liên kết
title_en: Every mention has a person and a method
---*/
select 1
from linkage.person_link
where person_key is null
   or method is null

/*---
check: every_mention_is_linked
level: block
expected: every mention of a person stands among the links
title_vi: Không lượt nhắc đến người nào bị mất khi liên kết
title_en: No mention of a person is lost in linkage
of: linkage.person_mention
---*/
select mention.mention_no
from linkage.person_mention as mention
where not exists (
  select 1 from linkage.person_link as link where link.mention_no = mention.mention_no
)

/*---
check: judged_different_stay_apart
level: block
expected: no two records in one person that a person judged to be two people
title_vi: Hai bản ghi đã được xác nhận là hai người không bao giờ nhập làm một
title_en: Records judged to be of two people are never one person
---*/
select judged.judgement_id
from linkage.judgement as judged
join linkage.person_link as a on a.mention_no = judged.mention_a
join linkage.person_link as b on b.mention_no = judged.mention_b
where judged.kind = 'different'
  and a.person_key = b.person_key
