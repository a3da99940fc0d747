"""Look at a registry without landing anything: is it there, does it let us in, what would a pull make of its records."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from common.errors import SourceError
from common.settings import RegistrySettings, Settings
from connectors.manifests import PullManifest, finished_pulls, next_start
from connectors.mapping import Mapping as FieldMapping
from connectors.onboarding.sample import NOTHING_SEEN, Look, look_at
from connectors.pull import registry_settings
from connectors.rest.http import Refused, RegistryClient, Unreachable
from connectors.rest.reading import reading_of
from connectors.source import OnDrift, Rest, Source, Via, access_of, source_of
from contracts.loader import Dataset, dataset, load_contracts

if TYPE_CHECKING:
    import pyarrow as pa

_SAMPLE = 100
_ATTEMPTS_MAX = 2


@dataclass(frozen=True)
class DatasetCheck:
    """A few records of one dataset as they are today, beside what was landed of it."""

    registry: str
    dataset: str
    status: Literal["answers", "empty", "not_offered", "failed"]
    """`empty`: it can be read, and there is nothing to be read."""
    via: Via = "rest"
    on_drift: OnDrift = "fail"
    look: Look = NOTHING_SEEN
    """What a pull would make of them; unmasked."""
    total_announced: int | None = None
    notes: tuple[str, ...] = ()
    """How pages follow each other, which files wait."""
    last_pull: str | None = None
    high_water_mark: datetime | None = None
    error: str | None = None
    """What is wrong, where, and how to mend it."""

    @property
    def rows_seen(self) -> int:
        return self.look.rows

    @property
    def drift(self) -> str:
        """What has left the mapping, in words; empty for nothing."""
        said = [str(self.look.drift)] if self.look.drift else []
        said += [f"nobody delivers {name}" for name in self.look.undelivered]
        return "; ".join(said)

    @property
    def is_refused(self) -> bool:
        """A pull would not land the dataset, for its drift."""
        return bool(self.look.drift) and self.on_drift == "fail"


async def check_registry(
    settings: Settings,
    registry: str,
    *,
    clock: Callable[[], datetime],
    datasets: Sequence[str] | None = None,
    shown: int = 0,
    with_changes: bool = False,
) -> list[DatasetCheck]:
    """A few records of every dataset (or of `datasets`), taken through mapping and contract; nothing is landed.

    At most 100 records (or `shown`, if that is more) of a dataset are asked for; the first `shown` come back.
    `with_changes` asks REST sources for a page of what changed since the last pull, too: what is new stands there. Faults
    that may pass are tried twice only. Raises `ConfigurationError` for a registry or dataset nobody knows, a source file that is
    wrong, or a secret that is not there.
    """
    access = registry_settings(settings, registry)
    source = source_of(settings, registry)
    contracts = [dataset(registry, name) for name in datasets or load_contracts()[registry]]
    listed = [each for each in contracts if access.datasets is None or each.name in access.datasets]
    check = _Check(settings, source, clock(), shown, with_changes)
    looks = {"rest": check.rest, "files": check.files, "database": check.database}
    undescribed = "the source file does not describe it"
    found = {each.name: replace(check.known(each), status="not_offered", notes=(undescribed,)) for each in listed}
    for via, look in looks.items():
        chosen = [each for each in listed if each.name in source.datasets and source.via_of(each.name) == via]
        if chosen:
            found |= {each.dataset: each for each in await look(chosen, clock)}
    return [found[each.name] for each in listed]


class _Check:
    """One call of `check_registry`: what its datasets share."""

    def __init__(self, settings: Settings, source: Source, now: datetime, shown: int, with_changes: bool) -> None:
        self._settings, self._source, self._now = settings, source, now
        self._shown, self._with_changes = shown, with_changes

    def known(self, contract: Dataset) -> DatasetCheck:
        finished = self._finished(contract)
        described = contract.name in self._source.datasets
        return DatasetCheck(
            contract.registry,
            contract.name,
            "failed",
            via=self._source.via_of(contract.name) if described else "rest",
            on_drift=self._source.drift_policy(contract.name) if described else "fail",
            last_pull=finished[-1].pull if finished else None,
            high_water_mark=finished[-1].high_water_mark if finished else None,
        )

    def _judged(
        self, contract: Dataset, rows: "bytes | pa.Table", *, total: int | None = None, notes: Sequence[str] = ()
    ) -> DatasetCheck:
        known = self.known(contract)
        mapping = FieldMapping(contract, self._source.datasets[contract.name], known.via)
        look = look_at(rows, mapping, on_drift=known.on_drift, now=self._now, shown=self._shown)
        return replace(known, status="answers", look=look, total_announced=total, notes=tuple(notes))

    async def rest(self, contracts: Sequence[Dataset], clock: Callable[[], datetime]) -> list[DatasetCheck]:
        rest = None if self._source.is_default_profile else self._source.rest
        configured = registry_settings(self._settings, self._source.registry)
        access = access_of(configured, rest or Rest())
        async with RegistryClient(
            configured, self._source.registry, clock=clock, attempts=min(_ATTEMPTS_MAX, access.attempts), rest=rest
        ) as client:
            turns, down = asyncio.Semaphore(access.concurrency), list[Unreachable]()

            async def look(contract: Dataset) -> DatasetCheck:
                async with turns:
                    return await self._page(contract, client, access, down)

            checks = await asyncio.gather(*(look(contract) for contract in contracts))
            answers = any(check.status == "answers" for check in checks)
            if not answers and any(check.status == "not_offered" for check in checks):
                answers = await self._another_answers(client, contracts)
        return [_explained(check, answers) for check in checks]

    async def _page(
        self, contract: Dataset, client: RegistryClient, access: RegistrySettings, down: list[Unreachable]
    ) -> DatasetCheck:
        described, known = self._source.datasets[contract.name], self.known(contract)
        try:
            if down:
                raise down[0]
            page = await client.fetch_page(contract.name, limit=max(_SAMPLE, self._shown), of=described)
            rows = _joined(page.rows, await self._changed(contract, client, access))
        except Refused as fault:
            is_absent = fault.status == 404 and not any(pull.offered for pull in self._finished(contract))
            return replace(known, status="not_offered" if is_absent else "failed", error=str(fault))
        except SourceError as fault:
            down += [fault] if isinstance(fault, Unreachable) else []
            return replace(known, error=str(fault))
        paging = reading_of(self._source.rest, access.base_url or "", contract.name, described).paging
        following = "further pages follow" if page.next_cursor is not None else "this is the last page"
        said = f"paging {paging.kind}: {following}"
        return await asyncio.to_thread(self._judged, contract, rows, total=page.total, notes=[said])

    async def _changed(self, contract: Dataset, client: RegistryClient, access: RegistrySettings) -> bytes:
        """A page of what changed since the last pull, where the source can be asked for that."""
        since = next_start(self._finished(contract), overlap_minutes=access.overlap_minutes)
        described = self._source.datasets[contract.name]
        asking = reading_of(self._source.rest, access.base_url or "", contract.name, described).incremental
        if not self._with_changes or since is None or asking.param is None:
            return b"[]"
        page = await client.fetch_page(contract.name, limit=_SAMPLE, updated_since=since, of=described)
        return page.rows

    async def _another_answers(self, client: RegistryClient, asked: Sequence[Dataset]) -> bool:
        """Asked alone, a dataset has no neighbour to show that the registry itself is well."""
        for name, described in self._source.datasets.items():
            if name in [contract.name for contract in asked] or self._source.via_of(name) != "rest":
                continue
            with contextlib.suppress(SourceError):
                await client.fetch_page(name, limit=1, of=described)
                return True
        return False

    async def database(self, contracts: Sequence[Dataset], clock: Callable[[], datetime]) -> list[DatasetCheck]:
        from connectors.databases.database import check_database

        samples = await check_database(self._settings, self._source.registry, self._source, contracts)
        checks = []
        for contract, sample in zip(contracts, samples, strict=True):
            if sample.rows is None:
                checks.append(replace(self.known(contract), error=sample.error))
                continue
            said = [] if sample.estimated_rows is None else [f"about {sample.estimated_rows} rows"]
            checks.append(await asyncio.to_thread(self._judged, contract, sample.rows, notes=said))
        return checks

    async def files(self, contracts: Sequence[Dataset], clock: Callable[[], datetime]) -> list[DatasetCheck]:
        from connectors.files.drop_check import check_files

        try:
            seen = await asyncio.to_thread(
                check_files, self._settings, self._source.registry, self._source, now=self._now
            )
        except SourceError as fault:
            return [replace(self.known(contract), error=str(fault)) for contract in contracts]
        common = _left_alone(seen.left_alone, seen.unfinished, seen.claimed_by_others)
        problem = "\n".join(seen.problems) or None
        checks = []
        for contract in contracts:
            notes = [f"{seen.waiting[contract.name]} files wait in {seen.address}", *common]
            sample = seen.samples.get(contract.name)
            if sample is None:
                status: Literal["failed", "empty"] = "failed" if problem else "empty"
                checks.append(replace(self.known(contract), status=status, notes=tuple(notes), error=problem))
                continue
            found = await asyncio.to_thread(self._judged, contract, sample, notes=notes)
            checks.append(replace(found, status="failed" if problem else "answers", error=problem))
        return checks

    def _finished(self, contract: Dataset) -> list[PullManifest]:
        return finished_pulls(self._settings.data, contract.registry, contract.name)


def _joined(first: bytes, second: bytes) -> bytes:
    """Two JSON arrays as one, their records untouched."""
    inner = [array.strip()[1:-1].strip() for array in (first, second)]
    return b"[" + b",".join(filter(None, inner)) + b"]"


def _left_alone(why: Mapping[str, int], unfinished: int, others: Mapping[str, int]) -> list[str]:
    said = [f"{files} left alone: {reason}" for reason, files in sorted(why.items())]
    said += [f"{unfinished} claimed by an earlier run, to be finished by the next"] if unfinished else []
    return said + [f"{files} claimed by {owner}" for owner, files in sorted(others.items())]


def _explained(check: DatasetCheck, answers: bool) -> DatasetCheck:
    """A 404 while no neighbour answers says that the address is wrong, not that the dataset is not offered."""
    if check.status != "not_offered":
        return check
    return replace(check, error=None) if answers else replace(check, status="failed")
