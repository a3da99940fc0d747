"""What a REST source does wrong ends in a message that names the key to mend, never in lost or doubled records."""

import asyncio
import gzip
import itertools
import json
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from odd_registry import NOW, Answer, Asked, Reply, answering, as_json, client_of, read_pages, read_records

from common.errors import ConfigurationError, SourceError
from connectors.rest.http import Refused

RECORDS = [{"ma": f"{number:03}", "ten": "Nguyễn Văn A"} for number in range(35)]
ALL = {"paging": {"kind": "none"}}
CSV, NDJSON = {**ALL, "body": {"format": "csv"}}, {**ALL, "body": {"format": "ndjson"}}
PAGES = {"paging": {"kind": "page"}}
TABLE = {"shape": "columns_rows", "records": "rows"}
LINES = b"".join(json.dumps(record).encode() + b"\n" for record in RECORDS)
ROWS = b"ma,ten\n" + b"".join(f'{record["ma"]},"{record["ten"]}"\n'.encode() for record in RECORDS)
WHOLE = json.dumps({"data": RECORDS, "next_cursor": None}).encode()


def said(answer: Answer, rest: dict[str, Any] | None, **how: Any) -> tuple[str, int]:
    """The error's text, and how often the registry was asked."""
    with answering(answer) as registry:
        with pytest.raises(SourceError) as raised:
            read_pages(registry.url, rest, **how)
        return str(raised.value), len(registry.asked)


def always(body: bytes, status: int = 200, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda asked: Reply(body, status, named)


# body or answer, [rest], what the message says
OTHER_SHAPES: dict[str, tuple[Answer, dict[str, Any] | None, list[str]]] = {
    "records that are missing": (
        always(b'{"columns": [], "rows": [{"ten": "A"}], "next": null}'),
        {**ALL, "body": {"records": "data.items"}},
        ["it has no `data.items` (it has columns, next, rows)", "[rest.body] records"],
    ),
    "records that are missing inside": (
        always(b'{"data": {"list": [], "079085001234": 1}}'),
        {**ALL, "body": {"records": "data.items"}},
        ["it has no `data.items` (`data` has …, list)", "[rest.body] records"],
    ),
    "records that are missing in the default profile": (
        always(b'{"items": []}'),
        None,
        ["it has no `data` (it has items)", "the default profile answers"],
    ),
    "records that are null": (always(b'{"data": null}'), ALL, ["`data` is null, not a list", "[rest.body] records"]),
    "a list instead of an object": (always(b"[]"), ALL, ["a list stands where an object", "[rest.body] records"]),
    "an object instead of the list": (
        always(b'{"error": "no"}'),
        {**ALL, "body": {"records": ""}},
        ["the answer is an object, not a list of records", "[rest.body] records"],
    ),
    "columns that are missing": (
        always(b'{"rows": []}'),
        {**ALL, "body": TABLE},
        ["it has no `columns` (it has rows)", "[rest.body] columns"],
    ),
    "columns that are no names": (
        always(b'{"rows": [], "columns": [1, 2]}'),
        {**ALL, "body": TABLE},
        ["`columns` is no list of names"],
    ),
    "a column twice": (
        always(b'{"rows": [], "columns": ["a", "a"]}'),
        {**ALL, "body": TABLE},
        ["`columns` names a column twice"],
    ),
    "objects where rows were described": (
        always(b'{"rows": [{"a": 1}], "columns": ["a"]}'),
        {**ALL, "body": TABLE},
        ["the records are objects already", "[rest.body] shape"],
    ),
    "a next address that is none": (
        always(b'{"data": [], "next": "/a\\u0000b"}'),
        {"paging": {"kind": "next_url", "cursor_path": "next"}},
        ["impossible address"],
    ),
    "a cursor that is an object": (
        always(b'{"data": [], "next_cursor": {"a": 1}}'),
        {},
        ["`next_cursor` is neither text nor null", "[rest.paging] cursor_path"],
    ),
    "a full page that says nothing of a next one": (
        always(json.dumps({"data": RECORDS[:10]}).encode()),
        {},
        ["no `next_cursor`", "after 10 records, as many as were asked for", "[rest.paging] cursor_path"],
    ),
    "a total that says more, and nothing of a next page": (
        always(json.dumps({"data": RECORDS[:5], "total": 35, "next": "x"}).encode()),
        {},
        ["after 5 records of 35", "[rest.paging] cursor_path"],
    ),
    "no Link header beside a full page": (
        always(json.dumps(RECORDS[:10]).encode()),
        {"paging": {"kind": "link"}, "body": {"records": ""}},
        ["the answer has no Link header", "[rest.paging] kind"],
    ),
    "a login page": (always(b"\n<!DOCTYPE html><p>Nguyen"), ALL, ["looks like an HTML", "[rest.body] format"]),
    "a login page for NDJSON": (always(b"<html>\n</html>"), NDJSON, ["no JSON object", "[rest.body] format"]),
    "a login page for CSV": (always(b"<html>\n</html>"), CSV, ["no CSV", "[rest.body] format"]),
    "a JSON error for CSV": (always(b'{"error": "x"}'), CSV, ["no CSV", "[rest.body] format"]),
    "JSON where NDJSON is described": (always(b"[1]"), NDJSON, ["no JSON object", "[rest.body] format"]),
    "nothing": (always(b""), ALL, ["it is empty"]),
    "nothing for CSV": (always(b""), CSV, ["not even a line of column names"]),
    "CSV of another delimiter": (always(b"ma;ten\n1;2\n"), CSV, ["one column only", "[rest.body] delimiter"]),
    "CSV with a column twice": (always(b"ma,ma\n1,2\n"), CSV, ["names a column twice"]),
    "a depth no records have": (always(b'{"data": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"), ALL, ["nested deeper"]),
    "a compression nobody asked for": (always(b"x", Content_Encoding="br"), ALL, ["compressed as br"]),
    "a bomb": (
        always(gzip.compress(gzip.compress(bytes(200 * 2**20), 9), 9), Content_Encoding="gzip, gzip"),
        ALL,
        ["unpacks to more than 200 times its size"],
    ),
    "CSV without any sign of its end": (
        lambda asked: Reply(ROWS, is_unframed=True),
        CSV,
        ["without Content-Length, chunks or gzip", "[rest.body] format"],
    ),
    "204 for a whole dataset": (always(b"", 204), ALL, ["the registry answers 204"]),
    "a redirect": (
        always(b"", 302, Location="http://127.0.0.1/login"),
        ALL,
        ["answers 302", "the registry has moved", "[datasets.taxpayer] path"],
    ),
    "206 that is a part of the bytes": (always(b"[", 206, Content_Range="bytes 0-1/9"), ALL, ["answers 206"]),
    "404": (always(b'{"error": "Table not found"}', 404), ALL, ["404 (Table not found)", "[datasets.taxpayer] path"]),
}


@pytest.mark.parametrize("name", OTHER_SHAPES)
def test_another_shape_than_described_is_named_at_once_with_the_key_to_mend(name: str) -> None:
    answer, rest, expected = OTHER_SHAPES[name]
    text, times = said(answer, rest)
    assert [each for each in expected if each not in text] == [], text
    assert "Nguyễn" not in text
    assert times == 1


def test_the_key_named_is_that_of_the_dataset_where_it_has_its_own() -> None:
    text, _ = said(always(b'{"items": []}'), ALL, of={"body": {"records": "rows"}})
    assert "correct [datasets.taxpayer.body] records in the source file" in text


# What arrives whole by the transport's own count, and is not.
CUT_SHORT: dict[str, tuple[Reply, Reply, dict[str, Any] | None]] = {
    "a body shorter than its Content-Length": (Reply(LINES, length=len(LINES) + 9), Reply(LINES), NDJSON),
    "chunks without the last one": (Reply(LINES, chunks=True, length=1), Reply(LINES, chunks=True), NDJSON),
    "half a gzip stream of JSON": (
        Reply(gzip.compress(WHOLE)[:-30], headers={"Content-Encoding": "gzip"}),
        Reply(gzip.compress(WHOLE), headers={"Content-Encoding": "gzip"}),
        None,
    ),
    "a gzip stream of NDJSON that ends at a line, without its checksum": (
        Reply(gzip.compress(LINES)[:-8], headers={"Content-Encoding": "gzip"}),
        Reply(gzip.compress(LINES), headers={"Content-Encoding": "gzip"}),
        NDJSON,
    ),
    "half a gzip file of CSV": (Reply(gzip.compress(ROWS)[:-9]), Reply(gzip.compress(ROWS)), CSV),
    "a gzip stream with a wrong checksum": (
        Reply(gzip.compress(LINES)[:-8] + b"\0\0\0\0" + gzip.compress(LINES)[-4:]),
        Reply(gzip.compress(LINES)),
        NDJSON,
    ),
    "a body that only says it is gzip": (Reply(LINES, headers={"Content-Encoding": "gzip"}), Reply(LINES), NDJSON),
    "half a last line": (Reply(LINES[:-8]), Reply(LINES), NDJSON),
    "half a last character": (Reply(ROWS[:-4]), Reply(ROWS), CSV),
    "a CSV row with too few fields": (Reply(ROWS + b"036"), Reply(ROWS), CSV),
    "a CSV value whose quotes never end": (Reply(ROWS[:-2]), Reply(ROWS), CSV),
    "half a JSON body without any sign of its end": (Reply(WHOLE[:-20], is_unframed=True), Reply(WHOLE), None),
}


@pytest.mark.parametrize("name", CUT_SHORT)
def test_half_an_answer_is_asked_for_again_and_never_taken(name: str) -> None:
    half, whole, rest = CUT_SHORT[name]
    text, times = said(lambda asked: half, rest)
    assert times == 2
    assert "on every try" in text
    replies = itertools.chain([half], itertools.repeat(whole))
    with answering(lambda asked: next(replies)) as registry:
        assert read_records(registry.url, rest) == RECORDS


def test_a_next_page_on_another_host_is_refused_and_nothing_is_sent_there() -> None:
    auth = {"kind": "api_key", "key": "hush"}
    with answering(always(b"{}")) as other:
        port = other.url.split(":")[2]
        for target in (f"http://localhost:{port}", f"//localhost:{port}", "http://127.0.0.1@localhost/", "ftp://a/b"):
            for kind in ("next_url", "link"):
                rest = {"paging": {"kind": kind, "cursor_path": "next"}, "auth": auth}
                body = json.dumps({"data": [], "next": target}).encode()
                text, _ = said(always(body, Link=f'<{target}>; rel="next"'), rest)
                assert "the next page lies on another host" in text
        assert other.asked == []


def test_a_next_page_behind_another_port_of_the_host_is_asked_at_ours() -> None:
    def answer(asked: Asked) -> Reply:
        following = None if "tu" in asked.query else "https://127.0.0.1:1/behind/gateway?tu=10"
        return as_json({"data": RECORDS[:1], "next": following})

    with answering(answer) as registry:
        read_pages(registry.url, {"paging": {"kind": "next_url", "cursor_path": "next"}})
        assert [asked.path for asked in registry.asked] == ["/api/taxpayer", "/behind/gateway"]


def test_a_link_header_without_next_is_the_end() -> None:
    rest = {"paging": {"kind": "link"}, "body": {"records": ""}}
    with answering(always(json.dumps(RECORDS[:10]).encode(), Link='</api?page=9>; rel="last"')) as registry:
        assert read_records(registry.url, rest) == RECORDS[:10]


@pytest.mark.parametrize("prefetch", [1, 4])
def test_a_server_that_gives_the_same_page_for_ever_is_found_out(prefetch: int) -> None:
    text, times = said(always(WHOLE), {"paging": {"kind": "page", "prefetch": prefetch}})
    assert "the same page comes again" in text
    assert "[rest.paging] page_param" in text
    assert times <= 1 + prefetch


def numbered(size: int, total: int | None = None, beyond: int = 200) -> Answer:
    """Pages of `size` records whatever was asked for; `beyond` is the status behind the last."""

    def answer(asked: Asked) -> Reply:
        start = (int(asked.query["page"]) - 1) * size
        if start >= len(RECORDS):
            return as_json({"data": [], "total": total}, status=beyond)
        return as_json({"data": RECORDS[start : start + size], "total": total})

    return answer


# answer, [rest], page size, how many requests at most
LIARS: dict[str, tuple[Answer, dict[str, Any], int, int]] = {
    "a total that is too low, with full pages": (numbered(10, total=20), PAGES, 10, 4),
    "a total that is too high": (numbered(10, total=1000), PAGES, 10, 5),
    "a total that is right, and a refusal behind the last page": (numbered(7, total=35, beyond=400), PAGES, 10, 5),
    "a total reached by a full page, and a refusal behind it": (numbered(5, total=35, beyond=422), PAGES, 5, 8),
    "more records than asked for": (numbered(20), PAGES, 10, 3),
    "fewer records than asked for": (numbered(4), PAGES, 10, 10),
    "fewer than asked for, fetched ahead": (numbered(4), {"paging": {"kind": "page", "prefetch": 3}}, 10, 13),
    "everything at once, whatever is asked for": (
        lambda asked: as_json({"data": RECORDS, "total": len(RECORDS)}),
        {"paging": {"kind": "page", "total_path": "total"}},
        10,
        2,
    ),
}


@pytest.mark.parametrize("name", LIARS)
def test_a_server_that_lies_about_its_pages_is_read_whole_and_once(name: str) -> None:
    answer, rest, limit, times = LIARS[name]
    with answering(answer) as registry:
        assert read_records(registry.url, rest, limit=limit) == RECORDS
        assert len(registry.asked) <= times


def test_a_404_where_the_total_says_more_is_no_end() -> None:
    def answer(asked: Asked) -> Reply:
        return as_json({}, status=404) if asked.query["page"] == "3" else numbered(10, total=35)(asked)

    with answering(answer) as registry, pytest.raises(Refused) as raised:
        read_pages(registry.url, PAGES)
    assert raised.value.status == 404


def test_nothing_changed_may_be_answered_by_204_and_an_empty_list_by_null_with_total_0() -> None:
    with answering(always(b"", 204)) as registry:
        assert read_records(registry.url, ALL, since=NOW) == []
    with answering(always(b'{"data": null, "total": 0}')) as registry:
        assert read_records(registry.url, ALL) == []


def test_a_status_named_in_the_source_file_is_tried_again_and_a_date_to_wait_for_is_heeded() -> None:
    later = {"Retry-After": (NOW + timedelta(hours=1)).strftime("%a, %d %b %Y %H:%M:%S GMT")}
    replies = itertools.chain([Reply(b"", 520), Reply(b"", 429, later)], itertools.repeat(Reply(WHOLE)))
    with answering(lambda asked: next(replies)) as registry:
        assert read_records(registry.url, {"retry_statuses": [520]}, attempts=3) == RECORDS


def test_a_walk_begun_under_another_paging_has_to_begin_again() -> None:
    for kind in ("page", "offset", "link", "next_url", "none"):
        with answering(always(WHOLE)) as registry, pytest.raises(Refused) as raised:
            read_pages(registry.url, {"paging": {"kind": kind, "prefetch": 2}}, start="WyJjdXJzb3IiXQ")
        assert raised.value.status == 410


# [rest], key that the message names
NEVER_MEANT: dict[str, tuple[dict[str, Any], str]] = {
    "a cursor in CSV": ({"body": {"format": "csv"}}, "[rest.paging] kind"),
    "a next address in NDJSON": (
        {"body": {"format": "ndjson"}, "paging": {"kind": "next_url"}},
        "[rest.paging] kind",
    ),
    "an encoding nobody knows": ({**ALL, "body": {"format": "csv", "encoding": "tcvn"}}, "[rest.body] encoding"),
    "a delimiter of two characters": ({**CSV, "body": {"format": "csv", "delimiter": "||"}}, "[rest.body] delimiter"),
    "a way to write times that is none": ({**ALL, "incremental": {"format": "rfc"}}, "[rest.incremental] format"),
    "a password in the address": ({"base_url": "http://a:b@127.0.0.1/"}, "base_url"),
    "a certificate that is not there": ({"client_cert": "/nowhere.pem"}, "[rest] client_cert"),
    "an authority that is not there": ({"ca_file": "/nowhere.pem"}, "[rest] ca_file"),
    "a header with letters no header can carry": ({"headers": {"X-Don-Vi": "Sở"}}, "[rest.headers] X-Don-Vi"),
    "a key with a line break": ({"auth": {"kind": "api_key", "key": "a\nb"}}, "[rest.auth] key"),
}


@pytest.mark.parametrize("name", NEVER_MEANT)
def test_what_cannot_be_meant_is_refused_and_the_key_named(name: str) -> None:
    rest, key = NEVER_MEANT[name]
    with answering(always(ROWS)) as registry, pytest.raises(ConfigurationError) as raised:
        read_pages(registry.url, rest, since=NOW)
    assert key in str(raised.value)


def slowly(seconds: float, then: Answer) -> tuple[Answer, Callable[[], int]]:
    """An answer that takes its time, and how many were under way at once at the most."""
    lock, counts = threading.Lock(), [0, 0]

    def answer(asked: Asked) -> Reply:
        with lock:
            counts[0] += 1
            counts[1] = max(counts)
        threading.Event().wait(seconds)
        with lock:
            counts[0] -= 1
        return then(asked)

    return answer, lambda: counts[1]


@pytest.mark.parametrize("kind", ["page", "offset"])
def test_pages_fetched_ahead_come_in_order_and_never_more_at_once_than_said(kind: str) -> None:
    def give(asked: Asked) -> Reply:
        start = int(asked.query.get("offset", 10 * (int(asked.query.get("page", 1)) - 1)))
        return as_json({"data": RECORDS[start : start + 10] if start < 35 else []})

    answer, most = slowly(0.05, give)
    with answering(answer) as registry:
        assert read_records(registry.url, {"paging": {"kind": kind, "prefetch": 3}}) == RECORDS
        assert most() == 3


def test_closing_the_walk_calls_off_what_is_on_its_way() -> None:
    answer, _ = slowly(0.02, lambda asked: as_json({"data": [{"ma": asked.query["page"]}] * 10}))

    async def first_two(url: str) -> int:
        async with client_of(url, {"paging": {"kind": "page", "prefetch": 8}}) as client:
            pages = client.pages("taxpayer", limit=10)
            await anext(pages)
            await anext(pages)
            await pages.aclose()
            return len(asyncio.all_tasks())

    with answering(answer) as registry:
        assert asyncio.run(first_two(registry.url)) == 1
