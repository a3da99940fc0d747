"""Short ways to pull from a scripted registry and to look at what was landed."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import duckdb

from common.settings import Settings
from common.values import Silent
from connectors.pull import PullOutcome, pull_registry

NOW = datetime(2026, 6, 30, 18, 0, tzinfo=UTC)


MakeSettings = Callable[..., Settings]
# Settings of a data folder and the registry `tax`; keywords change how it is reached.


def pull(settings: Settings, *datasets: str, at: datetime = NOW, **asked: Any) -> dict[str, PullOutcome]:
    """Pull now (datasets of `tax`; none named: all) and return the outcomes by dataset."""
    asked = {"progress": Silent(), **asked}
    outcomes = asyncio.run(pull_registry(settings, "tax", datasets=datasets or None, clock=lambda: at, **asked))
    return {outcome.dataset: outcome for outcome in outcomes}


def taxpayer(number: int, **changes: Any) -> dict[str, Any]:
    """A record that keeps the contract; numbers follow each other in `updated_at` too."""
    return {
        "tax_code": f"{number:010}",
        "parent_tax_code": None,
        "name": f"Công ty TNHH Số {number}",
        "kind": "organisation",
        "status": "active",
        "started_on": "2015-03-02",
        "province_code": "01",
        "updated_at": f"2026-06-{1 + number // 1440:02}T{number // 60 % 24:02}:{number % 60:02}:00Z",
        **changes,
    }


def landed(settings: Settings, dataset: str, columns: str = "*", where: str = "true") -> list[tuple[Any, ...]]:
    """Rows of every pull in force, in order of pull and delivery."""
    folder = settings.data.pulls("tax", dataset)
    files = [
        str(path) for pull in sorted(folder.glob("*/manifest.json")) for path in pull.parent.glob("part-*.parquet")
    ]
    if not files:
        return []
    rows = f"select * from read_parquet({files}, filename = true) where {where} order by filename, _seq"
    return duckdb.sql(f"select {columns} from ({rows})").fetchall()


def set_aside(settings: Settings, dataset: str, columns: str) -> list[tuple[Any, ...]]:
    files = str(settings.data.quarantine("tax", dataset) / "*.parquet")
    return duckdb.sql(f"select {columns} from read_parquet('{files}') order by pull, page, row").fetchall()
