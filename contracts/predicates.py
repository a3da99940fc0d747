"""Record predicates generated from a contract: what each raw text value must look like, and its typed form, as SQL.

The raw table holds every contract field as VARCHAR, as the wire delivered it. Typed reading would round `1000.7`,
drop unknown fields and abort on an empty string; text, `try_cast` and these predicates lose nothing.
"""

from collections.abc import Iterator
from datetime import date

from contracts.loader import Dataset, Field

_PATTERNS = {
    # One or two zeros behind the point are a whole number; three are a Vietnamese thousand (`1.000` is 1000).
    "int": r"^-?\d{1,18}(\.0{1,2})?$",
    "vnd": r"^-?\d{1,18}(\.0{1,2})?$",
    "decimal": r"^-?\d{1,12}(\.\d+)?$",
    "bool": r"^(true|false)$",
    "date": r"^\d{4}-\d{2}-\d{2}$",
    "month": r"^\d{4}-(0[1-9]|1[0-2])$",
    "partial_date": r"^\d{4}(-\d{2}(-\d{2})?)?$",
    "timestamp": r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}(:?\d{2})?)?$",
}
_PLAIN_TIME = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,6})?(Z|[+-]\d{2}:\d{2})$"
_EXPECTED = {
    "str": "text",
    "int": "a whole number",
    "vnd": "a whole number of dong",
    "decimal": "a decimal number",
    "bool": "true or false",
    "date": "a date YYYY-MM-DD",
    "month": "a month YYYY-MM",
    "partial_date": "a date YYYY, YYYY-MM or YYYY-MM-DD",
    "timestamp": "a time with date and offset",
    "period": "a period as the contract writes it",
}


def typed_expression(field: Field) -> str:
    """SQL that turns the raw text of `field` into its contract type; null where the text does not fit."""
    text = _present(field)
    if field.type in ("int", "vnd"):
        # A bare cast would round 1000.7; what does not match is extracted as '' and becomes null.
        return f"try_cast(regexp_extract({text}, '^(-?\\d{{1,18}})(\\.0{{1,2}})?$', 1) as bigint)"
    if field.type == "timestamp":
        # DuckDB reads no offset behind a time without seconds; ISO 8601 allows one.
        with_seconds = f"regexp_replace({text}, '([T ]\\d\\d:\\d\\d)(Z|[+-]|$)', '\\1:00\\2')"
        return f"try_cast({with_seconds} as timestamptz)"
    if field.type in ("date", "bool", "decimal"):
        return f"try_cast({text} as {field.duckdb_type})"
    return text


def reasons_expression(dataset: Dataset, *, today: date) -> str:
    """SQL of type VARCHAR[]: every reason why the raw record breaks the contract; empty where it keeps it.

    A reason names the field and what was expected, never the value. `today` judges future birth dates.
    A tombstone needs only its key, `updated_at` and `deleted`.
    """
    demanded = {*dataset.key, "updated_at", "deleted"}
    of_all = [pair for field in dataset.fields if field.name in demanded for pair in _violations(field, today)]
    of_living = [pair for field in dataset.fields if field.name not in demanded for pair in _violations(field, today)]
    everything = _reason_list(of_all)
    if "deleted" not in dataset.names:
        return f"list_concat({everything}, {_reason_list(of_living)})"
    is_tombstone = f"({_present(dataset.field('deleted'))} = 'true') is true"
    return f"list_concat({everything}, case when {is_tombstone} then [] else {_reason_list(of_living)} end)"


def plain_expression(dataset: Dataset, *, today: date) -> str:
    """SQL, true for records that keep the contract in its plainest writing, as nearly all do; null or false: look closer.

    Where it is true `reasons_expression` is empty and `plain_typed_expression` gives what `typed_expression` gives, at a
    fraction of the cost: no regular expression is rewritten, no list is built.
    """
    return " and ".join(f"({_plain(field, today)})" for field in dataset.fields)


def plain_typed_expression(field: Field) -> str:
    """`typed_expression` for records that are plain."""
    text = f'"{field.name}"'
    return text if field.duckdb_type == "VARCHAR" else f"{text}::{field.duckdb_type}"


def _plain(field: Field, today: date) -> str:
    text = f'"{field.name}"'
    if field.valid_values:
        plain = f"{text} in ({', '.join(map(_quote, field.valid_values))})"
    elif field.pattern:
        plain = f"regexp_matches({text}, {_quote(field.pattern)}) and {_is_bare(text)}"
    else:
        plain = {
            "int": f"regexp_full_match({text}, '-?\\d{{1,18}}')",
            "vnd": f"regexp_full_match({text}, '-?\\d{{1,18}}')",
            "bool": f"{text} in ('true', 'false')",
            "date": f"try_cast({text} as date)::varchar = {text} and length({text}) = 10",
            "partial_date": f"try_cast({text} as date)::varchar = {text} and length({text}) = 10",
            "month": f"regexp_matches({text}, {_quote(_PATTERNS['month'])})",
            "timestamp": f"regexp_matches({text}, {_quote(_PLAIN_TIME)}) and try_cast({text} as timestamptz) is not null",
            "str": _is_bare(text),
        }.get(field.type, "false")
    if field.is_never_future:
        plain = f"{plain} and {text} <= '{today.isoformat()}'"
    return plain if field.is_required else f"{text} is null or {plain}"


def _is_bare(text: str) -> str:
    """Opens with a character that is neither blank nor an opening bracket."""
    return f"({text} >= '!' and {text} < '[' or {text} >= '\\' and {text} < '{{' or {text} >= '|')"


def key_expression(dataset: Dataset) -> str:
    """SQL of the record key as one text: the key fields joined by `|`; null where one is missing."""
    return " || '|' || ".join(_present(dataset.field(name)) for name in dataset.key)


def _reason_list(pairs: list[tuple[str, str]]) -> str:
    cases = ", ".join(f"case when {condition} then {_quote(reason)} end" for condition, reason in pairs)
    return f"list_filter([{cases}]::varchar[], reason -> reason is not null)"


def _violations(field: Field, today: date) -> Iterator[tuple[str, str]]:
    text = _present(field)
    if field.is_required:
        yield f"{text} is null", f"{field.name}: missing"
    fits = _fits(field)
    yield f"{text} is not null and not ({fits})", f"{field.name}: not {_expected(field)}"
    if field.is_never_future:
        yield f"{_earliest_day(text)} > date '{today.isoformat()}'", f"{field.name}: in the future"


def _fits(field: Field) -> str:
    text = _present(field)
    if field.valid_values:
        values = ", ".join(_quote(value) for value in field.valid_values)
        listed = f"regexp_replace({text}, '\\.0{{1,2}}$', '')" if field.type == "int" else text
        return f"{listed} in ({values})"
    if field.pattern:
        return f"regexp_matches({text}, {_quote(field.pattern)})"
    if field.type == "str":
        # A list or an object arrives as its JSON text; an address that opens with a bracket is no JSON.
        return f"not (regexp_matches({text}, '^\\s*[\\[{{]') and json_valid({text}))"
    shaped = f"regexp_matches({text}, {_quote(_PATTERNS[field.type])})"
    if field.type == "partial_date":
        return f"{shaped} and {_earliest_day(text)} is not null"
    if field.type == "month":
        return shaped
    return f"{shaped} and {typed_expression(field)} is not null"


def _earliest_day(text: str) -> str:
    """The earliest day a partial date can mean: '1980' → 1980-01-01, '1980-05' → 1980-05-01."""
    return f"try_cast({text} || substr('-01-01', length({text}) - 3) as date)"


def _expected(field: Field) -> str:
    if field.valid_values:
        return f"one of {', '.join(field.valid_values)}"
    return _EXPECTED[field.type]


def _present(field: Field) -> str:
    """The raw text, an empty one counting as null."""
    return f'(case when trim("{field.name}") = \'\' then null else "{field.name}" end)'


def _quote(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
