"""Exactly what a build reads, by name: so that any past list can be rebuilt."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from importlib.resources import files
from typing import Any

from common.errors import ConfigurationError
from common.files import DataFolder, read_json
from contracts.loader import all_datasets


@dataclass(frozen=True)
class BuildInputs:
    """The names of everything a build may read. `pulls`, `stale` and `failed_checks` are keyed by `registry.dataset`."""

    as_of: date
    pulls: Mapping[str, tuple[str, ...]]
    stale: Mapping[str, str]
    """Sources that could not be read this time, and why; their last landed data stay in force."""
    judgements: tuple[str, ...]
    identity_version: str | None
    previous_snapshot: str | None
    law_version: str
    failed_checks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Checks a delivery failed without blocking (too old, fewer rows than announced …); findings say so."""

    def to_json(self) -> dict[str, Any]:
        return {
            "as_of": self.as_of.isoformat(),
            "pulls": {name: list(pulls) for name, pulls in self.pulls.items()},
            "stale": dict(self.stale),
            "judgements": list(self.judgements),
            "identity_version": self.identity_version,
            "previous_snapshot": self.previous_snapshot,
            "law_version": self.law_version,
            "failed_checks": {name: list(checks) for name, checks in self.failed_checks.items()},
        }


def inputs_from_json(found: Mapping[str, Any]) -> BuildInputs:
    return BuildInputs(
        as_of=date.fromisoformat(found["as_of"]),
        pulls={name: tuple(pulls) for name, pulls in found["pulls"].items()},
        stale=found["stale"],
        judgements=tuple(found["judgements"]),
        identity_version=found["identity_version"],
        previous_snapshot=found["previous_snapshot"],
        law_version=found["law_version"],
        failed_checks={name: tuple(checks) for name, checks in found["failed_checks"].items()},
    )


def current_inputs(data: DataFolder, *, as_of: date, stale: Mapping[str, str]) -> BuildInputs:
    """Everything landed so far, the identities of the live snapshot, and that snapshot to compare with."""
    previous = current_snapshot(data)
    manifest = read_json(data.snapshot(previous) / "manifest.json") if previous else {}
    return BuildInputs(
        as_of=as_of,
        pulls={found.full_name: _finished(data, found.registry, found.name) for found in all_datasets()},
        stale=dict(stale),
        judgements=tuple(sorted(path.name for path in data.judgements.glob("*.parquet"))),
        identity_version=manifest.get("identity_version_written"),
        previous_snapshot=previous,
        law_version=law_version(),
    )


def snapshot_inputs(data: DataFolder, snapshot: str) -> BuildInputs:
    """What `snapshot` was built from, to build it again.

    Raises `ConfigurationError` when there is no such snapshot, or when the law has been edited since:
    the same list needs the same law.
    """
    path = data.snapshot(snapshot) / "manifest.json"
    if not path.exists():
        known = ", ".join(sorted(found.parent.name for found in data.published.glob("2*/manifest.json"))[-5:])
        raise ConfigurationError(
            f"there is no snapshot {snapshot}",
            where=str(data.published),
            remedy=f"choose one of: {known or 'none yet'}",
        )
    inputs = inputs_from_json(read_json(path))
    if inputs.law_version != law_version():
        raise ConfigurationError(
            f"snapshot {snapshot} was built under law version {inputs.law_version}, this is {law_version()}",
            where="law/",
            remedy="rebuild with the version of this software that is named in the snapshot's manifest",
        )
    return inputs


def current_snapshot(data: DataFolder) -> str | None:
    """The live snapshot's name, or None before the first publication."""
    return data.current.readlink().name if data.current.is_symlink() else None


def law_version() -> str:
    """A fingerprint of every dated legal value."""
    digest = hashlib.sha256()
    for resource in sorted(files("law").iterdir(), key=lambda found: found.name):
        if resource.name.endswith(".toml"):
            digest.update(resource.read_bytes())
    return digest.hexdigest()[:12]


def _finished(data: DataFolder, registry: str, dataset: str) -> tuple[str, ...]:
    return tuple(sorted(path.parent.name for path in data.pulls(registry, dataset).glob("*/manifest.json")))
