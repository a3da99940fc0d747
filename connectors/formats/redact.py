"""A copy of a health-insurance envelope for the archive, without the care records of HIV (XML6) and tuberculosis (XML15).

Whole elements are cut out of the bytes; every other byte stays as it was. The signature of such a copy no longer fits,
which is why the original's SHA-256 is kept beside it.
"""

import codecs
import hashlib
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import BinaryIO

from connectors.formats.claims_envelope import EnvelopeWalk, looks_sensitive
from connectors.formats.xml_stream import utf8_chunks


@dataclass(frozen=True)
class Redacted:
    """What was copied. The two hashes are equal where nothing had to go."""

    sha256_original: str
    sha256_copy: str
    removed: int
    """Elements that were left out."""
    kinds: Mapping[str, int]
    """Kind of inner file, as labelled → how many the original has; a kind nobody knows shows here."""


def redact_envelope(original: BinaryIO, copy: BinaryIO) -> Redacted:
    """Copy a seekable envelope, in bounded memory, leaving out what must not be kept.

    Raises `UnreadableFile` for a file that is no such envelope, or is damaged: then the copy is worth nothing.
    """
    source = _Hashed(original)
    encoding, chunks = utf8_chunks(source)  # type: ignore[arg-type]
    walk = EnvelopeWalk(lambda _: True, holds_back=True)
    target = _Target(copy, encoding)
    kinds: Counter[str] = Counter()
    for chunk in chunks:
        gone = walk.feed(chunk)
        _note(walk, target, kinds)
        target.pass_on(gone)
    gone = walk.parser.close()
    _note(walk, target, kinds)
    target.pass_on(gone)
    return Redacted(source.digest.hexdigest(), target.digest.hexdigest(), target.removed, dict(kinds))


def _note(walk: EnvelopeWalk, target: "_Target", kinds: Counter[str]) -> None:
    for file in walk.found:
        kinds[file.kind] += 1
        if file.is_sensitive or looks_sensitive(file.content):
            target.leave_out(file.start, file.end)
    walk.found.clear()


class _Hashed:
    """A stream whose bytes are hashed as they are read from the start."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self.digest.update(data)
        return data

    def seek(self, offset: int) -> int:
        self.digest = hashlib.sha256()
        return self._stream.seek(offset)


class _Target:
    """Writes what it is passed, in the original's encoding, but for what is to be left out."""

    def __init__(self, stream: BinaryIO, encoding: str) -> None:
        self.digest = hashlib.sha256()
        self.removed = 0
        self._stream, self._at = stream, 0
        self._cuts: deque[tuple[int, int]] = deque()
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._encoder = None if encoding == "utf-8" else codecs.getincrementalencoder(encoding)()

    def leave_out(self, start: int, end: int) -> None:
        self._cuts.append((start, end))
        self.removed += 1

    def pass_on(self, data: bytes) -> None:
        """`data` follows what was passed on before."""
        end = self._at + len(data)
        while self._cuts and self._cuts[0][0] < end:
            start, behind = self._cuts[0]
            if start > self._at:
                self._write(data[: start - self._at])
            left_out = min(behind, end)
            data, self._at = data[left_out - self._at :], left_out
            if behind > end:
                return
            self._cuts.popleft()
        self._write(data)
        self._at = end

    def _write(self, data: bytes) -> None:
        if self._encoder is not None:
            data = self._encoder.encode(self._decoder.decode(data))
        self._stream.write(data)
        self.digest.update(data)
