"""From a source's fields to the contract's: one SQL projection, text to text, generated from the source file."""

import fnmatch
import hashlib
import re
from collections.abc import Iterable
from collections.abc import Mapping as Table
from functools import cached_property

from connectors.parsing import parsed, quoted
from connectors.source import FILE_FIELDS, PULLED_AT, DatasetSource, FieldSource, Via
from contracts.loader import Dataset, Field

RECORD = "_record"
"""Column of text pages that says which kind of record a row is, where several feed one dataset."""
UNREADABLE = "_unreadable"
"""Column of text pages: why the reader could not take this record apart."""
_OURS = ("_place", RECORD, UNREADABLE, *FILE_FIELDS)


class Mapping:
    """The mapping of one dataset. `wire_names` are the columns a page is read with.

    A JSON source's field may lie in a nested object (`nguoi.ho_ten`; `\\.` is a dot in a name); a text table's never.
    """

    def __init__(self, contract: Dataset, source: DatasetSource, via: Via = "rest") -> None:
        self.contract, self.source, self._is_json = contract, source, via == "rest"

    @cached_property
    def variants(self) -> Table[str | None, Table[str, FieldSource]]:
        """Kind of record → its fields; None where there is only one kind."""
        whole = self.source.fields
        if self.source.records:
            return {kind: {**(whole or {}), **fields} for kind, fields in self.source.records.items()}
        return {None: whole} if whole is not None else {}

    @property
    def is_identity(self) -> bool:
        """The source uses the contract's own names and ways of writing."""
        return not self.variants

    @cached_property
    def wire_names(self) -> tuple[str, ...]:
        """The source's fields that are read, topmost names only, in order of first use."""
        if self.is_identity:
            return self.contract.names
        read = [name for fields in self.variants.values() for each in fields.values() for name in each.reads]
        found = dict.fromkeys([*map(self._topmost, read), *map(self._topmost, self.source.only)])
        if len(self.variants) > 1 or None not in self.variants:
            found[RECORD] = None
        return tuple(name for name in found if name != PULLED_AT)

    def reads_of(self, kind: str | None) -> tuple[str, ...]:
        """The source's fields that records of one kind are made of, as the source file writes them."""
        read = [name for each in self.variants.get(kind, {}).values() for name in each.reads]
        return tuple(dict.fromkeys([*read, *self.source.only]))

    def is_known(self, name: str) -> bool:
        """Mapped, ignored, or one of our own columns."""
        return name in self.wire_names or name in _OURS or self.is_ignored(name)

    def is_dropped(self, name: str) -> bool:
        """Ignored, and not read for any other reason."""
        return self.is_ignored(name) and name not in self.wire_names and name not in _OURS

    def is_ignored(self, name: str) -> bool:
        return any(fnmatch.fnmatchcase(name, pattern) for pattern in self.source.ignore)

    def required_names(self) -> Table[str, tuple[str, ...]]:
        """Required field of the contract → the topmost fields of the source it is made of; constants have none."""
        if self.is_identity:
            return {each.name: (each.name,) for each in self.contract.fields if each.is_required}
        found: dict[str, dict[str, None]] = {}
        for fields in self.variants.values():
            for each in self.contract.fields:
                reads = fields[each.name].reads if each.name in fields else ()
                if each.is_required and reads and PULLED_AT not in reads:
                    found.setdefault(each.name, {}).update(dict.fromkeys(map(self._topmost, reads)))
        return {name: tuple(reads) for name, reads in found.items()}

    @property
    def dates_by_pull(self) -> bool:
        """`updated_at` is the moment of the pull: it says nothing about when a record changed."""
        return any(
            PULLED_AT in fields["updated_at"].from_ for fields in self.variants.values() if "updated_at" in fields
        )

    @cached_property
    def fingerprint(self) -> str:
        """Changes with anything in the source file that changes what a page means."""
        text = self.source.model_dump_json() if not self.is_identity or self.source.model_fields_set else ""
        return hashlib.sha256(text.encode()).hexdigest()[:16] if text else ""

    def projection(self, *, pulled_at: str) -> list[str]:
        """SQL: every contract field as text, from the columns `wire_names`, then `_refused` VARCHAR[].

        `_refused` holds, for each value that is not written as the source file says, the field and what was expected.
        """
        columns, refusals = [], []
        for field in self.contract.fields:
            value, refusal = self._over_kinds(field, pulled_at)
            columns.append(f'{value} as "{field.name}"')
            refusals += [refusal] if refusal else []
        listed = f"list_filter([{', '.join(refusals)}]::varchar[], x -> x is not null)" if refusals else "[]::varchar[]"
        return [*columns, f"{listed} as _refused"]

    def kept(self) -> str:
        """SQL: whether a record is one of this dataset (`only`)."""
        tests = [
            f"{self._column(name)} in ({', '.join(map(quoted, values))})" for name, values in self.source.only.items()
        ]
        return " and ".join(tests) or "true"

    def _over_kinds(self, field: Field, pulled_at: str) -> tuple[str, str | None]:
        if self.is_identity:
            return _name(field.name), None
        made = {kind: self._made(field, fields, pulled_at) for kind, fields in self.variants.items()}
        if None in made:
            return made[None]
        cases = " ".join(f"when {quoted(str(kind))} then {value}" for kind, (value, _) in made.items())
        refused = " ".join(f"when {quoted(str(kind))} then {why}" for kind, (_, why) in made.items() if why)
        kind = _name(RECORD)
        return f"case {kind} {cases} end", f"case {kind} {refused} end" if refused else None

    def _made(self, field: Field, fields: Table[str, FieldSource], pulled_at: str) -> tuple[str, str | None]:
        """SQL of the field's text, and of the reason where the source's text is not written as promised."""
        how = fields.get(field.name)
        if how is None:
            return "null::varchar", None
        if how.constant is not None:
            return quoted(how.constant), None
        plain = self._joined(how, fields, pulled_at) if how.join else self._taken(how, pulled_at)
        value = self._parsed_and_recoded(field, how, plain)
        refusal = None
        if how.parse or (how.recode and how.otherwise == "refuse"):
            reason = quoted(f"{field.name}: {_expected(how)}")
            refusal = f"case when {plain} is not null and {value} is null then {reason} end"
        if how.digest:
            value = f"left(sha256({value}), 24)"
        if how.default is not None:
            value = f"coalesce({value}, case when {plain} is null then {quoted(how.default)} end)"
        return value, refusal

    def _joined(self, how: FieldSource, fields: Table[str, FieldSource], pulled_at: str) -> str:
        """Several fields put together: the source's own, or the contract's as they are made here (`=name`)."""
        parts = [
            self._made(self.contract.field(name[1:]), fields, pulled_at)[0]
            if name.startswith("=")
            else f"nullif(trim({quoted(pulled_at) if name == PULLED_AT else self._column(name)}), '')"
            for name in how.join
        ]
        return f" || {quoted(how.separator)} || ".join(parts)

    def _taken(self, how: FieldSource, pulled_at: str) -> str:
        """The source's own text: the first field that has one; one member of a list."""
        columns = [quoted(pulled_at) if name == PULLED_AT else self._column(name) for name in how.reads]
        needs_trim = bool(how.parse or how.recode or how.split or how.null_values or len(columns) > 1)
        texts = [f"nullif(trim({column}, ' \t\r\n\u00a0'), '')" if needs_trim else column for column in columns]
        if how.null_values:
            listed = ", ".join(map(quoted, how.null_values))
            texts = [f"case when {text} not in ({listed}) then {text} end" for text in texts]
        text = texts[0] if len(texts) == 1 else f"coalesce({', '.join(texts)})"
        return text if how.split is None else _member(text, how.split, how.take)

    def _parsed_and_recoded(self, field: Field, how: FieldSource, text: str) -> str:
        if how.parse:
            ways = [parsed(text, way, field) for way in how.parse]
            text = ways[0] if len(ways) == 1 else f"coalesce({', '.join(ways)})"
        if not how.recode:
            return text
        cases = " ".join(f"when {quoted(code)} then {quoted(value)}" for code, value in how.recode.items())
        return f"case {text} {cases}" + (f" else {text} end" if how.otherwise == "keep" else " end")

    def _topmost(self, name: str) -> str:
        return _steps(name)[0] if self._is_json else name

    def _column(self, name: str) -> str:
        if not self._is_json:
            return _name(name)
        topmost, *below = _steps(name)
        if not below:
            return _name(topmost)
        path = "$" + "".join(
            f"[{step}]" if step.isdecimal() else '."' + step.replace('"', '\\"') + '"' for step in below
        )
        return f"json_extract_string({_name(topmost)}, {quoted(path)})"


def _steps(name: str) -> list[str]:
    return [step.replace("\\.", ".") for step in re.split(r"(?<!\\)\.", name)]


def _member(text: str, separator: str, take: str | int) -> str:
    members = f"list_filter(list_transform(string_split({text}, {quoted(separator)}), x -> trim(x)), x -> x <> '')"
    if take == "longest":
        return f"list_sort(list_transform({members}, x -> (length(x), x)), 'desc')[1][2]"
    return f"{members}[{ {'first': 1, 'last': -1}.get(str(take), take) }]"


def _expected(how: FieldSource) -> str:
    if how.parse:
        return "not written as " + " or ".join(how.parse)
    return "not one of " + ", ".join(how.recode)


def _name(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def unknown_names(mapping: Mapping, names: Iterable[str]) -> list[str]:
    """Those of `names` that are neither mapped nor ignored."""
    return sorted(name for name in set(names) if not mapping.is_known(name))
