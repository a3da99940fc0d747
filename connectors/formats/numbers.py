"""Numbers of spreadsheets as text: never a power of ten, never a tail of binary dust; dates and times as ISO 8601.

A spreadsheet keeps a date as a day number and shows it as one by the cell's number format.
"""

import re
from typing import Literal

from connectors.formats.grid import Column, compute

Moment = Literal["date", "datetime", "time"]

FIRST_DAY = -25569
"""Day 0 of the usual calendar, in days from 1970-01-01."""
FIRST_DAY_1904 = -24107
_BUILT_IN: dict[int, Moment] = {
    **dict.fromkeys((14, 15, 16, 17, *range(27, 32), 36, *range(50, 59)), "date"),
    **dict.fromkeys((18, 19, 20, 21, 32, 33, 34, 35, 45, 47), "time"),
    22: "datetime",
}
_PATTERNS = {"datetime": "%Y-%m-%dT%H:%M:%S", "time": "%H:%M:%S"}


def built_in_kind(identifier: int) -> Moment | None:
    """What one of the number formats every workbook has without saying so makes of a number."""
    return _BUILT_IN.get(identifier)


def kind_of_format(code: str) -> Moment | None:
    """What a number format such as `[$-42A]dd/mm/yyyy;@` makes of a number; None: it stays one."""
    if re.search(r"\[(?:h+|m+|s+)\]", code, re.IGNORECASE):
        return None
    plain = re.sub(r"\[[^\]]*\]|\"[^\"]*\"|\\.|_.|\*.|AM/PM|A/P", "", code.split(";")[0], flags=re.IGNORECASE).lower()
    if "general" in plain:
        return None
    has_time = re.search("[hs]", plain) is not None
    has_day = re.search("[dy]", plain) is not None or ("m" in plain and not has_time)
    if has_day:
        return "datetime" if has_time else "date"
    return "time" if has_time else None


def plain_number(text: str) -> str:
    """`1.2E7` → `12000000`, `0.30000000000000004` → `0.3`, `5.0` → `5`: what a spreadsheet shows, at most 15 digits."""
    try:
        number = float(text)
    except ValueError:
        return text
    if not abs(number) < 1e30:
        return text
    if number == int(number):
        return str(int(number))
    short = float(f"{number:.15g}")
    return f"{short:.20f}".rstrip("0") if abs(short) < 1e-4 else repr(short)


def moments(days: Column, kind: Moment, first_day: int = FIRST_DAY) -> Column:
    """Day numbers (text) as ISO text; null for what no calendar has."""
    import numpy as np
    import pyarrow as pa

    pc = compute()
    try:
        numbers = np.asarray(pc.fill_null(pc.cast(days, pa.float64()), -1.0))
    except pa.ArrowInvalid:
        numbers = np.array([_as_float(text) for text in days.to_pylist()], dtype=np.float64)
    # Day 60 is a 29 February that never was, and the days before it are one off: nobody registered in January 1900.
    low, high = (0, 1) if kind == "time" else (61, 2_958_466)
    known = (numbers >= low) & (numbers < high)
    seconds = np.rint(np.where(known, numbers, low) * 86_400).astype(np.int64)
    if kind == "date":
        days_of_1970 = pa.array((seconds // 86_400 + first_day).astype(np.int32), pa.int32())
        return pc.if_else(
            pa.array(known), days_of_1970.cast(pa.date32()).cast(pa.string()), pa.scalar(None, pa.string())
        )
    shifted = pa.array(seconds + (0 if kind == "time" else first_day * 86_400), pa.timestamp("s"))
    return pc.if_else(pa.array(known), pc.strftime(shifted, _PATTERNS[kind]), pa.scalar(None, pa.string()))


def _as_float(text: str | None) -> float:
    try:
        return float(text) if text is not None else -1.0
    except ValueError:
        return -1.0
