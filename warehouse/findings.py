"""From rule tables to findings and flags: ids, evidence, doubts, dated parameters, and the change since last time."""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

import duckdb

from contracts.loader import all_datasets
from law.loader import load_law
from warehouse.engine.duckdb import literal
from warehouse.rule_book import Rule

_STANDARD = {
    "subject_kind": "varchar", "employer_key": "varchar", "unit_code": "varchar", "person_key": "varchar",
    "facility_code": "varchar", "doctor_code": "varchar", "office_code": "varchar", "item": "varchar", "variant": "varchar",
    "status": "varchar", "grade": "varchar", "from_date": "date", "to_date": "date", "principal_vnd": "bigint",
    "interest_vnd": "bigint", "days_late": "integer", "evidence": "varchar[]", "doubts": "varchar[]",
}  # fmt: skip
_GRAVITY = "case {0} when 'evasion' then 5 when 'suspected' then 4 when 'late' then 3 when 'lead' then 2 else 1 end"


def collect(connection: duckdb.DuckDBPyConnection, rules: Sequence[Rule], source_doubts: Mapping[str, list[str]],
            stale: Mapping[str, list[str]]) -> None:  # fmt: skip
    """Make `findings.raised` from the tables of `rules`.

    `source_doubts` and `stale` are keyed by rule: what every finding of the rule must say of its sources.
    """
    columns = ", ".join(f"{name} {kind}" for name, kind in _STANDARD.items())
    connection.execute(
        f"create or replace table findings.raised (rule varchar, rule_version varchar, law varchar, {columns},"
        " facts varchar, steps varchar, source_doubts varchar[], stale_sources varchar[])"
    )
    for rule in rules:
        made = [row[0] for row in connection.execute(f"describe {rule.model.name}").fetchall()]
        chosen = ", ".join(
            f"cast({name if name in made else 'null'} as {kind}) as {name}" for name, kind in _STANDARD.items()
        )
        facts = ", ".join(
            f"'{name.removeprefix('fact_')}', {name}"
            for name in made
            if name.startswith("fact_")
            or name in ("unit_code", "item", "from_date", "to_date", "principal_vnd", "interest_vnd", "days_late")
        )
        steps = "to_json(list_sort(steps))" if "steps" in made else "'[]'"
        connection.execute(
            f"insert into findings.raised select {literal(rule.rule)}, {literal(rule.version)}, {literal(rule.law)},"
            f" {chosen}, json_object({facts}), {steps}, ?::varchar[], ?::varchar[] from {rule.model.name}",
            [source_doubts[rule.rule], stale[rule.rule]],
        )


def settle(connection: duckdb.DuckDBPyConnection, rules: Sequence[Rule], *, as_of: date, previous: Path | None) -> None:
    """Make `findings.finding`, `findings.finding_evidence`, `findings.flag` and `findings.memory`.

    `previous` is the warehouse file of the snapshot to compare with; None on the first run.
    """
    _identify(connection)
    _load_previous(connection, previous)
    _cite(connection)
    _write_parameters(connection, rules, as_of)
    _write_findings(connection, as_of)
    _write_flags(connection, as_of, [rule.rule for rule in rules])
    connection.execute("""
        create or replace table findings.memory as
        select finding_id, first_seen, last_seen from findings.finding
        union all
        select finding_id, first_seen, last_seen from previous_memory
        where finding_id not in (select finding_id from findings.finding)
        order by finding_id
    """)


def _identify(connection: duckdb.DuckDBPyConnection) -> None:
    # Ids are derived from what the finding is about, so that they stay while its facts stay.
    connection.execute("""
        create or replace temp table identified as
        with subject as (
            select raised.*,
                case subject_kind
                    when 'employer' then coalesce(employer_key, 'unit ' || unit_code)
                    when 'person' then person_key when 'facility' then facility_code
                    when 'doctor' then doctor_code when 'agency' then office_code end as subject_key
            from findings.raised
        )
        select *,
            'F' || substr(md5(concat_ws('|', rule, subject_kind, subject_key, coalesce(person_key, ''), item,
                coalesce(variant, ''))), 1, 15) as finding_id,
            'G' || substr(md5(concat_ws('|', rule, subject_kind, subject_key)), 1, 15) as flag_id
        from subject
    """)


def _load_previous(connection: duckdb.DuckDBPyConnection, previous: Path | None) -> None:
    if previous is None:
        connection.execute("""
            create or replace temp table previous_finding
                (finding_id varchar, status varchar, principal_vnd bigint);
            create or replace temp table previous_memory (finding_id varchar, first_seen date, last_seen date);
            create or replace temp table previous_flag (flag_id varchar, rule varchar, status varchar, subject_kind varchar,
                employer_key varchar, unit_code varchar, person_key varchar, facility_code varchar, doctor_code varchar,
                office_code varchar, findings integer, principal_vnd bigint, oldest_from date, grade varchar,
                first_seen date, last_seen date, change varchar);
        """)
        return
    connection.execute(f"attach {literal(str(previous))} as previous_snapshot (read_only)")
    connection.execute("""
        create or replace temp table previous_finding as
            select finding_id, status, principal_vnd from previous_snapshot.finding;
        create or replace temp table previous_memory as
            select finding_id, first_seen, last_seen from previous_snapshot.memory;
        create or replace temp table previous_flag as
            select flag_id, rule, status, subject_kind, employer_key, unit_code, person_key, facility_code, doctor_code,
                office_code, findings, principal_vnd, oldest_from, grade, first_seen, last_seen, change
            from previous_snapshot.flag;
        detach previous_snapshot;
    """)


def _cite(connection: duckdb.DuckDBPyConnection) -> None:
    """Make `findings.finding_evidence` and `findings.cited`: the version of every record a finding rests on."""
    connection.execute("""
        create or replace temp table token as
        select distinct finding_id, split_part(token, '.', 1) as registry,
            split_part(split_part(token, ':', 1), '.', 2) as dataset, substr(token, strpos(token, ':') + 1) as record_key
        from (select finding_id, unnest(evidence) as token from identified) as spread
    """)
    named = {
        (str(registry), str(name))
        for registry, name in connection.execute("select distinct registry, dataset from token").fetchall()
    }
    cited = [
        f"select '{found.registry}' as registry, '{found.name}' as dataset, _record_key as record_key, _pull as pull,"
        f" {'updated_at' if 'updated_at' in found.names else 'cast(null as timestamptz)'} as updated_at,"
        f" cast(to_json(raw) as varchar) as record, _newer_set_aside"
        f" from (select * from raw.{found.table} where _record_key in"
        f" (select record_key from token where registry = '{found.registry}' and dataset = '{found.name}')) as raw"
        for found in all_datasets()
        if (found.registry, found.name) in named
    ]
    empty = (
        "select '' as registry, '' as dataset, '' as record_key, '' as pull, cast(null as timestamptz) as updated_at,"
        " '' as record, false as _newer_set_aside where false"
    )
    connection.execute(
        f"create or replace table findings.cited as {' union all '.join(cited) or empty}"
        " order by registry, dataset, record_key"
    )
    connection.execute("""
        create or replace table findings.finding_evidence as
        select token.finding_id,
            cast(row_number() over (partition by token.finding_id order by token.registry, token.dataset, token.record_key)
                as integer) as position,
            token.dataset as role, token.registry, token.dataset, token.record_key, cited.pull
        from token left join findings.cited as cited using (registry, dataset, record_key)
        order by token.finding_id, position
    """)


def _write_parameters(connection: duckdb.DuckDBPyConnection, rules: Sequence[Rule], as_of: date) -> None:
    """Make `dated_parameter (rule, business_date, params, doubts)`: the law in force on each finding's own date."""
    rows = [
        (rule.rule, name, entry.valid_from, entry.valid_to, entry.value, entry.reference, entry.is_verified)
        for rule in rules
        for name in rule.law_values
        for entry in load_law()[name].entries
    ]
    connection.execute(
        "create or replace temp table rule_law (rule varchar, name varchar, valid_from date, valid_to date,"
        " value varchar, reference varchar, is_verified boolean)"
    )
    if rows:
        connection.executemany("insert into rule_law values (?, ?, ?, ?, ?, ?, ?)", rows)
    connection.execute(f"""
        create or replace temp table dated_parameter as
        with business as (
            select distinct rule, coalesce(least(from_date, {literal(as_of)}), {literal(as_of)}) as business_date from identified
        ),
        -- interest is charged by the day, so its rate is the one in force on the day of judgement
        in_force as (
            select business.rule, business.business_date, rule_law.name, rule_law.value, rule_law.valid_from,
                rule_law.reference, rule_law.is_verified
            from business join rule_law on rule_law.rule = business.rule
              and case when rule_law.name = 'late_interest_daily_rate' then {literal(as_of)} else business.business_date end
                  between rule_law.valid_from and rule_law.valid_to
        )
        select rule, business_date,
            '{{' || string_agg('"' || name || '":' || cast(to_json({{'value': value, 'from': cast(valid_from as varchar),
                'reference': reference, 'verified': is_verified}}) as varchar), ',' order by name) || '}}' as params,
            list_sort(list('unverified_law:' || name) filter (not is_verified)) as doubts
        from in_force group by rule, business_date
    """)


def _write_findings(connection: duckdb.DuckDBPyConnection, as_of: date) -> None:
    gravity_now, gravity_then = _GRAVITY.format("identified.status"), _GRAVITY.format("previous_finding.status")
    connection.execute(f"""
        create or replace table findings.finding as
        with set_aside as (
            select distinct finding_id from findings.finding_evidence as evidence
            join findings.cited as cited using (registry, dataset, record_key) where cited._newer_set_aside
        ),
        contradicted as (
            select person_key from linkage.contradiction union select other_key from linkage.contradiction
        )
        select identified.finding_id, identified.flag_id, identified.rule, identified.rule_version, identified.status,
            identified.grade, identified.subject_kind, identified.employer_key, identified.unit_code, identified.person_key,
            identified.facility_code, identified.doctor_code, identified.office_code, identified.item, identified.from_date,
            identified.to_date, identified.principal_vnd, identified.interest_vnd, identified.days_late, identified.law,
            identified.facts, identified.steps, coalesce(dated.params, '{{}}') as params, identified.stale_sources,
            list_sort(list_distinct(
                coalesce(identified.doubts, []) || identified.source_doubts || coalesce(dated.doubts, [])
                || case when set_aside.finding_id is not null then ['newer_version_set_aside'] else [] end
                || case when identified.person_key in (select person_key from contradicted)
                        then ['identity_contradiction'] else [] end)) as doubts,
            coalesce(memory.first_seen, {literal(as_of)}) as first_seen, {literal(as_of)} as last_seen,
            case
                when previous_finding.finding_id is null then 'new'
                when {gravity_now} > {gravity_then} then 'worse'
                when {gravity_now} < {gravity_then} then 'eased'
                when identified.principal_vnd > previous_finding.principal_vnd then 'worse'
                when identified.principal_vnd < previous_finding.principal_vnd then 'eased'
                else 'standing'
            end as change
        from identified
        left join previous_finding using (finding_id)
        left join previous_memory as memory using (finding_id)
        left join set_aside using (finding_id)
        left join dated_parameter as dated
          on dated.rule = identified.rule
          and dated.business_date = coalesce(least(identified.from_date, {literal(as_of)}), {literal(as_of)})
        order by identified.finding_id
    """)


def _write_flags(connection: duckdb.DuckDBPyConnection, as_of: date, ran: Sequence[str]) -> None:
    gravity, then = _GRAVITY.format("status"), _GRAVITY.format("previous_flag.status")
    rules_ran = ", ".join(literal(rule) for rule in ran) or "''"
    connection.execute(f"""
        create or replace table findings.flag as
        with gathered as (
            select flag_id, rule, arg_max(status, {gravity}) as status, max({gravity}) as gravity, subject_kind,
                case when subject_kind = 'employer' then min(employer_key) end as employer_key,
                case when count(distinct unit_code) = 1 then min(unit_code) end as unit_code,
                case when subject_kind = 'person' then min(person_key) end as person_key,
                case when subject_kind = 'facility' then min(facility_code) end as facility_code,
                case when subject_kind = 'doctor' then min(doctor_code) end as doctor_code,
                case when subject_kind = 'agency' then min(office_code) end as office_code,
                cast(count(*) as integer) as findings,
                cast(coalesce(nullif(count(distinct person_key), 0), max(try_cast(facts ->> 'workers' as bigint)))
                    as integer) as workers,
                -- what is excused is never summed with late or evaded money
                cast(sum(principal_vnd) filter (status <> 'excused') as bigint) as owed_vnd,
                cast(sum(principal_vnd) as bigint) as all_vnd,
                cast(sum(interest_vnd) filter (status <> 'excused') as bigint) as owed_interest_vnd,
                cast(sum(interest_vnd) as bigint) as all_interest_vnd,
                min(from_date) as oldest_from, min(grade) as grade, min(first_seen) as first_seen
            from findings.finding group by flag_id, rule, subject_kind
        ),
        summed as (
            select gathered.*,
                case when status = 'excused' then all_vnd else owed_vnd end as principal_vnd,
                case when status = 'excused' then all_interest_vnd else owed_interest_vnd end as interest_vnd
            from gathered
        ),
        present as (
            select summed.*, previous_flag.change as previous_change,
                case
                    when previous_flag.flag_id is null or previous_flag.change = 'cleared' then 'new'
                    when summed.gravity <> {then} then case when summed.gravity > {then} then 'worse' else 'eased' end
                    when summed.principal_vnd <> previous_flag.principal_vnd
                        then case when summed.principal_vnd > previous_flag.principal_vnd then 'worse' else 'eased' end
                    when summed.findings <> previous_flag.findings
                        then case when summed.findings > previous_flag.findings then 'worse' else 'eased' end
                    else 'standing'
                end as change
            from summed left join previous_flag using (flag_id)
        ),
        cleared as (
            select * from previous_flag
            where change <> 'cleared' and rule in ({rules_ran}) and flag_id not in (select flag_id from summed)
        )
        select flag_id, rule, status, subject_kind, employer_key, unit_code, person_key, facility_code, doctor_code, office_code,
            findings, workers, principal_vnd, interest_vnd, oldest_from, grade, first_seen, {literal(as_of)} as last_seen, change
        from present
        union all
        select flag_id, rule, status, subject_kind, employer_key, unit_code, person_key, facility_code, doctor_code, office_code,
            0, 0, null, null, oldest_from, grade, first_seen, last_seen, 'cleared'
        from cleared
        order by flag_id
    """)
