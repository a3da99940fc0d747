-- order: employer_key
-- One row per employer with everything that was found to be one with it.
select
    employer.employer_key::varchar as employer_key,
    known_employer.tax_code::varchar as tax_code,
    coalesce(employer.unit_codes, [])::varchar[] as unit_codes,
    coalesce(employer.branch_codes, [])::varchar[] as branch_codes,
    coalesce(employer.project_codes, [])::varchar[] as project_codes,
    known_employer.name::varchar as name,
    snapshot.snapshot::varchar as snapshot,
    employer.province_code::varchar as _province_code
from main.employer
cross join main.snapshot
left join identity.main.employer as known_employer on known_employer.employer_key = employer.employer_key
