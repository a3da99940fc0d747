/*---
grain: "one row per record and role that names a person (registry, dataset, record_key, role)"
uses: [staging.health_assessment, staging.health_birth, staging.health_certificate, staging.health_death, staging.health_practitioner, staging.health_visit, staging.insurance_benefit, staging.insurance_participation, staging.insurance_verification, staging.investment_enterprise, staging.labour_unemployment, staging.labour_work_permit, staging.labour_workforce, staging.tax_payroll, staging.welfare_assistance]
---*/
with mention (registry, dataset, record_key, role, full_name, birth_date, sex, nationality, citizen_id, si_number, old_id, tax_code, passport_no, other_id, hi_card) as (
    select 'insurance', 'participation', record_key, 'self', full_name, birth_date, sex, nationality, citizen_id_clean, si_number_clean, old_id_clean, person_tax_code_clean, passport_no_clean, null, null
    from staging.insurance_participation
    union all
    select 'insurance', 'benefit', record_key, 'self', full_name, birth_date, sex, null, citizen_id_clean, si_number_clean, null, null, null, null, null
    from staging.insurance_benefit
    union all
    select 'insurance', 'benefit', record_key, 'deceased', null, null, null, null, deceased_citizen_id_clean, deceased_si_number_clean, null, null, null, null, null
    from staging.insurance_benefit
    where deceased_citizen_id is not null or deceased_si_number is not null
    union all
    select 'insurance', 'verification', record_key, 'self', null, null, null, null, null, si_number_clean, null, null, null, null, null
    from staging.insurance_verification
    union all
    select 'labour', 'workforce', record_key, 'self', full_name, birth_date, sex, nationality, citizen_id_clean, si_number_clean, old_id_clean, null, passport_no_clean, null, null
    from staging.labour_workforce
    union all
    select 'labour', 'unemployment', record_key, 'self', full_name, birth_date, sex, null, citizen_id_clean, si_number_clean, null, null, null, null, null
    from staging.labour_unemployment
    union all
    select 'labour', 'work_permit', record_key, 'self', full_name, birth_date, sex, nationality, null, null, null, null, passport_no_clean, null, null
    from staging.labour_work_permit
    union all
    -- the form names the kind of document; a passport number is one only where the form says so
    select 'tax', 'payroll', record_key, 'self', full_name, null, null, null, null, null, null, person_tax_code_clean,
        case when id_kind = 'passport' then id_number_clean end,
        case when id_kind is distinct from 'passport' then id_number_clean end, null
    from staging.tax_payroll
    union all
    select 'health', 'visit', record_key, 'self', full_name, birth_date, sex, null, citizen_id_clean, null, null, null, null, null, hi_card_clean
    from staging.health_visit
    union all
    -- XML11 carries neither name nor citizen id: they come through the visit
    select 'health', 'certificate', certificate.record_key, 'self',
        coalesce(certificate.full_name, visit.full_name),
        coalesce(certificate.birth_date, visit.birth_date),
        coalesce(certificate.sex, visit.sex), null,
        coalesce(certificate.citizen_id_clean, visit.citizen_id_clean),
        certificate.si_number_clean, null, null, null, null,
        coalesce(certificate.hi_card_clean, visit.hi_card_clean)
    from staging.health_certificate as certificate
    left join staging.health_visit as visit on visit.visit_id = certificate.visit_id
    union all
    select 'health', 'birth', record_key, 'mother', mother_name, mother_birth_date, null, null, mother_citizen_id_clean, mother_si_number_clean, null, null, null, null, mother_hi_card_clean
    from staging.health_birth
    union all
    select 'health', 'birth', record_key, 'father', father_name, null, null, null, null, null, null, null, null, null, null
    from staging.health_birth
    where father_name is not null
    union all
    select 'health', 'death', record_key, 'self', full_name, birth_date, sex, null, citizen_id_clean, si_number_clean, old_id_clean, null, null, null, hi_card_clean
    from staging.health_death
    union all
    select 'health', 'assessment', record_key, 'self', full_name, birth_date, null, null, citizen_id_clean, si_number_clean, null, null, null, null, null
    from staging.health_assessment
    union all
    select 'health', 'practitioner', record_key, 'self', full_name, null, null, null, null, null, null, null, null, null, null
    from staging.health_practitioner
    union all
    select 'welfare', 'assistance', record_key, 'self', full_name, birth_date, sex, null, citizen_id_clean, null, null, null, null, null, null
    from staging.welfare_assistance
    union all
    select 'investment', 'enterprise', record_key, 'representative', representative_name, null, null, null, null, null, null, null, null, representative_id_clean, null
    from staging.investment_enterprise
    where representative_name is not null or representative_id is not null
),
with_name_key as (
    select mention.*,
        -- folded: no tones, no case, no punctuation; used to compare records that share an identifier, never to link
        trim(regexp_replace(replace(strip_accents(lower(nfc_normalize(full_name))), 'đ', 'd'), '[^a-z]+', ' ', 'g')) as name_key
    from mention
),
final as (
    select registry, dataset, record_key, role, full_name, nullif(name_key, '') as name_key, birth_date,
        cast(substr(birth_date, 1, 4) as integer) as birth_year, sex, nationality,
        citizen_id, si_number, old_id, tax_code, passport_no, other_id, hi_card,
        cast(row_number() over (order by registry, dataset, record_key, role) - 1 as bigint) as mention_no
    from with_name_key
)
select * from final
