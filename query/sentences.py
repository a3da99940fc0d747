"""Reason sentences: a rule's template and a finding's facts, in Vietnamese and English.

The name and the value of a fact decide how it is written: `…_vnd` is money, ISO dates and months are written the way
each language writes them, everything else as it stands. A fact that is null is said to be unknown, never left out;
an empty text is a rule's way of saying nothing there.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache, lru_cache
from string import Formatter
from typing import Any, Literal

from common.errors import DoiChieuError

Language = Literal["vi", "en"]
LANGUAGES: tuple[Language, ...] = ("vi", "en")

UNKNOWN: dict[Language, str] = {"vi": "chưa rõ", "en": "unknown"}
_YES_NO: dict[Language, tuple[str, str]] = {"vi": ("có", "không"), "en": ("yes", "no")}
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_ISO_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
_ISO_MONTH = re.compile(r"(\d{4})-(\d{2})")


@dataclass(frozen=True)
class Template:
    """A parsed sentence: literal text, each piece followed by the name of a fact (or by nothing, at the end)."""

    rule: str
    language: Language
    pieces: tuple[tuple[str, str | None], ...]

    def render(self, facts: Mapping[str, Any]) -> str:
        """Raises `DoiChieuError` for a placeholder the finding has no fact for: rule and SQL do not fit together."""
        return "".join(
            literal if name is None else literal + written(name, _fact(facts, name, self.rule), self.language)
            for literal, name in self.pieces
        )


@cache
def parse_template(rule: str, text: str, language: Language) -> Template:
    """Raises `DoiChieuError` for braces that do not pair up or a placeholder that is more than a name."""
    try:
        parsed = list(Formatter().parse(text))
    except ValueError as error:
        raise _template_error(rule, f"its {language} sentence has unpaired braces") from error
    pieces = []
    for literal, name, specification, conversion in parsed:
        if name is not None and (specification or conversion or not name.isidentifier()):
            raise _template_error(rule, f"the placeholder {{{name}}} of its {language} sentence must be a plain name")
        pieces.append((literal, name))
    return Template(rule, language, tuple(pieces))


def written(name: str, value: Any, language: Language) -> str:
    """One fact in words: 1.234.567 đồng · VND 1,234,567 · 31/08/2025 · 31 Aug 2025 · 08/2025."""
    if value is None:
        return UNKNOWN[language]
    if isinstance(value, bool):
        return _YES_NO[language][0 if value else 1]
    if isinstance(value, list):
        return ", ".join(written(name, part, language) for part in value)
    if name.endswith("_vnd"):
        return money(int(value), language)
    if isinstance(value, date):
        return written_date(value, language)
    if isinstance(value, str):
        return _written_text(value, language)
    if isinstance(value, Decimal | float):
        return str(value).replace(".", ",") if language == "vi" else str(value)
    return str(value)


def money(amount: int, language: Language) -> str:
    """Whole dong with the thousands marked."""
    return f"{amount:,}".replace(",", ".") + " đồng" if language == "vi" else f"VND {amount:,}"


def written_date(day: date, language: Language) -> str:
    return (
        f"{day.day:02}/{day.month:02}/{day.year}"
        if language == "vi"
        else f"{day.day} {_MONTHS[day.month - 1]} {day.year}"
    )


def _written_text(value: str, language: Language) -> str:
    return _written_day_or_month(value, language) if value[:4].isdigit() else value


@lru_cache(maxsize=16_384)
def _written_day_or_month(value: str, language: Language) -> str:
    if _ISO_DATE.fullmatch(value):
        return written_date(date.fromisoformat(value), language)
    month = _ISO_MONTH.fullmatch(value)
    if month and 1 <= int(month[2]) <= 12:
        return f"{month[2]}/{month[1]}"
    return value


def _fact(facts: Mapping[str, Any], name: str, rule: str) -> Any:
    try:
        return facts[name]
    except KeyError:
        raise _template_error(rule, f"its sentence names {{{name}}}, and its SQL gives no such fact") from None


def _template_error(rule: str, what: str) -> DoiChieuError:
    return DoiChieuError(f"rule {rule}: {what}", where=f"rule {rule}", remedy="correct the rule's file and build again")
