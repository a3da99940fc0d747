"""Checks on deliveries as a whole: could they be read, how much was set aside, how fresh, how many, what drifted."""

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from common.files import sha256_of
from common.values import VIETNAM
from contracts.loader import Dataset
from expectations.checks import Level, Wording, settings_of
from expectations.current import SetAside
from expectations.deliveries import Delivery, newest_delivery
from expectations.verdicts import Bench, Verdict
from expectations.wordings import DELIVERY

# Fewer earlier incremental pulls than this say nothing about what is usual.
_USUAL_PULLS = 3
_USUAL_ROWS = 100

FEWEST_FOR_A_SCHEMA = 10
"""Fewer records, all broken, are broken records; they do not tell that the source has changed its schema."""


@dataclass(frozen=True)
class Standing:
    """Where a dataset stands: its finished deliveries, oldest first, and what is current and set aside today."""

    dataset: Dataset
    deliveries: Sequence[Delivery]
    current_rows: int
    aside: SetAside
    distinct_rows: int
    """Distinct (key, updated_at) of the newest delivery, whatever became of them."""
    earlier_rows: int | None
    """Current rows at the last run; None where there was none."""

    @property
    def newest(self) -> Delivery:
        return newest_delivery(self.deliveries)


def delivery_verdicts(standing: Standing, *, as_of: date, bench: Bench) -> Iterator[Verdict]:
    yield _quarantine_share(standing, bench)
    yield _empty(standing, bench)
    yield from _freshness(standing, as_of, bench)
    yield from _volume(standing, bench)
    yield _drift(standing, bench)
    yield from _total(standing, bench)


def pulled_verdict(outcome: Mapping[str, Any], bench: Bench) -> Verdict:
    """Whether the dataset could be pulled in this run; a failed pull leaves the last landed data in force."""
    failed = outcome["status"] == "failed"
    return bench.say(
        f"{outcome['registry']}.{outcome['dataset']}",
        "pulled",
        "warn",
        DELIVERY["pulled"],
        passed=not failed,
        observed=str(outcome.get("error") or outcome["status"]),
        expected="a finished pull",
    )


def readable_verdicts(dataset: Dataset, deliveries: Sequence[Delivery], bench: Bench) -> list[Verdict]:
    """Whether every landed file is there, whole, and holds the contract's columns; both checks block."""
    damaged = _damage(deliveries)
    strange = [] if damaged else _strangeness(dataset, deliveries)
    return [
        _say(dataset, "parts_intact", "block", bench, not damaged, "; ".join(damaged) or "whole", "files as landed"),
        _say(
            dataset,
            "schema_readable",
            "block",
            bench,
            not strange,
            "; ".join(strange) or "readable",
            f"the columns of contract {dataset.version}",
        ),
    ]


def _damage(deliveries: Sequence[Delivery]) -> list[str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    found = []
    newest = newest_delivery(deliveries).pull
    for delivery in deliveries:
        for part, rows, digest in delivery.parts:
            place = f"{delivery.pull}/{part.name}"
            try:
                counted = pq.read_metadata(part).num_rows
            except (OSError, pa.ArrowInvalid) as error:
                found.append(f"{place}: {type(error).__name__}")
                continue
            if counted != rows:
                found.append(f"{place}: {counted} rows, the manifest says {rows}")
            # Older deliveries were compared when they were the newest.
            elif delivery.pull >= newest and sha256_of(part) != digest:
                found.append(f"{place}: its content has changed since it was landed")
    return found


def _strangeness(dataset: Dataset, deliveries: Sequence[Delivery]) -> list[str]:
    import pyarrow.parquet as pq

    found = []
    for delivery in deliveries:
        for part, _, _ in delivery.parts:
            schema = pq.read_schema(part)
            for expected in dataset.arrow_schema():
                position = schema.get_field_index(expected.name)
                if position >= 0 and schema.field(position).type != expected.type:
                    found.append(f"{delivery.pull}: {expected.name} is {schema.field(position).type}")
                elif position < 0 and dataset.field(expected.name).is_required:
                    found.append(f"{delivery.pull}: {expected.name} is missing")
    return found + _unreadable(dataset, deliveries[-1])


def _unreadable(dataset: Dataset, newest: Delivery) -> list[str]:
    """A full delivery of which nothing could be landed because required fields are gone or have another type."""
    if newest.kind != "full" or newest.landed or newest.received < FEWEST_FOR_A_SCHEMA:
        return []
    required = {field.name for field in dataset.fields if field.is_required}
    changed = [change for change in newest.changed_types if change.partition(":")[0] in required]
    return [f"{name} is missing in every record" for name in newest.missing_fields if name in required] + changed


def _quarantine_share(standing: Standing, bench: Bench) -> Verdict:
    """Either the newest delivery or what stands set aside today is too much: a small quiet pull heals nothing.

    What a replay has landed since or a waiver covers does not count.
    """
    limits = settings_of(standing.dataset.full_name, bench.settings)
    newest, today = standing.newest, standing.aside
    candidates = [
        (newest.quarantined - today.excused, newest.received, "of this delivery"),
        (today.counted, today.counted + today.waived + standing.current_rows, "of all records"),
    ]
    aside, total, of_what = max(
        candidates, key=lambda pair: (limits.is_too_much(*pair[:2]), pair[0] / pair[1] if pair[1] else 0)
    )
    share = 100 * aside / total if total else 0
    waived = f", {today.waived} more waived" if today.waived else ""
    return bench.say(
        standing.dataset.full_name,
        "quarantine_share",
        "block",
        DELIVERY["quarantine_share"],
        passed=not any(limits.is_too_much(count, whole) for count, whole, _ in candidates),
        failing=aside,
        total=total,
        observed=f"{aside} of {total} {of_what} set aside ({share:.1f} %){waived}",
        expected=f"at most {limits.quarantine_percent:g} % or {limits.quarantine_rows} records",
    )


def _empty(standing: Standing, bench: Bench) -> Verdict:
    """An empty dataset warns; it blocks where a full delivery is empty though earlier ones had rows."""
    whole = [position for position, delivery in enumerate(standing.deliveries) if delivery.kind == "full"]
    start = whole[-1] if whole else 0
    is_empty = not any(delivery.received for delivery in standing.deliveries[start:])
    had_rows = any(delivery.received for delivery in standing.deliveries[:start])
    level: Level = "block" if is_empty and had_rows else "warn"
    observed = "no record" + (", though earlier deliveries had some" if had_rows else "") if is_empty else "records"
    return _say(standing.dataset, "empty", level, bench, not is_empty, observed, "at least one record")


def _freshness(standing: Standing, as_of: date, bench: Bench) -> Iterator[Verdict]:
    dataset = standing.dataset
    promised = settings_of(dataset.full_name, bench.settings).freshness_days
    days = dataset.freshness_days if promised is None else promised
    newest = standing.newest.newest_record_at
    if days is None or newest is None:
        return
    day = newest.astimezone(VIETNAM).date()
    age = (as_of - day).days
    yield _say(dataset, "freshness", "warn", bench, age <= days, f"{age} days ({day})", f"at most {days} days old")


def _volume(standing: Standing, bench: Bench) -> Iterator[Verdict]:
    """Full deliveries against the last full one, small ones against what is usual, current rows against last run."""
    drop = settings_of(standing.dataset.full_name, bench.settings).volume_drop_percent
    newest = standing.newest
    comparable = [found for found in standing.deliveries if found.kind == newest.kind and not found.is_replay]
    earlier = [found.received for found in comparable[:-1] if found.is_offered]
    usual: float | None = None
    if newest.kind == "full" and earlier:
        usual = earlier[-1]
    elif len(earlier) >= _USUAL_PULLS:
        usual = statistics.median(earlier[-10:])
    if usual is not None and usual >= (0 if newest.kind == "full" else _USUAL_ROWS):
        yield _against(standing, "volume", newest.received, usual, drop, bench)
    if standing.earlier_rows:
        yield _against(standing, "current_rows", standing.current_rows, standing.earlier_rows, drop, bench)


def _against(standing: Standing, name: str, rows: int, usual: float, drop: float, bench: Bench) -> Verdict:
    observed, expected = f"{rows} rows, before {usual:g}", f"a fall of at most {drop:g} %"
    return _say(standing.dataset, name, "warn", bench, rows * 100 >= usual * (100 - drop), observed, expected)


def _drift(standing: Standing, bench: Bench) -> Verdict:
    newest = standing.newest
    found = [f"new field {name}" for name in newest.new_fields]
    found += [f"missing field {name}" for name in newest.missing_fields]
    found += [f"changed type {change}" for change in newest.changed_types]
    observed = "; ".join(found) or "as in the contract"
    return _say(standing.dataset, "drift", "warn", bench, not found, observed, "the fields and types of the contract")


def _total(standing: Standing, bench: Bench) -> Iterator[Verdict]:
    newest = standing.newest
    if newest.announced is None:
        return
    # A record delivered twice counts twice on the way and once in the source's total.
    agrees = newest.announced in (newest.received, standing.distinct_rows)
    observed = f"{newest.received} received ({standing.distinct_rows} distinct), {newest.announced} announced"
    yield _say(standing.dataset, "total_mismatch", "warn", bench, agrees, observed, "as many records as announced")


def _say(
    dataset: Dataset, name: str, level: Level, bench: Bench, passed: bool, observed: str, expected: str
) -> Verdict:
    wording: Wording = DELIVERY[name]
    return bench.say(dataset.full_name, name, level, wording, passed=passed, observed=observed, expected=expected)
