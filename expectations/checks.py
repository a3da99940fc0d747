"""What a check is: a question put to one table, its level, and what to say when it fails."""

from dataclasses import dataclass
from typing import Literal

from common.settings import CheckSettings, Settings

Level = Literal["block", "warn"]


@dataclass(frozen=True)
class NotNull:
    column: str


@dataclass(frozen=True)
class InList:
    column: str
    values: tuple[str | int, ...]


@dataclass(frozen=True)
class FullMatch:
    """Every value matches the whole of the pattern (RE2)."""

    column: str
    pattern: str


@dataclass(frozen=True)
class NoRows:
    """The query finds the rows that break the promise; `of` is the table they are counted against."""

    query: str
    of: str


Question = NotNull | InList | FullMatch | NoRows


@dataclass(frozen=True)
class Wording:
    """What people read: the promise as a title, and what to do where it is broken."""

    title_vi: str
    title_en: str
    remedy_vi: str
    remedy_en: str


@dataclass(frozen=True)
class Check:
    """One question of a suite. `suite` is a dataset (`tax.payroll`) or a table of the build (`marts.unit_month`)."""

    suite: str
    name: str
    level: Level
    question: Question
    expected: str
    wording: Wording
    table: str | None = None
    """Where column questions are put; a `NoRows` question names its tables itself."""
    allowed_percent: float = 0.0
    """Rows that may fail before the check does: life is not tidy across registries."""
    needs: tuple[str, ...] = ()
    """Datasets without which the question means nothing."""


@dataclass(frozen=True)
class Count:
    """What a check found. `error` says why it could not be asked; then the counts are null."""

    failing: int | None
    total: int | None
    error: str | None = None


def level_of(suite: str, name: str, default: Level, settings: Settings) -> Level:
    """The level in force: the configuration may turn a check round by its id or by its kind (`not_null`)."""
    wanted = settings_of(suite, settings)
    ids = {name, name.partition(":")[0]}
    if ids & set(wanted.block):
        return "block"
    if ids & set(wanted.warn):
        return "warn"
    return default


def settings_of(suite: str, settings: Settings) -> CheckSettings:
    place, _, table = suite.partition(".")
    return settings.checks_for(place, table)
