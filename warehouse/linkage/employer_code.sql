/*---
grain: "one row per code by which an employer is named (code), with whether a register vouches for it"
uses: [staging.insurance_unit, staging.investment_enterprise, staging.investment_project, staging.labour_work_permit, staging.labour_workforce, staging.tax_payroll, staging.tax_taxpayer, staging.tax_withholding]
---*/
with named as (
    select tax_code_clean as tax_code, true as is_registered from staging.tax_taxpayer
    union all
    select enterprise_code_clean, true from staging.investment_enterprise
    union all
    select parent_tax_code_clean, false from staging.tax_taxpayer where parent_tax_code_clean is not null
    union all
    select tax_code_clean, false from staging.tax_withholding
    union all
    select tax_code_clean, false from staging.tax_payroll
    union all
    select tax_code_clean, false from staging.labour_workforce
    union all
    select tax_code_clean, false from staging.labour_work_permit
    union all
    select tax_code_clean, false from staging.insurance_unit where tax_code_clean is not null
    union all
    select enterprise_code_clean, false from staging.investment_project
),
distinct_code as (
    select tax_code, max(is_registered) as is_registered from named where tax_code <> '' group by tax_code
),
-- a dependent unit's code begins with its parent's ten digits
with_head as (
    select tax_code, is_registered from distinct_code
    union
    select substr(tax_code, 1, 10), false from distinct_code where length(tax_code) = 13
),
checked as (
    select tax_code, max(is_registered) as is_registered,
        case when regexp_matches(tax_code, '^\d{10}(\d{3})?$') then (
            31 * try_cast(substr(tax_code, 1, 1) as integer) + 29 * try_cast(substr(tax_code, 2, 1) as integer)
            + 23 * try_cast(substr(tax_code, 3, 1) as integer) + 19 * try_cast(substr(tax_code, 4, 1) as integer)
            + 17 * try_cast(substr(tax_code, 5, 1) as integer) + 13 * try_cast(substr(tax_code, 6, 1) as integer)
            + 7 * try_cast(substr(tax_code, 7, 1) as integer) + 5 * try_cast(substr(tax_code, 8, 1) as integer)
            + 3 * try_cast(substr(tax_code, 9, 1) as integer)) % 11 end as remainder
    from with_head
    group by tax_code
),
final as (
    select 'tax:' || tax_code as code, tax_code, is_registered,
        is_registered
            or regexp_matches(tax_code, '^\d{12}$')
            or coalesce(remainder > 0 and 10 - remainder = try_cast(substr(tax_code, 10, 1) as integer), false) as is_trusted
    from checked
    union all
    select 'unit:' || unit_code, null, true, true from staging.insurance_unit
    union all
    select 'project:' || project_code, null, true, true from staging.investment_project
)
select * from final
