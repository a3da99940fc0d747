"""Opens a published snapshot for reading. What is open stays the same snapshot, whatever is published meanwhile."""

import contextlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from common.databases import attach_sql
from common.errors import ConfigurationError, DoiChieuError
from common.files import DataFolder, read_json
from common.settings import Settings


@dataclass(frozen=True)
class Snapshot:
    """One published snapshot: its folder and what its manifest says."""

    name: str
    folder: Path
    manifest: Mapping[str, Any]

    @property
    def as_of(self) -> date:
        return date.fromisoformat(self.manifest["as_of"])

    @property
    def warehouse(self) -> Path:
        return self.folder / "warehouse.duckdb"

    @property
    def identity(self) -> Path:
        return self.folder / "identity.duckdb"


@dataclass(frozen=True)
class Reading:
    """A snapshot with a connection on its keys-only tables; `query.identity` may add the names."""

    snapshot: Snapshot
    connection: duckdb.DuckDBPyConnection
    settings: Settings

    @property
    def data(self) -> DataFolder:
        return self.settings.data


def find_snapshot(data: DataFolder, name: str | None = None) -> Snapshot:
    """The named snapshot, or the live one.

    Raises `ConfigurationError` where nothing is published yet or the name is unknown,
    `DoiChieuError` where the folder has no manifest.
    """
    if name is not None and not re.fullmatch(r"\w[\w.-]*", name):
        raise ConfigurationError(f"{name!r} is not a snapshot's name", remedy=_known_snapshots(data))
    link = data.current if name is None else data.snapshot(name)
    if not link.is_dir():
        if name is None:
            raise ConfigurationError(
                "nothing is published yet", where=str(data.published), remedy="run `doichieu run` first"
            )
        raise ConfigurationError(
            f"there is no snapshot {name}", where=str(data.published), remedy=_known_snapshots(data)
        )
    folder = link.resolve()
    manifest = folder / "manifest.json"
    if not manifest.is_file():
        raise DoiChieuError(
            "the snapshot has no manifest, so nothing vouches for it",
            where=str(folder),
            remedy="run `doichieu rollback` to return to the snapshot before it, or `doichieu run` to publish anew",
        )
    return Snapshot(folder.name, folder, read_json(manifest))


def snapshot_names(data: DataFolder) -> list[str]:
    """Every published snapshot, oldest first."""
    return sorted(path.parent.name for path in data.published.glob("*/manifest.json") if not path.parent.is_symlink())


@contextlib.contextmanager
def reading(settings: Settings, name: str | None = None) -> Iterator[Reading]:
    """Open the named or the live snapshot read-only, for the length of the block."""
    snapshot = find_snapshot(settings.data, name)
    spill = settings.data.root / "tmp"
    connection = duckdb.connect(
        config={
            "memory_limit": settings.build.memory_limit,
            "threads": settings.build.threads,
            "temp_directory": str(spill),
            "autoinstall_known_extensions": False,
        }
    )
    try:
        connection.execute("set timezone = 'Asia/Ho_Chi_Minh'")
        attach(connection, snapshot.warehouse, "warehouse")
        connection.execute("use warehouse")
        yield Reading(snapshot, connection, settings)
    finally:
        connection.close()


def attach(connection: duckdb.DuckDBPyConnection, path: Path, alias: str, *, key: str | None = None) -> None:
    """Attach a file of a snapshot read-only. Raises `DoiChieuError` where it is missing, damaged or locked by another key."""
    try:
        connection.execute(attach_sql(path, alias, is_read_only=True, key=key))
    except duckdb.Error as error:
        raise DoiChieuError(
            f"the snapshot's {path.name} cannot be opened ({type(error).__name__})",
            where=str(path),
            remedy="check that identity_key is the key it was published with; otherwise run `doichieu rollback`"
            if key is not None
            else "run `doichieu rollback` to return to the snapshot before it, or `doichieu run` to publish anew",
        ) from error


def _known_snapshots(data: DataFolder) -> str:
    names = snapshot_names(data)
    return f"choose one of: {', '.join(names[-5:])}" if names else "run `doichieu run` first"
