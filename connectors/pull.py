"""Pull the datasets of one registry, each the way its source file says, each with its own outcome."""

from collections.abc import Callable, Sequence
from datetime import datetime

from common.errors import ConfigurationError
from common.settings import REGISTRIES, RegistrySettings, Settings
from common.values import Progress
from connectors.draft import finish_not_offered
from connectors.manifests import finished_pulls
from connectors.outcome import PullOutcome
from connectors.rest.pull import pull_rest
from connectors.source import Source, Via, source_of
from contracts.loader import Dataset, dataset, load_contracts

__all__ = ["PullOutcome", "pull_registry", "registry_settings"]


async def pull_registry(
    settings: Settings,
    registry: str,
    *,
    datasets: Sequence[str] | None = None,
    since: datetime | None = None,
    full: bool = False,
    clock: Callable[[], datetime],
    progress: Progress,
) -> list[PullOutcome]:
    """Land what the registry has for `datasets` (None: all of its contract), each with its own outcome.

    An interrupted pull of the same query goes on from its last durable page. `since` (inclusive, with offset) takes the
    place of the start derived from the manifests; `full` asks for everything. The caller holds the data folder's lock.
    Raises `ConfigurationError` for a registry or dataset nobody knows, a source file that is wrong, or a secret that is
    not there.
    """
    access = registry_settings(settings, registry)
    source = source_of(settings, registry)
    names = load_contracts()[registry] if datasets is None else datasets
    wanted = [dataset(registry, name) for name in names]
    offered = [
        contract
        for contract in wanted
        if contract.name in source.datasets and (access.datasets is None or contract.name in access.datasets)
    ]
    found = {
        contract.name: _not_offered(settings, source, contract, clock())
        for contract in wanted
        if contract not in offered
    }
    for via in ("rest", "database", "files"):
        chosen = [contract for contract in offered if source.via_of(contract.name) == via]
        if chosen:
            outcomes = await _pull_via(
                via, settings, source, chosen, since=since, full=full, clock=clock, progress=progress
            )
            found.update({outcome.dataset: outcome for outcome in outcomes})
    return [found[contract.name] for contract in wanted]


def _not_offered(settings: Settings, source: Source, contract: Dataset, now: datetime) -> PullOutcome:
    """A dataset that neither the configuration nor the source file lists."""
    access = settings.registries[source.registry]
    finished = finished_pulls(settings.data, contract.registry, contract.name)
    address = access.base_url or str(source.path)
    manifest = finish_not_offered(settings.data, contract, access, finished, now, address=address)
    return PullOutcome(contract.registry, contract.name, "not_offered", pull=manifest.pull)


async def _pull_via(
    via: Via,
    settings: Settings,
    source: Source,
    wanted: Sequence[Dataset],
    *,
    since: datetime | None,
    full: bool,
    clock: Callable[[], datetime],
    progress: Progress,
) -> list[PullOutcome]:
    match via:
        case "rest":
            return await pull_rest(settings, source, wanted, since=since, full=full, clock=clock, progress=progress)
        case "database":
            from connectors.databases.database import pull_database

            return await pull_database(
                settings, source.registry, source, wanted, since=since, full=full, clock=clock, progress=progress
            )
        case "files":
            from connectors.files.drop import pull_files

            return await pull_files(settings, source.registry, source, wanted, clock=clock, progress=progress)


def registry_settings(settings: Settings, registry: str) -> RegistrySettings:
    """The registry's section of the configuration. Raises where there is none."""
    access = next((found for name, found in settings.registries.items() if name == registry), None)
    if access is None:
        known = ", ".join(settings.registries) or "none yet"
        raise ConfigurationError(
            f"the registry {registry} is not configured",
            where=str(settings.path),
            remedy=f"add a section [registries.{registry}], or choose one of: {known}"
            if registry in REGISTRIES
            else f"choose one of: {known}",
        )
    return access
