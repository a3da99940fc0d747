"""What has changed since the last pull: in what the source delivers, in its source file, and in the contract."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from common.settings import Settings
from connectors.landing import connection_in, sql_text
from connectors.manifests import PullManifest, finished_pulls
from connectors.mapping import Mapping as FieldMapping
from connectors.onboarding.check import DatasetCheck, check_registry
from connectors.source import Source, source_of
from contracts.loader import Dataset, dataset

ChangeKind = Literal[
    "new_field",
    "vanished_field",
    "emptied_field",
    "changed_type",
    "new_code",
    "set_aside",
    "mapping",
    "contract",
    "source",
]
_OFTEN = 0.5
"""A field that more than this share of the landed records fill, and none of the sample, has emptied."""
_ENOUGH_ROWS = 20


@dataclass(frozen=True)
class Change:
    """One difference; `field` is the source's own name, or the contract's where the source file is not asked."""

    kind: ChangeKind
    said: str
    field: str | None = None
    is_new: bool = True
    """False: the last pull's manifest knew it already."""


@dataclass(frozen=True)
class DatasetDiff:
    """One dataset now, against its last finished pull; `check` is the look that was taken."""

    check: DatasetCheck
    pulled_at: datetime | None
    changes: tuple[Change, ...] = field(default_factory=tuple)


async def diff_registry(
    settings: Settings, registry: str, *, clock: Callable[[], datetime], datasets: Sequence[str] | None = None
) -> list[DatasetDiff]:
    """What every dataset would bring now, against what its last pull knew; nothing is landed.

    A dataset that cannot be read has its error in `check`. Raises `ConfigurationError` as `check_registry` does.
    """
    source = source_of(settings, registry)
    checks = await check_registry(settings, registry, clock=clock, datasets=datasets, with_changes=True)
    return [_diff(settings, source, check) for check in checks]


def _diff(settings: Settings, source: Source, check: DatasetCheck) -> DatasetDiff:
    contract = dataset(check.registry, check.dataset)
    last = _last_offered(settings, contract)
    changes = _of_the_description(source, contract, last) if last is not None else []
    if check.status == "answers":
        shares = _landed_shares(settings, contract, last) if last is not None else {}
        reads = _reads(source, contract)
        changes += _of_the_delivery(check, last)
        changes += _vanished(check, last, shares, reads)
        changes += _emptied(check, shares, reads)
    return DatasetDiff(check, last.finished_at if last else None, tuple(changes))


def _last_offered(settings: Settings, contract: Dataset) -> PullManifest | None:
    finished = finished_pulls(settings.data, contract.registry, contract.name)
    return next((pull for pull in reversed(finished) if pull.offered and not pull.replay_of), None)


def _of_the_description(source: Source, contract: Dataset, last: PullManifest) -> list[Change]:
    """What we ourselves have changed: contract version and mapping."""
    changes = []
    if last.contract_version != contract.version:
        changes.append(Change("contract", f"the contract was {last.contract_version} and is {contract.version}"))
    if contract.name not in source.datasets:
        return [*changes, Change("source", "the source file no longer has this dataset")]
    mapping = FieldMapping(contract, source.datasets[contract.name], source.via_of(contract.name))
    if last.mapping != mapping.fingerprint:
        said = "the mapping was changed: records landed before keep the old one until `doichieu pull --full`"
        changes.append(Change("mapping", said))
    return changes


def _of_the_delivery(check: DatasetCheck, last: PullManifest | None) -> list[Change]:
    """What the source has changed, as far as the sample shows."""
    drift, before = check.look.drift, last.drift if last else None
    known = set(before.new_fields) | set(before.missing_fields) if before else set()
    types = {each.field for each in before.changed_types} if before else set()
    changes = [Change("new_field", "neither mapped nor ignored", name, name not in known) for name in drift.new_fields]
    changes += [
        Change("vanished_field", "a required field is made of it", name, name not in known)
        for name in drift.missing_fields
    ]
    changes += [
        Change("changed_type", f"arrives as {each.found}, not {each.expected}", each.field, each.field not in types)
        for each in drift.changed_types
    ]
    for name, codes in check.look.odd_codes.items():
        changes.append(Change("new_code", f"codes that lead nowhere: {', '.join(codes)}", name))
    for reason, rows in check.look.reasons.items():
        name, _, said = reason.partition(": ")
        if name not in check.look.odd_codes and name not in drift.new_fields:
            changes.append(Change("set_aside", f"{said}, in {rows} of {check.look.rows} records", name))
    return changes


def _vanished(
    check: DatasetCheck, last: PullManifest | None, shares: Mapping[str, float], reads: Mapping[str, Sequence[str]]
) -> list[Change]:
    """Optional fields no record carries. JSON may leave out what is empty: known already if nothing was landed of them."""
    return [
        Change(
            "vanished_field",
            "mapped, and in no record",
            name,
            last is None or any(shares.get(field) for field, names in reads.items() if name in names),
        )
        for name in check.look.undelivered
    ]


def _emptied(check: DatasetCheck, shares: Mapping[str, float], reads: Mapping[str, Sequence[str]]) -> list[Change]:
    """Fields most landed records fill and the sample does not: what a source no longer fills is no drift by itself."""
    if check.look.rows - check.look.left_out < _ENOUGH_ROWS:
        return []
    gone = {*check.look.undelivered, *check.look.drift.missing_fields}
    refused = {reason.partition(": ")[0] for reason in check.look.reasons}
    return [
        Change("emptied_field", f"filled in {share:.0%} of the records landed last, in none of the sample", name)
        for name, share in shares.items()
        if share > _OFTEN
        and not check.look.filled.get(name)
        and name not in refused
        and not gone.intersection(reads.get(name, ()))
    ]


def _reads(source: Source, contract: Dataset) -> dict[str, tuple[str, ...]]:
    """Contract field → the source's fields it is made of."""
    described = source.datasets.get(contract.name)
    if described is None:
        return {}
    variants = FieldMapping(contract, described, source.via_of(contract.name)).variants.values()
    return {name: fields[name].reads for fields in variants for name in fields}


def _landed_shares(settings: Settings, contract: Dataset, last: PullManifest) -> dict[str, float]:
    """Contract field → share of the last pull's landed records that fill it."""
    folder = settings.data.pull(contract.registry, contract.name, last.pull)
    files = ", ".join(sql_text(folder / part.file) for part in last.parts)
    if not files or not last.rows_landed:
        return {}
    counts = ", ".join(f'count("{name}")' for name in contract.names)
    with connection_in(folder) as connection:
        found = connection.execute(f"select count(*), {counts} from read_parquet([{files}])").fetchone()
    assert found is not None
    return {name: count / found[0] for name, count in zip(contract.names, found[1:], strict=True)}
