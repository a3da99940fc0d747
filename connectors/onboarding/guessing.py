"""How a source writes the values of one field, guessed from a sample: what a source file has to say beside the name."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from connectors.onboarding.naming import meaning_of
from connectors.onboarding.sample import speakable_codes
from contracts.loader import Field

UNDECIDED = "?"
"""Stands in a recode for a value that a person has to choose; no contract has it, so it is refused until then."""
_DAY, _MONTH, _YEAR = r"(?:0?\d|[12]\d|3[01])", r"(?:0?\d|1[0-2])", r"(?:19|20)\d\d"
_NATIVE = {
    "date": r"\d{4}-\d\d-\d\d",
    "month": r"\d{4}-(?:0[1-9]|1[0-2])",
    "partial_date": r"\d{4}(?:-\d\d(?:-\d\d)?)?",
    "timestamp": r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d(?::?\d\d)?)?",
    "int": r"-?\d+(?:\.0{1,2})?",
    "vnd": r"-?\d+(?:\.0{1,2})?",
    "decimal": r"-?\d+(?:\.\d+)?",
}
_CLOCK = r"(?:[01]?\d|2[0-3]):[0-5]\d"
_TIGHT_DAY, _TIGHT_MONTH = r"(?:[0-2]\d|3[01])", r"(?:0\d|1[0-2])"
_TIMES: tuple[tuple[str, str], ...] = (
    ("yyyy-mm-dd", r"\d{4}-\d\d-\d\d"),
    ("yyyy-mm-ddTHH:MM:SS", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"),
    ("yyyy-mm-dd HH:MM:SS", r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"),
    *((f"dd{mark}mm{mark}yyyy", f"{_DAY}{re.escape(mark)}{_MONTH}{re.escape(mark)}{_YEAR}") for mark in "/-."),
    *((f"mm{mark}dd{mark}yyyy", f"{_MONTH}{re.escape(mark)}{_DAY}{re.escape(mark)}{_YEAR}") for mark in "/-."),
    *((f"dd{mark}mm{mark}yyyy HH:MM:SS", f"{_DAY}{mark}{_MONTH}{mark}{_YEAR} {_CLOCK}:[0-5]\\d") for mark in "/-"),
    *((f"dd{mark}mm{mark}yyyy HH:MM", f"{_DAY}{mark}{_MONTH}{mark}{_YEAR} {_CLOCK}") for mark in "/-"),
    ("HH:MM dd/mm/yyyy", f"{_CLOCK} {_DAY}/{_MONTH}/{_YEAR}"),
    ("HH:MM:SS dd/mm/yyyy", f"{_CLOCK}:[0-5]\\d {_DAY}/{_MONTH}/{_YEAR}"),
    ("yyyy/mm/dd", f"{_YEAR}/{_MONTH}/{_DAY}"),
    ("yyyymmdd", f"{_YEAR}{_TIGHT_MONTH}{_TIGHT_DAY}"),
    ("yyyymmddHHMM", f"{_YEAR}{_TIGHT_MONTH}{_TIGHT_DAY}[0-2]\\d[0-5]\\d"),
    ("yyyymmddHHMMSS", f"{_YEAR}{_TIGHT_MONTH}{_TIGHT_DAY}[0-2]\\d[0-5]\\d[0-5]\\d"),
    ("mm/yyyy", f"{_MONTH}/{_YEAR}"),
    ("mm-yyyy", f"{_MONTH}-{_YEAR}"),
    ("yyyymm", f"{_YEAR}{_TIGHT_MONTH}"),
    ("mmyyyy", f"{_TIGHT_MONTH}{_YEAR}"),
    # Seconds and milliseconds between 2001 and 2039.
    ("epoch_seconds", r"(?:1\d|20|21)\d{8}(?:\.\d+)?"),
    ("epoch_milliseconds", r"(?:1\d|20|21)\d{11}(?:\.\d+)?"),
)
_PARTIAL: tuple[tuple[str, str], ...] = (
    # One pattern reads also what is known to the month or the year only.
    *((f"dd{mark}mm{mark}yyyy", rf"(?:(?:(?:00|{_DAY})[{mark}])?(?:00|{_MONTH})[{mark}])?{_YEAR}") for mark in "/-."),
    ("yyyymmdd", rf"{_YEAR}(?:\d\d(?:\d\d)?)?"),
)
_CURRENCY = r"\s*(?:đ|₫|đồng|vnđ|vnd)?\.?"
_AMOUNTS: tuple[tuple[str, str], ...] = (
    ("1.234.567", rf"(?i)-?\(?(?:\d{{1,3}}(?:\.\d{{3}})+|\d+)(?:,\d+)?\)?{_CURRENCY}"),
    ("1,234,567", rf"(?i)-?\(?(?:\d{{1,3}}(?:,\d{{3}})+|\d+)(?:\.\d+)?\)?{_CURRENCY}"),
    ("1 234 567", rf"(?i)-?\(?(?:\d{{1,3}}(?: \d{{3}})+|\d+)(?:,\d+)?\)?{_CURRENCY}"),
)
_WAYS_MAX = 3


@dataclass(frozen=True)
class Guess:
    """Keys of a `FieldSource` beside `from`, and what a person should look at."""

    parse: tuple[str, ...] = ()
    recode: dict[str, str] = field(default_factory=dict)
    split: str | None = None
    remark: str | None = None

    @property
    def is_plain(self) -> bool:
        return not (self.parse or self.recode or self.split)


def guess(contract: Field, texts: Sequence[str]) -> Guess:
    """How `texts` (not empty, of one field of the source) become what the contract wants; never repeats one of them."""
    found = [text.strip() for text in texts if text.strip()]
    if not found:
        return Guess(remark="empty in every record of the sample")
    if contract.valid_values or contract.type == "bool":
        return _codes(contract, found)
    if contract.type in ("str", "period"):
        return _words(contract, found)
    if all(re.fullmatch(_NATIVE[contract.type], text) for text in found):
        return Guess()
    ways = _AMOUNTS if contract.type in ("int", "vnd", "decimal") else _times_for(contract)
    return _ways(contract, found, ways)


def _codes(contract: Field, texts: Sequence[str]) -> Guess:
    listed = contract.valid_values or ("true", "false")
    counted = Counter(texts)
    if all(text in listed for text in counted):
        return Guess()
    known = {code: value for code in counted if (value := meaning_of(code, contract)) is not None}
    unknown = Counter({code: rows for code, rows in counted.items() if code not in known})
    codes = speakable_codes(unknown)
    if unknown and not codes:
        remark = f"its values do not look like codes for {', '.join(listed)}: they are not repeated here"
        return Guess(recode=dict(sorted(known.items())), remark=remark)
    recode = dict(sorted({**known, **dict.fromkeys(codes, UNDECIDED)}.items()))
    return Guess(recode=recode, remark=f"choose for each ?: {', '.join(listed)}" if codes else None)


def _words(contract: Field, texts: Sequence[str]) -> Guess:
    is_list = contract.personal == "identity" and not contract.name.endswith("_name")
    if is_list and any(re.search(r"\w\s*;\s*\w", text) for text in texts):
        return Guess(split=";", remark="some records hold a list: take = first, last, longest or a number")
    if contract.pattern and not all(re.search(contract.pattern, text) for text in texts):
        return Guess(remark=f"the contract wants {contract.pattern}")
    return Guess()


def _ways(contract: Field, texts: list[str], ways: Sequence[tuple[str, str]]) -> Guess:
    """The fewest ways of writing that explain all texts; what remains is said in numbers."""
    left, chosen = texts, list[str]()
    while left and len(chosen) < _WAYS_MAX:
        way, explained = max(((way, _explained(left, regex)) for way, regex in ways), key=lambda pair: len(pair[1]))
        if not explained:
            break
        chosen.append(way)
        left = [text for text in left if text not in explained]
    remark = None
    if left:
        remark = f"{len(left)} of {len(texts)} values are written otherwise"
    elif _is_ambiguous(chosen, texts):
        remark = f"could be {chosen[0].replace('dd', '__').replace('mm', 'dd').replace('__', 'mm')} as well: look at it"
    return Guess(parse=tuple(chosen), remark=remark)


def _explained(texts: Sequence[str], regex: str) -> set[str]:
    compiled = re.compile(regex)
    return {text for text in texts if compiled.fullmatch(text)}


def _is_ambiguous(chosen: Sequence[str], texts: Sequence[str]) -> bool:
    """Day and month could change places in every text."""
    if len(chosen) != 1 or not re.match(r"dd.mm.yyyy", chosen[0]):
        return False
    return all(int(re.split(r"\D", text)[0]) <= 12 for text in texts)


def _times_for(contract: Field) -> list[tuple[str, str]]:
    if contract.type == "partial_date":
        return [*_PARTIAL, *_TIMES]
    if contract.type == "month":
        return [(way, regex) for way, regex in _TIMES if "HH" not in way]
    # What the contract takes as it is may stand beside what needs parsing: a pattern lets ISO 8601 pass.
    own = [("yyyy-mm-ddTHH:MM:SS", _NATIVE["timestamp"])] if contract.type == "timestamp" else []
    return own + [(way, regex) for way, regex in _TIMES if "dd" in way or way.startswith("epoch")]
