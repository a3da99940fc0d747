"""How sources write dates, times, money and numbers, as SQL that turns their text into the contract's.

Every expression is null where the text is not written that way: what is not understood is never guessed.
"""

import re
from dataclasses import dataclass

from contracts.loader import Field

_TOKENS = {"yyyy": r"(\d{4})", "mm": r"(\d{1,2})", "dd": r"(\d{1,2})", "HH": r"(\d{1,2})", "MM": r"(\d{2})"}
_TOKENS |= {"SS": r"(\d{2}(?:\.\d+)?)", "yy": r"(\d{2})"}
_TOKEN = re.compile("yyyy|yy|mm|dd|HH|MM|SS")
_GROUPED = re.compile(r"\d{1,3}([., '])\d{3}(?:\1\d{3})*(?:([.,])\d+)?")
_CURRENCY = r"\s*(?:đ|₫|đồng|vnđ|vnd)?\.?"


def is_way_of_writing(way: str) -> bool:
    """Whether `way` is one this module can read."""
    if way in ("epoch_seconds", "epoch_milliseconds", "number") or _GROUPED.fullmatch(way):
        return True
    tokens = _TOKEN.findall(way)
    return (
        len(tokens) == len(set(tokens))
        and bool({"yyyy", "yy"} & set(tokens))
        and not re.search(r"[A-Za-z0-9]", _TOKEN.sub("", way).replace("T", ""))
    )


def parsed(text: str, way: str, field: Field) -> str:
    """SQL: `text` (an SQL expression) written as `way`, as the contract writes `field`; null where it is not."""
    if way == "number":
        return _without_zeros(f"try_cast({text} as decimal(38, 9))::varchar")
    if way in ("epoch_seconds", "epoch_milliseconds"):
        return _as_epoch(text, milliseconds=way.endswith("milliseconds"), field=field)
    grouped = _GROUPED.fullmatch(way)
    if grouped:
        return _as_amount(text, grouped[1], grouped[2] or ("," if grouped[1] == "." else "."))
    return _as_date(text, way, field)


def _as_amount(text: str, thousands: str, decimal: str) -> str:
    """`1.234.567`, `1.234.567,50`, `1234567`, `(1.234)` and a trailing currency; the digits between marks are three."""
    group, point = re.escape(thousands), re.escape(decimal)
    amount = rf"(?:\d{{1,3}}(?:{group}\d{{3}})+|\d+)(?:{point}\d+)?"
    pattern = rf"(?i)(-?{amount}|\({amount}\)){_CURRENCY}"
    digits = f"regexp_extract({text}, {quoted('^' + pattern + '$')}, 1)"
    bare = f"replace(replace(replace({digits}, {quoted(thousands)}, ''), '(', '-'), ')', '')"
    number = bare if decimal == "." else f"replace({bare}, ',', '.')"
    return f"case when regexp_full_match({text}, {quoted(pattern)}) then {_without_zeros(number)} end"


def _without_zeros(number: str) -> str:
    return f"regexp_replace({number}, '(\\.\\d*?)0+$', '\\1').rtrim('.')"


def _as_epoch(text: str, *, milliseconds: bool, field: Field) -> str:
    micros = f"cast(try_cast({text} as decimal(38, 6)) * {1000 if milliseconds else 1_000_000} as bigint)"
    # A year the calendar has: an epoch in the wrong unit is 1970 or far in the future, and is refused.
    plausible = f"{micros} between 0 and 4102444800000000"
    moment = f"make_timestamptz({micros})"
    written = {"date": "%Y-%m-%d", "partial_date": "%Y-%m-%d", "month": "%Y-%m"}.get(field.type, "%Y-%m-%dT%H:%M:%S.%f")
    offset = "" if field.type in ("date", "partial_date", "month") else " || '+07:00'"
    return f"case when {plausible} then strftime({moment}, '{written}'){offset} end"


@dataclass(frozen=True)
class _Pattern:
    regex: str
    group: dict[str, int]
    """Token → number of its group."""


def _as_date(text: str, way: str, field: Field) -> str:
    if field.type == "partial_date":
        cases = [_partial(text, shape) for shape in _shortened(way)]
        return f"coalesce({', '.join([*cases, _iso(text, field)])})"
    found = _compiled(way)
    return f"coalesce({_assembled(text, found, field)}, {_iso(text, field)})"


def _assembled(text: str, found: _Pattern, field: Field) -> str:
    def part(token: str) -> str:
        return f"lpad(regexp_extract({text}, {quoted('^' + found.regex + '$')}, {found.group[token]}), 2, '0')"

    year = _year(text, found)
    month = part("mm") if "mm" in found.group else "'01'"
    day = part("dd") if "dd" in found.group else "'01'"
    written = f"{year} || '-' || {month}"
    if field.type == "month":
        return f"case when regexp_full_match({text}, {quoted(found.regex)}) then {written} end"
    if field.type == "period":
        return f"case when regexp_full_match({text}, {quoted(found.regex)}) then {written} end"
    written += f" || '-' || {day}"
    is_day = f"try_cast({written} as date) is not null"
    if field.type == "timestamp":
        clock = [part(token) if token in found.group else "'00'" for token in ("HH", "MM")]
        seconds = (
            f"regexp_extract({text}, {quoted('^' + found.regex + '$')}, {found.group['SS']})"
            if "SS" in found.group
            else "'00'"
        )
        written += f" || 'T' || {clock[0]} || ':' || {clock[1]} || ':' || {seconds}"
    return f"case when regexp_full_match({text}, {quoted(found.regex)}) and {is_day} then {written} end"


def _partial(text: str, way: str) -> str:
    """A date whose day, or day and month, may be zeros: then it is known to the month, or the year, only."""
    found = _compiled(way)
    whole = quoted("^" + found.regex + "$")

    def part(token: str) -> str:
        return f"lpad(regexp_extract({text}, {whole}, {found.group[token]}), 2, '0')"

    written = _year(text, found)
    if "mm" in found.group:
        day = f"case when {part('dd')} = '00' then '' else '-' || {part('dd')} end" if "dd" in found.group else "''"
        written += f" || case when {part('mm')} = '00' then '' else '-' || {part('mm')} || {day} end"
    return f"case when regexp_full_match({text}, {quoted(found.regex)}) then {written} end"


def _year(text: str, found: _Pattern) -> str:
    whole = quoted("^" + found.regex + "$")
    if "yyyy" in found.group:
        return f"regexp_extract({text}, {whole}, {found.group['yyyy']})"
    short = f"regexp_extract({text}, {whole}, {found.group['yy']})"
    return f"case when {short} < '50' then '20' else '19' end || {short}"


def _shortened(way: str) -> list[str]:
    """`dd/mm/yyyy` → also `mm/yyyy` and `yyyy`; `yyyymmdd` → also `yyyymm` and `yyyy`: what older papers hold."""
    shorter = [re.sub(r"dd[^a-zA-Z]?|[^a-zA-Z]?dd", "", way, count=1)]
    shorter.append(re.sub(r"mm[^a-zA-Z]?|[^a-zA-Z]?mm", "", shorter[0], count=1))
    return (
        list(dict.fromkeys([way, *shorter]))
        if re.search("HH|MM", way) is None
        else [way, *_shortened(way.split("HH")[0].rstrip(" T"))]
    )


def _compiled(way: str) -> _Pattern:
    is_tight = not re.search(r"[^A-Za-z]", way)
    regex, groups, last = "", dict[str, int](), 0
    for number, found in enumerate(_TOKEN.finditer(way), start=1):
        token = found[0]
        regex += re.escape(way[last : found.start()])
        regex += _TOKENS[token].replace("{1,2}", "{2}") if is_tight else _TOKENS[token]
        groups[token], last = number, found.end()
    return _Pattern(regex + re.escape(way[last:]), groups)


def _iso(text: str, field: Field) -> str:
    """What is written as ISO 8601 already, such as a spreadsheet's own date cells."""
    day = r"\d{4}-\d{2}-\d{2}"
    midnight = r"(?:[T ]00:00(?::00(?:\.0+)?)?)?"
    match field.type:
        case "timestamp":
            return f"case when regexp_full_match({text}, {quoted(day + '([T ].*)?')}) then {text} end"
        case "month":
            return f"case when regexp_full_match({text}, {quoted(day + midnight)}) then substr({text}, 1, 7) end"
        case _:
            return f"case when regexp_full_match({text}, {quoted(day + midnight)}) then substr({text}, 1, 10) end"


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
