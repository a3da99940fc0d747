"""How personal data look when they are hidden. The same shapes as SQL macros and for single records."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from contracts.loader import Dataset, Field

HIDDEN = "***"
VISIBLE_DIGITS = 3

# The macros mean the same as `initials` and `last_three` below; a test holds them together.
MASKED_MACROS = """
create or replace temp macro shown_name(text) as array_to_string(list_transform(
    list_filter(regexp_split_to_array(trim(nfc_normalize(text)), '\\s+'), lambda word: word <> ''),
    lambda word: upper(left(word, 1)) || '.'), '');
create or replace temp macro shown_number(text) as
    repeat('*', greatest(length(text) - 3, 0)) || case when length(text) > 3 then right(text, 3) else
    repeat('*', length(text)) end;
"""
PLAIN_MACROS = """
create or replace temp macro shown_name(text) as text;
create or replace temp macro shown_number(text) as text;
"""


def initials(name: str) -> str:
    """Nguyễn Văn An → N.V.A. — composed first, so that a letter typed apart from its marks keeps them."""
    return "".join(f"{word[0].upper()}." for word in unicodedata.normalize("NFC", name).split())


def last_three(number: str) -> str:
    """079203001234 → *********234; a number of three characters or fewer shows nothing."""
    hidden = len(number) - VISIBLE_DIGITS
    return "*" * hidden + number[-VISIBLE_DIGITS:] if hidden > 0 else "*" * len(number)


_SHOWN_IDENTITY = {"sex", "nationality", "id_kind", "representative_title", "born_on", "child_birth_date"}
"""Identity fields that alone name nobody and that a reader needs to judge the record."""


def mask_record(dataset: Dataset, record: Mapping[str, Any]) -> dict[str, Any]:
    """A cited record as it may be read by anyone who may read findings.

    Fields the contract does not know are hidden whole: nobody has said what they hold. Key fields stay, as everywhere.
    """
    known = {field.name: field for field in dataset.fields}
    return {name: value if name in dataset.key else _masked(known.get(name), value) for name, value in record.items()}


def _masked(field: Field | None, value: Any) -> Any:
    if value is None:
        return None
    if field is None or field.personal == "contact" or field.name == "diagnosis_code":
        return HIDDEN
    if field.name == "bank_account":
        return last_three(str(value))
    if field.personal != "identity" or field.name in _SHOWN_IDENTITY:
        return value
    if field.name.endswith("_name"):
        return initials(str(value))
    if field.type == "partial_date":
        return str(value)[:4]
    return last_three(str(value))


_LONGEST_SHOWN = 2
"""Of a value nobody has described: a code such as `0` or `M` names nobody."""
_PLACES = {"_place", "_record", "_unreadable", "_file_name", "_file_modified", "_file_received"}
"""What a reader of files says of a record itself."""
_FIGURE = re.compile(r"[\d.,:/+\-TZ ]{1,32}")
_YEAR = re.compile(r"(?<!\d)(?:18|19|20)\d\d(?!\d)")


def mask_delivered(dataset: Dataset, record: Any, fed: Mapping[str, Sequence[str]] | None = None) -> Any:
    """A record that broke its contract, as the source wrote it, for anyone who may read its reasons.

    `fed` says which contract fields each field of the source becomes (a dot leads into a nested object); None: the
    source uses the contract's names. A broken record may hold anything anywhere: a value is shown only where it looks
    like what its field promises, else its shape (`99/99/9999`); what nobody described is hidden.
    """
    fields = {field.name: field for field in dataset.fields}
    known = fed if fed is not None else {name: (name,) for name in fields}

    def masked(path: str, value: Any) -> Any:
        if isinstance(value, dict):
            # A name of the source may itself be a person's number; only described ones and short ones are shown.
            return {
                name if _may_be_named(f"{path}{name}", known) else HIDDEN: masked(f"{path}{_step(name)}.", inner)
                for name, inner in value.items()
            }
        if isinstance(value, list):
            return [masked(path, inner) for inner in value]
        name = path.removesuffix(".")
        if value is None or isinstance(value, bool) or (name in _PLACES):
            return value
        meant = [fields[each] for each in known.get(name, ())]
        shown = {_masked_delivered(dataset, field, str(value)) for field in meant} or {_blotted(str(value))}
        return shown.pop() if len(shown) == 1 else HIDDEN

    return masked("", record) if isinstance(record, dict) else HIDDEN


def _may_be_named(path: str, known: Mapping[str, Sequence[str]]) -> bool:
    return path in known or not re.search(r"\d{6}", path)


def _step(name: str) -> str:
    return name.replace(".", "\\.")


def _masked_delivered(dataset: Dataset, field: Field, text: str) -> str:
    if field.name in dataset.key:
        return text
    if field.personal in ("contact", "health"):
        return HIDDEN
    if field.type == "partial_date" and field.personal == "identity":
        year = _YEAR.search(text)
        return year[0] if year else _shape(text)
    if (field.personal == "identity" and field.name not in _SHOWN_IDENTITY) or field.name == "bank_account":
        return str(_masked(field, text))
    if field.valid_values:
        return text if text in field.valid_values or len(text) <= _LONGEST_SHOWN else _shape(text)
    return text if _looks_as_promised(field, text) else _shape(text)


def _looks_as_promised(field: Field, text: str) -> bool:
    if field.type == "str":
        # A column too many in a row of a text file puts names where codes belong.
        is_code = field.name.endswith(("_code", "_no", "_id"))
        return not is_code or not re.search(r"[^\W\d_].*\s", text)
    if field.type == "bool":
        return text in ("true", "false") or len(text) <= _LONGEST_SHOWN
    return _is_figure(field, text)


def _is_figure(field: Field, text: str) -> bool:
    """A date, a month, an amount: digits and what stands between them; nine digits on end only where money may have them."""
    may_be_long = field.type in ("int", "vnd", "decimal", "timestamp")
    return bool(_FIGURE.fullmatch(text)) and (may_be_long or not re.search(r"\d{9}", text))


def _shape(text: str) -> str:
    """What a value looks like without what it says: `31/02/1980` → `99/99/9999`, `Lê Na` → `aa aa`."""
    return re.sub(r"[^\W\d_]", "a", re.sub(r"\d", "9", text))[:40]


def _blotted(text: str) -> str:
    return text if len(text) <= _LONGEST_SHOWN else HIDDEN
