"""Pages to Parquet: every field read as text, the contract's predicates applied, good rows landed, bad rows set aside.

Typed reading would round `1000.7`, drop unknown fields and abort on an empty string, so DuckDB reads VARCHAR only.
A pull is converted in batches of whole pages, each on its own small connection: memory stays flat however long it is.
"""

import json
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb

from common.errors import DoiChieuError
from common.files import sha256_of
from connectors.manifests import LandedFile
from connectors.quarantine import BadRecord, QuarantineFile
from connectors.walk import SavedPage, Walk, make_durable
from contracts.loader import Dataset
from contracts.predicates import key_expression, reasons_expression, typed_expression

_BATCH_BYTES = 32 * 2**20
_MEMORY_LIMIT = "300MB"
# However many datasets are pulled side by side, two conversions keep two cores busy; more would only take memory.
_CONVERTING = threading.BoundedSemaphore(2)


@dataclass(frozen=True)
class Batch:
    """Neighbouring pages converted together; `first_seq` is the pull's row number of the first record."""

    number: int
    first_seq: int
    pages: tuple[SavedPage, ...]


@dataclass
class Landed:
    """What became of a walk's records."""

    parts: list[LandedFile] = field(default_factory=list)
    rows_quarantined: int = 0
    newest: datetime | None = None
    """Latest `updated_at` of landed and quarantined records alike."""
    living: int = 0
    filled: Counter[str] = field(default_factory=Counter)
    """Required field → records that fill it."""

    @property
    def rows_landed(self) -> int:
        return sum(part.rows for part in self.parts)


@dataclass(frozen=True)
class _Converted:
    part: LandedFile | None
    bad: list[tuple[int, str | None, datetime | None, list[str]]]
    newest: datetime | None
    living: int
    filled: dict[str, int]


def land(walk: Walk, dataset: Dataset, folder: Path, quarantine: QuarantineFile, *, today: date) -> Landed:
    """Write `part-*.parquet` into `folder` and the bad records into `quarantine`, in order of delivery.

    Raises `DoiChieuError` where the disk is full or a page cannot be read back.
    """
    landed = Landed()
    batches = list(batches_of(walk.pages))
    with ThreadPoolExecutor(max_workers=2) as pool:
        converted = pool.map(lambda batch: _convert(batch, walk, dataset, folder, today), batches)
        for batch, result in zip(batches, converted, strict=True):
            bad = list(_bad_records(batch, walk, result))
            quarantine.add(bad)
            landed.rows_quarantined += len(bad)
            landed.parts += [result.part] if result.part else []
            landed.newest = max(filter(None, (landed.newest, result.newest)), default=None)
            landed.living += result.living
            landed.filled.update(result.filled)
    return landed


def batches_of(pages: Iterable[SavedPage]) -> Iterator[Batch]:
    number, first, size, held = 0, 0, 0, list[SavedPage]()
    for page in pages:
        held.append(page)
        size += page.bytes
        if size >= _BATCH_BYTES:
            yield Batch(number, first, tuple(held))
            number, first, size, held = number + 1, first + sum(page.found.rows for page in held), 0, []
    if held:
        yield Batch(number, first, tuple(held))


def count_versions(walk: Walk, dataset: Dataset, folder: Path) -> tuple[int, int]:
    """How many different (key, `updated_at`) and how many different keys the walk's pages hold."""
    dated = ', "updated_at"' if "updated_at" in dataset.names else ""
    counting = f"""
        select count(distinct version), count(distinct key)
        from (select coalesce({key_expression(dataset)}, 'row ' || row_number() over ()) as key,
                     row(key{dated}) as version
              from {_records(walk, walk.pages, dataset)})
    """
    with connection_in(folder) as connection:
        found = _reading(connection, counting, walk, walk.pages).fetchone()
    assert found is not None
    return found


def missing_fields(walk: Walk, dataset: Dataset, landed: Landed) -> list[str]:
    """Required fields that no record carries, not even as null; tombstones and unreadable records are not asked."""
    readable = landed.living - sum(len(page.found.unreadable) for page in walk.pages)
    if readable <= 0:
        return []
    unfilled = [each.name for each in dataset.fields if each.is_required and not landed.filled[each.name]]
    for page in walk.pages if unfilled else ():
        rows = walk.rows_file(page.number).read_bytes()
        unfilled = [name for name in unfilled if f'"{name}"'.encode() not in rows]
    return unfilled


def _convert(batch: Batch, walk: Walk, dataset: Dataset, folder: Path, today: date) -> _Converted:
    with _CONVERTING, connection_in(folder) as connection:
        reading = f"""
            create temp table raw as
            select *, {key_expression(dataset)} as _record_key,
                   {batch.first_seq} + row_number() over () - 1 as _seq,
                   {reasons_expression(dataset, today=today)} as _reasons
            from {_records(walk, batch.pages, dataset)}
        """
        _reading(connection, reading, walk, batch.pages)
        changed = _microseconds(dataset)
        bad = connection.execute(
            f"select _seq, _record_key, {changed}, _reasons from raw where len(_reasons) > 0 order by _seq"
        ).fetchall()
        required = [each.name for each in dataset.fields if each.is_required]
        living = "\"deleted\" is distinct from 'true'" if "deleted" in dataset.names else "true"
        filled = ", ".join(f"count(nullif(trim(\"{name}\"), ''))" for name in required)
        counts = connection.execute(
            f"select count(*), max({changed}), count(*) filter ({living}), {filled} from raw"
        ).fetchone()
        assert counts is not None
        part = _write_part(connection, dataset, folder, batch.number) if counts[0] > len(bad) else None
    bad = [(seq, key, _moment(at), reasons) for seq, key, at, reasons in bad]
    return _Converted(part, bad, _moment(counts[1]), counts[2], dict(zip(required, counts[3:], strict=True)))


def _microseconds(dataset: Dataset) -> str:
    """SQL of `updated_at` in microseconds since 1970, UTC; null where it cannot be read or Python has no such year."""
    if "updated_at" not in dataset.names:
        return "null::bigint"
    at = typed_expression(dataset.field("updated_at"))
    return f"epoch_us(case when year({at}) between 1900 and 9998 then {at} end)"


def _moment(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)


def _write_part(connection: duckdb.DuckDBPyConnection, dataset: Dataset, folder: Path, number: int) -> LandedFile:
    path = folder / f"part-{number:05}.parquet"
    typed = ", ".join(f'({typed_expression(each)})::{each.duckdb_type} as "{each.name}"' for each in dataset.fields)
    copied = connection.execute(
        f"copy (select {typed}, _record_key, _seq::bigint as _seq from raw where len(_reasons) = 0 order by _seq)"
        f" to {sql_text(path)} (format parquet, compression zstd)"
    ).fetchone()
    assert copied is not None
    make_durable(path)
    return LandedFile(path.name, copied[0], sha256_of(path))


def _bad_records(batch: Batch, walk: Walk, converted: _Converted) -> Iterator[BadRecord]:
    """Each bad record with its own bytes, found again by its place in the pages."""
    bad = iter(converted.bad)
    current = next(bad, None)
    first = batch.first_seq
    for page in batch.pages:
        unreadable = dict(walk.pages[page.number - 1].found.unreadable)
        end = first + page.found.rows
        delivered = walk.delivered_records(page.number) if current is not None and current[0] < end else []
        while current is not None and current[0] < end:
            seq, key, updated_at, reasons = current
            at = seq - first
            why = (unreadable[at],) if at in unreadable else tuple(reasons)
            yield BadRecord(key, updated_at, delivered[at], why, page.number, at + 1)
            current = next(bad, None)
        first = end


def _reading(
    connection: duckdb.DuckDBPyConnection, sql: str, walk: Walk, pages: Iterable[SavedPage]
) -> duckdb.DuckDBPyConnection:
    """Run `sql` over pages; where DuckDB refuses a record that JSON allows, set that record aside and read again."""
    try:
        return connection.execute(sql)
    except duckdb.InvalidInputException as error:
        before = {walk.readable_rows_file(page.number): page for page in pages}
        for page in before.values():
            walk.set_aside(page.number, _twice_named(walk.delivered_records(page.number)))
        for path, page in before.items():
            sql = sql.replace(sql_text(path), sql_text(walk.readable_rows_file(page.number)))
        try:
            return connection.execute(sql)
        except duckdb.InvalidInputException:
            raise DoiChieuError(
                "a landed page cannot be read back",
                where=str(walk.folder),
                remedy="pull the dataset again with --full; if it happens again, report it with the page's rows file",
            ) from error


def _twice_named(records: list[bytes]) -> Iterator[tuple[int, str]]:
    """Records that name a field twice: which of the two values counts, nobody can say."""
    for position, record in enumerate(records):
        try:
            json.loads(record, object_pairs_hook=_refuse_twice_named)
        except ValueError:
            yield position, "record: names a field twice"


def _refuse_twice_named(pairs: list[tuple[str, object]]) -> dict[str, object]:
    record = dict(pairs)
    if len(record) != len(pairs):
        raise ValueError("a field is named twice")
    return record


def _records(walk: Walk, pages: Iterable[SavedPage], dataset: Dataset) -> str:
    """SQL that reads pages in order of delivery, every contract field as text; an absent field is null."""
    files = ", ".join(sql_text(walk.readable_rows_file(page.number)) for page in pages)
    columns = ", ".join(f"'{name}': 'varchar'" for name in dataset.names)
    largest = max((page.bytes for page in pages), default=0)
    return (
        f"read_json([{files}], format = 'array', columns = {{{columns}}}, compression = 'uncompressed',"
        f" maximum_object_size = {max(largest, 2**20) + 1})"
    )


def connection_in(folder: Path) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(
        config={
            # One thread: rows are numbered in order of delivery without a sort.
            "threads": 1,
            "memory_limit": _MEMORY_LIMIT,
            "temp_directory": str(folder / "spill"),
            "autoinstall_known_extensions": False,
        }
    )
    connection.execute("set timezone = 'Asia/Ho_Chi_Minh'")
    return connection


def sql_text(value: object) -> str:
    return "'" + str(value).replace("'", "''") + "'"
