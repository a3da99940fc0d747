"""What the registries delivered: the manifests of finished pulls, read from the data folder as they stand."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from common.errors import DoiChieuError
from common.files import DataFolder, read_json
from contracts.loader import Dataset
from contracts.set_aside import REPLAYED, FinishedPull


@dataclass(frozen=True)
class Delivery:
    """One finished pull of one dataset. Rows are counts; `parts` are (file, rows, SHA-256)."""

    pull: str
    folder: Path
    kind: str
    is_offered: bool
    received: int
    landed: int
    quarantined: int
    already_held: int
    """Rows received again that are, field for field, the version in force: not landed a second time."""
    announced: int | None
    newest_record_at: datetime | None
    parts: tuple[tuple[Path, int, str], ...]
    quarantine: Path | None
    new_fields: tuple[str, ...]
    missing_fields: tuple[str, ...]
    changed_types: tuple[str, ...]
    warnings: tuple[str, ...]
    is_replay: bool = False
    """Records of earlier deliveries, taken up again; the registry was asked nothing."""

    @property
    def as_finished(self) -> FinishedPull:
        return FinishedPull(
            pull=self.pull,
            is_full=self.kind == "full",
            parts=tuple(path for path, rows, _ in self.parts if rows),
            set_aside=self.quarantine if self.quarantine is not None and self.quarantine.exists() else None,
            replayed=self.folder / REPLAYED if self.is_replay else None,
        )


def finished_deliveries(data: DataFolder, dataset: Dataset) -> list[Delivery]:
    """Finished pulls of a dataset, oldest first; a folder without a manifest is an unfinished pull.

    Raises `DoiChieuError` for a manifest that cannot be read.
    """
    manifests = sorted(data.pulls(dataset.registry, dataset.name).glob("*/manifest.json"))
    return [_read(path, data, dataset) for path in manifests]


def _read(path: Path, data: DataFolder, dataset: Dataset) -> Delivery:
    try:
        return _delivery(path.parent, read_json(path), data, dataset)
    except (json.JSONDecodeError, KeyError, OSError) as error:
        raise DoiChieuError(
            f"the manifest of a pull cannot be read: {type(error).__name__}",
            where=str(path),
            remedy="restore this file from a backup, or move its folder away and pull the dataset again with --full",
        ) from error


def newest_delivery(deliveries: Sequence[Delivery]) -> Delivery:
    """The last one the registry itself made."""
    return next((delivery for delivery in reversed(deliveries) if not delivery.is_replay), deliveries[-1])


def _delivery(folder: Path, manifest: Mapping[str, Any], data: DataFolder, dataset: Dataset) -> Delivery:
    drift = manifest["drift"]
    mark = manifest["high_water_mark"]
    quarantine = data.quarantine(dataset.registry, dataset.name) / f"{manifest['pull']}.parquet"
    return Delivery(
        pull=manifest["pull"],
        folder=folder,
        kind=manifest["kind"],
        is_offered=manifest["offered"],
        received=manifest["rows_received"],
        landed=manifest["rows_landed"],
        quarantined=manifest["rows_quarantined"],
        already_held=manifest.get("rows_already_held", 0),
        announced=manifest["total_announced"],
        newest_record_at=datetime.fromisoformat(mark) if mark else None,
        parts=tuple((folder / part["file"], part["rows"], part["sha256"]) for part in manifest["parts"]),
        quarantine=quarantine if manifest["quarantine"] else None,
        new_fields=tuple(drift["new_fields"]),
        missing_fields=tuple(drift["missing_fields"]),
        changed_types=tuple(f"{entry['field']}: {_type_change(entry)}" for entry in drift["changed_types"]),
        warnings=tuple(manifest["warnings"]),
        is_replay=bool(manifest.get("replay_of")),
    )


def _type_change(entry: Mapping[str, Any]) -> str:
    return f"{entry['found']} instead of {entry['expected']}"
