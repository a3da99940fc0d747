"""The law's numbers as dated values: one `LawEntry` per value and period, from the TOML files beside this module."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from importlib.resources import files
from typing import Any

from common.errors import ConfigurationError

FOREVER = date(9999, 12, 31)


@dataclass(frozen=True)
class LawEntry:
    """One value of the law and the business dates it applies to, both ends included."""

    name: str
    valid_from: date
    valid_to: date
    value: str | None
    """The value as text; None where it is not known, and then `unknown` says why."""
    unknown: str | None
    reference: str
    is_verified: bool
    note: str


@dataclass(frozen=True)
class LawValue:
    """A value of the law through time, oldest entry first."""

    name: str
    title_vi: str
    title_en: str
    unit: str
    entries: tuple[LawEntry, ...]


@cache
def load_law() -> Mapping[str, LawValue]:
    """Every dated value by name.

    Raises `ConfigurationError` where a name is given twice, entries are out of order, or an entry has neither or both
    of `value` and `unknown`.
    """
    values: dict[str, LawValue] = {}
    for resource in sorted(files("law").iterdir(), key=lambda found: found.name):
        if not resource.name.endswith(".toml"):
            continue
        for name, block in tomllib.loads(resource.read_text(encoding="utf-8")).items():
            if name in values:
                raise ConfigurationError(f"{name} is given twice", where=f"law/{resource.name}")
            values[name] = _law_value(name, block, f"law/{resource.name}")
    return values


def _law_value(name: str, block: Mapping[str, Any], where: str) -> LawValue:
    raw = block["entry"]
    starts = [entry["from"] for entry in raw]
    if starts != sorted(set(starts)):
        raise ConfigurationError(f"{name}: entries must be in order of `from`, each day once", where=where)
    ends = [start - timedelta(days=1) for start in starts[1:]] + [FOREVER]
    for entry in raw:
        if ("value" in entry) == ("unknown" in entry):
            raise ConfigurationError(f"{name} from {entry['from']}: give `value` or `unknown`", where=where)
    entries = tuple(
        LawEntry(
            name=name,
            valid_from=entry["from"],
            valid_to=end,
            value=None if "unknown" in entry else str(entry["value"]),
            unknown=entry.get("unknown"),
            reference=entry["reference"],
            is_verified=entry["verified"],
            note=entry.get("note", ""),
        )
        for entry, end in zip(raw, ends, strict=True)
    )
    return LawValue(name, block["title_vi"], block["title_en"], block["unit"], entries)
