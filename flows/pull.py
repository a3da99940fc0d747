"""Landing records: one Prefect task per registry, and the flow that pulls one registry alone."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import msgspec
from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas import State
from prefect.context import TaskRunContext
from prefect.states import Completed

from common.errors import ConfigurationError, Exit, SourceError
from common.settings import Settings
from connectors.pull import PullOutcome
from connectors.pull import pull_registry as pull_from_registry
from contracts.loader import load_contracts
from flows.record import exit_code_of
from flows.watch import Watch, given, hush_libraries, watch_for, writing

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


@task(
    name="Pull registry",
    task_run_name="Pull {wanted.registry} registry",
    retries=RETRIES,
    retry_delay_seconds=RETRY_SECONDS,
    cache_policy=NO_CACHE,
    persist_result=False,
)
def pull_one(wanted: Wanted, watch: Watch, seen: dict[str, PullOutcome]) -> list[PullOutcome]:
    """Pull what `wanted` names; datasets that failed are tried once more, those in `seen` that landed are not.

    Returns every outcome, failures included: a registry that is down does not stop a run.
    """
    pending = wanted.datasets if not seen else tuple(name for name, found in seen.items() if found.status == "failed")
    outcomes = asyncio.run(
        pull_from_registry(
            watch.settings,
            wanted.registry,
            datasets=pending,
            since=wanted.since,
            full=wanted.full,
            clock=watch.clock,
            progress=watch.progress,
        )
    )
    seen.update({found.dataset: found for found in outcomes})
    # A fault of ours, or a wrong secret, would give the same answer twice.
    failed = sorted(name for name, found in seen.items() if found.status == "failed" and found.exit_code == Exit.SOURCE)
    if failed and _may_try_again():
        raise SourceError(f"{', '.join(failed)} could not be read", where=wanted.registry, remedy="trying once more")
    return list(seen.values())


def _may_try_again() -> bool:
    context = TaskRunContext.get()
    return context is not None and context.task_run.run_count <= RETRIES


@flow(name="pull_registry", flow_run_name="Pull {registry}", persist_result=False)
def pull_registry(
    config: str,
    registry: str,
    datasets: list[str] | None = None,
    since: datetime | None = None,
    full: bool = False,
) -> State[list[PullOutcome]]:
    """Land what changed in one registry since its last pull.

    Raises `LockHeld` when another process writes to the data folder.
    """
    watch = watch_for(config)
    hush_libraries(watch)
    wanted = Wanted(registry, tuple(datasets) if datasets else None, since, full)
    with writing(watch, f"pull {registry}"):
        outcomes = pull_one(wanted, watch, {})
    return Completed(message=summary_of(outcomes), data=outcomes)


def pull_targets(watch: Watch, targets: Sequence[str], *, since: datetime | None, full: bool) -> PullReport:
    """Pull `targets` (`tax`, `tax.payroll`; none: every configured registry), registries side by side.

    Raises `ConfigurationError` for a registry or dataset that does not exist.
    """
    all_wanted = wanted_from(watch.settings, targets, since=since, full=full)
    with given(watch), ThreadPoolExecutor(max_workers=max(1, len(all_wanted))) as pool:
        running = [pool.submit(copy_context().run, _pull, watch, wanted) for wanted in all_wanted]
        outcomes = tuple(found for future in running for found in future.result())
    return PullReport(outcomes, exit_code_of(outcomes))


def _pull(watch: Watch, wanted: Wanted) -> list[PullOutcome]:
    datasets = list(wanted.datasets) if wanted.datasets else None
    outcomes: list[PullOutcome] = pull_registry(  # type: ignore[assignment]
        str(watch.settings.path), wanted.registry, datasets, wanted.since, wanted.full
    )
    return outcomes


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
