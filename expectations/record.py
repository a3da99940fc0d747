"""What a run leaves for its report: figures and places, never a person's data."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import Any, Literal

from expectations.verdicts import Verdict

SourceStatus = Literal["landed", "not_offered", "failed", "kept"]


@dataclass(frozen=True)
class SourceFigures:
    """One dataset in this run. `kept`: nothing was pulled, earlier pulls stay in force.

    `new_or_changed` counts records that were not held before, where that is known; `drift` is the manifest's.
    """

    registry: str
    dataset: str
    status: SourceStatus
    kind: str | None = None
    rows_received: int = 0
    rows_landed: int = 0
    rows_quarantined: int = 0
    total_announced: int | None = None
    new_or_changed: int | None = None
    newest_record_at: datetime | None = None
    is_stale: bool = False
    seconds: float | None = None
    warnings: Sequence[str] = ()
    drift: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None

    @property
    def full_name(self) -> str:
        return f"{self.registry}.{self.dataset}"


@dataclass(frozen=True)
class AccuracyFigures:
    """Pairs of records about people against a known truth: those with a side in `dataset`, or all (None)."""

    dataset: str | None
    records: int
    linked_pairs: int
    true_pairs: int
    correct_pairs: int
    precision: float | None
    recall: float | None


@dataclass(frozen=True)
class LinkageFigures:
    """How mentions of people became persons. `dropped_identifiers`: reason → identifiers that cannot identify.

    `accuracy` is empty wherever the truth is not known, which is everywhere but with simulated registries.
    """

    records: int
    persons: int
    by_method: Mapping[str, int]
    dropped_identifiers: Mapping[str, int]
    contradictions: int
    merges: int
    splits: int
    new: int = 0
    accuracy: Sequence[AccuracyFigures] = ()


@dataclass(frozen=True)
class RuleFigures:
    """The flags of one rule against the last run. Money is whole dong, excused parts left out."""

    rule: str
    title_vi: str
    title_en: str
    flags: int = 0
    findings: int = 0
    new: int = 0
    worse: int = 0
    eased: int = 0
    cleared: int = 0
    standing: int = 0
    principal_vnd: int | None = None
    interest_vnd: int | None = None
    skipped_reason: str | None = None


@dataclass(frozen=True)
class RunRecord:
    """Everything the report of one run shows, its earlier runs and quarantine aside, which it reads itself.

    `reason` says in one English sentence why the run was published or not; `timings` are (step, seconds) in order;
    `stale` maps `registry.dataset` to the reason, or merely names the datasets.
    """

    run: str
    as_of: date
    started_at: datetime
    finished_at: datetime
    published: bool
    reason: str
    exit_code: int
    snapshot: str | None = None
    sources: Sequence[SourceFigures] = ()
    verdicts: Sequence[Verdict] = ()
    linkage: LinkageFigures | None = None
    flags: Sequence[RuleFigures] = ()
    timings: Sequence[tuple[str, float]] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    paths: Mapping[str, str] = field(default_factory=dict)
    stale: Mapping[str, str] | Sequence[str] = ()
    feedback: Sequence[str] = ()
    """Registries with a feedback file in `feedback/`."""

    def as_json(self) -> dict[str, Any]:
        """The record as JSON knows it: dates in ISO form, tuples as lists."""
        plain: dict[str, Any] = _plain(asdict(self))
        return plain


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    return value
