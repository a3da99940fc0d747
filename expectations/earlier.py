"""What earlier runs reported, and what stands set aside today: the background a report is read against."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from common.files import DataFolder, read_json
from contracts.loader import Dataset, all_datasets, dataset
from contracts.reasons import in_vietnamese
from expectations.aside import outstanding_in

_RUNS_SHOWN = 14


@dataclass(frozen=True)
class EarlierRun:
    """The figures of one earlier run that a later report compares with."""

    run: str
    as_of: date
    published: bool
    received: dict[str, int]
    failed_checks: int
    flags: int


@dataclass(frozen=True)
class AsideReason:
    """How many records of a dataset stand set aside for one reason. A record may have several."""

    dataset: str
    reason: str
    records: int

    @property
    def reason_vi(self) -> str:
        return in_vietnamese(self.reason, dataset(*self.dataset.split(".")))


def earlier_runs(data: DataFolder, before: str) -> tuple[list[EarlierRun], list[str]]:
    """The last runs before `before`, oldest first, and the names of those whose report cannot be read."""
    found: list[EarlierRun] = []
    unreadable: list[str] = []
    paths = [path for path in sorted(data.reports.glob("*/report.json")) if path.parent.name < before]
    for path in paths[-_RUNS_SHOWN:]:
        try:
            found.append(_earlier_run(read_json(path)))
        except (json.JSONDecodeError, KeyError, ValueError):
            unreadable.append(path.parent.name)
    return found, unreadable


def _earlier_run(report: dict[str, Any]) -> EarlierRun:
    pulled = [source for source in report["sources"] if source["status"] == "landed"]
    return EarlierRun(
        run=report["run"],
        as_of=date.fromisoformat(report["as_of"]),
        published=report["published"],
        received={f"{source['registry']}.{source['dataset']}": source["rows_received"] for source in pulled},
        failed_checks=sum(not verdict["passed"] for verdict in report["verdicts"]),
        flags=sum(rule["flags"] for rule in report["flags"]),
    )


def aside_reasons(data: DataFolder) -> list[AsideReason]:
    """Records set aside today, by dataset and reason; the largest first.

    Reasons name a field and what was expected of it, never the value.
    """
    found = [row for contract in all_datasets() for row in _aside_reasons(data, contract)]
    return sorted(found, key=lambda row: (-row.records, row.dataset, row.reason))


def _aside_reasons(data: DataFolder, contract: Dataset) -> Sequence[AsideReason]:
    import duckdb

    outstanding = outstanding_in(data, contract)
    if outstanding is None:
        return []
    rows = duckdb.execute(f"""
        select reason, count(*)
        from (select unnest(list_distinct(reasons)) as reason from ({outstanding}) where is_newest)
        group by reason""").fetchall()
    return [AsideReason(contract.full_name, reason, records) for reason, records in rows]
