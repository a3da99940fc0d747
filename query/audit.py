"""The audit log: append-only lines, each holding the SHA-256 of the line before it, across the monthly files.

`audit/head.json` says how many lines there are and what the last one hashes to, so that cutting the end off shows too.
"""

import contextlib
import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from common.errors import DoiChieuError
from common.files import DataFolder, read_json, sync_folder, write_json

BEGINNING = "0" * 64


@dataclass(frozen=True)
class Verification:
    """What `verify` found; `problems` is empty for an unbroken chain."""

    lines: int
    files: int
    problems: list[str] = field(default_factory=list)


def append(data: DataFolder, *, action: str, who: str, at: datetime, details: Mapping[str, Any]) -> str:
    """Write one line and return its SHA-256. It is on disk when this returns.

    `details` says what was looked at by key, and why; never a name or a number of a person.
    Raises `DoiChieuError` where the log cannot be written: then what was to be logged must not happen.
    """
    try:
        with _only_writer(data):
            return _append(data, {"at": at.isoformat(), "who": who, "action": action, **details})
    except OSError as error:
        raise DoiChieuError(
            f"the audit log cannot be written: {error.strerror}",
            where=str(data.audit),
            remedy="free space or mend the permissions there; nothing was shown or exported",
        ) from error


def verify(data: DataFolder) -> Verification:
    """Read the whole chain; name the file and line where it is broken."""
    previous, count, problems = BEGINNING, 0, list[str]()
    files = _files(data)
    hashes = []
    for path in files:
        for number, line in enumerate(path.read_bytes().splitlines(), start=1):
            count += 1
            if _previous_in(line) != previous:
                problems.append(f"{path.name}, line {number}: does not follow from the line before it")
            previous = _sha256(line)
            hashes.append(previous)
    problems += _head_problems(data, hashes)
    return Verification(count, len(files), problems)


def _append(data: DataFolder, entry: Mapping[str, Any]) -> str:
    files = [path for path in _files(data) if path.stat().st_size]
    lines, previous = _end_of_chain(data, _last_line(files[-1]) if files else None)
    named = data.audit / f"{str(entry['at'])[:7]}.jsonl"
    # A clock set back must not put a line before its predecessor.
    path = max(named, files[-1]) if files else named
    line = json.dumps({**entry, "previous": previous}, ensure_ascii=False, sort_keys=True).encode()
    is_new = not path.exists()
    with path.open("ab") as file:
        file.write(_mended_end(path) + line + b"\n")
        file.flush()
        os.fsync(file.fileno())
    if is_new:
        sync_folder(path.parent)
    write_json(data.audit / "head.json", {"lines": lines + 1, "last": _sha256(line)})
    return _sha256(line)


def _end_of_chain(data: DataFolder, last: bytes | None) -> tuple[int, str]:
    """How many lines there are and the hash the next one follows, by the head's word.

    Never by the files alone: that would make a log whose end was cut off or altered whole again. Only a line that
    follows the head counts beside it: its writer died before it wrote the head.
    """
    head = data.audit / "head.json"
    if not head.exists():
        return 0, BEGINNING if last is None else _sha256(last)
    said = read_json(head)
    if last is not None and _previous_in(last) == said["last"]:
        return said["lines"] + 1, _sha256(last)
    return said["lines"], said["last"]


def _mended_end(path: Path) -> bytes:
    """A line that a power cut left without its end is kept as it is: it gets its end, and `verify` will name it."""
    if not path.exists() or path.stat().st_size == 0:
        return b""
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return b"" if file.read(1) == b"\n" else b"\n"


def _last_line(path: Path) -> bytes:
    """The last line of a file that is not empty, read from its end."""
    size, block = path.stat().st_size, 4096
    with path.open("rb") as file:
        while True:
            start = max(size - block, 0)
            file.seek(start)
            lines = file.read().splitlines()
            if len(lines) > 1 or start == 0:
                return lines[-1]
            block *= 4


def _head_problems(data: DataFolder, hashes: list[str]) -> list[str]:
    head = data.audit / "head.json"
    if not head.exists():
        return ["head.json is missing: the end of the log may have been cut off"] if hashes else []
    said = read_json(head)
    if said["lines"] > len(hashes):
        return [f"{said['lines'] - len(hashes)} line(s) are missing at the end"]
    # One line more than the head says is a writer that died between the two writes: nothing is lost.
    if hashes[said["lines"] - 1] != said["last"] or len(hashes) > said["lines"] + 1:
        return ["the end of the log is not the one head.json vouches for"]
    return []


def _previous_in(line: bytes) -> str | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry.get("previous") if isinstance(entry, dict) else None


def _files(data: DataFolder) -> list[Path]:
    return sorted(data.audit.glob("[0-9]*.jsonl"))


def _sha256(line: bytes) -> str:
    return hashlib.sha256(line).hexdigest()


@contextlib.contextmanager
def _only_writer(data: DataFolder) -> Iterator[None]:
    data.audit.mkdir(parents=True, exist_ok=True)
    with (data.audit / ".lock").open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
