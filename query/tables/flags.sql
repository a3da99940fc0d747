-- order: flag_id
-- One row per flag: all findings of one rule for one subject.
select
    flag.flag_id::varchar as flag_id,
    flag.rule::varchar as rule,
    flag.status::varchar as status,
    flag.subject_kind::varchar as subject_kind,
    flag.employer_key::varchar as employer_key,
    known_employer.tax_code::varchar as employer_tax_code,
    flag.unit_code::varchar as unit_code,
    flag.person_key::varchar as person_key,
    shown_name(person.full_name)::varchar as full_name,
    shown_number(person.citizen_id)::varchar as citizen_id,
    shown_number(person.si_number)::varchar as si_number,
    shown_number(person.passport_no)::varchar as passport_no,
    flag.facility_code::varchar as facility_code,
    flag.doctor_code::varchar as doctor_code,
    flag.office_code::varchar as office_code,
    flag.findings::integer as findings,
    flag.workers::integer as workers,
    flag.principal_vnd::bigint as principal_vnd,
    flag.interest_vnd::bigint as interest_vnd,
    flag.oldest_from::date as oldest_from,
    flag.grade::varchar as grade,
    flag.first_seen::date as first_seen,
    flag.last_seen::date as last_seen,
    flag.change::varchar as change,
    snapshot.snapshot::varchar as snapshot,
    known_employer.name::varchar as _name,
    employer.province_code::varchar as _province_code
from main.flag
cross join main.snapshot
left join main.employer on employer.employer_key = flag.employer_key
left join identity.main.employer as known_employer on known_employer.employer_key = flag.employer_key
left join identity.main.person as person on person.person_key = flag.person_key
