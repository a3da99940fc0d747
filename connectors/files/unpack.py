"""Compressed files as streams: gzip and zip, recognised by their first bytes, never larger than a limit.

What a file says of its own size is not believed: bytes are counted as they come out. What comes out lies in an unnamed
file, so that readers can seek in it and no crash leaves it behind.
"""

import contextlib
import gzip
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO, cast

from connectors.formats import UnreadableFile

RATIO_MAX = 200
_FLOOR_BYTES = 10 * 2**20
"""Up to this size any ratio is fine: a page of zeros is no bomb."""
_PIECE_BYTES = 2**20
_GZIP = b"\x1f\x8b"
_ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_OTHERS = {b"Rar!": "RAR", b"7z\xbc\xaf": "7-Zip", b"\xfd7zX": "xz", b"BZh": "bzip2", b"\x28\xb5\x2f\xfd": "Zstandard"}
_BROKEN_HEADERS = (struct.error, ValueError, NotImplementedError)
"""What zipfile lets through where lengths, names or flags in a header are nonsense."""
_IS_ENCRYPTED = 0x1
_IS_UTF8 = 0x800
_AGAIN = "ask the agency to send the file again; nothing of it was landed"


@dataclass(frozen=True)
class InnerFile:
    """One file as it was before it was packed."""

    name: str
    stream: BinaryIO


def inner_files(stream: BinaryIO, name: str, *, limit: int, scratch: Path) -> Iterator[InnerFile]:
    """What is inside the file, one after the other, or the file itself; each stream is closed when the next begins.

    `limit` is in bytes, for all inner files together. Raises `UnreadableFile` for a file that is cut off, damaged,
    encrypted, packed twice, or unpacks to more than `limit` or `RATIO_MAX` times its size.
    """
    kind, quota = _kind_of(stream, name), _Quota(stream, name, limit)
    if kind == "gzip":
        yield from _out_of_gzip(stream, name, quota, scratch)
    elif kind == "zip":
        yield from _out_of_zip(stream, name, quota, scratch)
    else:
        _weigh_workbook(stream, name, quota)
        stream.seek(0)
        yield InnerFile(name, stream)


def inner_names(stream: BinaryIO, name: str) -> list[str]:
    """Names of what `inner_files` would give, without unpacking."""
    kind = _kind_of(stream, name)
    if kind == "zip":
        with _damage_told(name), _opened(stream) as packed:
            return [_label(member) for member in _members(packed)]
    return [_without_gz(name)] if kind == "gzip" else [name]


def is_packed(stream: BinaryIO) -> bool:
    """Whether its bytes are compressed already, workbooks included."""
    first = _first_bytes(stream)
    return first.startswith((_GZIP, *_ZIP, *_OTHERS))


def is_zip(stream: BinaryIO) -> bool:
    return _first_bytes(stream).startswith(_ZIP)


class _Quota:
    """How many bytes may still come out of one file."""

    def __init__(self, stream: BinaryIO, name: str, limit: int) -> None:
        size = stream.seek(0, 2)
        self._name, self._allowed = name, min(limit, max(_FLOOR_BYTES, RATIO_MAX * size))
        self._left = self._allowed

    def take(self, count: int) -> None:
        self._left -= count
        if self._left < 0:
            raise UnreadableFile(
                f"the file unpacks to more than {self._allowed} bytes",
                where=self._name,
                remedy="ask the agency for smaller files, or raise max_unpacked_bytes in [files] if it is an honest one"
                f" (never over {RATIO_MAX} times the packed size)",
            )


def _kind_of(stream: BinaryIO, name: str) -> str:
    first = _first_bytes(stream)
    if first.startswith(_GZIP):
        return "gzip"
    if first.startswith(_ZIP):
        with _damage_told(name), _opened(stream) as packed:
            return "workbook" if _is_workbook(packed) else "zip"
    packer = next((packer for magic, packer in _OTHERS.items() if first.startswith(magic)), None)
    if packer is not None:
        raise UnreadableFile(f"the file is packed with {packer}", where=name, remedy="ask for it as it is, gzip or zip")
    return "plain"


def _out_of_gzip(stream: BinaryIO, name: str, quota: _Quota, scratch: Path) -> Iterator[InnerFile]:
    stream.seek(0)
    with _unnamed(scratch) as held:
        with _damage_told(name), gzip.GzipFile(fileobj=stream) as packed:
            _pour(cast("IO[bytes]", packed), held, quota)
        _refuse_nested(held, name)
        _weigh_workbook(held, name, quota)
        held.seek(0)
        yield InnerFile(_without_gz(name), held)


def _out_of_zip(stream: BinaryIO, name: str, quota: _Quota, scratch: Path) -> Iterator[InnerFile]:
    with _damage_told(name), _opened(stream) as packed:
        members = _members(packed)
        if not members:
            raise UnreadableFile("the zip file holds no file", where=name, remedy=_AGAIN)
        for member in members:
            with _unnamed(scratch) as held:
                _refuse_unreadable(member, name)
                with packed.open(member) as inner:
                    _pour(inner, held, quota)
                where = f"{name}/{_label(member)}"
                _refuse_nested(held, where)
                _weigh_workbook(held, where, quota)
                held.seek(0)
                yield InnerFile(_label(member), held)


def _pour(packed: IO[bytes], held: BinaryIO | None, quota: _Quota) -> None:
    while piece := packed.read(_PIECE_BYTES):
        quota.take(len(piece))
        if held is not None:
            held.write(piece)


def _weigh_workbook(held: BinaryIO, name: str, quota: _Quota) -> None:
    """A workbook is a zip file that its reader unpacks whole: what comes out is counted before."""
    if not _first_bytes(held).startswith(_ZIP):
        return
    with _damage_told(name), _opened(held) as packed:
        for member in packed.infolist():
            _refuse_unreadable(member, name)
            with packed.open(member) as inner:
                _pour(inner, None, quota)


def _refuse_nested(held: BinaryIO, name: str) -> None:
    if _first_bytes(held).startswith((_GZIP, *_OTHERS)) or _kind_of(held, name) == "zip":
        raise UnreadableFile(
            "a packed file lies inside a packed file", where=name, remedy="ask the agency to pack the files once only"
        )


def _refuse_unreadable(member: zipfile.ZipInfo, name: str) -> None:
    if member.flag_bits & _IS_ENCRYPTED:
        raise UnreadableFile(
            "the zip file is encrypted with a password",
            where=f"{name}/{_label(member)}",
            remedy="ask the agency to send it without one; SFTP encrypts the way, not the file",
        )
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise UnreadableFile(
            "the zip file is packed in an unusual way",
            where=f"{name}/{_label(member)}",
            remedy="ask the agency to pack it with the ordinary (deflate) method",
        )


def _members(packed: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """Files that are meant: no folders, nothing an operating system added by itself."""
    return [
        member
        for member in packed.infolist()
        if not member.is_dir() and not any(part.startswith((".", "__MACOSX")) for part in _label(member).split("/"))
    ]


def _label(member: zipfile.ZipInfo) -> str:
    """The member's name for people and patterns; it is never used as a path."""
    name = member.filename
    if not member.flag_bits & _IS_UTF8:
        # Windows packs UTF-8 without saying so; zipfile then reads the bytes as code page 437.
        with contextlib.suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    return "/".join(part for part in name.replace("\\", "/").split("/") if part not in ("", ".", ".."))


def _is_workbook(packed: zipfile.ZipFile) -> bool:
    names = set(packed.namelist())
    return "[Content_Types].xml" in names or {"mimetype", "content.xml"} <= names


def _without_gz(name: str) -> str:
    return name[:-3] if name.lower().endswith(".gz") else name


def _first_bytes(stream: BinaryIO) -> bytes:
    stream.seek(0)
    first = stream.read(8)
    stream.seek(0)
    return first


@contextmanager
def _opened(stream: BinaryIO) -> Iterator[zipfile.ZipFile]:
    stream.seek(0)
    with zipfile.ZipFile(stream) as packed:
        yield packed


@contextmanager
def _unnamed(scratch: Path) -> Iterator[BinaryIO]:
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=scratch) as held:
        yield cast("BinaryIO", held)


@contextmanager
def _damage_told(name: str) -> Iterator[None]:
    try:
        yield
    except (EOFError, gzip.BadGzipFile, zipfile.BadZipFile, zlib.error, *_BROKEN_HEADERS) as error:
        raise UnreadableFile("the packed file is cut off or damaged", where=name, remedy=_AGAIN) from error
