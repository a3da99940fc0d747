/*---
grain: "one row per person named by a participation record that was set aside (person_key); whoever is in the books, though badly, is not missing"
uses: [linkage.person_link, linkage.trusted_identifier, staging.set_aside]
---*/
with named as (
    select citizen_id_clean as value from staging.set_aside where registry = 'insurance' and dataset = 'participation'
    union
    select si_number_clean from staging.set_aside where registry = 'insurance' and dataset = 'participation'
    union
    select old_id_clean from staging.set_aside where registry = 'insurance' and dataset = 'participation'
)
select distinct link.person_key
from named
join linkage.trusted_identifier as identifier on identifier.value = named.value
join linkage.person_link as link on link.mention_no = identifier.mention_no
