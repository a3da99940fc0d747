"""The manifest of a pull: written last, so a pull folder without one is unfinished.

The next pull's start is read from manifests alone; there is no other state.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

import msgspec

from common.errors import DoiChieuError
from common.files import DataFolder, write_json
from connectors.drift import NO_DRIFT, Drift

MANIFEST = "manifest.json"
PullKind = Literal["full", "incremental"]


class AskedFor(msgspec.Struct, frozen=True):
    """The query of a pull, as the registry was asked."""

    updated_since: datetime | None
    limit: int


class LandedFile(msgspec.Struct, frozen=True):
    """One Parquet file of a pull; `file` is its name in the pull's folder (parts) or the quarantine's (set aside)."""

    file: str
    rows: int
    sha256: str


class DeliveredFile(msgspec.Struct, frozen=True):
    """A file some of a pull's records came in. `sha256` is of the file as the agency left it."""

    name: str
    sha256: str
    rows: int


class PullManifest(msgspec.Struct, frozen=True, kw_only=True):
    """What one finished pull asked, received, landed and set aside.

    `rows_received` = `rows_landed` + `rows_quarantined` + `rows_already_held`.
    """

    pull: str
    registry: str
    dataset: str
    contract_version: str
    kind: PullKind
    source: str
    query: AskedFor
    started_at: datetime
    finished_at: datetime
    pages: int = 0
    rows_received: int = 0
    rows_landed: int = 0
    rows_quarantined: int = 0
    rows_already_held: int = 0
    """Rows of the overlap that are, field for field, the version already in force: not landed a second time."""
    rows_withdrawn: int = 0
    """Tombstones written for records that a full delivery no longer holds; they lie in a part of their own."""
    total_announced: int | None = None
    high_water_mark: datetime | None = None
    parts: tuple[LandedFile, ...] = ()
    quarantine: LandedFile | None = None
    drift: Drift = NO_DRIFT
    warnings: tuple[str, ...] = ()
    offered: bool = True
    mapping: str = ""
    """Fingerprint of the dataset's part of the source file; empty for the default wire profile."""
    files: tuple[DeliveredFile, ...] = ()
    replay_of: tuple[str, ...] = ()
    """Pulls whose set-aside records this one took up again; nothing was asked of the registry."""

    def write(self, folder: Path) -> None:
        """Finish the pull: from this moment its parts are in force."""
        write_json(folder / MANIFEST, msgspec.to_builtins(self))


def finished_pulls(data: DataFolder, registry: str, dataset: str) -> list[PullManifest]:
    """The pulls in force for a dataset, oldest first.

    Raises `DoiChieuError` for a manifest that cannot be read: guessing would lose or double records.
    """
    folder = data.pulls(registry, dataset)
    found = sorted(folder.glob(f"*/{MANIFEST}")) if folder.is_dir() else []
    return [read_manifest(path) for path in found]


def read_manifest(path: Path) -> PullManifest:
    try:
        return msgspec.json.decode(path.read_bytes(), type=PullManifest)
    except (msgspec.DecodeError, OSError) as error:
        raise DoiChieuError(
            "the manifest of a pull cannot be read",
            where=str(path),
            remedy="restore this file from a backup, or move its folder away and pull the dataset again with --full",
        ) from error


def unfinished_pulls(data: DataFolder, registry: str, dataset: str) -> list[Path]:
    """Folders of pulls that were interrupted, oldest first."""
    folder = data.pulls(registry, dataset)
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.is_dir() and not (path / MANIFEST).exists())


def next_start(finished: Sequence[PullManifest], *, overlap_minutes: int) -> datetime | None:
    """`updated_since` of the next pull: the last high-water mark less the overlap; None asks for everything."""
    mark = finished[-1].high_water_mark if finished else None
    return None if mark is None else mark - timedelta(minutes=overlap_minutes)
