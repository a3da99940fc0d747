"""From a checked build to a published snapshot: written aside, renamed into place, then pointed at."""

import contextlib
import shutil
import tomllib
from collections.abc import Iterator
from datetime import datetime
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb

from common.databases import attach_sql, load_encryption
from common.errors import ConfigurationError, DoiChieuError
from common.files import DataFolder, read_json, sha256_of, sync_folder, write_json
from common.settings import Settings
from contracts.loader import all_datasets
from warehouse.engine.duckdb import OUT_OF_ROOM, literal
from warehouse.inputs import current_snapshot, inputs_from_json

_KEYS_ONLY = {
    "finding": "select * from build.findings.finding",
    "finding_evidence": "select * from build.findings.finding_evidence",
    "flag": "select * from build.findings.flag",
    "memory": "select * from build.findings.memory",
    "rule": "select * from build.findings.rule order by rule",
    "source": "select * from build.findings.source order by registry, dataset",
    "link": "select registry, dataset, record_key, role, person_key, method, score from build.linkage.person_link"
    " order by registry, dataset, record_key, role",
    "person_redirect": "select * from build.linkage.person_redirect",
    "employer_redirect": "select * from build.linkage.employer_redirect",
    "employer": """
        select employer.employer_key,
            (select coalesce(list_sort(list(substr(member, 6))), []) from build.linkage.employer_key as key
             where key.employer_key = employer.employer_key and member like 'unit:%') as unit_codes,
            (select coalesce(list_sort(list(substr(member, 5))), []) from build.linkage.employer_key as key
             left join build.staging.tax_taxpayer as taxpayer on 'tax:' || taxpayer.tax_code_clean = key.member
             where key.employer_key = employer.employer_key and member like 'tax:%'
               and substr(member, 5) is distinct from employer.tax_code
               and (length(member) = 17 or taxpayer.kind = 'branch')) as branch_codes,
            (select coalesce(list_sort(list(substr(member, 9))), []) from build.linkage.employer_key as key
             where key.employer_key = employer.employer_key and member like 'project:%') as project_codes,
            employer.province_code
        from build.marts.employer as employer order by employer.employer_key""",
    "indicator": "select cast(null as varchar) as area_code, cast(null as varchar) as geography, cast(null as date) as as_of,"
    " cast(null as varchar) as indicator, cast(null as bigint) as numerator, cast(null as bigint) as denominator,"
    " cast(null as decimal(9, 4)) as percent, cast(null as decimal(9, 4)) as target_percent where false",
}

_IDENTITY = {
    "person": """
        with named as (
            select link.person_key, mention.* exclude (mention_no),
                link.registry = 'insurance' and link.dataset = 'participation' as is_own_book
            from build.linkage.person_link as link join build.linkage.person_mention as mention using (mention_no)
        ),
        -- the spelling, birth date and sex that most records carry; the insurer's own books before others
        spelling as (
            select person_key, full_name from named where full_name is not null group by person_key, full_name
            qualify row_number() over (partition by person_key order by count(*) desc, max(is_own_book) desc, full_name) = 1
        ),
        born as (
            select person_key, birth_date from named where birth_date is not null group by person_key, birth_date
            qualify row_number() over (
                partition by person_key order by length(birth_date) desc, count(*) desc, birth_date) = 1
        ),
        identified as (
            select link.person_key, identifier.kind, identifier.value
            from build.linkage.trusted_identifier as identifier join build.linkage.person_link as link using (mention_no)
            group by link.person_key, identifier.kind, identifier.value
            qualify row_number() over (
                partition by link.person_key, identifier.kind order by count(*) desc, identifier.value) = 1
        )
        select keyed.person_key, spelling.full_name,
            max(identified.value) filter (kind = 'citizen') as citizen_id,
            max(identified.value) filter (kind = 'si') as si_number,
            max(identified.value) filter (kind = 'passport') as passport_no,
            born.birth_date, max(keyed.sex) as sex
        from (select person_key, max(sex) as sex from named group by person_key) as keyed
        left join spelling using (person_key) left join born using (person_key) left join identified using (person_key)
        group by keyed.person_key, spelling.full_name, born.birth_date
        order by keyed.person_key""",
    "employer": """
        with named as (
            select key.employer_key, taxpayer.tax_code_clean as code, taxpayer.name, taxpayer.address, 1 as place
            from build.staging.tax_taxpayer as taxpayer
            join build.linkage.employer_key as key on key.member = 'tax:' || taxpayer.tax_code_clean
            union all
            select key.employer_key, enterprise.enterprise_code_clean, enterprise.name, enterprise.address, 2
            from build.staging.investment_enterprise as enterprise
            join build.linkage.employer_key as key on key.member = 'tax:' || enterprise.enterprise_code_clean
            union all
            select key.employer_key, unit.unit_code, unit.name, unit.address, 3
            from build.staging.insurance_unit as unit
            join build.linkage.employer_key as key on key.member = 'unit:' || unit.unit_code
        ),
        chosen as (
            select named.employer_key, named.name, named.address
            from named join build.marts.employer as employer using (employer_key)
            qualify row_number() over (
                partition by named.employer_key
                order by named.code is distinct from employer.tax_code, named.place, named.code) = 1
        )
        select employer.employer_key, employer.tax_code, chosen.name, chosen.address
        from build.marts.employer as employer left join chosen using (employer_key) order by employer.employer_key""",
    "unit": """
        select unit.unit_code, mart.employer_key, unit.name
        from build.staging.insurance_unit as unit join build.marts.unit as mart using (unit_code) order by unit.unit_code""",
    "record": "select registry, dataset, record_key, pull, updated_at, record from build.findings.cited",
    "mention": "select registry, dataset, record_key, role, full_name, name_key, birth_date, sex"
    " from build.linkage.person_mention order by mention_no",
    "mention_identifier": """
        with shared as (
            select distinct mention_no, kind from build.linkage.dropped_identifier where field = 'shared'
        )
        select mention.registry, mention.dataset, mention.record_key, mention.role, identifier.kind, identifier.value,
            case when identifier.verdict <> 'trusted' then identifier.verdict
                 when trusted.mention_no is not null then 'trusted'
                 when shared.mention_no is not null then 'shared by too many people'
                 else 'owner unclear' end as verdict
        from build.linkage.identifier as identifier
        join build.linkage.person_mention as mention using (mention_no)
        left join build.linkage.trusted_identifier as trusted using (mention_no, kind, value)
        left join shared on shared.mention_no = identifier.mention_no and shared.kind = identifier.kind
        order by identifier.mention_no, identifier.field""",
}


def publish(settings: Settings, *, run: str, created_at: datetime) -> str:
    """Publish the build of `run` as a new snapshot and point `published/current` at it; returns the snapshot's name.

    The caller has checked the build. Raises `ConfigurationError` when there is no such build or it is already
    published, `DoiChieuError` when the disk is full; the old snapshot then stays live.
    """
    data = settings.data
    build, snapshot = data.build(run), data.snapshot(run)
    if not (build / "build.json").exists():
        raise ConfigurationError(
            f"there is no finished build {run}", where=str(data.root / "builds"), remedy="run `doichieu build` first"
        )
    if snapshot.exists():
        raise ConfigurationError(f"snapshot {run} is already published", where=str(snapshot), remedy="build again")
    draft = data.published / f".{run}.draft"
    with _whole_or_nothing(draft):
        _write_databases(settings, build / "build.duckdb", draft, run, created_at)
        shutil.copytree(build / "identity", data.identity / run, dirs_exist_ok=True)
        write_json(
            draft / "manifest.json",
            _manifest(build, draft, run, created_at, is_encrypted=settings.identity_key is not None),
        )
        sync_folder(draft)
        draft.rename(snapshot)
    sync_folder(data.published)
    _point_at(data, run)
    return run


def rollback(data: DataFolder, snapshot: str | None) -> str:
    """Make `snapshot`, or else the one published before the live one, live again; returns its name."""
    known = sorted(path.parent.name for path in data.published.glob("*/manifest.json") if not path.parent.is_symlink())
    live = current_snapshot(data)
    if snapshot is None:
        earlier = [name for name in known if live is not None and name < live]
        if not earlier:
            raise ConfigurationError("there is no earlier snapshot", where=str(data.published))
        snapshot = earlier[-1]
    elif snapshot not in known:
        raise ConfigurationError(
            f"there is no snapshot {snapshot}",
            where=str(data.published),
            remedy=f"choose one of: {', '.join(known[-5:])}",
        )
    _point_at(data, snapshot)
    return snapshot


def built_runs(data: DataFolder) -> list[str]:
    """Finished builds, oldest first."""
    return sorted(path.parent.name for path in (data.root / "builds").glob("*/build.json"))


@contextlib.contextmanager
def _whole_or_nothing(draft: Path) -> Iterator[None]:
    shutil.rmtree(draft, ignore_errors=True)
    try:
        draft.mkdir(parents=True)
        yield
    except (OSError, *OUT_OF_ROOM) as error:
        free = shutil.disk_usage(draft.parent.parent).free // 1_000_000
        raise DoiChieuError(
            f"the snapshot could not be written ({free} MB free): {type(error).__name__}",
            where=str(draft.parent),
            remedy="free disk space and run `doichieu publish`; the old snapshot stays live",
        ) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _write_databases(settings: Settings, build: Path, draft: Path, run: str, created_at: datetime) -> None:
    facts = read_json(build.parent / "build.json")["inputs"]
    with contextlib.closing(_open_beside(settings, str(draft / "warehouse.duckdb"), build)) as connection:
        connection.execute(
            f"create table snapshot as select {literal(run)} as snapshot, date {literal(facts['as_of'])} as as_of,"
            f" {_nullable(facts['previous_snapshot'])} as previous, ?::timestamptz as created_at,"
            f" {literal(facts['law_version'])} as law_version",
            [created_at],
        )
        for name, sql in _KEYS_ONLY.items():
            connection.execute(f"create table {name} as {sql}")
        _write_doubt_words(connection)
        connection.execute("create schema marts")
        for (name,) in connection.execute(
            "select table_name from duckdb_tables() where database_name = 'build' and schema_name = 'marts' order by 1"
        ).fetchall():
            connection.execute(f"create table marts.{name} as select * from build.marts.{name}")
        # Closing alone would swallow a write that fails, and leave a log beside the file.
        connection.execute("checkpoint")
    key = settings.identity_secret()
    with contextlib.closing(_open_beside(settings, ":memory:", build)) as connection:
        if key is not None:
            load_encryption(connection)
        connection.execute(attach_sql(draft / "identity.duckdb", "identity", is_read_only=False, key=key))
        for name, sql in _IDENTITY.items():
            connection.execute(f"create table identity.{name} as {sql}")
        connection.execute("checkpoint identity")
        connection.execute("detach identity")


def _write_doubt_words(connection: duckdb.DuckDBPyConnection) -> None:
    words = tomllib.loads((files("warehouse") / "doubts.toml").read_text(encoding="utf-8"))
    connection.execute("create table doubt_word (doubt varchar, text_vi varchar, text_en varchar)")
    rows = [[name, text["vi"], text["en"]] for name, text in sorted(words.items())]
    connection.executemany("insert into doubt_word values (?, ?, ?)", rows)


def _open_beside(settings: Settings, database: str, build: Path) -> duckdb.DuckDBPyConnection:
    """A connection to `database` with the build attached read-only as `build`."""
    connection = duckdb.connect(database)
    connection.execute("set timezone = 'Asia/Ho_Chi_Minh'")
    connection.execute(f"set memory_limit = '{settings.build.memory_limit}'")
    connection.execute(f"set threads = {settings.build.threads}")
    connection.execute(attach_sql(build, "build", is_read_only=True))
    return connection


def _nullable(text: str | None) -> str:
    return "cast(null as varchar)" if text is None else literal(text)


def _manifest(build: Path, draft: Path, run: str, created_at: datetime, *, is_encrypted: bool) -> dict[str, Any]:
    record = read_json(build / "build.json")
    inputs = inputs_from_json(record["inputs"])
    with contextlib.closing(duckdb.connect(str(draft / "warehouse.duckdb"), read_only=True)) as connection:
        rules = dict(connection.execute("select rule, rule_version from rule order by rule").fetchall())
    return {
        "snapshot": run,
        "created_at": created_at.isoformat(),
        **inputs.to_json(),
        "identity_version_written": run,
        "contract_versions": {found.full_name: found.version for found in all_datasets()},
        "code_version": version("doichieu"),
        "rules": rules,
        "counts": record["counts"],
        "is_identity_encrypted": is_encrypted,
        "files": {
            name: {"sha256": sha256_of(draft / name), "bytes": (draft / name).stat().st_size}
            for name in ("warehouse.duckdb", "identity.duckdb")
        },
    }


def _point_at(data: DataFolder, snapshot: str) -> None:
    """Swap the `current` link by one atomic rename: a reader sees the old snapshot or the new one."""
    link = data.published / ".current.new"
    link.unlink(missing_ok=True)
    link.symlink_to(snapshot)
    link.replace(data.current)
    sync_folder(data.published)
