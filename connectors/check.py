"""Look at a registry without landing anything: is it there, does it let us in, does it still keep its contract."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from common.errors import DoiChieuError
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
    last = finished[-1] if finished else None
    page = None
    error: str | None = None
    status: Literal["answers", "not_offered", "failed"] = "answers"
    drift, rows = NO_DRIFT, 0
    try:
        if down:
            raise down[0]
        page = await client.fetch_page(contract.name, limit=_SAMPLE)
        seen = RecordScanner(contract).examine(page.rows)
        unseen = (field.name for field in contract.fields if field.is_required)
        missing = [name for name in unseen if seen.rows and f'"{name}"'.encode() not in page.rows]
        drift, rows = drift_of(contract, [seen], rows=seen.rows, missing=missing), seen.rows
    except DoiChieuError as fault:
        was_landed = any(pull.offered for pull in finished)
        is_absent = isinstance(fault, Refused) and fault.status == 404 and not was_landed
        status, error = ("not_offered" if is_absent else "failed"), str(fault)
        down += [fault] if isinstance(fault, Unreachable) else []
    return DatasetCheck(
        registry=contract.registry,
        dataset=contract.name,
        status=status,
        rows_seen=rows,
        total_announced=page.total if page else None,
        drift=drift,
        last_pull=last.pull if last else None,
        high_water_mark=last.high_water_mark if last else None,
        error=error,
    )


def _judged(check: DatasetCheck, answers: bool) -> DatasetCheck:
    """A 404 while no neighbour answers says that the address is wrong, not that the dataset is not offered."""
    if check.status != "not_offered":
        return check
    return replace(check, error=None) if answers else replace(check, status="failed")
