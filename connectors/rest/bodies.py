"""What an answer's body holds, whatever its format: the records as one JSON array, and where the walk goes on."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from common.errors import ConfigurationError
from connectors.rest.envelope import (
    BrokenBody,
    JsonBody,
    NotJson,
    continuation,
    count_records,
    json_kind,
    lawful_json,
    whole_number,
)
from connectors.rest.reading import Reading

_LINE = msgspec.json.Decoder(msgspec.Raw)
_ROWS = msgspec.json.Decoder(list[msgspec.Raw])
_CELLS = msgspec.json.Decoder(list[msgspec.Raw])
_MARKUP_OR_JSON = ("<", "{", "[")


@dataclass(frozen=True)
class Opened:
    """A body taken apart. `rows` is a JSON array; what is no record in it stands as a text or a list in its place."""

    rows: bytes
    count: int | None
    """Records; None where they need not be counted to go on."""
    following: str | None = None
    """What the body says about the next page."""
    says_following: bool = True
    """False: the body has no such field at all."""
    total: int | None = None


def open_body(body: bytes, reading: Reading, *, is_framed: bool = True) -> Opened:
    """The records inside `body`. `is_framed`: the transport itself would have noticed an early end.

    Raises `BrokenBody` for a body that is cut off or damaged, `SourceError` naming the key of the source file for one
    of another shape.
    """
    if reading.body.format == "json":
        return _open_json(_as_utf8(body, reading), reading)
    if not is_framed:
        # Cut between two lines, such a body is as good as a whole one.
        raise reading.unlike(
            f"a {reading.body.format} answer without Content-Length, chunks or gzip: it may end early unnoticed",
            ("body", "format"),
        )
    return _open_lines(body, reading) if reading.body.format == "ndjson" else _open_csv(body, reading)


def _open_json(body: bytes, reading: Reading) -> Opened:
    try:
        document = JsonBody(body)
    except NotJson as error:
        raise reading.unlike(f"the answer is not JSON: {error}", ("body", "format")) from None
    paging = reading.paging
    total = whole_number(document.at(paging.total_path)) if paging.total_path else None
    rows = _records(document, reading, total)
    following, says = None, True
    if paging.kind in ("cursor", "next_url"):
        found = document.at(paging.cursor_path)
        says = found is not None
        try:
            following = continuation(found)
        except ValueError:
            raise reading.unlike(
                f"the answer is JSON but no page: `{paging.cursor_path}` is neither text nor null",
                ("paging", "cursor_path"),
            ) from None
    is_counted = paging.kind in ("page", "offset") or not says
    return Opened(rows, count_records(rows) if is_counted else None, following, says, total)


def _records(document: JsonBody, reading: Reading, total: int | None) -> bytes:
    path = reading.body.records
    found = document.at(path)
    if found is None:
        raise reading.unlike(f"the answer is JSON but no page: {document.shape(path)}", ("body", "records"))
    rows = bytes(found)
    if rows == b"null" and total == 0:
        return b"[]"  # Some servers write an empty list so; without a total it might as well be a failure.
    if not rows.startswith(b"["):
        name = f"`{path}`" if path else "the answer"
        raise reading.unlike(f"{name} is {json_kind(rows)}, not a list of records", ("body", "records"))
    return _by_columns(document, rows, reading) if reading.body.shape == "columns_rows" else rows


def _by_columns(document: JsonBody, rows: bytes, reading: Reading) -> bytes:
    """Columns and rows as objects; a value's digits stay as they were written."""
    path = reading.body.columns
    found = document.at(path)
    names = _column_names(bytes(found)) if found is not None else None
    if names is None or len(set(names)) != len(names):
        said = "names a column twice" if names else "is no list of names"
        shape = document.shape(path) if found is None else f"`{path}` {said}"
        raise reading.unlike(f"the answer is JSON but no page: {shape}", ("body", "columns"))
    elements = _ROWS.decode(rows)
    if path == (f"{reading.body.records}.0" if reading.body.records else "0"):
        elements = elements[1:]  # The names are the first row.
    if any(bytes(memoryview(element)[:1]) != b"[" for element in elements[:1]):
        raise reading.unlike(
            "the rows are no lists of values: the records are objects already", ("body", "shape"), ("body", "records")
        )
    return msgspec.json.encode(list(_keyed(names, map(_cells, elements))))


def _cells(row: msgspec.Raw) -> Sequence[Any]:
    try:
        return _CELLS.decode(row)
    except msgspec.ValidationError:
        return (row,)


def _keyed(names: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[Any]:
    """A row of another length is no record: it stays a list, and is set aside alone."""
    width = len(names)
    for row in rows:
        yield dict(zip(names, row, strict=True)) if len(row) == width else row


def _column_names(raw: bytes) -> list[str] | None:
    """Names, or objects with a `name` or `id`, as some query services describe their columns."""
    try:
        found = msgspec.json.decode(raw, type=list[str | dict[str, Any]])
    except msgspec.DecodeError:
        return None
    names = [each if isinstance(each, str) else each.get("name", each.get("id")) for each in found]
    return [str(name) for name in names] if names and all(isinstance(name, str) for name in names) else None


def _open_lines(body: bytes, reading: Reading) -> Opened:
    text = _as_utf8(body, reading)
    try:
        elements = _LINE.decode_lines(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        elements = _line_by_line(lawful_json(text), reading)
    if elements and not bytes(memoryview(elements[0])[:1]) == b"{":
        raise reading.unlike("the first line is no JSON object", ("body", "format"))
    return Opened(b"[" + b",".join(elements) + b"]", len(elements))


def _line_by_line(text: bytes, reading: Reading) -> list[msgspec.Raw]:
    """A line that is no JSON becomes a text, to be set aside alone; half a last line means half an answer."""
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines[0].lstrip().startswith(b"{"):
        raise reading.unlike("the first line is no JSON object", ("body", "format"))
    elements = []
    for number, line in enumerate(lines, start=1):
        try:
            elements.append(_LINE.decode(line))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            if number == len(lines):
                raise BrokenBody("the last line stops before its end") from error
            elements.append(msgspec.Raw(msgspec.json.encode(line.decode("utf-8", "replace"))))
    return elements


def _open_csv(body: bytes, reading: Reading) -> Opened:
    text = _as_text(body, reading)
    if text.lstrip()[:1] in _MARKUP_OR_JSON:
        raise reading.unlike("the answer is no CSV: it looks like JSON, HTML or XML", ("body", "format"))
    cells = csv.reader(io.StringIO(text, newline=""), delimiter=reading.body.delimiter, strict=True)
    try:
        rows = [row for row in cells if row]
    except csv.Error as error:
        raise BrokenBody(f"CSV line {cells.line_num}: {error}") from error
    if not rows:
        raise reading.unlike("the answer has not even a line of column names", ("body", "format"))
    names = [name.strip() or f"_column_{number}" for number, name in enumerate(rows[0], start=1)]
    if len(set(names)) != len(names):
        raise reading.unlike("the first line names a column twice", ("body", "format"))
    if len(names) == 1 and any(mark in names[0] for mark in ",;\t|"):
        raise reading.unlike("the first line has one column only", ("body", "delimiter"))
    if len(rows) > 1 and len(rows[-1]) < len(names):
        raise BrokenBody("the last row stops before its end")
    return Opened(msgspec.json.encode(list(_keyed(names, rows[1:]))), len(rows) - 1)


def _as_text(body: bytes, reading: Reading) -> str:
    try:
        return body.decode(reading.body.encoding).removeprefix("\ufeff")
    except LookupError:
        raise ConfigurationError(
            f"no encoding is named {reading.body.encoding}",
            where=reading.key("body", "encoding"),
            remedy="write utf-8, utf-16, cp1258, …",
        ) from None
    except UnicodeDecodeError as error:
        raise BrokenBody(f"byte {error.start} is not {reading.body.encoding}") from error


def _as_utf8(body: bytes, reading: Reading) -> bytes:
    if reading.body.encoding.lower().replace("_", "-") in ("utf-8", "utf8", "utf-8-sig"):
        return body.removeprefix(b"\xef\xbb\xbf")
    return _as_text(body, reading).encode()
