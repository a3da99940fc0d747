"""Drift: where what a registry delivers has left its contract. Rows stay good as long as their own values do."""

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from contracts.loader import Dataset, Field

_LEARNED_FIELDS_MAX = 200
_NUMBERS = ("int", "vnd")


class ChangedType(msgspec.Struct, frozen=True):
    """A field that arrives as another JSON type than the contract's."""

    field: str
    expected: str
    found: str


class Drift(msgspec.Struct, frozen=True):
    """Fields that came or went, and fields that changed their JSON type."""

    new_fields: tuple[str, ...] = ()
    missing_fields: tuple[str, ...] = ()
    """Required fields that no record of the pull carries."""
    changed_types: tuple[ChangedType, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.new_fields or self.missing_fields or self.changed_types)

    def __str__(self) -> str:
        said = [f"new field {name}" for name in self.new_fields]
        said += [f"missing field {name}" for name in self.missing_fields]
        said += [f"{each.field} arrives as {each.found}, not {each.expected}" for each in self.changed_types]
        return "; ".join(said)


NO_DRIFT = Drift()


class PageFindings(msgspec.Struct, frozen=True):
    """What one look at a page's records shows, without keeping any of them."""

    rows: int
    unreadable: tuple[tuple[int, str], ...] = ()
    """Position in the page (from 0) and the reason, for elements that are no readable JSON object."""
    new_fields: tuple[str, ...] = ()
    other_types: Mapping[str, Mapping[str, int]] = {}
    """Field → JSON type found instead of the contract's → records."""


class RecordScanner:
    """Looks at every record of a dataset once, for its keys and JSON types.

    A page whose records all fit is decoded in one C call (about a million records a second). Only a page that does
    not fit is looked at record by record; a new field is then learned, so the pages after it are fast again.
    """

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._fields = {field.name: field for field in dataset.fields}
        self._learned: list[str] = []
        self._decoder = self._fitting_decoder()

    def examine(self, rows: bytes) -> PageFindings:
        """`rows` is one JSON array of records, structurally complete."""
        try:
            return PageFindings(rows=len(self._decoder.decode(rows)), new_fields=())
        except (msgspec.DecodeError, UnicodeDecodeError):
            return self._examine_each(rows)

    def _fitting_decoder(self) -> "msgspec.json.Decoder[list[Any]]":
        wanted = [(name, _python_type(field)) for name, field in self._fields.items()]
        wanted += [(name, Any) for name in self._learned]
        # Wire names may be anything; attribute names may not.
        names = {f"f{number}": name for number, (name, _) in enumerate(wanted)}
        columns = [(f"f{number}", kind, None) for number, (_, kind) in enumerate(wanted)]
        record = msgspec.defstruct("Record", columns, rename=names, forbid_unknown_fields=True, gc=False)
        return msgspec.json.Decoder(list[record])  # type: ignore[valid-type]

    def _examine_each(self, rows: bytes) -> PageFindings:
        raw = msgspec.json.decode(rows, type=list[msgspec.Raw])
        unreadable: list[tuple[int, str]] = []
        new_fields: set[str] = set()
        other: dict[str, Counter[str]] = {}
        for position, element in enumerate(raw):
            try:
                record = msgspec.json.decode(element)
            except (msgspec.DecodeError, UnicodeDecodeError):
                unreadable.append((position, "record: not readable as JSON text"))
                continue
            if not isinstance(record, dict):
                unreadable.append((position, f"record: not an object but {json_type(record)}"))
                continue
            self._note(record, new_fields, other)
        self._learn(new_fields)
        return PageFindings(len(raw), tuple(unreadable), tuple(sorted(new_fields)), other)

    def _note(self, record: Mapping[str, Any], new_fields: set[str], other: dict[str, Counter[str]]) -> None:
        for name, value in record.items():
            field = self._fields.get(name)
            if field is None:
                new_fields.add(name)
            elif value is not None and json_type(value) not in expected_json_types(field):
                other.setdefault(name, Counter())[json_type(value)] += 1

    def _learn(self, new_fields: set[str]) -> None:
        fresh = sorted(new_fields.difference(self._learned))
        if fresh and len(self._learned) + len(fresh) <= _LEARNED_FIELDS_MAX:
            self._learned += fresh
            self._decoder = self._fitting_decoder()


def drift_of(dataset: Dataset, pages: Iterable[PageFindings], *, rows: int, missing: Iterable[str]) -> Drift:
    """The drift of a whole pull of `rows` records.

    A single record with a value of the wrong type is a bad record, not drift: a type counts as changed once more than
    one record in a hundred (or every record) carries it.
    """
    new_fields: set[str] = set()
    other: dict[tuple[str, str], int] = {}
    for page in pages:
        new_fields.update(page.new_fields)
        for field, kinds in page.other_types.items():
            for kind, count in kinds.items():
                other[field, kind] = other.get((field, kind), 0) + count
    changed = [
        ChangedType(field, " or ".join(expected_json_types(dataset.field(field))), kind)
        for (field, kind), count in sorted(other.items())
        if count == rows or (count > 1 and count * 100 > rows)
    ]
    return Drift(tuple(sorted(new_fields)), tuple(missing), tuple(changed))


def json_type(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"


def expected_json_types(field: Field) -> tuple[str, ...]:
    if field.type in _NUMBERS:
        return ("number",)
    if field.type == "decimal":
        return ("number", "string")
    return ("boolean",) if field.type == "bool" else ("string",)


def _python_type(field: Field) -> Any:
    kinds = {"number": (int, float), "string": (str,), "boolean": (bool,)}
    fitting = itertools.chain.from_iterable(kinds[name] for name in expected_json_types(field))
    union: Any = None
    for kind in fitting:
        union = kind | union
    return union
