/*---
grain: one row per spell (spell_id)
uses: [raw.insurance_participation]
---*/
select
    _record_key as record_key,
    spell_id,
    si_number,
    upper(translate(si_number, ' .-/', '')) as si_number_clean,
    trim(full_name) as full_name,
    birth_date,
    sex,
    citizen_id,
    upper(translate(citizen_id, ' .-/', '')) as citizen_id_clean,
    old_id,
    upper(translate(old_id, ' .-/', '')) as old_id_clean,
    person_tax_code,
    upper(translate(person_tax_code, ' .-/', '')) as person_tax_code_clean,
    passport_no,
    upper(translate(passport_no, ' .-/', '')) as passport_no_clean,
    nationality,
    unit_code,
    kind,
    from_month,
    cast(from_month || '-01' as date) as from_month_first_day,
    to_month,
    cast(to_month || '-01' as date) as to_month_first_day,
    wage_vnd,
    pays_si,
    pays_hi,
    pays_ui,
    absence,
    submitted_on
from raw.insurance_participation
