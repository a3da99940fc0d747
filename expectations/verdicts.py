"""Verdicts: what each check of each run found, kept as a table over time."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from common.errors import ConfigurationError
from common.files import DataFolder, sync_folder
from expectations.checks import Check, Count, Level, Wording, level_of

if TYPE_CHECKING:
    import pyarrow as pa

    from common.settings import Settings

_FILE = "verdicts.parquet"


@dataclass(frozen=True)
class Verdict:
    """One check of one run. Counts and places only: never a value from a record."""

    run: str
    checked_at: datetime
    suite: str
    check: str
    level: Level
    passed: bool
    failing: int | None
    total: int | None
    observed: str
    expected: str
    message: str
    message_vi: str

    @property
    def blocks(self) -> bool:
        return self.level == "block" and not self.passed


@dataclass(frozen=True)
class Bench:
    """Where verdicts of one run are spoken."""

    run: str
    settings: "Settings"

    def rule_on(self, check: Check, count: Count) -> Verdict:
        """The verdict on a check that was put to a table."""
        if count.error is not None:
            return self.say(
                check.suite,
                check.name,
                check.level,
                check.wording,
                passed=False,
                observed=f"could not be checked: {count.error}",
                expected=check.expected,
            )
        assert count.failing is not None
        assert count.total is not None
        return self.say(
            check.suite,
            check.name,
            check.level,
            check.wording,
            passed=count.failing * 100 <= check.allowed_percent * count.total,
            failing=count.failing,
            total=count.total,
            observed=f"{count.failing} of {count.total}",
            expected=check.expected,
        )

    def excuse(self, check: Check, missing: Sequence[str]) -> Verdict:
        """A check that means nothing because a dataset it needs was never delivered; it passes over no rows."""
        observed = f"not judged: {', '.join(missing)} not delivered or not readable"
        return self.say(
            check.suite,
            check.name,
            check.level,
            check.wording,
            passed=True,
            failing=0,
            total=0,
            observed=observed,
            expected=check.expected,
        )

    def say(
        self,
        suite: str,
        name: str,
        default: Level,
        wording: Wording,
        *,
        passed: bool,
        observed: str,
        expected: str,
        failing: int | None = None,
        total: int | None = None,
    ) -> Verdict:
        """A verdict in words: what, where, and what to do where it failed."""
        what = f"{wording.title_en} [{suite} {name}]: {observed}; expected {expected}"
        what_vi = f"{wording.title_vi} [{suite} {name}]"
        return Verdict(
            run=self.run,
            checked_at=moment_of(self.run),
            suite=suite,
            check=name,
            level=level_of(suite, name, default, self.settings),
            passed=passed,
            failing=failing,
            total=total,
            observed=observed,
            expected=expected,
            message=wording.title_en if passed else f"{what} → {wording.remedy_en}",
            message_vi=wording.title_vi if passed else f"{what_vi} → {wording.remedy_vi}",
        )


def moment_of(run: str) -> datetime:
    """The moment in a run's name; raises `ConfigurationError` for a name that is no stamp."""
    try:
        return datetime.strptime(run, "%Y%m%dT%H%M%S%fZ").replace(tzinfo=UTC)
    except ValueError:
        raise ConfigurationError(
            "the name of a run is the moment it began", where=run, remedy="make it with common.values.stamp"
        ) from None


def verdict_schema() -> "pa.Schema":
    """The columns of `reports/<run>/verdicts.parquet`."""
    import pyarrow as pa

    types: dict[str, pa.DataType] = {
        "checked_at": pa.timestamp("us", tz="UTC"),
        "passed": pa.bool_(),
        "failing": pa.int64(),
        "total": pa.int64(),
    }
    return pa.schema([pa.field(name, types.get(name, pa.string())) for name in Verdict.__dataclass_fields__])


def write_verdicts(data: DataFolder, run: str, verdicts: Sequence[Verdict]) -> None:
    """Write all verdicts of a run; a second writing of the same run replaces the first."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pylist([asdict(verdict) for verdict in verdicts], schema=verdict_schema())
    folder = data.report(run)
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f".{_FILE}.tmp"
    pq.write_table(table, draft, compression="zstd")
    draft.replace(folder / _FILE)
    sync_folder(folder)


def verdict_history(data: DataFolder) -> "pa.Table":
    """Every verdict of every run, oldest run first, then suite and check."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    parts = [pq.read_table(path) for path in sorted(data.reports.glob(f"*/{_FILE}"))]
    if not parts:
        return verdict_schema().empty_table()
    return pa.concat_tables(parts, promote_options="default").sort_by(
        [("run", "ascending"), ("suite", "ascending"), ("check", "ascending")]
    )
