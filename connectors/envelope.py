"""The envelope of the default wire profile, taken off without parsing the records inside."""

import re
from dataclasses import dataclass
from typing import Any

import msgspec

from common.errors import SourceError


class BrokenBody(Exception):
    """The body ends early or is damaged: worth asking for again."""


@dataclass(frozen=True)
class Page:
    """One page as delivered. `rows` is the JSON array of its records, byte for byte."""

    rows: bytes
    next_cursor: str | None
    total: int | None


class _Envelope(msgspec.Struct):
    data: msgspec.Raw
    next_cursor: str | int | None = None
    total: Any = None


_OUTSIDE_JSON = re.compile(rb'"(?:[^"\\]|\\.)*+"|-?Infinity|NaN', re.DOTALL)
_ESCAPE = re.compile(rb"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(u[dD][89a-fA-F]..)|.)", re.DOTALL)
_DECODER = msgspec.json.Decoder(_Envelope)


def open_envelope(body: bytes, *, where: str) -> Page:
    """The page inside `body`.

    Raises `BrokenBody` for a body that is cut off or damaged, `SourceError` for JSON of another shape or no JSON.
    """
    try:
        envelope = _decode(body.removeprefix(b"\xef\xbb\xbf"))
    except msgspec.ValidationError:
        raise _unlike_the_profile(f"the answer is JSON but no page: {_shape(body)}", where) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        if body.lstrip()[:1] not in (b"{", b"["):
            raise _unlike_the_profile(f"the answer is not JSON: {_kind_of_text(body)}", where) from None
        raise BrokenBody(str(error)) from error
    rows = bytes(envelope.data)
    if not rows.startswith(b"["):
        raise _unlike_the_profile(f"`data` is {_json_kind(rows)}, not a list of records", where)
    cursor = envelope.next_cursor
    return Page(rows, str(cursor) if cursor not in (None, "") else None, _whole_number(envelope.total))


def _decode(body: bytes) -> _Envelope:
    try:
        return _DECODER.decode(body)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        # Some JSON writers let pass what JSON forbids; one such value must not keep a whole dataset out.
        lawful = _OUTSIDE_JSON.sub(_lawful, body)
        if lawful == body:
            raise
        return _DECODER.decode(lawful)


def _lawful(found: re.Match[bytes]) -> bytes:
    """`NaN` and `Infinity` as texts (their field's predicate judges them); half a surrogate pair as U+FFFD."""
    token = found[0]
    if not token.startswith(b'"'):
        return b'"' + token + b'"'
    return _ESCAPE.sub(lambda escape: rb"\ufffd" if escape[1] else escape[0], token)


def _unlike_the_profile(what: str, where: str) -> SourceError:
    return SourceError(
        what,
        where=where,
        remedy='the default profile answers {"data": [...], "next_cursor": ..., "total": n}; '
        "correct base_url, or describe the registry in a source file",
    )


def _whole_number(total: Any) -> int | None:
    if isinstance(total, str) and total.isdecimal():
        return int(total)
    return total if isinstance(total, int) and not isinstance(total, bool) and total >= 0 else None


def _shape(body: bytes) -> str:
    """The outermost shape, by names of fields only: values may be a person's."""
    try:
        found = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except msgspec.DecodeError:
        return f"{_json_kind(body.lstrip())} stands where an object was expected"
    if "data" not in found:
        names = ", ".join(sorted(found)[:10]) or "nothing"
        return f"it has no `data` (it has {names})"
    return "`next_cursor` is neither text nor null"


def _json_kind(text: bytes) -> str:
    kinds = {b"{": "an object", b"[": "a list", b'"': "a text", b"n": "null", b"t": "true", b"f": "false"}
    return kinds.get(text[:1], "a number")


def _kind_of_text(body: bytes) -> str:
    if not body.strip():
        return "it is empty"
    return "it looks like an HTML or XML page" if body.lstrip().startswith(b"<") else "it is some other text"
