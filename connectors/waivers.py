"""Writes waivers: until when, by whom and why records set aside are accepted. A line once written stays."""

import contextlib
import fcntl
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from datetime import date, datetime, timedelta

from common.errors import ConfigurationError
from common.files import DataFolder, write_atomically
from common.settings import Settings
from common.values import stamp, today_in_vietnam
from connectors.workbench import Workbench, workbench
from contracts.loader import Dataset
from contracts.waivers import Waiver, all_waivers, covered_file, waivers_file

LONGEST_WHY = 500
LONGEST = timedelta(days=366)
"""What is wrong for longer than a year is no exception: mend it, or change the contract."""


def give_waiver(
    settings: Settings,
    contract: Dataset,
    *,
    reason: str | None,
    key: str | None,
    until: date,
    why: str,
    who: str,
    at: datetime,
    before_writing: Callable[[Waiver], None] = lambda waiver: None,
) -> Waiver:
    """Accept what stands set aside today with this reason, this key, or all of it, up to and including `until`.

    `reason` may be part of one; it has to name one only. `before_writing` hears of the waiver (the audit log); where it
    raises, nothing is written. Raises `ConfigurationError` for a day that is past or more than a year ahead, a missing
    explanation, or a choice that no record meets.
    """
    _check_day(until, today_in_vietnam(at))
    said = _checked(why)
    with workbench(settings, contract) as bench:
        exact = None if reason is None else _one_reason(bench, reason, today_in_vietnam(at))
        versions = bench.versions(reason=exact, key=key)
    if not versions:
        raise ConfigurationError(
            "no record set aside meets that", where=contract.full_name, remedy="see `doichieu quarantine ls`"
        )
    waiver = Waiver("", contract.full_name, exact, key, until, said, who, at, len(versions))
    with _only_writer(settings.data):
        waiver = replace(waiver, waiver=_unused_name(settings.data, at))
        before_writing(waiver)
        _write(settings.data, waiver, versions)
    return waiver


def _check_day(until: date, today: date) -> None:
    if until < today:
        raise ConfigurationError(f"--until {until} is past", remedy="name today or a later day")
    if until > today + LONGEST:
        raise ConfigurationError(
            f"--until {until} is more than a year ahead", remedy="name a day within a year; it can be waived again then"
        )


def _checked(why: str) -> str:
    said = " ".join(why.split())
    if not said:
        raise ConfigurationError("a waiver needs its reason in words", remedy='add --why "…"')
    if len(said) > LONGEST_WHY:
        raise ConfigurationError(f"--why is longer than {LONGEST_WHY} characters", remedy="shorten it")
    if re.search(r"\d{9}", said):
        raise ConfigurationError(
            "--why holds what may be a person's number", remedy="say why without naming anybody; it is kept for ever"
        )
    return said


def _one_reason(bench: Workbench, asked: str, today: date) -> str:
    counted = bench.count(today)
    known = [each.reason for each in counted.reasons] if counted else []
    meant = [reason for reason in known if reason == asked] or [
        reason for reason in known if asked.casefold() in reason.casefold()
    ]
    if len(meant) == 1:
        return meant[0]
    raise ConfigurationError(
        f"--reason {asked!r} names {'several reasons' if meant else 'no reason'} of records set aside",
        remedy=f"choose one of: {'; '.join(meant or known) or 'nothing is set aside'}",
    )


def _unused_name(data: DataFolder, at: datetime) -> str:
    while covered_file(data, stamp(at)).exists():
        at += timedelta(microseconds=1)
    return stamp(at)


def _write(data: DataFolder, waiver: Waiver, versions: Sequence[str]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"version": pa.array(versions, pa.string())}), sink, compression="zstd")
    write_atomically(covered_file(data, waiver.waiver), sink.getvalue().to_pybytes())
    all_waivers(data)  # a file that cannot be read is not written on
    path = waivers_file(data)
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    line = {**asdict(waiver), "until": waiver.until.isoformat(), "given_at": waiver.given_at.isoformat()}
    write_atomically(path, before + json.dumps(line, ensure_ascii=False, sort_keys=True) + "\n")


@contextlib.contextmanager
def _only_writer(data: DataFolder) -> Iterator[None]:
    """A lock of its own: waiving need not wait for the end of a run."""
    path = waivers_file(data)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(".waivers.lock").open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
