"""How the pull of one dataset ended."""

from dataclasses import dataclass
from typing import Literal

from common.errors import DoiChieuError, Exit
from connectors.drift import NO_DRIFT, Drift
from connectors.manifests import PullKind, PullManifest
from contracts.loader import Dataset


@dataclass(frozen=True)
class PullOutcome:
    """How the pull of one dataset ended. Counts are of this pull; `rows_landed` are the new or changed records."""

    registry: str
    dataset: str
    status: Literal["landed", "not_offered", "failed"]
    seconds: float = 0.0
    pull: str | None = None
    kind: PullKind | None = None
    pages: int = 0
    rows_received: int = 0
    rows_landed: int = 0
    rows_quarantined: int = 0
    rows_already_held: int = 0
    rows_withdrawn: int = 0
    total_announced: int | None = None
    drift: Drift = NO_DRIFT
    warnings: tuple[str, ...] = ()
    error: str | None = None
    exit_code: Exit = Exit.DONE


def landed(manifest: PullManifest) -> PullOutcome:
    return PullOutcome(
        registry=manifest.registry,
        dataset=manifest.dataset,
        status="landed",
        pull=manifest.pull,
        kind=manifest.kind,
        pages=manifest.pages,
        rows_received=manifest.rows_received,
        rows_landed=manifest.rows_landed,
        rows_quarantined=manifest.rows_quarantined,
        rows_already_held=manifest.rows_already_held,
        rows_withdrawn=manifest.rows_withdrawn,
        total_announced=manifest.total_announced,
        drift=manifest.drift,
        warnings=manifest.warnings,
    )


def failed(contract: Dataset, error: DoiChieuError) -> PullOutcome:
    return PullOutcome(contract.registry, contract.name, "failed", error=str(error), exit_code=error.exit_code)
