/*---
grain: "one row per pair of codes that name one employer (left_code, right_code); names and addresses never join"
uses: [linkage.employer_code, staging.insurance_unit, staging.investment_project, staging.tax_taxpayer]
---*/
with claimed as (
    select 'unit:' || unit_code as left_code, 'tax:' || tax_code_clean as right_code
    from staging.insurance_unit where tax_code_clean is not null
    union
    select 'project:' || project_code, 'tax:' || enterprise_code_clean from staging.investment_project
    union
    select 'tax:' || tax_code_clean, 'tax:' || parent_tax_code_clean
    from staging.tax_taxpayer where kind = 'branch' and parent_tax_code_clean is not null
    union
    select code, 'tax:' || substr(tax_code, 1, 10) from linkage.employer_code where length(tax_code) = 13
),
final as (
    select claimed.left_code, claimed.right_code
    from claimed
    join linkage.employer_code as left_side on left_side.code = claimed.left_code
    join linkage.employer_code as right_side on right_side.code = claimed.right_code
    -- a mistyped code of a unit must not carry it to a stranger, nor to nobody
    where left_side.is_trusted and right_side.is_trusted
)
select * from final
