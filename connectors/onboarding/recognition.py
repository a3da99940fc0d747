"""What an answer of an unknown REST service looks like: where its records are, and how its pages follow each other."""

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from common.errors import SourceError
from connectors.onboarding.naming import squashed
from connectors.rest.paging import links_of

Record = Mapping[str, Any]
_LIMITS = ("limit", "size", "pagesize", "perpage", "top", "maxresults", "take", "sodong", "rowsperpage", "count")
_PAGES = ("page", "pageno", "pagenumber", "pageindex", "currentpage", "trang", "p")
_OFFSETS = ("offset", "skip", "start", "startindex")
_TOTALS: tuple[str, ...] = (
    "total",
    "totalcount",
    "totalrecords",
    "totalelements",
    "totalitems",
    "totalrows",
    "recordstotal",
    "tongso",
)
_TOTALS += ("tongsobanghi", "totalresults", "filteredtablerowscount", "count")
_NEXT_ADDRESSES = ("nexturl", "nextlink", "odatanextlink", "nextpageurl", "nexthref")
_CURSORS = ("nextcursor", "nexttoken", "nextpagetoken", "continuationtoken", "continuation", "cursor", "scrollid")
_EITHER = ("next",)
"""A cursor or an address, as its value tells."""
_SINCE = ("updatedsince", "modifiedsince", "changedsince", "since", "updatedafter", "modifiedafter", "tungaycapnhat")
_TOTAL_HEADERS = ("X-Total-Count", "X-Total", "Total-Count")
_DEPTH_MAX = 4
_DELIMITERS = ",;\t|"


@dataclass
class Recognised:
    """Keys of `[rest.body]`, `[rest.paging]` and `[rest.incremental]` that say how to read such answers.

    `guessed` names keys that nothing proves; `params` are query parameters that belong to none of the three.
    """

    records: Sequence[Record]
    body: dict[str, Any] = field(default_factory=dict)
    paging: dict[str, Any] = field(default_factory=dict)
    incremental: dict[str, Any] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)
    page_size: int | None = None
    guessed: set[str] = field(default_factory=set)


def recognise(content: bytes, headers: Mapping[str, str], address: str) -> Recognised:
    """Take an answer apart. Numbers stay as they were written, as text.

    Raises `SourceError` for an answer that is neither JSON nor NDJSON nor CSV, or holds no list of records.
    """
    query = dict(parse_qsl(urlsplit(address).query, keep_blank_values=True))
    text = content.decode("utf-8-sig", "replace").strip()
    document = _json(text)
    if document is not None:
        found = _of_document(document, address)
    elif (lines := _lines(text)) is not None:
        found = Recognised(lines, {"format": "ndjson"})
    else:
        found = _of_csv(text, headers, address)
    _paging(found, document, headers, query, address)
    found.params |= query
    return found


def _json(text: str) -> Any:
    try:
        return json.loads(text, parse_float=str, parse_int=str) if text[:1] in "{[" and text else None
    except ValueError:
        return None


def _lines(text: str) -> list[Record] | None:
    try:
        records = [json.loads(line, parse_float=str, parse_int=str) for line in text.splitlines() if line.strip()]
    except ValueError:
        return None
    return records if records and all(isinstance(record, dict) for record in records) else None


def _of_csv(text: str, headers: Mapping[str, str], address: str) -> Recognised:
    first = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=first.count)
    if text[:1] == "<" or not (first.count(delimiter) or "csv" in headers.get("Content-Type", "")):
        raise SourceError(
            "the answer is neither JSON nor NDJSON nor CSV",
            where=address,
            remedy="give the address that delivers the records themselves; for files, download one and give its name",
        )
    rows = list(csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter))
    body = {"format": "csv"} | ({"delimiter": delimiter} if delimiter != "," else {})
    return Recognised([{name: value for name, value in row.items() if name} for row in rows], body)


def _of_document(document: Any, address: str) -> Recognised:
    lists = list(_lists(document, ""))
    objects = [(path, found) for path, found in lists if found and all(isinstance(each, dict) for each in found)]
    tables = [(path, found) for path, found in lists if found and all(isinstance(each, list) for each in found)]
    for path, found in sorted(tables, key=lambda pair: -len(pair[1])):
        columns = _columns(lists, len(found[0]))
        if columns is not None:
            records = [dict(zip(columns[1], row, strict=False)) for row in found]
            return Recognised(records, {"records": path, "shape": "columns_rows", "columns": columns[0]})
    if objects:
        path, found = max(objects, key=lambda pair: len(pair[1]))
        return Recognised(found, {"records": path})
    raise SourceError(
        "the answer is JSON, but holds no list of records" + (" with anything in it" if lists else ""),
        where=address,
        remedy="give an address that delivers some records: fields cannot be drafted from an empty list",
    )


def _lists(value: Any, path: str, depth: int = 0) -> Iterator[tuple[str, list[Any]]]:
    """Every list inside objects, with its path; lists inside records are not looked for."""
    if isinstance(value, list):
        yield path, value
    elif isinstance(value, dict) and depth < _DEPTH_MAX:
        for name, below in value.items():
            yield from _lists(below, f"{path}.{name}" if path else name, depth + 1)


def _columns(lists: Sequence[tuple[str, list[Any]]], width: int) -> tuple[str, list[str]] | None:
    """Path and names of the columns: a list of texts, or of objects with a name, as wide as the rows."""
    for path, found in lists:
        names = [each.get("name", each.get("id")) if isinstance(each, dict) else each for each in found]
        texts = [name for name in names if isinstance(name, str)]
        if len(texts) == len(names) == width == len(set(texts)):
            return path, texts
    return None


def _paging(found: Recognised, document: Any, headers: Mapping[str, str], query: dict[str, str], address: str) -> None:
    """Fill in how pages follow each other; parameters that are explained are taken out of `query`."""
    values = dict(_values(document)) if isinstance(document, dict) else {}
    following = _following(values)
    link = links_of(headers.get("Link", "")).get("next")
    next_address = following[1] if following and following[2] else link
    next_query = dict(parse_qsl(urlsplit(str(next_address)).query)) if next_address else {}
    since = _named(query, _SINCE)
    found.incremental["param"] = since or ""
    if since:
        del query[since]
    _limit(found, query, next_query)
    if following and following[2]:
        found.paging |= {"kind": "next_url", "cursor_path": following[0]}
    elif link:
        found.paging["kind"] = "link"
    elif page := _named(query, _PAGES):
        first = query.pop(page)
        found.paging |= {"kind": "page", "page_param": page, "first_page": int(first) if first in ("0", "1") else 1}
    elif offset := _named(query, _OFFSETS):
        del query[offset]
        found.paging |= {"kind": "offset", "offset_param": offset}
    elif following:
        found.paging |= {"kind": "cursor", "cursor_path": following[0]}
        _cursor_param(found, following, query, values)
    else:
        _unasked(found, values)
    _total(found, values, headers)


def _values(document: Mapping[str, Any], path: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Every plain value inside objects, by path, the shallow ones first."""
    below = []
    for name, value in document.items():
        here = f"{path}.{name}" if path else name
        if isinstance(value, dict) and depth < _DEPTH_MAX:
            below.append((here, value))
        elif not isinstance(value, dict | list):
            yield here, value
    for here, value in below:
        yield from _values(value, here, depth + 1)


def _last(path: str) -> str:
    return squashed(path.removeprefix("@").rpartition(".")[2] if "@" not in path else path)


def _following(values: Mapping[str, Any]) -> tuple[str, Any, bool] | None:
    """Path, value, and whether it is an address, of what the body says about the next page."""
    for path, value in values.items():
        if _last(path) in _NEXT_ADDRESSES:
            return path, value, True
    for path, value in values.items():
        if _last(path) in _EITHER:
            has_previous = any(_last(other).startswith("prev") for other in values)
            is_address = re.match(r"https?://|/|\?", value) is not None if isinstance(value, str) else has_previous
            return path, value, is_address
    for wanted in _CURSORS:
        for path, value in values.items():
            if _last(path) == wanted:
                return path, value, False
    return None


def _named(query: Mapping[str, str], names: Sequence[str]) -> str | None:
    return next((name for name in query if squashed(name) in names), None)


def _limit(found: Recognised, query: dict[str, str], next_query: Mapping[str, str]) -> None:
    """The parameter for the page size: given by hand, or in the server's own address of the next page."""
    asked = _named(query, _LIMITS)
    if asked is not None:
        size = query.pop(asked)
        found.page_size = int(size) if size.isdigit() and int(size) else None
    asked = asked or _named(next_query, _LIMITS)
    found.paging["limit_param"] = asked or ""


def _cursor_param(
    found: Recognised, following: tuple[str, Any, bool], query: dict[str, str], values: Mapping[str, Any]
) -> None:
    path = following[0]
    name = path.rpartition(".")[2]
    own = next((each for each in query if squashed(each) in (*_CURSORS, squashed(name))), None)
    if own is not None:
        del query[own]
    bare = re.sub(r"^next[_-]?", "", name, flags=re.IGNORECASE)
    bare = bare[:1].lower() + bare[1:]
    found.paging["cursor_param"] = own or bare or name
    if own is None:
        found.guessed.add("cursor_param")
    is_ours = path == "next_cursor" and "total" in values and found.body.get("records") == "data"
    if is_ours and not found.paging["limit_param"]:
        # The default wire profile, which its server need not show on every page.
        found.paging["limit_param"] = "limit"
        found.incremental["param"] = found.incremental["param"] or "updated_since"
        found.guessed.discard("cursor_param")


def _unasked(found: Recognised, values: Mapping[str, Any]) -> None:
    """Nothing in the address or the body leads on; a page number in the body hints at a parameter of that name."""
    paged = next((path for path in values if _last(path) in _PAGES), None)
    offset = next((path for path in values if _last(path) in _OFFSETS), None)
    if paged is not None:
        first = 0 if str(values[paged]) == "0" else 1
        found.paging |= {"kind": "page", "page_param": paged.rpartition(".")[2], "first_page": first}
        found.guessed.add("page_param")
    elif offset is not None:
        found.paging |= {"kind": "offset", "offset_param": offset.rpartition(".")[2]}
        found.guessed.add("offset_param")
    else:
        found.paging["kind"] = "none"
        found.guessed.add("kind")


def _total(found: Recognised, values: Mapping[str, Any], headers: Mapping[str, str]) -> None:
    for wanted in _TOTALS:
        for path, value in values.items():
            if _last(path) == wanted and str(value).isdigit() and int(value) >= len(found.records):
                found.paging["total_path"] = path
                return
    header = next((name for name in _TOTAL_HEADERS if name in headers), None)
    if header is not None:
        found.paging |= {"total_path": "", "total_header": header}
