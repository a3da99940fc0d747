/*---
grain: "one row per person and compulsory spell that is, or may be, theirs (person_key, spell_id)"
uses: [linkage.possible_same, marts.spell]
---*/
select person_key, spell_id, employer_key, from_day, to_day, wage_vnd, true as is_certain
from marts.spell
where kind = 'compulsory'
union all
-- a person who may be the insured one must not be accused of being uninsured
select possible.person_key, spell.spell_id, spell.employer_key, spell.from_day, spell.to_day, spell.wage_vnd, false
from linkage.possible_same as possible
join marts.spell as spell on spell.person_key = possible.other_key
where spell.kind = 'compulsory'
