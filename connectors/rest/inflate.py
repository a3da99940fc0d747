"""Compressed bodies: taken only when whole, and never larger than a page can honestly be."""

import zlib

from common.errors import SourceError
from connectors.rest.envelope import BrokenBody

BODY_BYTES_MAX = 512 * 2**20
"""A page is held in memory whole."""
_RATIO_MAX = 200
_ALWAYS_ALLOWED = 16 * 2**20
_PIECE_BYTES = 256 * 2**10
"""Fed a piece at a time: what is left over at the end of a stream is copied, and there may be thousands of streams."""
_GZIP_MAGIC = b"\x1f\x8b"
_WINDOW = {"gzip": 31, "x-gzip": 31, "deflate": 15}


class Swollen(SourceError):
    """The body unpacks to more than any page of records: a decompression bomb, or a source without pages."""


def inflate(body: bytes, encoding: str, *, where: str) -> bytes:
    """The body as it was before `encoding` (the header's text); a gzip file sent as such is unpacked too.

    Raises `BrokenBody` where a compressed stream is damaged or stops before its end, `Swollen` for a bomb, and
    `SourceError` for an encoding that was not asked for.
    """
    for name in reversed([part.strip().lower() for part in encoding.split(",")]):
        if name in ("", "identity") or not body:
            continue
        if name not in _WINDOW:
            raise SourceError(
                f"the answer is compressed as {name[:20]}, which was not asked for",
                where=where,
                remedy="tell the agency: only gzip and deflate are announced in Accept-Encoding",
            )
        body = _unpacked(body, _WINDOW[name], where)
    return _unpacked(body, _WINDOW["gzip"], where) if is_gzip(body) else body


def is_gzip(body: bytes) -> bool:
    return body.startswith(_GZIP_MAGIC)


def _unpacked(body: bytes, window: int, where: str) -> bytes:
    allowed = min(BODY_BYTES_MAX, max(_ALWAYS_ALLOWED, _RATIO_MAX * len(body)))
    if window == _WINDOW["deflate"] and not _has_zlib_header(body):
        window = -15  # Servers that take "deflate" by its name leave the header out.
    parts: list[bytes] = []
    view, at = memoryview(body), 0
    # A gzip stream may be several put together; zeros behind the last are padding.
    while at == 0 or (at < len(view) and view[at] != 0):
        stream = zlib.decompressobj(window)
        while not stream.eof:
            piece = view[at : at + _PIECE_BYTES]
            if not piece:
                raise BrokenBody("the compressed stream stops before its end")
            try:
                parts.append(stream.decompress(piece, allowed + 1))
            except zlib.error as error:
                raise BrokenBody("the compressed stream is damaged") from error
            at += len(piece) - len(stream.unused_data)
            allowed -= len(parts[-1])
            if allowed < 0:
                raise _swollen(len(body), where)
    return b"".join(parts)


def _swollen(size: int, where: str) -> Swollen:
    return Swollen(
        f"the answer of {size} bytes unpacks to more than {_RATIO_MAX} times its size",
        where=where,
        remedy="ask the agency for smaller pages; nothing of this answer was taken",
    )


def _has_zlib_header(body: bytes) -> bool:
    return len(body) >= 2 and body[0] & 0x0F == 8 and (body[0] << 8 | body[1]) % 31 == 0
