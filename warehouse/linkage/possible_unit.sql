/*---
grain: "one row per employer and insurance unit that may be its own (employer_key, unit_code); proposes, never joins"
uses: [linkage.employer_code, linkage.employer_key, staging.insurance_unit, staging.set_aside, staging.investment_enterprise, staging.tax_taxpayer]
---*/
with employer_name as (
    select distinct key.employer_key, taxpayer.tax_code_clean as tax_code, taxpayer.province_code, taxpayer.ward_code, taxpayer.address,
        regexp_replace(replace(strip_accents(lower(nfc_normalize(taxpayer.name))), 'đ', 'd'), '[^a-z0-9]+', '', 'g') as name_key
    from staging.tax_taxpayer as taxpayer
    join linkage.employer_key as key on key.member = 'tax:' || taxpayer.tax_code_clean
    union
    select key.employer_key, enterprise.enterprise_code_clean, enterprise.province_code, enterprise.ward_code, enterprise.address,
        regexp_replace(replace(strip_accents(lower(nfc_normalize(enterprise.name))), 'đ', 'd'), '[^a-z0-9]+', '', 'g')
    from staging.investment_enterprise as enterprise
    join linkage.employer_key as key on key.member = 'tax:' || enterprise.enterprise_code_clean
),
-- units whose tax code leads to no registered taxpayer: nobody knows yet whose they are
stray_unit as (
    select unit.unit_code, unit.tax_code_clean as tax_code, unit.province_code, unit.ward_code, unit.address,
        regexp_replace(replace(strip_accents(lower(nfc_normalize(unit.name))), 'đ', 'd'), '[^a-z0-9]+', '', 'g') as name_key
    from staging.insurance_unit as unit
    left join linkage.employer_code as code on code.code = 'tax:' || unit.tax_code_clean
    where not coalesce(code.is_registered, false)
),
final as (
    -- a unit whose record broke the contract is a unit all the same
    select key.employer_key, set_aside.record_key as unit_code
    from staging.set_aside as set_aside
    join linkage.employer_key as key on key.member = 'tax:' || set_aside.tax_code_clean
    where set_aside.registry = 'insurance' and set_aside.dataset = 'unit'
    union
    select employer_name.employer_key, stray_unit.unit_code
    from stray_unit join employer_name on employer_name.name_key = stray_unit.name_key
      -- many firms share a name; the same place makes it likely enough not to accuse
      and (employer_name.province_code = stray_unit.province_code or employer_name.ward_code = stray_unit.ward_code
           or employer_name.address = stray_unit.address)
    union
    select employer_name.employer_key, stray_unit.unit_code
    from stray_unit join employer_name
      on substr(employer_name.tax_code, 1, 4) = substr(stray_unit.tax_code, 1, 4)
      and damerau_levenshtein(employer_name.tax_code, stray_unit.tax_code) = 1
    union
    select employer_name.employer_key, stray_unit.unit_code
    from stray_unit join employer_name
      on substr(employer_name.tax_code, 7) = substr(stray_unit.tax_code, 7)
      and damerau_levenshtein(employer_name.tax_code, stray_unit.tax_code) = 1
)
select * from final
