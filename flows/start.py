"""Where the command line enters: prepares the environment, takes the lock, then calls the flows."""

import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from common.settings import Settings, prepare_environment
from common.values import Progress
from flows.stopping import ending_in_order
from flows.watch import Watch, given, writing

if TYPE_CHECKING:
    from flows.pull import PullReport
    from flows.record import RunOutcome
    from warehouse.build import BuildResult


def run_nightly(
    settings: Settings,
    *,
    as_of: date | None = None,
    no_pull: bool = False,
    inputs: str | None = None,
    clock: Callable[[], datetime],
    progress: Progress,
    truth: Path | None = None,
) -> "RunOutcome":
    """The whole nightly flow; returns when its report is written, whatever came of it (`RunOutcome.exit_code`).

    `as_of` None is today in Viet Nam; `inputs` names a snapshot to build again from exactly what it was built from;
    `truth` (registry, dataset, record_key, role, true_person), where somebody knows it, is what links are measured against.
    Raises `LockHeld` when another process writes to the data folder, `ConfigurationError` for unknown `inputs`.
    """
    watch = Watch(settings, clock, progress, truth=truth)
    with writing(watch, "run"), ending_in_order():
        _prepare(settings)
        from flows.nightly import nightly

        with given(replace(watch, holds_lock=True)):
            state = nightly(str(settings.path), as_of, no_pull, inputs, return_state=True)
        return cast("RunOutcome", _result(state))


def run_pull(
    settings: Settings,
    targets: Sequence[str],
    *,
    since: datetime | None,
    full: bool,
    clock: Callable[[], datetime],
    progress: Progress,
) -> "PullReport":
    """Pull `targets` (`tax`, `tax.payroll`; none: every configured registry), registries side by side.

    Raises `ConfigurationError` for a registry or dataset that does not exist, `LockHeld` when another process writes.
    """
    watch = Watch(settings, clock, progress)
    with writing(watch, "pull"), ending_in_order():
        _prepare(settings)
        from flows.pull import pull_registry

        with given(replace(watch, holds_lock=True)):
            state = pull_registry(str(settings.path), list(targets), since, full, return_state=True)
        return cast("PullReport", _result(state))


def told(report: "PullReport") -> list[dict[str, Any]]:
    """The outcomes of a pull as JSON knows them."""
    from flows.pull import as_plain

    return [as_plain(outcome) for outcome in report.outcomes]


def run_build(
    settings: Settings, *, as_of: date | None, clock: Callable[[], datetime], progress: Progress
) -> "BuildResult":
    """Build from everything landed so far; nothing is checked and nothing is published."""
    watch = Watch(settings, clock, progress)
    with writing(watch, "build"):
        from flows.steps import build_alone

        return build_alone(watch, as_of)


def run_publish(settings: Settings, *, clock: Callable[[], datetime], progress: Progress) -> "RunOutcome":
    """Check the newest build and, if nothing blocks, publish it; the report is written either way.

    Raises `ConfigurationError` when there is nothing to publish.
    """
    watch = Watch(settings, clock, progress)
    with writing(watch, "publish"):
        _prepare(settings)
        from flows.steps import publish_alone

        return publish_alone(watch)


def _result(state: Any) -> Any:
    """What a flow returned; an error it ended with is raised."""
    found = state.result(raise_on_failure=False)
    if isinstance(found, BaseException):
        raise found
    return found


def _prepare(settings: Settings) -> None:
    """Choose the Prefect server, once per process: the configured one if it answers, else a temporary one."""
    configured = settings.schedule.prefect_api_url
    prepare_environment(settings.data, prefect_api_url=configured if configured and _answers(configured) else None)


def _answers(api_url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{api_url}/health", timeout=5):
            return True
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return False
