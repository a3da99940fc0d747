/*---
grain: "one row per participation spell (spell_id)"
uses: [law.backdated_months, linkage.employer_key, linkage.person_link, staging.insurance_participation]
params: [as_of]
---*/
select link.person_key, spell.spell_id, spell.unit_code, key.employer_key, spell.kind,
    spell.from_month_first_day as from_day,
    coalesce(last_day(spell.to_month_first_day), date '9999-12-31') as to_day,
    spell.wage_vnd, spell.pays_si, spell.pays_hi, spell.pays_ui, spell.absence, spell.submitted_on,
    coalesce(
        12 * (cast(substr(cast(spell.submitted_on as varchar), 1, 4) as integer) - cast(substr(spell.from_month, 1, 4) as integer))
        + cast(substr(cast(spell.submitted_on as varchar), 6, 2) as integer) - cast(substr(spell.from_month, 6, 2) as integer)
        >= backdated.amount, false) as is_backdated,
    spell.record_key
from staging.insurance_participation as spell
join linkage.person_link as link
  on link.registry = 'insurance' and link.dataset = 'participation' and link.record_key = spell.record_key
left join linkage.employer_key as key on key.member = 'unit:' || spell.unit_code
left join law.backdated_months as backdated
  on coalesce(spell.submitted_on, $as_of) between backdated.valid_from and backdated.valid_to
