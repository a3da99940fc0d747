/*---
grain: "one row per employer (employer_key)"
uses: [linkage.employer_code, linkage.employer_key, linkage.possible_unit, staging.insurance_unit, staging.tax_taxpayer]
---*/
with code as (
    select key.employer_key, code.code, code.tax_code, code.is_trusted, code.is_registered,
        -- the parent's ten digits before dependent units', a registered code before one that is only mentioned
        row_number() over (
            partition by key.employer_key
            order by code.tax_code is null, taxpayer.kind is not distinct from 'branch', length(code.tax_code) = 13,
                not code.is_registered, code.tax_code, code.code
        ) as place
    from linkage.employer_key as key
    join linkage.employer_code as code on code.code = key.member
    left join staging.tax_taxpayer as taxpayer on 'tax:' || taxpayer.tax_code_clean = code.code
),
main_code as (
    select employer_key, tax_code, is_trusted, is_registered from code where place = 1
),
taxpayer as (
    select key.employer_key,
        max(taxpayer.status = 'active') as is_active_taxpayer,
        max(taxpayer.kind <> 'individual') as is_organised
    from staging.tax_taxpayer as taxpayer
    join linkage.employer_key as key on key.member = 'tax:' || taxpayer.tax_code_clean
    group by key.employer_key
),
unit as (
    select key.employer_key, min(unit.registered_on) as first_unit_on, min(unit.province_code) as province_code
    from staging.insurance_unit as unit
    join linkage.employer_key as key on key.member = 'unit:' || unit.unit_code
    group by key.employer_key
),
-- a dependent organisation with ten digits of its own may be registered through its parent
parent as (
    select key.employer_key, min(parent_unit.registered_on) as parent_first_unit_on
    from staging.tax_taxpayer as taxpayer
    join linkage.employer_key as key on key.member = 'tax:' || taxpayer.tax_code_clean
    join linkage.employer_key as parent_key on parent_key.member = 'tax:' || taxpayer.parent_tax_code_clean
    join linkage.employer_key as unit_key on unit_key.employer_key = parent_key.employer_key
    join staging.insurance_unit as parent_unit on 'unit:' || parent_unit.unit_code = unit_key.member
    group by key.employer_key
),
possible as (
    select employer_key, min(unit_code) as possible_unit_code from linkage.possible_unit group by employer_key
),
final as (
    select main_code.employer_key, main_code.tax_code, main_code.is_trusted as has_trusted_tax_code,
        taxpayer.employer_key is not null as is_known_taxpayer,
        coalesce(taxpayer.is_active_taxpayer, false) as is_active_taxpayer,
        coalesce(taxpayer.is_organised, true) as is_organised,
        unit.first_unit_on, parent.parent_first_unit_on,
        possible.possible_unit_code,
        coalesce(unit.province_code, head.province_code) as province_code
    from main_code
    left join taxpayer on taxpayer.employer_key = main_code.employer_key
    left join unit on unit.employer_key = main_code.employer_key
    left join parent on parent.employer_key = main_code.employer_key
    left join possible on possible.employer_key = main_code.employer_key
    left join staging.tax_taxpayer as head on head.tax_code_clean = main_code.tax_code
)
select * from final
