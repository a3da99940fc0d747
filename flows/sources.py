"""Which sources a run must call stale: those it could not read, or an earlier run could not and nobody has since."""

from collections.abc import Mapping, Sequence
from datetime import date

from common.files import DataFolder, read_json
from connectors.pull import PullOutcome
from expectations.verdicts import Verdict

WEAKENING = frozenset({"freshness", "total_mismatch", "volume"})
"""Failed checks that say a delivery may be old or incomplete; a finding that rests on it says so."""


def stale_after(outcomes: Sequence[PullOutcome], today: date) -> dict[str, str]:
    """`registry.dataset` → why its last landed data are all there is."""
    return {
        f"{found.registry}.{found.dataset}": f"could not be read on {today.isoformat()}: {found.error}"
        for found in outcomes
        if found.status == "failed"
    }


def still_stale(data: DataFolder) -> dict[str, str]:
    """What the live snapshot calls stale and no pull has mended since: the doubt of a run that pulls nothing itself."""
    path = data.current / "manifest.json"
    if not path.exists():
        return {}
    manifest = read_json(path)
    known: Mapping[str, Sequence[str]] = manifest["pulls"]
    stale: Mapping[str, str] = manifest["stale"]
    return {
        name: reason
        for name, reason in stale.items()
        if _newest_delivery(data, name) <= max(known.get(name, ()), default="")
    }


def doubtful_deliveries(verdicts: Sequence[Verdict]) -> dict[str, tuple[str, ...]]:
    """`registry.dataset` → checks its delivery failed that make every finding resting on it less certain."""
    found: dict[str, list[str]] = {}
    for verdict in verdicts:
        if not verdict.passed and verdict.check in WEAKENING:
            found.setdefault(verdict.suite, []).append(verdict.check)
    return {name: tuple(sorted(checks)) for name, checks in sorted(found.items())}


def _newest_delivery(data: DataFolder, name: str) -> str:
    """The last pull that asked the registry; a replay of earlier ones mends no stale source."""
    registry, _, dataset = name.partition(".")
    manifests = sorted(data.pulls(registry, dataset).glob("*/manifest.json"), reverse=True)
    return next((path.parent.name for path in manifests if not read_json(path).get("replay_of")), "")
