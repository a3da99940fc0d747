"""Drift: where what a registry delivers has left its contract. Rows stay good as long as their own values do."""

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from connectors.mapping import Mapping as FieldMapping
from connectors.mapping import unknown_names
from contracts.loader import Dataset, Field

if TYPE_CHECKING:
    import pyarrow as pa

_LEARNED_FIELDS_MAX = 200
_LIST = msgspec.json.Decoder(list[msgspec.Raw])
# So few records at a time that their memory is reused instead of being asked for anew with every page.
_AT_ONCE = 500
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
    refused: tuple[tuple[int, str], ...] = ()
    """Position in the page (from 0) and the reason, for records with a field that is neither mapped nor ignored, where
    the source file says that such records are set aside."""
    absent: tuple[str, ...] = ()
    """Mapped fields that a table of texts has no column for."""


class RecordScanner:
    """Looks at every record of a dataset once, for its keys and, where the source uses the contract's names, JSON types.

    A page whose records all fit is decoded in one C call (about a million records a second). Only a page that does
    not fit is looked at record by record; a new field is then learned, so the pages after it are fast again.
    """

    def __init__(self, mapping: FieldMapping, *, sets_aside: bool = False) -> None:
        self.mapping, self._sets_aside = mapping, sets_aside
        self._fields = {field.name: field for field in mapping.contract.fields} if mapping.is_identity else {}
        self._learned: list[str] = []
        self._decoder = self._fitting_decoder()

    def examine(self, rows: bytes) -> PageFindings:
        """`rows` is one JSON array of records, structurally complete."""
        records = _LIST.decode(rows)
        try:
            for first in range(0, len(records), _AT_ONCE):
                self._decoder.decode(b"[" + b",".join(records[first : first + _AT_ONCE]) + b"]")
        except (msgspec.DecodeError, UnicodeDecodeError):
            return self._examine_each(records)
        return PageFindings(rows=len(records), new_fields=())

    def examine_table(self, rows: "pa.Table") -> PageFindings:
        """`rows` is a table of texts; a column without any value says nothing."""
        import pyarrow.compute as pc

        present = [name for name in rows.column_names if rows[name].null_count < rows.num_rows]
        unknown = unknown_names(self.mapping, present)
        refused: list[tuple[int, str]] = []
        for name in unknown if self._sets_aside else []:
            positions: list[Any] = pc.indices_nonzero(pc.is_valid(rows[name])).to_pylist()
            refused += [(position, _unknown(name)) for position in positions]
        return PageFindings(
            rows.num_rows,
            new_fields=tuple(unknown),
            refused=tuple(sorted(refused)),
            absent=tuple(name for name in self.mapping.wire_names if name not in rows.column_names),
        )

    def _fitting_decoder(self) -> "msgspec.json.Decoder[list[Any]]":
        wanted = [(name, _python_type(field)) for name, field in self._fields.items()]
        wanted = wanted or [(name, Any) for name in self.mapping.wire_names]
        wanted += [(name, Any) for name in self._learned]
        # Wire names may be anything; attribute names may not.
        names = {f"f{number}": name for number, (name, _) in enumerate(wanted)}
        columns = [(f"f{number}", kind, None) for number, (_, kind) in enumerate(wanted)]
        record = msgspec.defstruct("Record", columns, rename=names, forbid_unknown_fields=True, gc=False)
        return msgspec.json.Decoder(list[record])  # type: ignore[valid-type]

    def _examine_each(self, raw: list[msgspec.Raw]) -> PageFindings:
        unreadable: list[tuple[int, str]] = []
        refused: list[tuple[int, str]] = []
        names: set[str] = set()
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
            names.update(record)
            self._note_types(record, other)
            if self._sets_aside:
                refused += [(position, _unknown(name)) for name in unknown_names(self.mapping, record)]
        unknown = unknown_names(self.mapping, names)
        # A field that sets its record aside has to be found in every record: it is never learned.
        self._learn(names.difference(self.mapping.wire_names, unknown if self._sets_aside else ()))
        return PageFindings(len(raw), tuple(unreadable), tuple(unknown), other, tuple(refused))

    def _note_types(self, record: Mapping[str, Any], other: dict[str, Counter[str]]) -> None:
        for name, value in record.items():
            field = self._fields.get(name)
            if field is not None and value is not None and json_type(value) not in expected_json_types(field):
                other.setdefault(name, Counter())[json_type(value)] += 1

    def _learn(self, names: set[str]) -> None:
        fresh = sorted(names.difference(self._learned))
        if fresh and len(self._learned) + len(fresh) <= _LEARNED_FIELDS_MAX:
            self._learned += fresh
            self._decoder = self._fitting_decoder()


def _unknown(name: str) -> str:
    return f"{name}: neither mapped nor ignored"


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
