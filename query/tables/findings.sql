-- order: finding_id
-- One row per finding. Columns that begin with _ serve filters and sentences and are not exported.
select
    finding.finding_id::varchar as finding_id,
    finding.flag_id::varchar as flag_id,
    finding.rule::varchar as rule,
    finding.rule_version::varchar as rule_version,
    finding.status::varchar as status,
    finding.grade::varchar as grade,
    finding.subject_kind::varchar as subject_kind,
    finding.employer_key::varchar as employer_key,
    known_employer.tax_code::varchar as employer_tax_code,
    finding.unit_code::varchar as unit_code,
    finding.person_key::varchar as person_key,
    shown_name(person.full_name)::varchar as full_name,
    shown_number(person.citizen_id)::varchar as citizen_id,
    shown_number(person.si_number)::varchar as si_number,
    shown_number(person.passport_no)::varchar as passport_no,
    finding.facility_code::varchar as facility_code,
    finding.doctor_code::varchar as doctor_code,
    finding.office_code::varchar as office_code,
    finding.item::varchar as item,
    finding.from_date::date as from_date,
    finding.to_date::date as to_date,
    finding.principal_vnd::bigint as principal_vnd,
    finding.interest_vnd::bigint as interest_vnd,
    finding.days_late::integer as days_late,
    finding.law::varchar as law,
    null::varchar as reason_vi,
    null::varchar as reason_en,
    coalesce(finding.stale_sources, [])::varchar[] as stale_sources,
    coalesce(finding.doubts, [])::varchar[] as doubts,
    finding.first_seen::date as first_seen,
    finding.last_seen::date as last_seen,
    finding.change::varchar as change,
    snapshot.snapshot::varchar as snapshot,
    finding.facts::varchar as _facts,
    known_employer.name::varchar as _name,
    known_unit.name::varchar as _unit_name,
    employer.province_code::varchar as _province_code
from main.finding
cross join main.snapshot
left join main.employer on employer.employer_key = finding.employer_key
left join identity.main.employer as known_employer on known_employer.employer_key = finding.employer_key
left join identity.main.unit as known_unit on known_unit.unit_code = finding.unit_code
left join identity.main.person as person on person.person_key = finding.person_key
