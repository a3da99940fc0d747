"""The data folder: where everything lives, and the few ways it may be written."""

import contextlib
import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.errors import LockHeld


@dataclass(frozen=True)
class DataFolder:
    """Paths under `data_dir`; the layout is the agreement between the rooms, which meet in files only."""

    root: Path

    def pulls(self, registry: str, dataset: str) -> Path:
        return self.root / "raw" / registry / dataset

    def pull(self, registry: str, dataset: str, pull: str) -> Path:
        return self.pulls(registry, dataset) / pull

    def quarantine(self, registry: str, dataset: str) -> Path:
        return self.root / "quarantine" / registry / dataset

    def build(self, run: str) -> Path:
        return self.root / "builds" / run

    @property
    def published(self) -> Path:
        return self.root / "published"

    @property
    def current(self) -> Path:
        """A symbolic link to the live snapshot's folder."""
        return self.published / "current"

    def snapshot(self, snapshot: str) -> Path:
        return self.published / snapshot

    @property
    def identity(self) -> Path:
        return self.root / "identity"

    @property
    def judgements(self) -> Path:
        return self.root / "judgements"

    @property
    def audit(self) -> Path:
        return self.root / "audit"

    @property
    def reports(self) -> Path:
        return self.root / "reports"

    def report(self, run: str) -> Path:
        return self.reports / run


def write_atomically(path: Path, content: bytes | str) -> None:
    """Write `path` so that a reader, or a crash, sees either the old content or the new, never a part."""
    data = content.encode() if isinstance(content, str) else content
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with draft.open("wb") as handle:
            handle.write(data)
            handle.flush()
            os.fsync(handle.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make a rename in `folder` survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_json(path: Path, value: Any) -> None:
    write_atomically(path, json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True) + "\n")


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def sha256_of(path: Path) -> str:
    """Hex SHA-256 of a file's bytes, read in pieces."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


@contextlib.contextmanager
def hold_lock(root: Path, *, holder: dict[str, Any]) -> Iterator[None]:
    """Keep other writers out of the data folder while the block runs.

    The lock belongs to the process, so the kernel frees it when the process dies, however it dies.
    Raises `LockHeld` naming who holds it (`holder`: what the other process said of itself).
    """
    root.mkdir(parents=True, exist_ok=True)
    path = root / ".lock"
    with path.open("a+", encoding="utf-8") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            handle.seek(0)
            said = handle.read().strip() or "another process"
            raise LockHeld(
                f"the data folder is in use: {said}",
                where=str(root),
                remedy="wait for it to end, or stop that process; the lock frees itself when the process ends",
            ) from None
        handle.truncate(0)
        handle.write(json.dumps({"pid": os.getpid(), **holder}, ensure_ascii=False))
        handle.flush()
        try:
            yield
        finally:
            handle.truncate(0)
