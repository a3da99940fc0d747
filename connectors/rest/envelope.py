"""A JSON body: the records cut out of it without parsing them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec


class BrokenBody(Exception):
    """The body ends early or is damaged: worth asking for again. Says where, never what stands there."""


class NotJson(Exception):
    """The body is something else than JSON, and was never meant to be."""


@dataclass(frozen=True)
class Page:
    """One page as delivered. `rows` is the JSON array of its records, byte for byte."""

    rows: bytes
    next_cursor: str | None
    """Where the walk goes on, as a text only the source's paging understands; None: this was the last page."""
    total: int | None


BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_OUTSIDE_JSON = re.compile(rb'"(?:[^"\\]|\\.)*+"|-?Infinity|NaN', re.DOTALL)
_ESCAPE = re.compile(rb"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(u[dD][89a-fA-F]..)|.)", re.DOTALL)
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LIST = msgspec.json.Decoder(list[msgspec.Raw])
_NAMES_MAX = 10


class JsonBody:
    """One JSON document, opened level by level: what lies beside a path is passed over, not parsed.

    Raises `BrokenBody` for a body that is cut off or damaged, `NotJson` for one that is no JSON.
    """

    def __init__(self, body: bytes) -> None:
        self._opened: dict[str, Mapping[str, msgspec.Raw] | list[msgspec.Raw]] = {}
        self._top = body.removeprefix(BYTE_ORDER_MARK).strip()
        if self._top[:1] not in (b"{", b"["):
            raise NotJson(_kind_of_text(self._top))
        try:
            self._open_top()
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise BrokenBody(str(error)) from error
        except RecursionError as error:
            raise NotJson("it is nested deeper than any list of records") from error

    def _open_top(self) -> None:
        try:
            self._open("", self._top)
        except msgspec.DecodeError:
            # Some JSON writers let pass what JSON forbids; one such value must not keep a whole dataset out.
            lawful = lawful_json(self._top)
            if lawful == self._top:
                raise
            self._top = lawful
            self._open("", lawful)

    def at(self, path: str) -> msgspec.Raw | bytes | None:
        """What stands at `path` (names with dots, numbers into lists; empty: the whole body), or None."""
        found: msgspec.Raw | bytes = self._top
        reached, left = "", path
        while left:
            below = self._open(reached, found)
            name, child = _child(below, left)
            if child is None:
                return None
            found, left = child, left[len(name) + 1 :]
            reached = f"{reached}.{name}" if reached else name
        return found

    def shape(self, path: str) -> str:
        """Why nothing stands at `path`, by names of fields only: values may be a person's."""
        reached, left = "", path
        below = self._open("", self._top)
        while left:
            name, child = _child(below, left)
            if child is None:
                break
            left = left[len(name) + 1 :]
            reached = f"{reached}.{name}" if reached else name
            below = self._open(reached, child)
        if not isinstance(below, Mapping):
            return f"{f'in `{reached}` ' if reached else ''}a list stands where an object was expected"
        # An object may be keyed by people's numbers.
        names = ", ".join(re.sub("[0-9]{6,}", "…", each) for each in sorted(below)[:_NAMES_MAX]) or "nothing"
        return f"it has no `{path}` ({f'`{reached}`' if reached else 'it'} has {names})"

    def _open(self, path: str, raw: msgspec.Raw | bytes) -> Mapping[str, msgspec.Raw] | list[msgspec.Raw]:
        """The members of an object or list; a plain value has none."""
        if path not in self._opened:
            first = bytes(memoryview(raw)[:1])
            if first == b"[":
                self._opened[path] = _LIST.decode(raw)
            else:
                self._opened[path] = _OBJECT.decode(raw) if first == b"{" else {}
        return self._opened[path]


def _child(
    below: Mapping[str, msgspec.Raw] | list[msgspec.Raw], path: str
) -> tuple[str, msgspec.Raw] | tuple[str, None]:
    """The first step of `path`: the longest name that is there, for names may hold dots (`@odata.nextLink`)."""
    if isinstance(below, list):
        name = path.split(".", 1)[0]
        is_there = name.isdecimal() and int(name) < len(below)
        return (name, below[int(name)]) if is_there else (name, None)
    name = path
    while name not in below and "." in name:
        name = name.rpartition(".")[0]
    return (name, below[name]) if name in below else (name, None)


def count_records(rows: bytes | msgspec.Raw) -> int:
    """Records in a JSON array, without parsing them."""
    return len(_LIST.decode(rows))


def continuation(raw: msgspec.Raw | bytes | None) -> str | None:
    """A cursor or an address as text; null, false and an empty text say that there is no further page.

    A number keeps its digits (0 is a cursor like any other). Raises `ValueError` for an object, a list or true.
    """
    text = bytes(raw) if raw is not None else b"null"
    if text in (b"null", b"false", b'""'):
        return None
    if text[:1] == b'"':
        return str(msgspec.json.decode(text, type=str))
    if text[:1] in b"-0123456789":
        return text.decode("ascii")
    raise ValueError(json_kind(text))


def whole_number(raw: msgspec.Raw | bytes | None) -> int | None:
    """A count, written as a number or as text; None for anything else."""
    text = bytes(raw).strip(b'"') if raw is not None else b""
    return int(text) if text.isdigit() else None


def lawful_json(body: bytes) -> bytes:
    """`NaN` and `Infinity` as texts (their field's predicate judges them); half a surrogate pair as U+FFFD."""
    return _OUTSIDE_JSON.sub(_lawful, body)


def _lawful(found: re.Match[bytes]) -> bytes:
    token = found[0]
    if not token.startswith(b'"'):
        return b'"' + token + b'"'
    return _ESCAPE.sub(lambda escape: rb"\ufffd" if escape[1] else escape[0], token)


def json_kind(text: bytes) -> str:
    kinds = {b"{": "an object", b"[": "a list", b'"': "a text", b"n": "null", b"t": "true", b"f": "false"}
    return kinds.get(text[:1], "a number")


def _kind_of_text(body: bytes) -> str:
    if not body:
        return "it is empty"
    return "it looks like an HTML or XML page" if body.startswith(b"<") else "it is some other text"
