"""The evidence of one finding: what was found, on which records, under which article, and what else explains it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from common.errors import ConfigurationError
from contracts.loader import dataset
from query import audit
from query.identity import Reader
from query.lists import Filter, open_list, read_facts
from query.masking import mask_record
from query.snapshot import Reading
from query.words import (
    CHANGES,
    GRADES,
    METHODS,
    NOTICE,
    STATUSES,
    SUBJECTS,
    Words,
    in_words,
)


@dataclass(frozen=True)
class Evidence:
    """One cited record, masked, with where it came from and how its person is known."""

    role: str
    registry: str
    dataset: str
    title_vi: str
    record_key: str
    pull: str | None
    updated_at: datetime | None
    record: Mapping[str, Any] | None
    """None: the snapshot keeps no copy of it."""
    linked_by: Words | None
    score: float | None


@dataclass(frozen=True)
class Explanation:
    """Everything a reader needs to judge one finding. Amounts are whole dong."""

    finding_id: str
    flag_id: str
    notice: Words
    reason: Words
    rule: str
    rule_version: str
    title: Words
    law: str
    status: Words
    grade: Words
    subject: Words
    subject_keys: Mapping[str, str]
    item: str
    from_date: date | None
    to_date: date | None
    principal_vnd: int | None
    interest_vnd: int | None
    days_late: int | None
    steps: list[Any]
    params: Mapping[str, Any]
    facts: Mapping[str, Any]
    stale_sources: list[Words]
    doubts: list[Words]
    innocent: list[Words]
    evidence: list[Evidence]
    first_seen: date
    last_seen: date
    change: Words
    other_findings: list[str]
    """The other findings of the same flag, by id."""
    snapshot: str
    as_of: date

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


_SUBJECT_KEYS = (
    "employer_key",
    "employer_tax_code",
    "unit_code",
    "person_key",
    "full_name",
    "citizen_id",
    "si_number",
    "passport_no",
    "facility_code",
    "doctor_code",
    "office_code",
)


def explain(opened: Reading, reader: Reader, identifier: str) -> Explanation:
    """Explain a finding, or of a flag its gravest finding; names and numbers of persons stay masked.

    The look is written to the audit log. Raises `ConfigurationError` for an id the snapshot does not hold.
    """
    finding_id, others = _resolve(opened, identifier)
    details = {"what": f"finding {finding_id}", "masked": True, "snapshot": opened.snapshot.name}
    audit.append(opened.data, action="look", who=reader.who, at=reader.at, details=details)
    masked = Reader(reader.who, reader.at)
    listing = open_list(opened, masked, "findings", Filter(finding=finding_id))
    row = next(record for batch in listing.batches for record in batch.to_pylist())
    kept = _one(opened, "select facts, steps, params from main.finding where finding_id = ?", finding_id)
    rule = _one(
        opened, "select title_vi, title_en, innocent_vi, innocent_en from main.rule where rule = ?", row["rule"]
    )
    return Explanation(
        notice=NOTICE,
        reason=Words(row["reason_vi"], row["reason_en"]),
        title=Words(rule["title_vi"], rule["title_en"]),
        status=in_words(row["status"], STATUSES),
        grade=in_words(row["grade"], GRADES),
        subject=in_words(row["subject_kind"], SUBJECTS),
        subject_keys={name: row[name] for name in _SUBJECT_KEYS if row[name] is not None},
        steps=_parsed(kept["steps"]) or [],
        params=_parsed(kept["params"]) or {},
        facts=read_facts(kept["facts"]),
        stale_sources=[_stale(opened, source) for source in row["stale_sources"]],
        doubts=_doubts(opened, row["doubts"]),
        innocent=_innocent(rule),
        evidence=_evidence(opened, finding_id, row["person_key"]),
        change=in_words(row["change"], CHANGES),
        other_findings=others,
        as_of=opened.snapshot.as_of,
        **{name: row[name] for name in _AS_LISTED},
    )


_AS_LISTED = (
    "finding_id",
    "flag_id",
    "rule",
    "rule_version",
    "law",
    "item",
    "from_date",
    "to_date",
    "principal_vnd",
    "interest_vnd",
    "days_late",
    "first_seen",
    "last_seen",
    "snapshot",
)


def _resolve(opened: Reading, identifier: str) -> tuple[str, list[str]]:
    """The finding that is meant, and the other findings of its flag."""
    rows = opened.connection.execute(
        """
        select finding_id from main.finding
        where flag_id in (select flag_id from main.finding where finding_id = $id or flag_id = $id)
        order by finding_id <> $id, principal_vnd desc nulls last, finding_id
        """,
        {"id": identifier},
    ).fetchall()
    if not rows:
        raise ConfigurationError(
            f"there is no finding or flag {identifier!r}",
            where=f"snapshot {opened.snapshot.name}",
            remedy="take an id from `doichieu flags` or from `doichieu export findings`",
        )
    return rows[0][0], [finding_id for (finding_id,) in rows[1:]]


def _evidence(opened: Reading, finding_id: str, person_key: str | None) -> list[Evidence]:
    rows = _all(
        opened,
        """
        select evidence.role, evidence.registry, evidence.dataset, evidence.record_key, evidence.pull,
            record.updated_at, record.record, link.method, link.score
        from main.finding_evidence as evidence
        left join identity.main.record as record using (registry, dataset, record_key, pull)
        left join main.link as link
            on link.registry = evidence.registry and link.dataset = evidence.dataset
            and link.record_key = evidence.record_key and link.person_key = $person
        where evidence.finding_id = $finding
        qualify row_number() over (
            partition by evidence.registry, evidence.dataset, evidence.record_key
            order by evidence.position, link.role, record.updated_at desc) = 1
        order by evidence.position, evidence.registry, evidence.dataset, evidence.record_key
        """,
        {"finding": finding_id, "person": person_key},
    )
    return [_cited(row) for row in rows]


def _cited(row: Mapping[str, Any]) -> Evidence:
    contract = dataset(row["registry"], row["dataset"])
    kept = _parsed(row["record"])
    # Names that begin with _ are the pull's own bookkeeping.
    record = None if kept is None else {name: value for name, value in kept.items() if not name.startswith("_")}
    return Evidence(
        role=row["role"],
        registry=row["registry"],
        dataset=row["dataset"],
        title_vi=contract.title_vi,
        record_key=row["record_key"],
        pull=row["pull"],
        updated_at=row["updated_at"],
        record=None if record is None else mask_record(contract, record),
        linked_by=None if row["method"] is None else in_words(row["method"], METHODS),
        score=row["score"],
    )


def _stale(opened: Reading, registry: str) -> Words:
    """Which of a registry's datasets could not be read, why, and how old their newest record is."""
    [row] = _all(
        opened,
        "select min(newest_record_at) as newest, string_agg(dataset, ', ' order by dataset) as datasets,"
        " min(stale_reason) as reason from main.source where registry = $registry and is_stale",
        {"registry": registry},
    )
    unread = f"{registry} ({row['datasets']})" if row["datasets"] else registry
    explained = f": {row['reason']}" if row["reason"] else ""
    if row["newest"] is None:
        return Words(f"{unread} – chưa có dữ liệu{explained}", f"{unread} – no data yet{explained}")
    return Words(
        f"{unread} – dữ liệu cũ, bản ghi mới nhất ngày {row['newest']:%d/%m/%Y}{explained}",
        f"{unread} – old data, newest record of {row['newest']:%Y-%m-%d}{explained}",
    )


def _doubts(opened: Reading, doubts: list[str]) -> list[Words]:
    """Doubts in words; what stands behind the colon of a doubt names the place."""
    rows = opened.connection.execute("select doubt, text_vi, text_en from main.doubt_word").fetchall()
    known = {doubt: Words(vi, en) for doubt, vi, en in rows}
    said = []
    for doubt in doubts:
        code, _, place = doubt.partition(":")
        words = in_words(code, known)
        said.append(Words(f"{words.vi} ({place})", f"{words.en} ({place})") if place else words)
    return said


def _innocent(rule: Mapping[str, Any]) -> list[Words]:
    vi, en = rule["innocent_vi"] or [], rule["innocent_en"] or []
    return [Words(first, second) for first, second in zip(vi, en, strict=True)]


def _parsed(text: str | None) -> Any:
    return None if text is None else json.loads(text, parse_float=Decimal)


def _all(opened: Reading, query: str, values: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = opened.connection.execute(query, dict(values))
    names = [column[0] for column in found.description or []]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def _one(opened: Reading, query: str, key: str) -> dict[str, Any]:
    found = opened.connection.execute(query, [key])
    names = [column[0] for column in found.description or []]
    row = found.fetchone()
    assert row is not None
    return dict(zip(names, row, strict=True))
