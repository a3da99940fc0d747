"""Every common shape of a REST source is read to its last record by configuration alone."""

import csv
import gzip
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from odd_registry import Answer, Asked, Reply, answering, as_json, read_pages, read_records

RECORDS = [{"ma": f"{number:03}", "ten": f"Công ty “Số {number}”, TNHH", "von": number * 1.5} for number in range(35)]


@dataclass(frozen=True)
class Shape:
    """How a server answers, and the `[rest]` that describes it. `asked` is what its last request must have held."""

    answer: Answer
    rest: dict[str, Any]
    of: dict[str, Any] = field(default_factory=dict)
    records: list[Any] = field(default_factory=lambda: RECORDS)


def cut(asked: Asked, name: str, size: str = "limit", first: int = 0) -> tuple[list[Any], int, int]:
    """The records of a request that numbers them, where they begin, and the page size."""
    limit = int(asked.query[size])
    start = int(asked.query.get(name, first))
    return RECORDS[start : start + limit], start, limit


def by_cursor(next_of: Callable[[int], Any], wrap: Callable[[list[Any], Any], Any], end: Any = None) -> Answer:
    def answer(asked: Asked) -> Reply:
        records, start, limit = cut(asked, "after")
        return as_json(wrap(records, next_of(start + limit) if start + limit < len(RECORDS) else end))

    return answer


def by_page(first: int, total: str | None = None, end: int = 200) -> Answer:
    def answer(asked: Asked) -> Reply:
        page, limit = int(asked.query["trang"]) - first, int(asked.query["so_dong"])
        records = RECORDS[page * limit : (page + 1) * limit]
        if not records and end != 200:
            return Reply(b"", status=end)
        return as_json({"data": records} | ({total: len(RECORDS)} if total else {}))

    return answer


def by_offset(header: str | None = None, cap: int = 1000) -> Answer:
    def answer(asked: Asked) -> Reply:
        records, start, limit = cut(asked, "offset")
        reply = as_json(records[:cap])
        said = {header: f"{start}-{start + limit}/{len(RECORDS)}"} if header else {}
        return Reply(reply.body, 206 if header == "Content-Range" else 200, said)

    return answer


def by_link(target: Callable[[int, Asked], str], rest_of_header: str = '; rel="next"') -> Answer:
    def answer(asked: Asked) -> Reply:
        records, start, limit = cut(asked, "tu")
        headers = {"Link": '<https://elsewhere.example/>; rel="help"'}
        if start + limit < len(RECORDS):
            headers["Link"] += f', <{target(start + limit, asked)}>{rest_of_header}, </api/last>; rel="last"'
        return Reply(as_json(records).body, headers=headers)

    return answer


def by_address(target: Callable[[int, Asked], str], name: str) -> Answer:
    def answer(asked: Asked) -> Reply:
        records, start, limit = cut(asked, "tu")
        following = target(start + limit, asked) if start + limit < len(RECORDS) else None
        return as_json({"value": records, name: following})

    return answer


def host(asked: Asked) -> str:
    return f"http://{asked.headers['Host']}"


def columns_rows(records: list[Any]) -> dict[str, Any]:
    return {"columns": list(RECORDS[0]), "rows": [list(record.values()) for record in records]}


def all_as(body: Callable[[], bytes], **headers: str) -> Answer:
    return lambda asked: Reply(body(), headers={name.replace("_", "-"): value for name, value in headers.items()})


def as_csv(delimiter: str = ",", encoding: str = "utf-8", ending: str = "\n") -> bytes:
    written = io.StringIO()
    rows = csv.writer(written, delimiter=delimiter, lineterminator=ending)
    rows.writerow(RECORDS[0])
    rows.writerows(record.values() for record in RECORDS)
    return written.getvalue().encode(encoding)


def as_lines(ending: str = "\n") -> bytes:
    return ending.join(json.dumps(record, ensure_ascii=False) for record in RECORDS).encode()


TEXTS = [{name: str(value) for name, value in record.items()} for record in RECORDS]
AFTER = {"kind": "cursor", "cursor_param": "after"}
PAGES = {"kind": "page", "page_param": "trang", "limit_param": "so_dong"}
ALL = {"paging": {"kind": "none"}}
LIST = {"records": ""}

SHAPES = {
    "a cursor beside the records": Shape(
        by_cursor(str, lambda records, after: {"data": records, "next_cursor": after}), {"paging": AFTER}
    ),
    "a cursor that is a number, deep in the body": Shape(
        by_cursor(int, lambda records, after: {"meta": {"page": {"next": after}}, "items": {"list": records}}),
        {"paging": {**AFTER, "cursor_path": "meta.page.next"}, "body": {"records": "items.list"}},
    ),
    "a cursor whose end is an empty text": Shape(
        by_cursor(str, lambda records, after: {"data": records, "next_cursor": after}, end=""), {"paging": AFTER}
    ),
    "a cursor whose end is false": Shape(
        by_cursor(str, lambda records, after: {"data": records, "next_cursor": after}, end=False), {"paging": AFTER}
    ),
    "a cursor with signs that an address must escape": Shape(
        lambda asked: by_cursor(lambda n: f"{n}&+ /đ=", lambda records, after: {"data": records, "next_cursor": after})(
            Asked(asked.path, {**asked.query, "after": asked.query.get("after", "0").removesuffix("&+ /đ=")}, {})
        ),
        {"paging": AFTER},
    ),
    "page numbers from 1, ended by an empty page": Shape(by_page(1), {"paging": PAGES}),
    "page numbers from 0": Shape(by_page(0), {"paging": {**PAGES, "first_page": 0}}),
    "page numbers, ended by 404": Shape(by_page(1, end=404), {"paging": PAGES}),
    "page numbers and a total": Shape(by_page(1, total="total"), {"paging": PAGES}),
    "page numbers fetched ahead": Shape(by_page(1, end=404), {"paging": {**PAGES, "prefetch": 4}}),
    "offsets": Shape(by_offset(), {"paging": {"kind": "offset"}, "body": LIST}),
    "offsets, and a server that gives fewer than asked": Shape(
        by_offset(cap=4), {"paging": {"kind": "offset", "prefetch": 3}, "body": LIST}
    ),
    "offsets fetched ahead, and a total in a header": Shape(
        by_offset("X-Total-Count"),
        {"paging": {"kind": "offset", "prefetch": 3, "total_header": "X-Total-Count"}, "body": LIST},
    ),
    "offsets answered by 206 and Content-Range": Shape(
        by_offset("Content-Range"), {"paging": {"kind": "offset", "total_header": "Content-Range"}, "body": LIST}
    ),
    "a Link header with a whole address": Shape(
        by_link(lambda start, asked: f"{host(asked)}{asked.path}?limit=10&tu={start}"),
        {"paging": {"kind": "link"}, "body": LIST},
    ),
    "a Link header with a relative address and several relations": Shape(
        by_link(lambda start, asked: f"?limit=10&tu={start}", '; title="a, <b>; c"; rel="prefetch NEXT"'),
        {"paging": {"kind": "link"}, "body": LIST},
    ),
    "the next address in the body": Shape(
        by_address(lambda start, asked: f"{host(asked)}{asked.path}?limit=10&tu={start}", "next"),
        {"paging": {"kind": "next_url", "cursor_path": "next"}, "body": {"records": "value"}},
    ),
    "the next address in the body, relative, under a name with a dot": Shape(
        by_address(lambda start, asked: f"/api/taxpayer?limit=10&tu={start}", "@odata.nextLink"),
        {"paging": {"kind": "next_url", "cursor_path": "@odata.nextLink"}, "body": {"records": "value"}},
    ),
    "everything at once": Shape(lambda asked: as_json({"data": RECORDS}), ALL),
    "the body itself is the list": Shape(lambda asked: as_json(RECORDS), {**ALL, "body": LIST}),
    "records inside a list": Shape(
        lambda asked: as_json([{"status": "ok"}, {"data": RECORDS}]), {**ALL, "body": {"records": "1.data"}}
    ),
    "columns and rows": Shape(
        lambda asked: as_json(columns_rows(RECORDS)),
        {**ALL, "body": {"shape": "columns_rows", "records": "rows"}},
    ),
    "columns that are described, and rows": Shape(
        lambda asked: as_json({"r": {"f": [{"id": n} for n in RECORDS[0]], "d": columns_rows(RECORDS)["rows"]}}),
        {**ALL, "body": {"shape": "columns_rows", "records": "r.d", "columns": "r.f"}},
    ),
    "rows of which the first holds the names": Shape(
        lambda asked: as_json([list(RECORDS[0]), *columns_rows(RECORDS)["rows"]]),
        {**ALL, "body": {"shape": "columns_rows", "records": "", "columns": "0"}},
    ),
    "NDJSON with blank lines, CRLF, a BOM and no last newline": Shape(
        all_as(lambda: b"\xef\xbb\xbf" + as_lines("\r\n\r\n")), {**ALL, "body": {"format": "ndjson"}}
    ),
    "NDJSON by Link header": Shape(
        lambda asked: (
            reply := by_link(lambda start, asked: f"?limit=10&tu={start}")(asked),
            Reply(b"".join(json.dumps(each).encode() + b"\n" for each in json.loads(reply.body)), 200, reply.headers),
        )[1],
        {"paging": {"kind": "link"}, "body": {"format": "ndjson"}},
    ),
    "a gzip file of NDJSON": Shape(all_as(lambda: gzip.compress(as_lines())), {**ALL, "body": {"format": "ndjson"}}),
    "CSV": Shape(all_as(as_csv), {**ALL, "body": {"format": "csv"}}, records=TEXTS),
    "CSV with semicolons, in UTF-16": Shape(
        all_as(lambda: as_csv(";", "utf-16", "\r\n")),
        {**ALL, "body": {"format": "csv", "delimiter": ";", "encoding": "utf-16"}},
        records=TEXTS,
    ),
    "CSV with a line break inside a value, and a last line without one": Shape(
        all_as(lambda: b'\xef\xbb\xbfma,ten\r\n001,"Hai\ndong ""trong"" o"\r\n\r\n002,x'),
        {**ALL, "body": {"format": "csv"}},
        records=[{"ma": "001", "ten": 'Hai\ndong "trong" o'}, {"ma": "002", "ten": "x"}],
    ),
    "JSON in chunks, compressed without a zlib header": Shape(
        lambda asked: Reply(
            deflated(as_json({"data": RECORDS}).body), 200, {"Content-Encoding": "deflate"}, None, True
        ),
        ALL,
    ),
    "a content type that is wrong": Shape(
        lambda asked: Reply(as_json({"data": RECORDS}).body, 200, {"Content-Type": "text/html"}), ALL
    ),
    "an empty first page with a next cursor": Shape(
        lambda asked: as_json(
            {"data": RECORDS, "next_cursor": None} if "cursor" in asked.query else {"data": [], "next_cursor": 0}
        ),
        {},
    ),
}


def deflated(body: bytes) -> bytes:
    import zlib

    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


@pytest.mark.parametrize("name", SHAPES)
def test_a_shape_is_read_to_its_last_record(name: str) -> None:
    shape = SHAPES[name]
    with answering(shape.answer) as registry:
        assert read_records(registry.url, shape.rest) == shape.records


@pytest.mark.parametrize("name", SHAPES)
def test_a_walk_taken_up_again_in_its_middle_reads_what_is_left(name: str) -> None:
    shape = SHAPES[name]
    with answering(shape.answer) as registry:
        walked = read_pages(registry.url, shape.rest)
        left = walked[len(walked) // 2 :]
        assert read_pages(registry.url, shape.rest, start=left[0][0]) == left


def test_numbers_keep_their_digits_whatever_the_shape() -> None:
    body = b'{"columns": ["a", "b"], "rows": [[12345678901234567890.10, 1e3], ["x", null]]}'
    rest = {**ALL, "body": {"shape": "columns_rows", "records": "rows"}}
    with answering(all_as(lambda: body)) as registry:
        ((_, page),) = read_pages(registry.url, rest)
    assert page.rows == b'[{"a":12345678901234567890.10,"b":1e3},{"a":"x","b":null}]'


def test_rows_that_are_no_records_stay_in_their_place_to_be_set_aside_alone() -> None:
    with answering(all_as(lambda: b"ma,ten\n1,x\n2,y,z\n3,w\n")) as registry:
        assert read_records(registry.url, {**ALL, "body": {"format": "csv"}}) == [
            {"ma": "1", "ten": "x"},
            ["2", "y", "z"],
            {"ma": "3", "ten": "w"},
        ]
    with answering(all_as(lambda: b'{"ma": NaN}\n{"ma": 2,,}\n{"ma": 3}\n')) as registry:
        assert read_records(registry.url, {**ALL, "body": {"format": "ndjson"}}) == [
            {"ma": "NaN"},
            '{"ma": 2,,}',
            {"ma": 3},
        ]


WAYS = {
    "iso": ("iso", "2026-06-30T17:00:05.250000Z"),
    "epoch in seconds, rounded down": ("epoch_seconds", "1782838805"),
    "epoch in milliseconds": ("epoch_milliseconds", "1782838805250"),
    "a pattern in Vietnam's time": ("dd/mm/yyyy HH:MM:SS", "01/07/2026 00:00:05"),
    "a pattern without separators": ("yyyymmddHHMM", "202607010000"),
}


@pytest.mark.parametrize("name", WAYS)
def test_what_changed_is_asked_for_as_the_source_writes_times(name: str) -> None:
    way, expected = WAYS[name]
    since = datetime(2026, 6, 30, 17, 0, 5, 250000, UTC)
    rest = {**ALL, "params": {"loai": "dn", "tinh": "01"}, "incremental": {"param": "tu_ngay", "format": way}}
    of = {"path": "/v2/nguoi nop thue.json", "params": {"tinh": "79"}, "incremental": {"param": "doi__gte"}}
    with answering(lambda asked: as_json({"data": []})) as registry:
        read_pages(registry.url, rest, since=since)
        read_pages(registry.url, rest, since=since, of=of)
        read_pages(registry.url, {**rest, "incremental": {}}, since=since, of={"incremental": {"param": None}})
        plain, own, full = registry.asked
    assert plain.query == {"loai": "dn", "tinh": "01", "limit": "10", "tu_ngay": expected}
    assert (own.path, own.query) == (
        "/api/v2/nguoi%20nop%20thue.json",
        {"loai": "dn", "tinh": "79", "limit": "10", "doi__gte": expected},
    )
    assert full.query == {"loai": "dn", "tinh": "01", "limit": "10"}


def test_a_dataset_lays_its_own_paging_over_that_of_the_registry_key_by_key() -> None:
    rest = {"paging": {"kind": "page", "page_param": "trang", "limit_param": "so_dong"}, "body": {"records": "r"}}
    of = {"paging": {"first_page": 0}, "body": {"records": "data"}}
    with answering(by_page(0)) as registry:
        assert read_records(registry.url, rest, of=of) == RECORDS


def test_a_next_address_carries_its_own_query_and_a_key_is_shown_again_but_never_kept() -> None:
    answer = by_address(lambda start, asked: f"?limit=10&tu={start}&x=%2B&key={asked.query['key']}", "next")
    rest = {
        "paging": {"kind": "next_url", "cursor_path": "next"},
        "body": {"records": "value"},
        "params": {"loai": "dn"},
        "auth": {"kind": "api_key", "param": "key", "key": "hush"},
    }
    with answering(answer) as registry:
        walked = read_pages(registry.url, rest)
        assert [asked.query for asked in registry.asked][:2] == [
            {"loai": "dn", "limit": "10", "key": "hush"},
            {"limit": "10", "tu": "10", "x": "+", "key": "hush"},
        ]
    assert [asked for asked, _ in walked] == [None, *(f"/api/taxpayer?limit=10&tu={n}&x=%2B" for n in (10, 20, 30))]
