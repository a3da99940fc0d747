"""A data folder in which nights pass, on a clock of its own."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb

from common.settings import CheckSettings, Settings, load_settings
from common.values import Silent
from flows.record import RunOutcome
from flows.start import run_nightly

AS_OF = date(2026, 6, 30)


@dataclass(frozen=True)
class Site:
    """A data folder with the settings that fill it."""

    settings: Settings

    @property
    def current(self) -> str | None:
        link = self.settings.data.current
        return link.readlink().name if link.is_symlink() else None

    def run(self, **options: Any) -> RunOutcome:
        asked = {"as_of": None if options.get("inputs") else AS_OF, **options}
        return run_nightly(self.settings, clock=clock_at(AS_OF), progress=Silent(), **asked)

    def published(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(str(self.settings.data.current / "warehouse.duckdb"), read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def checks(self, **thresholds: Any) -> "Site":
        """The same folder under other thresholds for every dataset."""
        return Site(self.settings.model_copy(update={"checks": {"default": CheckSettings(**thresholds)}}))

    def copied_to(self, folder: Path) -> "Site":
        """The same configuration and data in a folder of their own."""
        shutil.copytree(self.settings.data.root, folder / "data", symlinks=True)
        path = folder / "doichieu.toml"
        path.write_text(self.settings.path.read_text().replace(str(self.settings.data.root), str(folder / "data")))
        return Site(load_settings(path))


_STARTED = datetime.now(UTC)


def clock_at(day: date) -> Callable[[], datetime]:
    """A clock that runs: it stood at noon of `day` when these tests began."""
    offset = datetime(day.year, day.month, day.day, 12, tzinfo=UTC) - _STARTED
    return lambda: datetime.now(UTC) + offset
