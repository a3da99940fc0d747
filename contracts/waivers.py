"""Waivers: records set aside that somebody has accepted until a day, written down and never taken away."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from common.errors import DoiChieuError
from common.files import DataFolder


@dataclass(frozen=True)
class Waiver:
    """One line of `quarantine/waivers.jsonl`; `quarantine/waived/<waiver>.parquet` lists the versions it covers.

    It covers what stood set aside when it was given; one for a `reason` alone also covers later records that have no other.
    """

    waiver: str
    dataset: str
    reason: str | None
    key: str | None
    until: date
    """The last day it counts."""
    why: str
    who: str
    given_at: datetime
    records: int


def waivers_file(data: DataFolder) -> Path:
    return data.root / "quarantine" / "waivers.jsonl"


def covered_file(data: DataFolder, waiver: str) -> Path:
    return data.root / "quarantine" / "waived" / f"{waiver}.parquet"


def all_waivers(data: DataFolder) -> list[Waiver]:
    """Every waiver ever given, oldest first. Raises `DoiChieuError` for a line that cannot be read."""
    path = waivers_file(data)
    if not path.exists():
        return []
    return [_read(line, f"{path}:{number}") for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)]


def waivers_in_force(data: DataFolder, dataset: str, day: date) -> list[Waiver]:
    return [waiver for waiver in all_waivers(data) if waiver.dataset == dataset and waiver.until >= day]


def waived_expression(data: DataFolder, waivers: Sequence[Waiver]) -> str:
    """SQL over rows with `version` and `reasons`: whether one of the waivers covers the row."""
    return f"({waived_until_expression(data, waivers)}) is not null"


def waived_until_expression(data: DataFolder, waivers: Sequence[Waiver]) -> str:
    """SQL, a date: until when a row is covered; null where no waiver covers it."""
    days = [
        f"case when version in (select version from read_parquet({str(covered_file(data, waiver.waiver))!r}))"
        f" then date '{waiver.until}' end"
        for waiver in waivers
    ]
    days.append(_by_reason([waiver for waiver in waivers if waiver.reason is not None and waiver.key is None]))
    return f"greatest({', '.join(days)}, null::date)"


def _by_reason(waivers: Sequence[Waiver]) -> str:
    """A record is covered by its reasons once each of them is waived, and for as long as the first of those lasts."""
    if not waivers:
        return "null::date"
    lasting: dict[str, date] = {}
    for waiver in waivers:
        assert waiver.reason is not None
        lasting[waiver.reason] = max(waiver.until, lasting.get(waiver.reason, waiver.until))
    cases = " ".join(f"when {_quoted(reason)} then date '{until}'" for reason, until in lasting.items())
    listed = ", ".join(map(_quoted, lasting))
    covers = f"len(reasons) > 0 and list_has_all([{listed}], reasons)"
    return f"case when {covers} then list_min(list_transform(reasons, reason -> case reason {cases} end)) end"


def _read(line: str, where: str) -> Waiver:
    try:
        found = json.loads(line)
        moments = {"until": date.fromisoformat(found["until"]), "given_at": datetime.fromisoformat(found["given_at"])}
        return Waiver(**{**found, **moments})
    except (ValueError, TypeError, KeyError) as error:
        raise DoiChieuError("a waiver cannot be read", where=where, remedy="restore this file from a backup") from error


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
