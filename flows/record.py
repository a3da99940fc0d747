"""What a run did, put together for its report and for whoever started it."""

import platform
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import date, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from common.errors import DoiChieuError, Exit
from connectors.manifests import finished_pulls
from connectors.pull import PullOutcome
from contracts.loader import Dataset, all_datasets
from expectations.feedback import write_feedback
from expectations.record import AccuracyFigures, LinkageFigures, RuleFigures, RunRecord, SourceFigures
from expectations.report import write_report
from expectations.verdicts import Verdict, write_verdicts
from flows.watch import Stopwatch, Watch
from warehouse.build import BuildResult
from warehouse.inputs import BuildInputs, law_version
from warehouse.linkage.measure import PairFigures

Figures = TypeVar("Figures", LinkageFigures, RuleFigures)
SLOWEST_MODELS = 5


@dataclass
class RunLog:
    """Grows while a run goes on; what is missing at the end did not happen."""

    run: str
    as_of: date
    started_at: datetime
    outcomes: list[PullOutcome] = field(default_factory=list)
    inputs: BuildInputs | None = None
    verdicts: list[Verdict] = field(default_factory=list)
    build: BuildResult | None = None
    accuracy: list[PairFigures] = field(default_factory=list)
    snapshot: str | None = None
    error: DoiChieuError | None = None
    stopwatch: Stopwatch = field(default_factory=Stopwatch)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        with self.stopwatch.step(name):
            yield

    @property
    def blocking(self) -> list[Verdict]:
        return [verdict for verdict in self.verdicts if verdict.blocks]

    @property
    def failed(self) -> list[PullOutcome]:
        return [found for found in self.outcomes if found.status == "failed"]

    @property
    def exit_code(self) -> Exit:
        if self.error is not None:
            return Exit(self.error.exit_code)
        if self.blocking:
            return Exit.BLOCKED
        return exit_code_of(self.outcomes)

    @property
    def timings(self) -> list[tuple[str, float]]:
        """Seconds by step, and by the slowest steps inside the build."""
        if self.build is None:
            return self.stopwatch.steps
        slowest = sorted(self.build.seconds.items(), key=lambda found: -found[1])[:SLOWEST_MODELS]
        return [*self.stopwatch.steps, *((f"build: {name}", seconds) for name, seconds in slowest)]

    @property
    def reason(self) -> str:
        """Why it was published or not, in one line."""
        if self.error is not None:
            return str(self.error)
        if self.blocking:
            return f"{len(self.blocking)} blocking checks failed: " + "; ".join(
                found.message for found in self.blocking
            )
        if self.failed:
            names = ", ".join(f"{found.registry}.{found.dataset}" for found in self.failed)
            return f"nothing blocks; {names} could not be read, their last landed data stay in force"
        return "nothing blocks and every source was read" if self.outcomes else "nothing blocks"


@dataclass(frozen=True)
class RunOutcome:
    """What came of a run. `snapshot` and `warehouse` are None where nothing was published."""

    run: str
    as_of: date
    exit_code: Exit
    published: bool
    reason: str
    snapshot: str | None
    warehouse: Path | None
    report: Path
    sources: list[dict[str, Any]]
    linkage: dict[str, Any]
    flags: list[dict[str, Any]]
    timings: list[tuple[str, float]]


def exit_code_of(outcomes: Sequence[PullOutcome]) -> Exit:
    """A fault of ours weighs more than a source that is down; a source that is not offered weighs nothing."""
    codes = {found.exit_code for found in outcomes if found.status == "failed"}
    if Exit.FAULT in codes:
        return Exit.FAULT
    return Exit.SOURCE if codes else Exit.DONE


def write_run_report(log: RunLog, watch: Watch) -> RunOutcome:
    """Write verdicts, feedback files, report page and report figures; returns what the caller is told."""
    data = watch.settings.data
    write_verdicts(data, log.run, log.verdicts)
    feedback = write_feedback(data, log.run)
    sources = [found for contract in all_datasets() if (found := _source(contract, log, watch)) is not None]
    rules = [] if log.build is None else log.build.rules
    linkage = {} if log.build is None else dict(log.build.linkage)
    accuracy = [AccuracyFigures(**found.to_json()) for found in log.accuracy]
    if accuracy:
        linkage["accuracy"] = [asdict(found) for found in accuracy]
    folder = None if log.snapshot is None else data.snapshot(log.snapshot)
    record = RunRecord(
        run=log.run,
        as_of=log.as_of,
        started_at=log.started_at,
        finished_at=watch.clock(),
        published=log.snapshot is not None,
        reason=log.reason,
        exit_code=int(log.exit_code),
        snapshot=log.snapshot,
        sources=sources,
        verdicts=log.verdicts,
        linkage=_figures(LinkageFigures, linkage | {"accuracy": accuracy}) if linkage else None,
        flags=[_figures(RuleFigures, rule) for rule in rules],
        timings=log.timings,
        versions=_versions(),
        paths={"data": str(data.root)} | ({} if folder is None else {"published": str(folder)}),
        stale={} if log.inputs is None else dict(log.inputs.stale),
        feedback=feedback,
    )
    return RunOutcome(
        run=log.run,
        as_of=log.as_of,
        exit_code=log.exit_code,
        published=record.published,
        reason=log.reason,
        snapshot=log.snapshot,
        warehouse=None if folder is None else folder / "warehouse.duckdb",
        report=write_report(data, record),
        sources=[asdict(found) for found in sources],
        linkage=linkage,
        flags=rules,
        timings=log.timings,
    )


def _source(contract: Dataset, log: RunLog, watch: Watch) -> SourceFigures | None:
    """A dataset in this run; None for one that was never asked for and never landed."""
    outcome = next((found for found in log.outcomes if _name(found) == contract.full_name), None)
    pulls = finished_pulls(watch.settings.data, contract.registry, contract.name)
    if outcome is None and not any(pull.offered for pull in pulls):
        return None
    figures = SourceFigures(
        contract.registry,
        contract.name,
        status="kept",
        newest_record_at=pulls[-1].high_water_mark if pulls else None,
        is_stale=log.inputs is not None and contract.full_name in log.inputs.stale,
    )
    if outcome is None:
        return figures
    return replace(
        figures,
        status=outcome.status,
        kind=outcome.kind,
        rows_received=outcome.rows_received,
        rows_landed=outcome.rows_landed,
        rows_quarantined=outcome.rows_quarantined,
        total_announced=outcome.total_announced,
        new_or_changed=outcome.rows_landed,
        seconds=round(outcome.seconds, 3),
        warnings=outcome.warnings,
        drift=msgspec.to_builtins(outcome.drift),
        error=outcome.error,
    )


def _name(outcome: PullOutcome) -> str:
    return f"{outcome.registry}.{outcome.dataset}"


def _figures(kind: type[Figures], found: dict[str, Any]) -> Figures:
    """The figures the report shows, of those the warehouse gives."""
    return kind(**{each.name: found[each.name] for each in fields(kind) if each.name in found})


def _versions() -> dict[str, str]:
    packages = ("doichieu", "duckdb", "great-expectations", "prefect")
    return {"python": platform.python_version(), "law": law_version()} | {name: version(name) for name in packages}
