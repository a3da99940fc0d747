"""Two records side by side: what agrees, differs or is absent, and why they are one person today, or two."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import duckdb

from common.errors import ConfigurationError
from query import audit
from query.identity import Reader, attach_identity
from query.judgements import Judgement, Mention, find_mention, judgements_on
from query.masking import initials, last_three
from query.snapshot import Reading
from query.words import ID_KINDS, ID_VERDICTS, METHODS, Words, in_words

AGREES = Words("khớp", "agrees")
DIFFERS = Words("khác nhau", "differs")
ABSENT = Words("không đủ để so", "absent")
_ONE_FOLDED = Words("khớp khi bỏ dấu", "agrees without tone marks")
_ONE_REORDERED = Words("cùng các chữ, khác thứ tự", "the same words in another order")
_ONE_SHORTENED = Words("cùng họ và tên, khác chữ đệm", "the same family and given name")
_LESS_PRECISE = Words("khớp ở phần cùng ghi", "agrees as far as both say")
_SWAPPED = Words("ngày và tháng đổi chỗ", "day and month swapped")
_SAME_YEAR = Words("chỉ cùng năm", "the same year only")
_UNTRUSTED = Words("cùng số nhưng số không đáng tin", "the same number, which identifies nobody")
_KINDS = ("citizen", "si", "tax", "old", "passport", None)


@dataclass(frozen=True)
class Comparison:
    """One attribute of two records, masked."""

    what: Words
    a: str | None
    b: str | None
    verdict: Words


@dataclass(frozen=True)
class Pair:
    """Everything a reader needs to judge whether two records are of one person."""

    a: Mention
    b: Mention
    person_key_a: str
    person_key_b: str
    linked_by_a: Words
    linked_by_b: Words
    is_one_person: bool
    why: Words
    comparisons: list[Comparison]
    judgements: list[Judgement]
    """Oldest first; the last is the one in force from the next build on."""
    snapshot: str

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class _Side:
    """One record as the snapshot keeps it; not masked, never handed out."""

    mention: Mention
    person_key: str
    method: str
    said: Mapping[str, str | None]
    numbers: Sequence[tuple[str | None, str, str]]

    def of_kind(self, kind: str | None) -> dict[str, str]:
        return {value: verdict for known, value, verdict in self.numbers if known == kind}

    @property
    def trusted(self) -> set[tuple[str | None, str]]:
        return {(kind, value) for kind, value, verdict in self.numbers if verdict == "trusted"}


def explain_pair(opened: Reading, reader: Reader, a: str, b: str) -> Pair:
    """Compare two records, named `registry.dataset:record_key[:role]`; names and numbers stay masked.

    The look is written to the audit log. Raises `ConfigurationError` for a record the snapshot does not hold.
    """
    (one, one_key), (other, other_key) = find_mention(opened, a), find_mention(opened, b)
    details = {"what": f"records {one}, {other}", "masked": True, "snapshot": opened.snapshot.name}
    audit.append(opened.data, action="look", who=reader.who, at=reader.at, details=details)
    attach_identity(opened)
    left, right = _side(opened, one, one_key), _side(opened, other, other_key)
    judged = judgements_on(opened.data, one, other)
    return Pair(
        a=one,
        b=other,
        person_key_a=one_key,
        person_key_b=other_key,
        linked_by_a=in_words(left.method, METHODS),
        linked_by_b=in_words(right.method, METHODS),
        is_one_person=one_key == other_key,
        why=_why(opened, left, right, _in_force(opened, judged)),
        comparisons=[_names(left, right), _births(left, right), _sexes(left, right), *_numbers(left, right)],
        judgements=judged,
        snapshot=opened.snapshot.name,
    )


def _side(opened: Reading, found: Mention, person_key: str) -> _Side:
    here = "registry = ? and dataset = ? and record_key = ? and role = ?"
    place = [found.registry, found.dataset, found.record_key, found.role]
    names = ("full_name", "name_key", "birth_date", "sex")
    try:
        said = opened.connection.execute(f"select {', '.join(names)} from identity.mention where {here}", place)
        row = said.fetchone() or (None,) * len(names)
        numbers = opened.connection.execute(
            f"select kind, value, verdict from identity.mention_identifier where {here} order by all", place
        ).fetchall()
        method = opened.connection.execute(f"select method from main.link where {here}", place).fetchone()
    except duckdb.CatalogException as error:
        raise ConfigurationError(
            "this snapshot was published before links could be explained",
            where=opened.snapshot.name,
            remedy="run `doichieu run` to publish anew",
        ) from error
    assert method is not None
    return _Side(found, person_key, method[0], dict(zip(names, row, strict=True)), numbers)


def _in_force(opened: Reading, judged: Sequence[Judgement]) -> str | None:
    """The judgement this snapshot was built with."""
    read = " ".join(opened.snapshot.manifest.get("judgements", ()))
    kinds = [made.kind for made in judged if made.judgement_id in read]
    return kinds[-1] if kinds else None


def _why(opened: Reading, left: _Side, right: _Side, judged: str | None) -> Words:
    shared = [in_words(kind or "other", ID_KINDS) for kind, _ in sorted(left.trusted & right.trusted, key=str)]
    if left.person_key == right.person_key:
        if shared:
            vi, en = ", ".join(word.vi for word in shared), ", ".join(word.en for word in shared)
            return Words(f"cùng {vi} đã kiểm tra", f"the same checked {en}")
        if judged == "same":
            return Words("cán bộ đã xác nhận là một người", "judged by a person to be one")
        return Words("nối qua các bản ghi khác của cùng người", "linked through other records of the same person")
    if judged == "different":
        return Words("cán bộ đã xác nhận là hai người", "judged by a person to be two")
    if _have_two_citizen_ids(opened, left, right):
        return Words("mỗi bên có một số định danh hợp lệ khác nhau", "they hold two different valid citizen ids")
    if shared:
        return Words(
            "chung mã số, nhưng họ tên, ngày sinh hay bản ghi khác mâu thuẫn",
            "they share a number, but names, births or other records contradict it",
        )
    return Words("không có mã số đáng tin nào chung", "no trusted number in common")


def _have_two_citizen_ids(opened: Reading, left: _Side, right: _Side) -> bool:
    row = opened.connection.execute(
        "select count(distinct citizen_id) from identity.person where person_key in (?, ?)",
        [left.person_key, right.person_key],
    ).fetchone()
    return row is not None and row[0] > 1


def _names(left: _Side, right: _Side) -> Comparison:
    a, b = left.said["full_name"], right.said["full_name"]
    folded = left.said["name_key"], right.said["name_key"]
    shown = (None if a is None else initials(a), None if b is None else initials(b))
    return Comparison(Words("họ tên", "name"), *shown, ABSENT if None in (a, b) else _compared_names(a, b, folded))


def _compared_names(a: str | None, b: str | None, folded: tuple[str | None, str | None]) -> Words:
    if str(a).casefold() == str(b).casefold():
        return AGREES
    one, other = ((key or "").split() for key in folded)
    if not one or not other:
        return DIFFERS
    if one == other:
        return _ONE_FOLDED
    if sorted(one) == sorted(other):
        return _ONE_REORDERED
    return _ONE_SHORTENED if (one[0], one[-1]) == (other[0], other[-1]) else DIFFERS


def _births(left: _Side, right: _Side) -> Comparison:
    a, b = left.said["birth_date"], right.said["birth_date"]
    shown = (None if a is None else a[:4], None if b is None else b[:4])
    return Comparison(Words("ngày sinh", "birth date"), *shown, _compared_births(a, b))


def _compared_births(a: str | None, b: str | None) -> Words:
    if a is None or b is None:
        return ABSENT
    if a == b:
        return AGREES
    if a.startswith(b) or b.startswith(a):
        return _LESS_PRECISE
    if a[:4] != b[:4]:
        return DIFFERS
    return _SWAPPED if a[5:7] == b[8:] and a[8:] == b[5:7] else _SAME_YEAR


def _sexes(left: _Side, right: _Side) -> Comparison:
    a, b = left.said["sex"], right.said["sex"]
    verdict = ABSENT if a is None or b is None else AGREES if a == b else DIFFERS
    return Comparison(Words("giới tính", "sex"), a, b, verdict)


def _numbers(left: _Side, right: _Side) -> list[Comparison]:
    found = []
    for kind in _KINDS:
        one, other = left.of_kind(kind), right.of_kind(kind)
        if one or other:
            what = in_words(kind or "other", ID_KINDS)
            found.append(Comparison(what, _shown(one), _shown(other), _compared_numbers(one, other)))
    return found


def _compared_numbers(one: Mapping[str, str], other: Mapping[str, str]) -> Words:
    if not one or not other:
        return ABSENT
    shared = one.keys() & other.keys()
    if not shared:
        return DIFFERS
    return AGREES if any(one[value] == other[value] == "trusted" for value in shared) else _UNTRUSTED


def _shown(numbers: Mapping[str, str]) -> str | None:
    told = [f"{last_three(value)} ({in_words(verdict, ID_VERDICTS)})" for value, verdict in sorted(numbers.items())]
    return "; ".join(told) or None
