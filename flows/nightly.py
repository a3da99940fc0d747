"""The nightly flow: pull every registry side by side → check → build → check → publish → report."""

import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import Any

from prefect import flow, runtime, task
from prefect.artifacts import create_link_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas import State
from prefect.states import Completed, Failed
from prefect.task_runners import ThreadPoolTaskRunner

from common.errors import DoiChieuError, Exit, LockHeld
from common.settings import REGISTRIES
from common.values import today_in_vietnam
from connectors.pull import PullOutcome
from expectations.build import check_build
from expectations.landed import check_landed
from expectations.verdicts import Verdict
from flows.pull import Wanted, pull_side_by_side
from flows.record import RunLog, RunOutcome, write_run_report
from flows.sources import doubtful_deliveries, stale_after, still_stale
from flows.watch import Watch, hush_libraries, keeping_values_in, unused_run_name, watch_for, writing
from warehouse.build import BuildResult, build
from warehouse.inputs import BuildInputs, current_inputs, snapshot_inputs
from warehouse.linkage.measure import measure_build
from warehouse.publish import publish

KEPT_BUILDS = 2
# Retries live where a second try can help: in a registry's pull. Our own steps give the same answer twice.
_STEP: dict[str, Any] = {"cache_policy": NO_CACHE, "persist_result": False}


@dataclass(frozen=True)
class Request:
    """What a run was asked: `as_of` None is today in Viet Nam; `inputs` names a snapshot to build again."""

    as_of: date | None = None
    no_pull: bool = False
    inputs: str | None = None


def _run_name() -> str:
    asked = runtime.flow_run.parameters
    if asked.get("inputs"):
        return f"Rebuild of snapshot {asked['inputs']}"
    return f"Nightly run, books as of {asked.get('as_of') or 'today'}"


@flow(
    name="nightly",
    flow_run_name=_run_name,
    task_runner=ThreadPoolTaskRunner(max_workers=len(REGISTRIES)),  # type: ignore[arg-type]
    persist_result=False,
)
def nightly(
    config: str, as_of: date | None = None, no_pull: bool = False, inputs: str | None = None
) -> State[RunOutcome]:
    """One run for the configuration file `config`; ends Failed when nothing was published."""
    watch = watch_for(config)
    hush_libraries(watch)
    try:
        with writing(watch, "run"):
            outcome = carry_out(Request(as_of, no_pull, inputs), watch)
    except LockHeld as error:
        return Failed(message=str(error))
    _show(outcome)
    if not outcome.published:
        return Failed(message=outcome.reason, data=outcome)
    name = "Completed" if outcome.exit_code == Exit.DONE else "Completed with stale sources"
    return Completed(name=name, message=outcome.reason, data=outcome)


def carry_out(request: Request, watch: Watch) -> RunOutcome:
    """All steps of a run, inside a flow. A step that fails ends the run; the report is written all the same.

    Raises `ConfigurationError` for `inputs` that name no snapshot.
    """
    again = snapshot_inputs(watch.settings.data, request.inputs) if request.inputs else None
    as_of = again.as_of if again else request.as_of or today_in_vietnam(watch.clock())
    log = RunLog(run=unused_run_name(watch), as_of=as_of, started_at=watch.clock())
    try:
        if again is None and not request.no_pull:
            with log.step("pull"):
                log.outcomes = pull_side_by_side([Wanted(name) for name in watch.settings.registries], watch)
        _take(log, watch, again or _inputs_now(log, watch, pulled=not request.no_pull), is_checked=again is not None)
    except DoiChieuError as error:
        log.error = error
    return _report(log, watch)


def _inputs_now(log: RunLog, watch: Watch, *, pulled: bool) -> BuildInputs:
    data = watch.settings.data
    stale = stale_after(log.outcomes, today_in_vietnam(log.started_at)) if pulled else still_stale(data)
    return current_inputs(data, as_of=log.as_of, stale=stale)


def _take(log: RunLog, watch: Watch, inputs: BuildInputs, *, is_checked: bool) -> None:
    """From landed records to a published snapshot, stopping where a check blocks."""
    log.inputs = inputs
    if not is_checked:  # what a snapshot names was checked before that snapshot was published
        with log.step("check landed data"):
            log.verdicts += landed_verdicts(log.run, log.as_of, log.outcomes, watch)
        inputs = log.inputs = replace(inputs, failed_checks=doubtful_deliveries(log.verdicts))
    if log.blocking:
        return
    with log.step("build"):
        log.build = build_warehouse(log.run, inputs, watch)
    if watch.truth is not None:
        with log.step("measure links"):
            log.accuracy = measure_build(log.build.path, watch.truth)
    with log.step("check build"):
        log.verdicts += build_verdicts(log.run, log.as_of, watch)
    if log.blocking:
        return
    with log.step("publish"):
        log.snapshot = publish_snapshot(log.run, watch)
    _sweep_builds(watch)


@task(name="Check landed data", **_STEP)
def landed_verdicts(run: str, as_of: date, outcomes: Sequence[PullOutcome], watch: Watch) -> list[Verdict]:
    data = watch.settings.data
    with keeping_values_in(data):
        return check_landed(
            watch.settings,
            data,
            run=run,
            as_of=as_of,
            outcomes=[asdict(found) for found in outcomes],
            previous_reports=data.reports,
            progress=watch.progress,
        )


@task(name="Build the warehouse", **_STEP)
def build_warehouse(run: str, inputs: BuildInputs, watch: Watch) -> BuildResult:
    with keeping_values_in(watch.settings.data):
        return build(watch.settings, run=run, inputs=inputs, progress=watch.progress)


@task(name="Check the build", **_STEP)
def build_verdicts(run: str, as_of: date, watch: Watch) -> list[Verdict]:
    with keeping_values_in(watch.settings.data):
        path = watch.settings.data.build(run) / "build.duckdb"
        return check_build(watch.settings, path, run=run, as_of=as_of, progress=watch.progress)


@task(name="Publish the snapshot", **_STEP)
def publish_snapshot(run: str, watch: Watch) -> str:
    with keeping_values_in(watch.settings.data):
        return publish(watch.settings, run=run, created_at=watch.clock())


def _sweep_builds(watch: Watch) -> None:
    """A build is large, and once a later one is published nobody asks for it."""
    folders = sorted(path for path in (watch.settings.data.root / "builds").iterdir() if path.is_dir())
    for folder in folders[:-KEPT_BUILDS]:
        shutil.rmtree(folder)


@task(name="Write the report", **_STEP)
def _report(log: RunLog, watch: Watch) -> RunOutcome:
    with keeping_values_in(watch.settings.data):
        return write_run_report(log, watch)


def _show(outcome: RunOutcome) -> None:
    """What a person finds beside the run in Prefect: the report and the flags by rule, no names and no numbers."""
    create_link_artifact(
        key="report", link=outcome.report.as_uri(), link_text="Báo cáo · Report", description=outcome.reason
    )
    rows = [
        {key: found[key] for key in ("rule", "title_vi", "flags", "new", "worse", "eased", "cleared", "skipped_reason")}
        for found in outcome.flags
    ]
    if rows:
        create_table_artifact(key="flags-by-rule", table=rows, description=f"Snapshot {outcome.snapshot}")
