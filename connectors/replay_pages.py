"""Records set aside as pages once more: the same reading, mapping and predicates as when they were pulled."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import msgspec

from connectors.drift import RecordScanner
from connectors.landing import Landing, sql_text
from connectors.mapping import Mapping
from connectors.quarantine import QuarantineFile
from connectors.rest.envelope import Page
from connectors.walk import Walk

if TYPE_CHECKING:
    import pyarrow as pa

_PAGE_ROWS = 5_000
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_TEXTS = msgspec.json.Decoder(dict[str, Any])
_NOT_THIS = "record: by the source file (only) it is none of this dataset"


@dataclass(frozen=True)
class Reread:
    """How records are read again; `folder` is scratch."""

    folder: Path
    mapping: Mapping
    is_json: bool
    sets_aside: bool
    pulled_at: datetime
    today: date


def reread(connection: duckdb.DuckDBPyConnection, how: Reread, where: str, *, on_rows: Callable[[int], None]) -> None:
    """Fill `good` (id, file, seq) and `bad` (id, reasons) from the rows of `candidate` that meet `where`."""
    walk = Walk(how.folder, RecordScanner(how.mapping, sets_aside=how.sets_aside))
    parts = how.folder / "parts"
    parts.mkdir(parents=True)
    landing = Landing(walk, how.mapping, parts, started_at=how.pulled_at, today=how.today)
    connection.execute("create or replace temp table place (page integer, position integer, seq bigint, id bigint)")
    first = 0
    reading = connection.cursor().execute(f"select id, record from candidate where {where} order by id")
    while rows := reading.fetchmany(_PAGE_ROWS):
        readable, unreadable = _told_apart(rows, how.is_json)
        _keep_reasons(connection, unreadable)
        on_rows(len(rows))
        if not readable:
            continue
        page = _save(walk, [text for _, text in readable], how)
        landing.offer(walk.pages[page - 1])
        ids = [number for number, _ in readable]
        _note_places(connection, page, first, ids)
        first += len(ids)
    _collect(connection, landing, parts)


def _told_apart(rows: Sequence[tuple[int, str]], is_json: bool) -> tuple[list[tuple[int, str]], list[int]]:
    readable: list[tuple[int, str]] = []
    unreadable: list[int] = []
    for number, text in rows:
        try:
            (_OBJECT if is_json else _TEXTS).decode(text)
        except msgspec.DecodeError:
            unreadable.append(number)
        else:
            readable.append((number, text))
    return readable, unreadable


def _save(walk: Walk, texts: Sequence[str], how: Reread) -> int:
    """Keep the records as the walk's next page; returns its number."""
    number = len(walk.pages) + 1
    asked = walk.cursor
    if how.is_json:
        walk.save(Page(("[" + ",".join(texts) + "]").encode(), str(number), None), asked=asked)
    else:
        walk.save_table(_table(texts), asked=asked, next_cursor=str(number))
    return number


def _table(texts: Sequence[str]) -> "pa.Table":
    import pyarrow as pa

    records = [{name: _text(value) for name, value in _TEXTS.decode(text).items()} for text in texts]
    names = dict.fromkeys(name for record in records for name in record)
    columns = {name: pa.array([record.get(name) for record in records], pa.string()) for name in names}
    return pa.table(columns)


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else msgspec.json.encode(value).decode()


def _collect(connection: duckdb.DuckDBPyConnection, landing: Landing, parts: Path) -> None:
    set_aside = parts / "bad.parquet"
    with QuarantineFile(set_aside, pull="") as quarantine:
        landed = landing.finish(quarantine)
    if quarantine.rows:
        connection.execute(
            f"""insert into bad select id, reasons from read_parquet({sql_text(set_aside)}) as aside
            join place on place.page = aside.page and place.position = aside."row" """
        )
    files = [str(parts / part.file) for part in landed.parts]
    if files:
        connection.execute(
            f"""insert into good select id, filename, seq
            from read_parquet({files!r}, filename = true) as part join place on place.seq = part._seq"""
        )
    # What `only` leaves out today stays: a slip in the source file must not make records disappear.
    connection.execute(
        f"""insert into bad select id, [{sql_text(_NOT_THIS)}] from place
        where id not in (select id from good) and id not in (select id from bad)"""
    )


def _keep_reasons(connection: duckdb.DuckDBPyConnection, unreadable: Sequence[int]) -> None:
    """No mapping makes a record of what is no JSON object: it stays for the reason it was set aside for."""
    if unreadable:
        listed = ", ".join(map(str, unreadable))
        connection.execute(f"insert into bad select id, reasons from candidate where id in ({listed})")


def _note_places(connection: duckdb.DuckDBPyConnection, page: int, first: int, ids: Sequence[int]) -> None:
    import pyarrow as pa

    table = pa.table(
        {
            "page": pa.array([page] * len(ids), pa.int32()),
            "position": pa.array(range(1, len(ids) + 1), pa.int32()),
            "seq": pa.array(range(first, first + len(ids)), pa.int64()),
            "id": pa.array(ids, pa.int64()),
        }
    )
    connection.register("places_of_page", table)
    connection.execute("insert into place select * from places_of_page")
    connection.unregister("places_of_page")
