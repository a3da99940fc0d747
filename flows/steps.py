"""The steps alone: build what has been landed, publish the newest build."""

from datetime import date

from common.errors import ConfigurationError
from common.files import read_json
from common.values import today_in_vietnam
from expectations.build import check_build
from expectations.landed import check_landed
from flows.record import RunLog, RunOutcome, write_run_report
from flows.sources import still_stale
from flows.watch import Watch, unused_run_name
from warehouse.build import BuildResult, build
from warehouse.inputs import current_inputs, inputs_from_json
from warehouse.publish import built_runs, publish


def build_alone(watch: Watch, as_of: date | None) -> BuildResult:
    """Build from everything landed so far; nothing is checked and nothing is published."""
    data = watch.settings.data
    inputs = current_inputs(data, as_of=as_of or today_in_vietnam(watch.clock()), stale=still_stale(data))
    return build(watch.settings, run=unused_run_name(watch), inputs=inputs, progress=watch.progress)


def publish_alone(watch: Watch) -> RunOutcome:
    """Check the newest build and, if nothing blocks, publish it; the report is written either way.

    Raises `ConfigurationError` when there is no build, or the newest one is published already.
    """
    settings, data = watch.settings, watch.settings.data
    built = _newest_build(watch)
    log = RunLog(run=built.run, as_of=built.inputs.as_of, started_at=watch.clock(), inputs=built.inputs, build=built)
    with log.step("check landed data"):
        log.verdicts += check_landed(
            settings,
            data,
            run=log.run,
            as_of=log.as_of,
            outcomes=[],
            previous_reports=data.reports,
            progress=watch.progress,
        )
    with log.step("check build"):
        log.verdicts += check_build(settings, built.path, run=log.run, as_of=log.as_of, progress=watch.progress)
    if not log.blocking:
        with log.step("publish"):
            log.snapshot = publish(settings, run=log.run, created_at=watch.clock())
    return write_run_report(log, watch)


def _newest_build(watch: Watch) -> BuildResult:
    data = watch.settings.data
    runs = built_runs(data)
    if not runs:
        raise ConfigurationError(
            "nothing has been built yet", where=str(data.root), remedy="run `doichieu build` first"
        )
    run = runs[-1]
    if data.snapshot(run).exists():
        raise ConfigurationError(
            f"the newest build {run} is published already",
            where=str(data.published),
            remedy="run `doichieu build` first",
        )
    found = read_json(data.build(run) / "build.json")
    inputs = inputs_from_json(found["inputs"])
    path = data.build(run) / "build.duckdb"
    return BuildResult(run, path, inputs, found["seconds"], found["linkage"], found["rules"], found["counts"])
