"""A folder where an agency drops files, here or on a server: what lies in it, and taking a file out of it exactly once.

A file is claimed by one atomic rename into `.doichieu/claimed/<owner>/`. The owner is one data folder and registry: the
lock on the data folder keeps a second process away, so whatever an owner finds claimed by itself is its own unfinished
work. Another installation at the same folder has another owner, and neither touches what the other has claimed.
"""

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Protocol

from common.errors import SourceError
from common.files import DataFolder, write_atomically

OURS = ".doichieu"
_CLAIMED = f"{OURS}/claimed"
_REFUSED = f"{OURS}/refused"
_NUMBERED = re.compile(r"(\d{6})-(.+)", re.DOTALL)


@dataclass(frozen=True)
class Entry:
    """One file as a listing shows it; `path` is relative to the folder, with `/`."""

    path: str
    size: int
    modified: datetime

    @property
    def name(self) -> str:
        """The name under which the agency dropped it."""
        last = self.path.rpartition("/")[2]
        numbered = _NUMBERED.fullmatch(last) if self.path.startswith(f"{_CLAIMED}/") else None
        return numbered[2] if numbered else last

    def is_same_as(self, other: "Entry | None") -> bool:
        """Whether nothing was written between two looks at a file, its place aside."""
        return other is not None and (self.size, self.modified) == (other.size, other.modified)


class Changed(SourceError):
    """The file changed, or went away, while it was being read: somebody is still writing it."""


class Place(Protocol):
    """The few things a folder has to be able to do. Paths are relative to it; all raise `SourceError` where they fail."""

    address: str

    def entries(self, folder: str = "") -> list[Entry]:
        """Files of the folder itself, oldest first; none where a folder below the inbox does not exist."""

    def folders(self, folder: str) -> list[str]: ...

    def look_at(self, path: str) -> Entry | None: ...

    def move(self, source: str, target: str) -> bool:
        """Rename at once, whatever stands at `target`; False where `source` is gone: somebody was faster."""

    def put_back(self, source: str, target: str) -> bool:
        """Rename unless something stands at `target`."""

    def remove(self, path: str) -> None: ...

    def make_folder(self, path: str) -> None: ...

    def write(self, path: str, content: bytes) -> None: ...

    def fetch(self, entry: Entry) -> BinaryIO:
        """A seekable stream on this machine. Raises `Changed` where the file is no longer the one of `entry`."""


class LocalFolder:
    """A folder of this machine, or one that is mounted."""

    def __init__(self, folder: Path) -> None:
        self._folder, self.address = folder, str(folder)

    def entries(self, folder: str = "") -> list[Entry]:
        with self._failing(folder or "."):
            if folder and not (self._folder / folder).is_dir():
                return []
            with os.scandir(self._folder / folder) as found:
                # A link could lead anywhere: only what was really dropped here is taken.
                files = [each for each in found if each.is_file(follow_symlinks=False)]
            seen = [self.look_at(f"{folder}/{each.name}" if folder else each.name) for each in files]
        return sorted((each for each in seen if each is not None), key=lambda each: (each.modified, each.path))

    def folders(self, folder: str) -> list[str]:
        path = self._folder / folder
        with self._failing(folder):
            return sorted(each.name for each in path.iterdir() if each.is_dir()) if path.is_dir() else []

    def look_at(self, path: str) -> Entry | None:
        with self._failing(path):
            try:
                seen = (self._folder / path).lstat()
            except FileNotFoundError:
                return None
        return Entry(path, seen.st_size, datetime.fromtimestamp(seen.st_mtime, UTC))

    def move(self, source: str, target: str) -> bool:
        with self._failing(source):
            try:
                (self._folder / source).rename(self._folder / target)
            except FileNotFoundError:
                return False
        return True

    def put_back(self, source: str, target: str) -> bool:
        with self._failing(target):
            try:
                os.link(self._folder / source, self._folder / target)
            except (FileExistsError, PermissionError):
                return False
            (self._folder / source).unlink()
        return True

    def remove(self, path: str) -> None:
        with self._failing(path):
            (self._folder / path).unlink(missing_ok=True)

    def make_folder(self, path: str) -> None:
        with self._failing(path):
            (self._folder / path).mkdir(parents=True, exist_ok=True)

    def write(self, path: str, content: bytes) -> None:
        with self._failing(path):
            (self._folder / path).write_bytes(content)

    def fetch(self, entry: Entry) -> BinaryIO:
        with self._failing(entry.path):
            try:
                stream = (self._folder / entry.path).open("rb")
            except FileNotFoundError:
                raise changed(entry) from None
        if not entry.is_same_as(self.look_at(entry.path)):
            stream.close()
            raise changed(entry)
        return stream

    @contextmanager
    def _failing(self, path: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise SourceError(
                f"the folder of dropped files cannot be used: {error.strerror}",
                where=str(self._folder / path),
                remedy="correct [files] folder in the source file, or the permissions: files are read and renamed here",
            ) from error


def changed(entry: Entry) -> Changed:
    return Changed(
        "the file changed while it was being read",
        where=entry.path,
        remedy="it is taken once nobody writes it any more",
    )


@dataclass(frozen=True)
class Claim:
    """A file that is ours to finish."""

    entry: Entry
    is_recovered: bool
    """An earlier run had claimed it and did not come to its end."""

    @property
    def name(self) -> str:
        return self.entry.name


class Inbox:
    """The dropped files of one registry at one place."""

    def __init__(self, place: Place, owner: str) -> None:
        self.place = place
        self._owner, self._claims = owner, f"{_CLAIMED}/{owner}"
        self._next = 1

    def prepare(self) -> datetime:
        """Make the folders claims need; returns the time of the place's own clock, which may be far from ours."""
        self.place.make_folder(self._claims)
        self.place.make_folder(_REFUSED)
        probe = f"{OURS}/clock-{self._owner}"
        self.place.write(probe, b"")
        seen = self.place.look_at(probe)
        self.place.remove(probe)
        if seen is None:
            raise SourceError(
                "a file written here is not there afterwards",
                where=f"{self.place.address}/{probe}",
                remedy="files have to be renamed here: ask for a folder where nothing else clears up",
            )
        return seen.modified

    def left_claimed(self) -> list[Claim]:
        """What an earlier run of ours claimed and did not finish, in the order it was claimed."""
        found = sorted(self.place.entries(self._claims), key=lambda each: each.path)
        numbers = [int(match[1]) for each in found if (match := _NUMBERED.fullmatch(each.path.rpartition("/")[2]))]
        self._next = max(numbers, default=0) + 1
        return [Claim(entry, is_recovered=True) for entry in found]

    def claimed_by_others(self) -> dict[str, int]:
        """Owner → files, of owners for the same registry: another installation, or one that no longer exists."""
        registry = self._owner.rpartition("-")[0]
        others = [each for each in self.place.folders(_CLAIMED) if each.rpartition("-")[0] == registry]
        counted = {each: len(self.place.entries(f"{_CLAIMED}/{each}")) for each in others if each != self._owner}
        return {owner: files for owner, files in counted.items() if files}

    def claim(self, entry: Entry) -> Claim | None:
        """Take the file; None where somebody else was faster.

        Raises `Changed` where it is no longer the file that was looked at; it then stays in the inbox.
        """
        # Numbered, because two files of one name and different content may be claimed at the same time.
        target = f"{self._claims}/{self._next:06}-{entry.name}"
        self._next += 1
        if not self.place.move(entry.path, target):
            return None
        taken = self.place.look_at(target)
        if taken is None:
            return None
        claim = Claim(taken, is_recovered=False)
        if not entry.is_same_as(taken):
            self.release(claim)
            raise changed(entry)
        return claim

    def release(self, claim: Claim) -> None:
        """Back to where it was dropped; where a new file of that name lies there by now, it stays claimed."""
        self.place.put_back(claim.entry.path, claim.name)

    def finish(self, claim: Claim) -> None:
        self.place.remove(claim.entry.path)

    def refuse(self, claim: Claim, error: SourceError) -> str:
        """Set a file aside that cannot be read, with the reason beside it; returns its new path."""
        path = f"{_REFUSED}/{claim.name}"
        number = 2
        while self.place.look_at(path) is not None:
            path, number = f"{_REFUSED}/{number}-{claim.name}", number + 1
        self.place.write(f"{path}.reason.txt", f"{claim.name}\n{error}\n".encode())
        self.place.move(claim.entry.path, path)
        return path


def owner_of(data: DataFolder, registry: str) -> str:
    """The name under which this data folder claims files; it goes where the data folder goes."""
    path = data.root / "archive" / "installation"
    try:
        installation = path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        installation = secrets.token_hex(4)
        write_atomically(path, installation + "\n")
    return f"{registry}-{installation}"
