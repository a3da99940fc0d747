"""A pull that is not finished yet: its query and walks on disk, its reconciliation, and its end in a manifest.

Everything a resumed pull needs is read back from the folder; killing the process at any moment loses at most the page
that was in flight.
"""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from common.errors import SourceError
from common.files import DataFolder, sync_folder, write_json
from common.settings import RegistrySettings
from common.values import VIETNAM, stamp, today_in_vietnam
from connectors.deletions import Withdrawn, withdraw, withdraw_superseded
from connectors.drift import Drift, RecordScanner, drift_of
from connectors.landing import Landed, Landing, count_versions, missing_fields
from connectors.manifests import (
    AskedFor,
    DeliveredFile,
    LandedFile,
    PullKind,
    PullManifest,
    next_start,
    unfinished_pulls,
)
from connectors.mapping import Mapping
from connectors.overlap import drop_already_held, drop_same
from connectors.quarantine import QuarantineFile
from connectors.source import OnDrift, Source
from connectors.walk import Walk
from contracts.loader import Dataset

_STAMP = "%Y%m%dT%H%M%S%fZ"


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """What a pull asks; an interrupted pull goes on only under the very same query."""

    source: str
    contract_version: str
    kind: PullKind
    asked: AskedFor
    mapping: str = ""


class _Begun(msgspec.Struct, frozen=True):
    query: Query
    started_at: datetime


@dataclass(frozen=True)
class PullPlan:
    """One dataset's next pull: what is asked, how it is mapped, and what is done about what does not fit."""

    contract: Dataset
    mapping: Mapping
    query: Query
    on_drift: OnDrift
    described_in: str
    """Where an engineer mends the mapping."""
    withdrawn_percent: float
    pages_may_shift: bool = False
    """Pages are counted, not remembered: a record that changes during the walk may push another out of it."""


def plan_pull(
    source: Source,
    contract: Dataset,
    access: RegistrySettings,
    finished: Sequence[PullManifest],
    *,
    address: str,
    since: datetime | None,
    full: bool,
    now: datetime,
    asks_for_changes: bool = True,
    only_adds: bool = False,
    pages_may_shift: bool = False,
) -> PullPlan:
    """The next pull of a dataset: from the manifests alone, unless `since` or `full` says otherwise.

    `asks_for_changes` is false for a source that cannot be asked what changed: then everything is fetched. `only_adds`
    is true for files, which never say what is missing. `address` is where the records come from, as the manifest names
    it.
    """
    mapping = Mapping(contract, source.datasets[contract.name], source.via_of(contract.name))
    start = since if since is not None else next_start(finished, overlap_minutes=access.overlap_minutes)
    if start is not None and start.tzinfo is None:
        start = start.replace(tzinfo=VIETNAM)
    is_due_in_full = since is None and _full_is_due(finished, access, now)
    if full or contract.is_fetched_whole or not asks_for_changes or is_due_in_full or only_adds:
        start = None
    query = Query(
        source=address,
        contract_version=contract.version,
        kind="full" if start is None and not only_adds else "incremental",
        asked=AskedFor(updated_since=start, limit=access.page_size),
        mapping=mapping.fingerprint,
    )
    return PullPlan(
        contract,
        mapping,
        query,
        source.drift_policy(contract.name),
        f"{source.path or 'registries.' + contract.registry}: datasets.{contract.name}",
        access.withdrawn_percent,
        pages_may_shift,
    )


def _full_is_due(finished: Sequence[PullManifest], access: RegistrySettings, now: datetime) -> bool:
    if access.full_every_days is None:
        return False
    last = next((pull for pull in reversed(finished) if pull.kind == "full" and pull.offered), None)
    return last is None or now - last.started_at >= timedelta(days=access.full_every_days)


@dataclass(frozen=True)
class Arrival:
    """What a walk brought, held against what the registry announced."""

    received: int
    versions: int
    """Different (key, `updated_at`): a row delivered twice counts once."""
    keys: int
    announced: tuple[int, ...]
    """The total on the first page and on the last; records may have come in between."""
    may_have_shifted: bool = False

    @property
    def agrees(self) -> bool:
        if self.may_have_shifted:
            # A record delivered twice moved during the walk, and another may have slipped through unseen.
            return self.keys == self.received and all(total == self.keys for total in self.announced)
        # A record that changed during the walk comes in both versions and is announced once.
        return not self.announced or any(
            total == self.received or self.keys <= total <= self.versions for total in self.announced
        )

    @property
    def has_moved(self) -> bool:
        """Records moved from page to page while they were walked over."""
        return self.may_have_shifted and (self.keys < self.received or len(self.announced) > 1)

    @property
    def is_short(self) -> bool:
        """Something may be missing: the walk is worth repeating."""
        return not self.agrees and (self.may_have_shifted or self.versions < max(self.announced))

    def __str__(self) -> str:
        if not self.announced:
            return f"records moved during the walk: {self.received} delivered, {self.keys} different keys"
        return f"announced {self.announced[-1]} records, delivered {self.received} ({self.versions} different)"


class Draft:
    """One unfinished pull in `folder`."""

    def __init__(
        self,
        data: DataFolder,
        plan: PullPlan,
        finished: Sequence[PullManifest],
        pull: str,
        started_at: datetime,
    ) -> None:
        self.plan, self.pull, self.started_at = plan, pull, started_at
        self.contract, self.query, self.mapping = plan.contract, plan.query, plan.mapping
        contract = plan.contract
        self._data, self._finished = data, finished
        self.folder = data.pull(contract.registry, contract.name, pull)
        self._quarantine = data.quarantine(contract.registry, contract.name)

    def walk(self, number: int) -> Walk:
        """The first walk, or the second that follows where the first came up short."""
        scanner = RecordScanner(self.mapping, sets_aside=self.plan.on_drift == "quarantine")
        return Walk(self.folder / "pages" / str(number), scanner)

    def landing(self, walk: Walk, *, after: Landing | None = None) -> Landing:
        """The conversion of a walk's pages, those it already has included; it runs while further pages arrive.

        It goes on from the parts of `after`; without one it begins anew.
        """
        if after is None:
            self._clear_parts()
        landing = Landing(
            walk,
            self.mapping,
            self.folder,
            started_at=self.started_at,
            today=today_in_vietnam(self.started_at),
            after=after,
        )
        for page in walk.pages:
            landing.offer(page)
        return landing

    def begin(self) -> None:
        """Write down the query, so that an interrupted pull is known again. Call before the first page is saved."""
        begun = _Begun(self.query, self.started_at)
        if not (self.folder / "query.json").exists():
            write_json(self.folder / "query.json", msgspec.to_builtins(begun))

    def arrival(self, walk: Walk) -> Arrival:
        may_shift = self.plan.pages_may_shift and len(walk.pages) > 1
        if not may_shift and (not walk.totals or walk.rows in walk.totals):
            return Arrival(walk.rows, walk.rows, walk.rows, tuple(walk.totals))
        versions, keys = count_versions([walk], self.mapping, self.folder, started_at=self.started_at)
        return Arrival(walk.rows, versions, keys, tuple(walk.totals), may_shift)

    def finish(
        self,
        walks: Sequence[Walk],
        *,
        clock: Callable[[], datetime],
        landing: Landing | None = None,
        files: Sequence[DeliveredFile] = (),
        warnings: Sequence[str] = (),
    ) -> PullManifest:
        """Land what arrived, set bad records aside, write the manifest, and let the pages go.

        One walk that brought all that was announced is landed; where none did, both are: what one missed the other may
        have seen. `landing` is the conversion already under way for the first walk; `files` are those the records came
        in. Raises `SourceError` where the delivery has left its mapping and the source file says that this fails.
        """
        chosen, arrival = self._choose(walks)
        if landing is not None and chosen[0] is not walks[0]:
            landing.abandon()
            landing = None
        set_aside = self._quarantine / f"{self.pull}.parquet"
        draft = set_aside.with_suffix(".draft")
        with QuarantineFile(draft, pull=self.pull) as quarantine:
            landed, twice = self._land(chosen, landing, quarantine)
        drift = self._drift(chosen, landed)
        self._refuse_drift(drift)
        quarantined = quarantine.landed(name=set_aside.name)
        landed, already_held = self._without_held(landed)
        withdrawn = self._withdrawn(arrival, landed, draft if quarantined else None)
        already_held += twice
        manifest = self._manifest(chosen, arrival, landed, withdrawn, quarantined, already_held, drift, files, clock())
        manifest = msgspec.structs.replace(manifest, warnings=(*manifest.warnings, *warnings))
        sync_folder(self.folder)
        if quarantined is not None:
            draft.replace(set_aside)
            sync_folder(self._quarantine)
        manifest.write(self.folder)
        _tidy(self.folder)
        return manifest

    def _choose(self, walks: Sequence[Walk]) -> tuple[Sequence[Walk], Arrival]:
        arrivals = [(self.arrival(walk), walk) for walk in walks]
        arrival, walk = max(reversed(arrivals), key=lambda pair: (pair[0].agrees, pair[0].versions))
        if arrival.agrees or len(walks) == 1:
            return [walk], arrival
        versions, _ = count_versions(walks, self.mapping, self.folder, started_at=self.started_at)
        return (walks if versions > arrival.versions else [walk]), arrival

    def _land(self, walks: Sequence[Walk], landing: Landing | None, quarantine: QuarantineFile) -> tuple[Landed, int]:
        """What was landed, and how many rows of a second walk the first had brought already."""
        landing = landing or self.landing(walks[0])
        landed, twice = landing.finish(quarantine), 0
        for walk in walks[1:]:
            again, known = drop_same(
                self.landing(walk, after=landing).finish(quarantine), self.contract, self.folder, landed
            )
            landed.join(again)
            twice += known
        return landed, twice

    def _drift(self, walks: Sequence[Walk], landed: Landed) -> Drift:
        missing = missing_fields(walks[0], self.mapping, landed)
        pages = [page for walk in walks for page in walk.pages]
        rows = sum(walk.rows for walk in walks)
        return drift_of(self.contract, (page.found for page in pages), rows=rows, missing=missing)

    def _refuse_drift(self, drift: Drift) -> None:
        if not drift or self.plan.on_drift != "fail":
            return
        _discard(self._data, self.contract, self.folder)
        raise SourceError(
            f"the delivery has left its mapping: {drift}",
            where=self.plan.described_in,
            remedy="map each field or name it in ignore; on_drift = quarantine or evolve lands the rest meanwhile",
        )

    def _without_held(self, landed: Landed) -> tuple[Landed, int]:
        since = self.query.asked.updated_since
        if since is None:
            return landed, 0
        return drop_already_held(landed, self.contract, self.folder, self._finished, self._data, since=since)

    def _withdrawn(self, arrival: Arrival, landed: Landed, set_aside: Path | None) -> Withdrawn:
        """What a full delivery or a newer statement no longer holds; nothing where the delivery itself is in doubt."""
        whole_by = self.mapping.source.whole_by
        if whole_by:
            return withdraw_superseded(
                landed,
                self.contract,
                self.folder,
                self._finished,
                self._data,
                set_aside=set_aside,
                whole_by=whole_by,
            )
        if self.query.kind != "full" or not self.contract.can_be_withdrawn:
            return Withdrawn()
        return withdraw(
            landed,
            self.contract,
            self.folder,
            self._finished,
            self._data,
            set_aside=set_aside,
            is_whole=arrival.agrees,
            percent_max=self.plan.withdrawn_percent,
        )

    def _manifest(
        self,
        walks: Sequence[Walk],
        arrival: Arrival,
        landed: Landed,
        withdrawn: Withdrawn,
        quarantined: LandedFile | None,
        already_held: int,
        drift: Drift,
        files: Sequence[DeliveredFile],
        finished_at: datetime,
    ) -> PullManifest:
        return PullManifest(
            pull=self.pull,
            registry=self.contract.registry,
            dataset=self.contract.name,
            contract_version=self.contract.version,
            kind=self.query.kind,
            source=self.query.source,
            query=self.query.asked,
            started_at=self.started_at,
            finished_at=finished_at,
            pages=sum(len(walk.pages) for walk in walks),
            rows_received=sum(walk.rows for walk in walks) - landed.rows_left_out,
            rows_landed=landed.rows_landed,
            rows_quarantined=landed.rows_quarantined,
            rows_already_held=already_held,
            rows_withdrawn=withdrawn.rows,
            total_announced=arrival.announced[-1] if arrival.announced else None,
            high_water_mark=self._high_water_mark(landed.newest, arrival),
            parts=(*landed.parts, *withdrawn.parts),
            quarantine=quarantined,
            drift=drift,
            warnings=(*self._warnings(arrival, landed), *withdrawn.warnings),
            mapping=self.query.mapping,
            files=tuple(files),
        )

    def _warnings(self, arrival: Arrival, landed: Landed) -> list[str]:
        name, said = self.contract.full_name, list[str]()
        if not arrival.agrees:
            said.append(f"{name}: {arrival}" + (", on a repeated walk too" if arrival.is_short else ""))
        if self.query.kind == "full" and arrival.received == 0:
            had_rows = any(pull.rows_landed for pull in self._finished)
            said.append(f"{name}: the registry delivers no record" + (", earlier pulls had some" if had_rows else ""))
        if landed.newest is not None and landed.newest > self.started_at + timedelta(days=1):
            said.append(f"{name}: some records carry an updated_at in the future; they are asked for again next time")
        return said

    def _high_water_mark(self, newest: datetime | None, arrival: Arrival) -> datetime | None:
        """Up to where the registry's changes are known to be landed. It never moves past the pull's own start."""
        previous = self._finished[-1].high_water_mark if self._finished else None
        if arrival.has_moved:
            # An old record may have slipped through: the next pull asks for the same again.
            return previous
        # A record dated in the future would otherwise keep every later change out of the next pulls.
        mark = None if newest is None else min(newest, self.started_at)
        since = self.query.asked.updated_since
        if since is None:
            if self.query.kind == "full" or previous is None or mark is None:
                return mark or previous
            return max(previous, mark)
        if previous is None or since > previous:
            # `--since` left out what lies before: the next pull has to start where this one was not asked to.
            return previous
        return max(previous, mark or previous)

    def _clear_parts(self) -> None:
        """What an interrupted conversion left behind; its pages are all still there."""
        for path in self.folder.glob("part-*"):
            path.unlink()
        self.folder.mkdir(parents=True, exist_ok=True)


def open_draft(data: DataFolder, plan: PullPlan, finished: Sequence[PullManifest], now: datetime) -> Draft:
    """The interrupted pull of the same query, or a new one; interrupted pulls of another query are removed."""
    contract, query = plan.contract, plan.query
    last = finished[-1].pull if finished else ""
    resumed: Draft | None = None
    for folder in reversed(unfinished_pulls(data, contract.registry, contract.name)):
        begun = _begun(folder)
        if resumed is None and begun is not None and begun.query == query and folder.name > last:
            resumed = Draft(data, plan, finished, folder.name, begun.started_at)
        else:
            _discard(data, contract, folder)
    if last:
        _tidy(data.pull(contract.registry, contract.name, last))
    return resumed or Draft(data, plan, finished, _name_after(last, now), now)


def finish_not_offered(
    data: DataFolder,
    contract: Dataset,
    access: RegistrySettings,
    finished: Sequence[PullManifest],
    now: datetime,
    *,
    address: str,
) -> PullManifest:
    """Record that the registry does not offer the dataset, once."""
    for folder in unfinished_pulls(data, contract.registry, contract.name):
        _discard(data, contract, folder)
    if finished and not finished[-1].offered:
        return finished[-1]
    manifest = PullManifest(
        pull=_name_after(finished[-1].pull if finished else "", now),
        registry=contract.registry,
        dataset=contract.name,
        contract_version=contract.version,
        kind="full",
        source=address,
        query=AskedFor(updated_since=None, limit=access.page_size),
        started_at=now,
        finished_at=now,
        high_water_mark=finished[-1].high_water_mark if finished else None,
        offered=False,
    )
    manifest.write(data.pull(contract.registry, contract.name, manifest.pull))
    return manifest


def _name_after(last: str, now: datetime) -> str:
    """Pulls sort by name; one microsecond after the last where the clock stands still or was set back."""
    name = stamp(now)
    if name > last:
        return name
    return stamp(datetime.strptime(last, _STAMP).replace(tzinfo=UTC) + timedelta(microseconds=1))


def _begun(folder: Path) -> _Begun | None:
    try:
        return msgspec.json.decode((folder / "query.json").read_bytes(), type=_Begun)
    except (FileNotFoundError, msgspec.DecodeError):
        return None


def _discard(data: DataFolder, contract: Dataset, folder: Path) -> None:
    quarantine = data.quarantine(contract.registry, contract.name)
    for suffix in (".parquet", ".draft"):
        (quarantine / f"{folder.name}{suffix}").unlink(missing_ok=True)
    shutil.rmtree(folder)


def _tidy(folder: Path) -> None:
    """Remove what only an unfinished pull needs."""
    shutil.rmtree(folder / "pages", ignore_errors=True)
    shutil.rmtree(folder / "spill", ignore_errors=True)
    (folder / "query.json").unlink(missing_ok=True)
