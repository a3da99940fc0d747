"""Landing records: one Prefect task per registry, and the flow that does nothing else."""

import asyncio
from collections import Counter
from collections.abc import Coroutine, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from threading import Event
from typing import Any

import msgspec
from prefect import flow, runtime, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas import State
from prefect.context import TaskRunContext
from prefect.states import Completed
from prefect.task_runners import ThreadPoolTaskRunner

from common.errors import ConfigurationError, Exit, SourceError
from common.settings import REGISTRIES, Settings
from connectors.pull import PullOutcome
from connectors.pull import pull_registry as pull_from_registry
from contracts.loader import load_contracts
from flows.record import exit_code_of
from flows.watch import Watch, hush_libraries, watch_for, writing

RETRIES = 1
RETRY_SECONDS = 5
"""Every request has its own retries already; this second walk helps a registry that was restarting."""


@dataclass(frozen=True)
class Wanted:
    """What to pull from one registry. `datasets` None: all it offers; `since` None: from the last high-water mark."""

    registry: str
    datasets: tuple[str, ...] | None = None
    since: datetime | None = None
    full: bool = False


@dataclass(frozen=True)
class PullReport:
    """What the verb `pull` did."""

    outcomes: tuple[PullOutcome, ...]
    exit_code: Exit


def _run_name() -> str:
    return f"Pull {', '.join(runtime.flow_run.parameters.get('targets') or ['every registry'])}"


@task(
    name="Pull registry",
    task_run_name="Pull {wanted.registry} registry",
    retries=RETRIES,
    retry_delay_seconds=RETRY_SECONDS,
    cache_policy=NO_CACHE,
    persist_result=False,
)
def pull_one(wanted: Wanted, watch: Watch, seen: dict[str, PullOutcome], stopping: Event) -> list[PullOutcome]:
    """Pull what `wanted` names; datasets that failed are tried once more, those in `seen` that landed are not.

    Returns every outcome, failures included: a registry that is down does not stop a run. Once `stopping` is set the
    pull is left where it is; the next one goes on from its last page.
    """
    pending = wanted.datasets if not seen else tuple(name for name, found in seen.items() if found.status == "failed")
    work = pull_from_registry(
        watch.settings,
        wanted.registry,
        datasets=pending,
        since=wanted.since,
        full=wanted.full,
        clock=watch.clock,
        progress=watch.progress,
    )
    outcomes = asyncio.run(_until(stopping, work))
    seen.update({found.dataset: found for found in outcomes})
    # A fault of ours, or a wrong secret, would give the same answer twice.
    failed = sorted(name for name, found in seen.items() if found.status == "failed" and found.exit_code == Exit.SOURCE)
    if failed and _may_try_again():
        raise SourceError(f"{', '.join(failed)} could not be read", where=wanted.registry, remedy="trying once more")
    return list(seen.values())


async def _until(stopping: Event, work: Coroutine[Any, Any, list[PullOutcome]]) -> list[PullOutcome]:
    """A thread cannot be interrupted from outside; this one looks up twice a second whether it shall stop."""
    pulling = asyncio.ensure_future(work)
    while not pulling.done():
        await asyncio.wait({pulling}, timeout=0.5)
        if stopping.is_set():
            pulling.cancel()
    return pulling.result()


def _may_try_again() -> bool:
    context = TaskRunContext.get()
    return context is not None and context.task_run.run_count <= RETRIES


@flow(
    name="pull_registry",
    flow_run_name=_run_name,
    task_runner=ThreadPoolTaskRunner(max_workers=len(REGISTRIES)),  # type: ignore[arg-type]
    persist_result=False,
)
def pull_registry(
    config: str, targets: list[str] | None = None, since: datetime | None = None, full: bool = False
) -> State[PullReport]:
    """Land what changed in `targets` (`tax`, `tax.payroll`; none: every configured registry) since their last pull.

    Raises `ConfigurationError` for a registry or dataset that does not exist, `LockHeld` when another process writes.
    """
    watch = watch_for(config)
    hush_libraries(watch)
    all_wanted = wanted_from(watch.settings, targets or [], since=since, full=full)
    with writing(watch, "pull"):
        outcomes = pull_side_by_side(all_wanted, watch)
    return Completed(message=summary_of(outcomes), data=PullReport(tuple(outcomes), exit_code_of(outcomes)))


def pull_side_by_side(all_wanted: Sequence[Wanted], watch: Watch) -> list[PullOutcome]:
    """Inside a flow: one task per registry; a dataset that could not be read is an outcome, not an error."""
    stopping = Event()
    running = [pull_one.submit(wanted, watch, {}, stopping) for wanted in all_wanted]
    try:
        return [outcome for future in running for outcome in future.result()]
    finally:
        stopping.set()


def wanted_from(settings: Settings, targets: Sequence[str], *, since: datetime | None, full: bool) -> list[Wanted]:
    """`tax.payroll tax.taxpayer health` → one `Wanted` per registry; a bare registry asks for all its datasets."""
    chosen: dict[str, list[str] | None] = dict.fromkeys(settings.registries) if not targets else {}
    for target in targets:
        registry, _, name = target.partition(".")
        _refuse_unknown(settings, registry, name)
        named = chosen.setdefault(registry, [] if name else None)
        if named is not None and name:
            named.append(name)
        elif not name:
            chosen[registry] = None
    return [
        Wanted(registry, tuple(dict.fromkeys(names)) if names else None, since, full)
        for registry, names in chosen.items()
    ]


def _refuse_unknown(settings: Settings, registry: str, name: str) -> None:
    known = load_contracts()
    if registry not in known:
        raise ConfigurationError(f"there is no registry {registry}", remedy=f"choose one of: {', '.join(known)}")
    if registry not in settings.registries:
        raise ConfigurationError(
            f"registry {registry} is not configured",
            where=str(settings.path),
            remedy=f"add a section [registries.{registry}] with its base_url",
        )
    if name and name not in known[registry]:
        raise ConfigurationError(
            f"there is no dataset {registry}.{name}", remedy=f"choose one of: {', '.join(known[registry])}"
        )


def summary_of(outcomes: Sequence[PullOutcome]) -> str:
    """One line for a person who looks at the run in Prefect."""
    by_status = Counter(found.status for found in outcomes)
    rows = sum(found.rows_landed for found in outcomes)
    return f"{rows} rows landed; " + ", ".join(f"{count} datasets {status}" for status, count in by_status.items())


def as_plain(outcome: PullOutcome) -> dict[str, Any]:
    """An outcome as JSON knows it."""
    drift = msgspec.to_builtins(outcome.drift)
    return {**asdict(outcome), "drift": drift, "warnings": list(outcome.warnings), "exit_code": int(outcome.exit_code)}
