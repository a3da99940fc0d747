"""JSON and NDJSON files as text records: nested objects become dotted columns, lists stay JSON text."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, BinaryIO

from connectors.formats import PLACE, Piece, UnreadableFile, Wanted
from connectors.formats.grid import BLOCK_ROWS
from connectors.formats.table import UNREADABLE
from connectors.source import Format

if TYPE_CHECKING:
    import msgspec
    import pyarrow as pa

_WHOLE_MAX = 256 * 2**20
_LINE_MAX = 16 * 2**20
Numbered = tuple[str, bytes]
"""Where a record stood, and its JSON text."""


def read_json(stream: BinaryIO, format: Format, wanted: Wanted) -> Iterator[Piece]:
    """The records of a JSON array, of an array inside an object, or of lines (`ndjson`).

    A kind of record is the path to its array, with dots (`data.lao_dong`); without one the body is the array, or an object
    with one array in it. Raises `UnreadableFile` for a body that is no JSON text, larger than 256 MB, or has no such array.
    """
    if format.name == "ndjson":
        kind = next(iter(wanted), None)
        yield from _pieces(kind or "ndjson", _lines(stream))
        return
    body = _body(stream)
    for kind in wanted:
        yield from _pieces(kind or "json", _elements(body, kind))


def _body(stream: BinaryIO) -> "msgspec.Raw":
    import msgspec

    stream.seek(0)
    text = stream.read(_WHOLE_MAX + 1)
    if len(text) > _WHOLE_MAX:
        raise UnreadableFile("a JSON file of more than 256 MB", remedy="have the agency send NDJSON, one record a line")
    return msgspec.Raw(text.removeprefix(b"\xef\xbb\xbf"))


def _elements(body: "msgspec.Raw", path: str | None) -> Iterator[Numbered]:
    import msgspec

    try:
        for step in path.split(".") if path else ():
            body = msgspec.json.decode(body, type=dict[str, msgspec.Raw])[step]
        if not path and bytes(body).lstrip()[:1] == b"{":
            inside = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
            arrays = [each for each in inside.values() if bytes(each).lstrip()[:1] == b"["]
            if len(arrays) != 1:
                raise _no_array(f"the body is an object with {len(arrays)} arrays")
            body = arrays[0]
        records = msgspec.json.decode(body, type=list[msgspec.Raw])
    except KeyError as error:
        raise _no_array(f"the body has no {path}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _no_array(f"the body is not the JSON text that was expected ({_said(error)})") from error
    for number, record in enumerate(records, start=1):
        yield f"bản ghi {number}", bytes(record)


def _no_array(what: str) -> UnreadableFile:
    return UnreadableFile(what, remedy='name the path to the list of records, such as record = "data.items"')


def _said(error: Exception) -> str:
    """Where it broke, without a word of the data."""
    return "cut off" if "truncated" in str(error) else type(error).__name__


def _lines(stream: BinaryIO) -> Iterator[Numbered]:
    stream.seek(0)
    number = 0
    while line := stream.readline(_LINE_MAX):
        number += 1
        if len(line) == _LINE_MAX:
            raise UnreadableFile(
                "a line longer than 16 MB", where=f"line {number}", remedy="have the agency write one record a line"
            )
        line = line.removeprefix(b"\xef\xbb\xbf").strip() if number == 1 else line.strip()
        if line:
            yield f"dòng {number}", line


def _pieces(kind: str, records: Iterable[Numbered]) -> Iterator[Piece]:
    records = iter(records)
    is_first = True
    while taken := list(islice(records, BLOCK_ROWS)):
        yield Piece(kind, _table([_record(place, text) for place, text in taken]))
        is_first = False
    if is_first:
        yield Piece(kind, _table([]))


def _record(place: str, text: bytes) -> dict[str, str | None]:
    import msgspec

    try:
        record = _decoder().decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {PLACE: place, UNREADABLE: "not readable as JSON text"}
    if not isinstance(record, dict):
        return {PLACE: place, UNREADABLE: "not an object"}
    return {**dict(_flat("", record)), PLACE: place, UNREADABLE: None}


def _decoder() -> "msgspec.json.Decoder[Any]":
    import msgspec

    # A binary float would lose digits of an amount.
    return msgspec.json.Decoder(float_hook=str)


def _flat(before: str, record: dict[str, Any]) -> Iterator[tuple[str, str | None]]:
    import msgspec

    for name, value in record.items():
        match value:
            case dict():
                yield from _flat(f"{before}{name}.", value)
            case None | str():
                yield before + name, value
            case bool():
                yield before + name, "true" if value else "false"
            case list():
                yield before + name, msgspec.json.encode(value).decode()
            case _:
                yield before + name, str(value)


def _table(rows: list[dict[str, str | None]]) -> "pa.Table":
    import pyarrow as pa

    names = list(dict.fromkeys(name for row in rows for name in row)) or [PLACE, UNREADABLE]
    return pa.table({name: pa.array([row.get(name) for row in rows], pa.string()) for name in names})
