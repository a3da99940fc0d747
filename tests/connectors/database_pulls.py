"""A book of payments in a database, its source file, and short ways to pull it and to see what is in force."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from common.settings import RegistrySettings, Settings
from common.values import Silent
from connectors.databases.database import DatabaseSample, check_database
from connectors.outcome import PullOutcome
from connectors.pull import pull_registry
from connectors.source import source_of
from contracts.loader import dataset

NOW = datetime(2026, 6, 30, 18, 0, tzinfo=UTC)
FIELDS = {
    "payment_id": "so_ct",
    "unit_code": "ma_dvi",
    "paid_on": "ngay_nop",
    "amount_vnd": "so_tien",
    "updated_at": "cap_nhat",
}


def source_file(folder: Path, database: dict[str, Any], fields: dict[str, Any] | None = None, **keys: Any) -> Settings:
    """Settings of a data folder and a source file with the dataset `insurance.payment`."""
    lines = ['registry = "insurance"', f'on_drift = "{keys.pop("on_drift", "fail")}"', "[database]"]
    lines += [f"{key} = {_toml(value)}" for key, value in database.items()]
    lines += ["[datasets.payment]", *(f"{key} = {_toml(value)}" for key, value in keys.items())]
    lines += ["[datasets.payment.fields]", *(f"{key} = {_toml(value)}" for key, value in (fields or FIELDS).items())]
    path = folder / "insurance.toml"
    path.write_text("\n".join(lines), encoding="utf-8")
    access = RegistrySettings(source=path, attempts=3, retry_wait_max_seconds=0.2, timeout_seconds=5)
    return Settings(data_dir=folder / "var", registries={"insurance": access})


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(str(key))} = {_toml(each)}" for key, each in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False)


class Watching(Silent):
    """Calls `then` once, when this many rows have been read."""

    def __init__(self, rows: int, then: Callable[[], object]) -> None:
        self._left, self._then = rows, then

    def advance(self, task: str, by: int, total: int | None = None) -> None:
        self._left, before = self._left - by, self._left
        if self._left <= 0 < before:
            self._then()


def pull(settings: Settings, *, at: datetime = NOW, progress: Silent | None = None, **asked: Any) -> PullOutcome:
    (outcome,) = asyncio.run(
        pull_registry(
            settings, "insurance", datasets=["payment"], clock=lambda: at, progress=progress or Silent(), **asked
        )
    )
    return outcome


def look(settings: Settings) -> DatabaseSample:
    source = source_of(settings, "insurance")
    (sample,) = asyncio.run(check_database(settings, "insurance", source, [dataset("insurance", "payment")]))
    return sample


def landed(settings: Settings) -> list[tuple[Any, ...]]:
    """(payment_id, amount_vnd) of every row landed, of all pulls, in order of keys and pulls."""
    return _landed(settings, "select payment_id, amount_vnd from rows where deleted is not true order by all")


def in_force(settings: Settings) -> list[tuple[Any, ...]]:
    """(payment_id, amount_vnd) of the newest version of each record that was not withdrawn."""
    return _landed(
        settings,
        """select payment_id, amount_vnd from (
               from rows qualify row_number() over (
                   partition by _record_key order by updated_at desc, filename desc, _seq desc) = 1
           ) where deleted is not true order by all""",
    )


def _landed(settings: Settings, sql: str) -> list[tuple[Any, ...]]:
    folder = settings.data.pulls("insurance", "payment")
    files = [str(part) for done in folder.glob("*/manifest.json") for part in done.parent.glob("part-*.parquet")]
    if not files:
        return []
    with duckdb.connect() as connection:
        connection.execute(f"create view rows as from read_parquet({files}, filename = true)")
        return connection.execute(sql).fetchall()
