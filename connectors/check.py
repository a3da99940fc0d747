"""Look at a registry without landing anything: is it there, does it let us in, does it still keep its contract."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from common.errors import SourceError
from common.settings import Settings
from connectors.drift import NO_DRIFT, Drift, RecordScanner, drift_of
from connectors.http import Refused, RegistryClient, Unreachable
from connectors.manifests import finished_pulls
from connectors.pull import registry_settings
from contracts.loader import Dataset, load_contracts

_SAMPLE = 100
_ATTEMPTS_MAX = 2


@dataclass(frozen=True)
class DatasetCheck:
    """One page of one dataset, as it is today, beside what was landed of it."""

    registry: str
    dataset: str
    status: Literal["answers", "not_offered", "failed"]
    rows_seen: int = 0
    total_announced: int | None = None
    drift: Drift = NO_DRIFT
    last_pull: str | None = None
    high_water_mark: datetime | None = None
    error: str | None = None
    """What is wrong, where, and how to mend it."""


async def check_registry(settings: Settings, registry: str, *, clock: Callable[[], datetime]) -> list[DatasetCheck]:
    """Ask every dataset of the registry for one page of at most 100 records; nothing is written.

    Faults that may pass are tried twice only. Raises `ConfigurationError` for a registry that is not configured.
    """
    access = registry_settings(settings, registry)
    attempts = min(_ATTEMPTS_MAX, access.attempts)
    listed = [
        contract
        for contract in load_contracts()[registry].values()
        if access.datasets is None or contract.name in access.datasets
    ]
    turns = asyncio.Semaphore(access.concurrency)
    async with RegistryClient(access, registry, clock=clock, attempts=attempts) as client:
        down: list[Unreachable] = []

        async def look(contract: Dataset) -> DatasetCheck:
            async with turns:
                return await _look(settings, contract, client, down)

        checks = await asyncio.gather(*(look(contract) for contract in listed))
    answers = any(check.status == "answers" for check in checks)
    return [_judged(check, answers) for check in checks]


async def _look(settings: Settings, contract: Dataset, client: RegistryClient, down: list[Unreachable]) -> DatasetCheck:
    finished = finished_pulls(settings.data, contract.registry, contract.name)
    known = DatasetCheck(
        registry=contract.registry,
        dataset=contract.name,
        status="failed",
        last_pull=finished[-1].pull if finished else None,
        high_water_mark=finished[-1].high_water_mark if finished else None,
    )
    try:
        if down:
            raise down[0]
        page = await client.fetch_page(contract.name, limit=_SAMPLE)
    except Refused as fault:
        is_absent = fault.status == 404 and not any(pull.offered for pull in finished)
        return replace(known, status="not_offered" if is_absent else "failed", error=str(fault))
    except SourceError as fault:
        down += [fault] if isinstance(fault, Unreachable) else []
        return replace(known, error=str(fault))
    seen = RecordScanner(contract).examine(page.rows)
    required = [field.name for field in contract.fields if field.is_required and seen.rows]
    missing = [name for name in required if f'"{name}"'.encode() not in page.rows]
    drift = drift_of(contract, [seen], rows=seen.rows, missing=missing)
    return replace(known, status="answers", rows_seen=seen.rows, total_announced=page.total, drift=drift)


def _judged(check: DatasetCheck, answers: bool) -> DatasetCheck:
    """A 404 while no neighbour answers says that the address is wrong, not that the dataset is not offered."""
    if check.status != "not_offered":
        return check
    return replace(check, error=None) if answers else replace(check, status="failed")
