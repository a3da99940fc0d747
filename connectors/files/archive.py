"""What an agency delivered, kept as it came: compressed, with its hash, and a line in an index.

Envelopes of health-insurance claims are kept without the records that nobody here may hold; the index has the hash of
the original, so that an agency can still be shown what it sent.
"""

import contextlib
import hashlib
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import IO, BinaryIO, cast

from common.files import DataFolder, sha256_of, sync_folder
from common.values import VIETNAM
from connectors.files.unpack import inner_files, is_packed, is_zip
from connectors.formats import UnreadableFile
from connectors.walk import make_durable

_PIECE_BYTES = 2**20
_NAME_BYTES_MAX = 200


@dataclass(frozen=True)
class Kept:
    """The archived copy; `path` is relative to the registry's archive."""

    path: str
    sha256: str


@dataclass(frozen=True)
class Delivery:
    """A file as it lay in the inbox."""

    name: str
    sha256: str
    size: int
    modified: datetime
    received: datetime


class Archive:
    """The archive of one registry."""

    def __init__(self, data: DataFolder, registry: str, *, scratch: Path, limit: int) -> None:
        self._folder = data.root / "archive" / registry
        self._scratch, self._limit = scratch, limit
        self._drafts: dict[Path, Path] = {}
        self._lines: list[bytes] = []

    def keep(self, delivery: Delivery, stream: BinaryIO, *, is_kept: Callable[[str], bool] | None = None) -> Kept:
        """Store the file; one that was stored before a run was interrupted is not stored again.

        `is_kept` marks an envelope of claims: of its inner files, those it names are kept, without what must not be.
        Raises `UnreadableFile` for an envelope that cannot be taken apart.
        """
        received = delivery.received.astimezone(VIETNAM)
        is_envelope = is_kept is not None
        name = _shortened(delivery.name)
        if is_envelope and not is_zip(stream):
            name = f"{name.removesuffix('.gz')}.zst"
        elif not is_packed(stream):
            name = f"{name}.zst"
        path = self._folder / f"{received:%Y}" / f"{received:%m}" / f"{delivery.sha256[:16]}-{name}"
        there = path
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            there = path.with_name(f"{path.name}~")
            self._store(delivery.name, stream, there, is_kept)
            self._drafts[there] = path
        return Kept(str(path.relative_to(self._folder)), sha256_of(there))

    def find(self, sha256: str) -> Kept | None:
        """Where a file with this content was archived; None where the index does not name it."""
        return self._noted.get(sha256)

    def note(self, delivery: Delivery, kept: Kept, rows: Mapping[str, int], *, is_duplicate: bool) -> None:
        """Say what became of the file in a line of the index; `settle` writes it."""
        known = self._noted
        line = {
            "name": delivery.name,
            "sha256": delivery.sha256,
            "bytes": delivery.size,
            "modified": delivery.modified.astimezone(VIETNAM).isoformat(),
            "received": delivery.received.astimezone(VIETNAM).isoformat(),
            "rows": dict(rows),
            "is_duplicate": is_duplicate,
            "archived_as": kept.path,
            "archived_sha256": kept.sha256,
        }
        self._lines.append(json.dumps(line, ensure_ascii=False).encode() + b"\n")
        known[delivery.sha256] = kept

    def settle(self) -> None:
        """Make copies and lines survive a power cut; before that no original may be let go."""
        # One after the other this would cost a wait for the disk per file; at the end most is written already.
        for draft, path in self._drafts.items():
            make_durable(draft)
            draft.replace(path)
        for folder in {above for path in self._drafts.values() for above in (path.parent, path.parent.parent)}:
            sync_folder(folder)
        if self._lines:
            self._folder.mkdir(parents=True, exist_ok=True)
            with (self._folder / "index.jsonl").open("a+b") as index:
                if index.tell() and _last_byte(index) != b"\n":
                    index.write(b"\n")
                index.writelines(self._lines)
            make_durable(self._folder / "index.jsonl")
            sync_folder(self._folder)
        self._drafts, self._lines = {}, []

    @cached_property
    def _noted(self) -> dict[str, Kept]:
        index = self._folder / "index.jsonl"
        if not index.exists():
            return {}
        found: dict[str, Kept] = {}
        with index.open(encoding="utf-8") as lines:
            for line in lines:
                # A line that a power cut left unfinished names nothing yet: its file is still claimed.
                with contextlib.suppress(ValueError):
                    noted = json.loads(line)
                    found[noted["sha256"]] = Kept(noted["archived_as"], noted["archived_sha256"])
        return found

    def _store(self, name: str, stream: BinaryIO, draft: Path, is_kept: Callable[[str], bool] | None) -> None:
        stream.seek(0)
        try:
            if is_kept is not None:
                self._write_without_what_must_not_be(stream, name, draft, is_kept)
            elif is_packed(stream):
                with draft.open("wb") as whole:
                    _copy(stream, whole)
            else:
                with _zstd(draft) as packed:
                    _copy(stream, packed)
        except UnreadableFile:
            draft.unlink(missing_ok=True)
            raise

    def _write_without_what_must_not_be(
        self, stream: BinaryIO, name: str, draft: Path, is_kept: Callable[[str], bool]
    ) -> None:
        """Each inner file without what must not be kept; a zip file stays one."""
        stays_zip = is_zip(stream)
        inner = inner_files(stream, name, limit=self._limit, scratch=self._scratch)
        if not stays_zip:
            with _zstd(draft) as packed:
                for each in inner:
                    _redact(each.stream, packed)
            return
        with zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED) as packed_zip:
            for each in inner:
                if is_kept(each.name):
                    with packed_zip.open(each.name, "w", force_zip64=True) as member:
                        _redact(each.stream, member)


def digest(stream: BinaryIO) -> str:
    """Hex SHA-256 of a stream, which is rewound before and after."""
    stream.seek(0)
    found = hashlib.file_digest(stream, "sha256").hexdigest()  # type: ignore[arg-type]
    stream.seek(0)
    return found


def _redact(envelope: BinaryIO, out: IO[bytes]) -> None:
    from connectors.formats.redact import redact_envelope

    envelope.seek(0)
    redact_envelope(envelope, cast("BinaryIO", out))


@contextmanager
def _zstd(path: Path) -> Iterator[IO[bytes]]:
    import pyarrow as pa

    with pa.OSFile(str(path), "wb") as plain, pa.CompressedOutputStream(plain, "zstd") as packed:
        yield cast("IO[bytes]", packed)


def _copy(stream: BinaryIO, out: IO[bytes]) -> None:
    while piece := stream.read(_PIECE_BYTES):
        out.write(piece)


def _last_byte(index: IO[bytes]) -> bytes:
    index.seek(-1, 2)
    return index.read(1)


def _shortened(name: str) -> str:
    """The end of a long name: its suffix says what it is."""
    return name.encode()[-_NAME_BYTES_MAX:].decode("utf-8", "ignore")
