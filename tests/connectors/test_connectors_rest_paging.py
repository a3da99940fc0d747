"""Where a walk over pages goes on, for every server that numbers its pages in its own way."""

import gzip
import json
import time
import zlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.rest.bodies import open_body
from connectors.rest.envelope import BrokenBody
from connectors.rest.inflate import Swollen, inflate
from connectors.rest.paging import Position, links_of, page_of
from connectors.rest.reading import Question, reading_of
from connectors.source import Rest

LINKS = {
    "one": ('<https://a/b?page=2>; rel="next"', {"next": "https://a/b?page=2"}),
    "without quotes": ("<b?page=2>;rel=next", {"next": "b?page=2"}),
    "a comma and a semicolon in the address": ("<b?ids=1,2;3>; rel=next", {"next": "b?ids=1,2;3"}),
    "quoted marks in another parameter": (
        r'<b>; title="one, <two>; rel=\"next\""; rel="prev"',
        {"prev": "b"},
    ),
    "several relations in any case": ('<b>; Rel="Last NEXT"', {"last": "b", "next": "b"}),
    "several links": ('<a>; rel="prev" , <b>; rel="next",<c>; rel=last', {"prev": "a", "next": "b", "last": "c"}),
    "the first of two": ("<a>; rel=next, <b>; rel=next", {"next": "a"}),
    "a second rel of one link does not count": ("<a>; rel=prev; rel=next", {"prev": "a"}),
    "a link of another page": ('<b>; anchor="/other"; rel=next', {}),
    "a parameter without a value": ("<b>; crossorigin; rel=next", {"next": "b"}),
    "no relation": ("<b>; title=x", {}),
    "nothing": ("", {}),
    "no link at all": ("next=b", {}),
    "quotes that never end": ('<b>; title="x; rel=next', {}),
}


@pytest.mark.parametrize("name", LINKS)
def test_a_link_header(name: str) -> None:
    header, expected = LINKS[name]
    assert links_of(header) == expected


def test_a_hostile_link_header_takes_no_time() -> None:
    began = time.monotonic()
    for header in ("<a>" * 20_000, "<a>;" + '"' * 60_001, "<a>;" + "; x" * 20_000, "<" * 60_000):
        links_of(header)
    assert time.monotonic() - began < 5


def question(kind: str, limit: int) -> Question:
    rest = Rest.model_validate({"paging": {"kind": kind}})
    return reading_of(rest, "http://127.0.0.1/api", "taxpayer", None).ask(None, limit=limit)


def walk(asked: Question, rows: list[int], cap: int, total: int | None) -> list[int]:
    """What a walk brings from a server that gives at most `cap` records a page and announces `total`."""
    found, state = list[int](), None
    for _ in range(len(rows) + 3):
        position = Position.read(state)
        size = min(asked.limit, cap)
        number = position.number(asked.reading)
        start = (number - 1) * size if asked.reading.paging.kind == "page" else number
        body: dict[str, Any] = {"data": rows[start : start + size], "total": total}
        opened = open_body(json.dumps(body).encode(), asked.reading)
        page = page_of(opened, asked, state=state, links={}, unsaid=())
        found += json.loads(page.rows)
        state = page.next_cursor
        if state is None:
            return found
    raise AssertionError("the walk does not end")


@given(
    kind=st.sampled_from(["page", "offset"]),
    count=st.integers(0, 60),
    limit=st.integers(1, 20),
    cap=st.integers(1, 25),
    said=st.sampled_from(["nothing", "right", "too high"]),
)
@settings(max_examples=400, deadline=None)
def test_a_numbered_walk_brings_every_record_once_whatever_the_server_gives_at_a_time(
    kind: str, count: int, limit: int, cap: int, said: str
) -> None:
    total = {"nothing": None, "right": count, "too high": count + 17}[said]
    rows = list(range(count))
    assert walk(question(kind, limit), rows, cap, total) == rows


@given(
    kind=st.sampled_from(["page", "offset"]), count=st.integers(0, 60), limit=st.integers(1, 20), total=st.integers(0)
)
@settings(max_examples=200, deadline=None)
def test_a_total_that_is_too_low_loses_nothing_where_pages_are_as_large_as_asked(
    kind: str, count: int, limit: int, total: int
) -> None:
    rows = list(range(count))
    assert walk(question(kind, limit), rows, limit, min(total, count)) == rows


@given(
    st.builds(
        Position,
        pages=st.integers(0, 10**9),
        rows=st.integers(0, 10**12),
        total=st.none() | st.integers(0, 10**12),
        last=st.integers(0, 2**32 - 1),
    )
)
def test_a_position_survives_as_text(position: Position) -> None:
    assert Position.read(str(position)) == position


@given(
    parts=st.lists(st.binary(max_size=3000), min_size=1, max_size=4), cut=st.integers(1, 40), padding=st.integers(0, 9)
)
@settings(deadline=None)
def test_a_gzip_body_is_taken_whole_or_not_at_all(parts: list[bytes], cut: int, padding: int) -> None:
    packed = b"".join(gzip.compress(part) for part in parts)
    where = "here"
    whole = inflate(packed + bytes(padding), "gzip", where=where)
    assert whole == b"".join(parts)
    last = gzip.compress(parts[-1])
    with pytest.raises(BrokenBody):
        inflate(packed[: -min(cut, len(last) - 1)], "gzip", where=where)


def test_a_body_larger_than_its_pieces_is_put_together_and_a_bomb_of_any_make_is_refused() -> None:
    numbers = b"".join(b"%d," % (number * number) for number in range(200_000))
    assert inflate(gzip.compress(numbers, 1) * 3, "gzip", where="here") == numbers * 3
    assert inflate(zlib.compress(numbers), "deflate", where="here") == numbers
    many = gzip.compress(b"") * 20_000
    began = time.monotonic()
    assert inflate(many, "gzip", where="here") == b""
    assert time.monotonic() - began < 10
    for bomb, encoding in ((gzip.compress(bytes(64 * 2**20)), "gzip"), (zlib.compress(bytes(64 * 2**20)), "deflate")):
        with pytest.raises(Swollen):
            inflate(bomb, encoding, where="here")
