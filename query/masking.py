"""How personal data look when they are hidden. The same shapes as SQL macros and for single records."""

import unicodedata
from collections.abc import Mapping
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
