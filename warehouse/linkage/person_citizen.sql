/*---
grain: "one row per person with a citizen id that nobody else carries (person_key)"
uses: [linkage.person_link, linkage.trusted_identifier]
---*/
select link.person_key, min(identifier.value) as citizen_id
from linkage.trusted_identifier as identifier
join linkage.person_link as link on link.mention_no = identifier.mention_no
where identifier.kind = 'citizen' and identifier.is_exclusive
group by link.person_key
