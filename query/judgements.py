"""What people decided about who is who; the only writer of `judgements/`, which the next build reads like a registry."""

import hashlib
import io
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from common.errors import ConfigurationError, DoiChieuError
from common.files import DataFolder, write_atomically
from query import audit
from query.identity import Reader
from query.snapshot import Reading

KINDS = ("same", "different")
LONGEST_WHY = 1000


@dataclass(frozen=True, order=True)
class Mention:
    """One record in the role in which it names a person."""

    registry: str
    dataset: str
    record_key: str
    role: str

    def __str__(self) -> str:
        return f"{self.registry}.{self.dataset}:{self.record_key}:{self.role}"


@dataclass(frozen=True)
class Judgement:
    """One person's word on two records: of one person, or of two. `why` is in their words, for whoever looks at the pair later."""

    judgement_id: str
    kind: str
    a: Mention
    b: Mention
    person_key_a: str
    person_key_b: str
    judged_by: str
    judged_at: datetime
    why: str
    snapshot: str

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


_SCHEMA = pa.schema(
    [("judgement_id", pa.string()), ("kind", pa.string())]
    + [
        (f"{name}_{side}", pa.string())
        for side in ("a", "b")
        for name in ("registry", "dataset", "record_key", "role", "person_key")
    ]
    + [
        ("judged_by", pa.string()),
        ("judged_at", pa.timestamp("us", tz="UTC")),
        ("why", pa.string()),
        ("snapshot", pa.string()),
    ]
)


def find_mention(opened: Reading, spoken: str) -> tuple[Mention, str]:
    """The record `registry.dataset:record_key[:role]` of the snapshot and the key of its person.

    Raises `ConfigurationError` where the snapshot holds no such record, or the record names several people and no role
    is given.
    """
    dataset, _, rest = spoken.partition(":")
    registry, _, name = dataset.partition(".")
    key, _, role = rest.rpartition(":")
    # A key may hold a colon itself, so the last part is a role only where the record has that role.
    rows = opened.connection.execute(
        "select record_key, role, person_key from main.link where registry = ? and dataset = ?"
        " and (record_key = ? or (record_key = ? and role = ?)) order by all",
        [registry, name, rest, key, role],
    ).fetchall()
    if len(rows) == 1:
        found = Mention(registry, name, rows[0][0], rows[0][1])
        return found, str(rows[0][2])
    if rows:
        raise ConfigurationError(
            "the record names several people", where=spoken, remedy=f"choose one: {_choices(registry, name, rows)}"
        )
    raise ConfigurationError(
        "the snapshot knows no person in this record",
        where=f"{spoken} ({opened.snapshot.name})",
        remedy="write it as registry.dataset:record_key, for example health.death:TB-000123, as `doichieu explain` shows it",
    )


def judge(opened: Reading, reader: Reader, *, a: str, b: str, kind: str, why: str) -> Judgement:
    """Keep that the records `a` and `b` are of one person (`same`) or of two (`different`); the next build obeys.

    It is written to the audit log first: what is not in the log does not count. A judgement on the same two records
    replaces the one before. Raises `ConfigurationError` for bad input, `DoiChieuError` where nothing can be written.
    """
    if kind not in KINDS:
        raise ConfigurationError(f"{kind!r} is no judgement", remedy=f"choose one of: {', '.join(KINDS)}")
    why = why.strip()
    if not why or len(why) > LONGEST_WHY:
        raise ConfigurationError(
            "a judgement needs its reason" if not why else f"the reason is longer than {LONGEST_WHY} characters",
            remedy="say in a sentence what it rests on, for example the document that was seen",
        )
    if re.search(r"\d{9}", why):
        raise ConfigurationError(
            "the reason holds what looks like a person's number", remedy="name the document, not the person or a number"
        )
    (one, one_key), (other, other_key) = sorted((find_mention(opened, a), find_mention(opened, b)))
    if one == other:
        raise ConfigurationError("both are the same record", where=str(one), remedy="name two different records")
    facts = f"{reader.who}|{reader.at.isoformat()}|{kind}|{one}|{other}"
    made = Judgement(
        judgement_id="J" + hashlib.sha256(facts.encode()).hexdigest()[:15],
        kind=kind, a=one, b=other, person_key_a=one_key, person_key_b=other_key,
        judged_by=reader.who, judged_at=reader.at, why=why, snapshot=opened.snapshot.name,
    )  # fmt: skip
    _keep(opened.data, made)
    return made


def judgements_on(data: DataFolder, a: Mention, b: Mention) -> list[Judgement]:
    """Every judgement on the two records, the one in force last."""
    return [made for made in _kept(data) if {made.a, made.b} == {a, b}]


def _keep(data: DataFolder, made: Judgement) -> None:
    path = data.judgements / f"{made.judged_at.astimezone(UTC):%Y%m%dT%H%M%S%fZ}-link-{made.judgement_id}.parquet"
    details = {"judgement": made.judgement_id, "kind": made.kind, "records": [str(made.a), str(made.b)],
               "snapshot": made.snapshot}  # fmt: skip
    audit.append(data, action="judge", who=made.judged_by, at=made.judged_at, details=details)
    content = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([_as_row(made)], schema=_SCHEMA), content)
    try:
        write_atomically(path, content.getvalue())
    except OSError as error:
        raise DoiChieuError(
            f"the judgement could not be written: {error.strerror}",
            where=str(data.judgements),
            remedy="free space or mend the permissions there, and judge again; the log names an attempt that never counted",
        ) from error


def _as_row(made: Judgement) -> dict[str, Any]:
    sides = {
        f"{name}_{side}": value
        for side, mention in (("a", made.a), ("b", made.b))
        for name, value in asdict(mention).items()
    }
    return {**{name: value for name, value in asdict(made).items() if name not in ("a", "b")}, **sides}


def _kept(data: DataFolder) -> Iterable[Judgement]:
    for path in sorted(data.judgements.glob("*-link-*.parquet")):
        for row in pq.read_table(path, schema=_SCHEMA).to_pylist():
            one, other = (
                Mention(*(row.pop(f"{name}_{side}") for name in ("registry", "dataset", "record_key", "role")))
                for side in ("a", "b")
            )
            yield Judgement(a=one, b=other, **row)


def _choices(registry: str, dataset: str, rows: list[tuple[str, str, str]]) -> str:
    return ", ".join(str(Mention(registry, dataset, key, role)) for key, role, _ in rows)
