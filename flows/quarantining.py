"""Replays records set aside, as the only writer of the data folder, and writes feedback files on demand."""

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from common.errors import ConfigurationError
from common.files import DataFolder
from common.settings import Settings
from common.values import Progress
from connectors.replay import Replayed, replay_dataset
from contracts.loader import Dataset, dataset, load_contracts
from expectations.feedback import bad_records, write_feedback_file
from flows.watch import Watch, writing


def replay_quarantine(
    settings: Settings,
    target: str | None,
    *,
    pull: str | None,
    clock: Callable[[], datetime],
    progress: Progress,
) -> list[Replayed]:
    """Take up again what stands set aside of `target` (`tax`, `tax.payroll`; None: of everything).

    Raises `ConfigurationError` for a registry, dataset or pull that does not exist, `LockHeld` when another process
    writes.
    """
    chosen = datasets_of(target)
    if pull is not None:
        _refuse_unknown_pull(settings.data, chosen, pull)
    with writing(Watch(settings, clock, progress), "quarantine replay"):
        found = [replay_dataset(settings, contract, pull=pull, clock=clock, progress=progress) for contract in chosen]
    return [replayed for replayed in found if replayed is not None]


def feedback_file(settings: Settings, registry: str, out: Path) -> int:
    """Write a registry's records that stand set aside today to `out`; returns how many.

    Raises `ConfigurationError` for a registry nobody knows or a file that cannot be written there.
    """
    _refuse_unknown_registry(registry)
    if not out.parent.is_dir() or out.is_dir():
        raise ConfigurationError(
            "the file cannot be written there", where=str(out), remedy="name a file in an existing folder"
        )
    return write_feedback_file(bad_records(settings.data, registry), out)


def datasets_of(target: str | None) -> list[Dataset]:
    """`tax` → its datasets; `tax.payroll` → that one; None → all. Raises `ConfigurationError` for an unknown name."""
    if target is None:
        return [found for datasets in load_contracts().values() for found in datasets.values()]
    registry, _, name = target.partition(".")
    _refuse_unknown_registry(registry)
    return [dataset(registry, name)] if name else list(load_contracts()[registry].values())


def _refuse_unknown_registry(registry: str) -> None:
    known = load_contracts()
    if registry not in known:
        raise ConfigurationError(f"there is no registry {registry}", remedy=f"choose one of: {', '.join(known)}")


def _refuse_unknown_pull(data: DataFolder, chosen: Sequence[Dataset], pull: str) -> None:
    folders = [data.quarantine(contract.registry, contract.name) for contract in chosen]
    if not any((folder / f"{pull}.parquet").is_file() for folder in folders):
        raise ConfigurationError(
            f"no pull {pull} has set a record aside there", remedy="`doichieu quarantine ls --json` names the pulls"
        )
