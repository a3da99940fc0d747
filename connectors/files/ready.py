"""Which dropped files are complete: half-written ones are left alone until nobody writes them any more."""

import fnmatch
import json
import re
import time
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from connectors.files.inbox import Changed, Entry, Place
from connectors.source import Files

_BEING_WRITTEN = (".*", "~$*", "*.part", "*.tmp", "*.filepart", "*.crdownload", "*.partial", "*.download")
_SECOND_LOOK_SECONDS = 2.0
_LONGEST_WAIT_SECONDS = 60.0
_NAME_BYTES_MAX = 230
"""A claim and the archive put a few letters in front of the name; file systems take 255 bytes."""
_HASH = re.compile(r"[0-9a-fA-F]{64}\b")


@dataclass(frozen=True)
class LeftAlone:
    """A file that is not taken in this run."""

    name: str
    why: str


@dataclass(frozen=True)
class Ready:
    """A file that may be claimed; `sha256` is what its manifest promises, several where it is listed twice."""

    entry: Entry
    sha256: frozenset[str] = frozenset()


@dataclass
class Look:
    """What lies in the folder."""

    ready: list[Ready] = field(default_factory=list)
    left_alone: list[LeftAlone] = field(default_factory=list)


@dataclass(frozen=True)
class _Promise:
    sha256: str
    size: int | None = None


def look_around(place: Place, files: Files, *, there: datetime, is_ours: Callable[[Entry], bool]) -> Look:
    """Files that are complete and ours, oldest first, and those left alone with the reason.

    `there` is the time of the place's own clock: ours may differ by hours. Without a manifest every file is looked at
    twice, because some servers set the time of a file only when it is closed.
    """
    found = Look()
    entries = [each for each in place.entries() if not is_announcement(each.name, files)]
    candidates = []
    for entry in entries:
        why = _unfit(entry)
        if why is None:
            candidates.append(entry)
        else:
            found.left_alone.append(LeftAlone(entry.name, why))
    if files.manifest == "none":
        settled = _settled(place, files.settle_seconds, there, candidates, found)
        ready = [Ready(entry) for entry in settled]
    else:
        ready = _announced(announcements(place, files), candidates, found)
    for each in ready:
        if is_ours(each.entry):
            found.ready.append(each)
        else:
            found.left_alone.append(LeftAlone(each.entry.name, "no pattern of the source file takes it"))
    return found


def is_announcement(name: str, files: Files) -> bool:
    """Whether the file says that another is complete."""
    suffix = {"none": None, "sha256": ".sha256", "json": ".manifest.json"}[files.manifest]
    return suffix is not None and name.lower().endswith(suffix)


def announcements(place: Place, files: Files) -> dict[str, dict[str, set[_Promise]]]:
    """Manifest file → the files it lists; one that cannot be read yet lists nothing."""
    said: dict[str, dict[str, set[_Promise]]] = {}
    for entry in place.entries() if files.manifest != "none" else []:
        if is_announcement(entry.name, files):
            try:
                with place.fetch(entry) as stream:
                    content = stream.read()
            except Changed:
                content = b""
            said[entry.name] = _beside(entry.name, content) if files.manifest == "sha256" else _listed(content)
    return said


def clear_announcements(place: Place, files: Files, is_landed: Callable[[str], bool]) -> None:
    """Remove manifests of which every file is landed."""
    for name, listed in announcements(place, files).items():
        promised = [each.sha256 for promises in listed.values() for each in promises]
        if promised and all(is_landed(sha256) for sha256 in promised):
            place.remove(name)


def plain_name(name: str) -> str:
    """One spelling for patterns and manifests: composed letters (macOS takes them apart), small letters."""
    return unicodedata.normalize("NFC", name).casefold()


def _unfit(entry: Entry) -> str | None:
    if any(fnmatch.fnmatchcase(entry.name.lower(), pattern) for pattern in _BEING_WRITTEN):
        return "it has a temporary name"
    try:
        length = len(entry.name.encode())
    except UnicodeEncodeError:
        return "its name is not UTF-8"
    if length > _NAME_BYTES_MAX:
        return f"its name is longer than {_NAME_BYTES_MAX} bytes"
    return "it is empty" if entry.size == 0 else None


def _settled(place: Place, seconds: float, there: datetime, candidates: list[Entry], found: Look) -> list[Entry]:
    """Those that have not changed for long enough and are the same at a second look."""
    old: list[Entry] = []
    for entry in candidates:
        # A time ahead of the place's own clock says nothing: such a file has to stay the same while we wait.
        is_ahead = entry.modified > there + timedelta(seconds=1)
        if not is_ahead and there - entry.modified < timedelta(seconds=seconds):
            found.left_alone.append(LeftAlone(entry.name, f"it changed less than {seconds:g} seconds ago"))
        else:
            old.append(entry)
    if not old:
        return []
    any_ahead = any(entry.modified > there + timedelta(seconds=1) for entry in old)
    time.sleep(min(seconds, _LONGEST_WAIT_SECONDS if any_ahead else _SECOND_LOOK_SECONDS))
    again = {each.path: each for each in place.entries()}
    for entry in old:
        if not entry.is_same_as(again.get(entry.path)):
            found.left_alone.append(LeftAlone(entry.name, "it changed between two looks"))
    return [entry for entry in old if entry.is_same_as(again.get(entry.path))]


def _announced(
    said: Mapping[str, Mapping[str, Iterable[_Promise]]], candidates: list[Entry], found: Look
) -> list[Ready]:
    ready = []
    for entry in candidates:
        promises = [each for listed in said.values() for each in listed.get(plain_name(entry.name), ())]
        fitting = [each for each in promises if each.size in (None, entry.size)]
        if fitting:
            ready.append(Ready(entry, frozenset(each.sha256 for each in fitting)))
        else:
            why = "its size is not the one in its manifest" if promises else "no manifest lists it yet"
            found.left_alone.append(LeftAlone(entry.name, why))
    return ready


def _beside(name: str, content: bytes) -> dict[str, set[_Promise]]:
    """`NAME.sha256` as sha256sum writes it: the hash first, whatever follows."""
    match = _HASH.match(content.decode("utf-8-sig", "replace").strip())
    return {plain_name(name[: -len(".sha256")]): {_Promise(match[0].lower())}} if match else {}


def _listed(content: bytes) -> dict[str, set[_Promise]]:
    """`{"files": [{"name", "bytes", "sha256"}]}`; a manifest that is still being written is not JSON yet."""
    listed: dict[str, set[_Promise]] = {}
    try:
        for each in json.loads(content.decode("utf-8-sig"))["files"]:
            if _HASH.fullmatch(each["sha256"]):
                promise = _Promise(each["sha256"].lower(), int(each["bytes"]))
                listed.setdefault(plain_name(each["name"]), set()).add(promise)
    except (ValueError, KeyError, TypeError):
        return {}
    return listed
