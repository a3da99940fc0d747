"""Pages to Parquet: every field read as text, mapped, the contract's predicates applied, good rows landed, bad set aside.

Typed reading would round `1000.7`, drop unknown fields and abort on an empty string, so DuckDB reads VARCHAR only.
A pull is converted in batches of whole pages while further pages still arrive, each batch on its own small connection:
memory stays flat however long the pull is.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb

from common.errors import DoiChieuError
from common.files import sha256_of
from connectors.manifests import LandedFile
from connectors.mapping import UNREADABLE, Mapping
from connectors.memory import reuse_freed_memory
from connectors.parsing import quoted
from connectors.quarantine import BadRecord, QuarantineFile
from connectors.walk import SavedPage, Walk, make_durable
from contracts.loader import Dataset
from contracts.predicates import (
    key_expression,
    plain_expression,
    plain_typed_expression,
    reasons_expression,
    typed_expression,
)

_BATCH_BYTES = 32 * 2**20
_BATCH_ROWS = 100_000
_MEMORY_LIMIT = "300MB"
# Most columns hold nearly as many values as rows: a dictionary of them is built for nothing.
_WRITING = "compression zstd, compression_level 1, dictionary_size_limit 2000, parquet_version v2"
# However many datasets are pulled side by side, two conversions keep two cores busy; more would only take memory.
_POOL = ThreadPoolExecutor(max_workers=2, thread_name_prefix="landing")


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
    rows_left_out: int = 0
    """Records that are none of this dataset (`only` in the source file)."""
    newest: datetime | None = None
    """Latest `updated_at` of landed and quarantined records alike."""
    living: int = 0
    filled: Counter[str] = field(default_factory=Counter)
    """Required field → records that fill it."""
    has_unknown_keys: bool = False
    """Some record set aside has no readable key."""

    @property
    def rows_landed(self) -> int:
        return sum(part.rows for part in self.parts)

    def join(self, other: "Landed") -> None:
        """Add what became of another walk's records."""
        self.parts += other.parts
        self.rows_quarantined += other.rows_quarantined
        self.rows_left_out += other.rows_left_out
        self.newest = max(filter(None, (self.newest, other.newest)), default=None)
        self.living += other.living
        self.filled.update(other.filled)
        self.has_unknown_keys |= other.has_unknown_keys


@dataclass(frozen=True)
class _Converted:
    part: LandedFile | None
    bad: list[tuple[int, str | None, datetime | None, list[str], str | None]]
    rows: int
    newest: datetime | None
    living: int
    filled: dict[str, int]


class Landing:
    """Writes `part-*.parquet` into `folder`, batch by batch, from the pages offered in order of delivery.

    `after` is the conversion of a walk before, whose parts and row numbers this one goes on from.
    """

    def __init__(
        self,
        walk: Walk,
        mapping: Mapping,
        folder: Path,
        *,
        started_at: datetime,
        today: date,
        after: "Landing | None" = None,
    ) -> None:
        reuse_freed_memory()
        self._walk, self._mapping, self._folder = walk, mapping, folder
        self._pulled_at, self._today = started_at.isoformat(), today
        self._held: list[SavedPage] = []
        self._begins_at = (after.batches, after.rows) if after else (0, 0)
        self._first = self._begins_at[1]
        self._running: list[tuple[Batch, Future[_Converted]]] = []

    @property
    def batches(self) -> int:
        return self._begins_at[0] + len(self._running)

    @property
    def rows(self) -> int:
        return self._first + sum(page.found.rows for page in self._held)

    def offer(self, page: SavedPage) -> None:
        """Take the next page; a batch that is full is converted in the background."""
        self._held.append(page)
        if _is_full(self._held):
            self._convert_held()

    def finish(self, quarantine: QuarantineFile) -> Landed:
        """Wait for every batch; bad records go into `quarantine`, in order of delivery.

        Raises `DoiChieuError` where the disk is full or a page cannot be read back.
        """
        self.flush()
        landed = Landed()
        for batch, running in self._running:
            result = running.result()
            bad = list(_bad_records(batch, self._walk, result))
            quarantine.add(bad)
            landed.rows_quarantined += len(bad)
            landed.rows_left_out += sum(page.found.rows for page in batch.pages) - result.rows
            landed.parts += [result.part] if result.part else []
            landed.newest = max(filter(None, (landed.newest, result.newest)), default=None)
            landed.living += result.living
            landed.filled.update(result.filled)
            landed.has_unknown_keys |= any(record.record_key is None for record in bad)
        return landed

    def flush(self) -> None:
        """Convert what is held, however little it is."""
        if self._held:
            self._convert_held()

    def abandon(self) -> None:
        """Let batches that have not begun be; wait for those that have."""
        for _, running in self._running:
            running.cancel()
        for _, running in self._running:
            if not running.cancelled():
                running.exception()
        self._running.clear()

    def begin_again(self) -> None:
        """The walk was discarded: what was converted of it counts no more."""
        self.abandon()
        self._held, self._first = [], self._begins_at[1]
        for path in self._folder.glob("part-*"):
            path.unlink()

    def _convert_held(self) -> None:
        batch = Batch(self.batches, self._first, tuple(self._held))
        self._first += sum(page.found.rows for page in self._held)
        self._held = []
        convert = _Conversion(batch, self._walk, self._mapping, self._folder, self._today, self._pulled_at)
        self._running.append((batch, _POOL.submit(convert.run)))


def _is_full(pages: list[SavedPage]) -> bool:
    return sum(page.bytes for page in pages) >= _BATCH_BYTES or sum(page.found.rows for page in pages) >= _BATCH_ROWS


def count_versions(walks: Sequence[Walk], mapping: Mapping, folder: Path, *, started_at: datetime) -> tuple[int, int]:
    """How many different (key, `updated_at`) and how many different keys the walks' pages hold together."""
    dataset = mapping.contract
    dated = ', changed := "updated_at"' if "updated_at" in dataset.names and not mapping.dates_by_pull else ""
    with connection_in(folder) as connection:
        for number, walk in enumerate(walks):
            keys = f"""
                select coalesce({key_expression(dataset)}, 'row ' || row_number() over ()) as key, struct_pack(key := key{dated}) as version
                from {_mapped(walk, walk.pages, mapping, started_at.isoformat())}
            """
            doing = "insert into found" if number else "create temp table found as"
            _reading(connection, f"{doing} {keys}", walk, walk.pages)
        counted = connection.execute("select count(distinct version), count(distinct key) from found").fetchone()
    assert counted is not None
    return counted


def missing_fields(walk: Walk, mapping: Mapping, landed: Landed) -> list[str]:
    """Fields of the source behind required fields that no record carries, not even as null.

    Tombstones and unreadable records are not asked.
    """
    readable = landed.living - sum(len(page.found.unreadable) for page in walk.pages)
    if readable <= 0:
        return []
    required = mapping.required_names()
    unfilled = [name for reads in (required[each] for each in required if not landed.filled[each]) for name in reads]
    for page in walk.pages if unfilled else ():
        if page.is_table:
            unfilled = [name for name in unfilled if name in page.found.absent]
            continue
        rows = walk.rows_file(page.number).read_bytes()
        unfilled = [name for name in unfilled if json.dumps(name, ensure_ascii=False).encode() not in rows]
    return list(dict.fromkeys(unfilled))


class _Conversion:
    """One batch on its way from pages to a Parquet part."""

    def __init__(self, batch: Batch, walk: Walk, mapping: Mapping, folder: Path, today: date, pulled_at: str) -> None:
        self._batch, self._walk, self._mapping, self._folder = batch, walk, mapping, folder
        self._dataset, self._today, self._pulled_at = mapping.contract, today, pulled_at

    def run(self) -> _Converted:
        with connection_in(self._folder) as connection:
            self._read(connection)
            doubtful = self._examine(connection)
            bad = connection.execute(
                f"select _seq, _record_key, {_microseconds(self._dataset)}, _reasons, {self._as_mapped()} from doubtful"
                " where len(_reasons) > 0 order by _seq"
            ).fetchall()
            counted = self._counts(connection)
            good = counted[0] - len(bad)
            part = self._write_part(connection, has_unusual=doubtful > len(bad)) if good else None
        required = [each.name for each in self._dataset.fields if each.is_required]
        return _Converted(
            part,
            [(seq, key, _moment(at), reasons, mapped) for seq, key, at, reasons, mapped in bad],
            counted[0],
            _moment(counted[1]),
            counted[2],
            dict(zip(required, counted[3:], strict=True)),
        )

    def _read(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Table `raw`: the contract's fields as text, and whether the record is plain."""
        is_plain = f"({plain_expression(self._dataset, today=self._today)}) is true"
        is_plain += "" if self._mapping.is_identity else " and len(_refused) = 0"
        is_plain += f" and {UNREADABLE} is null" if self._walk.is_table else ""
        reading = f"""
            create temp table raw as
            select *, {key_expression(self._dataset)} as _record_key, {is_plain} as _plain
            from {_mapped(self._walk, self._batch.pages, self._mapping, self._pulled_at, self._batch.first_seq)}
        """
        _reading(connection, reading, self._walk, self._batch.pages)

    def _examine(self, connection: duckdb.DuckDBPyConnection) -> int:
        """Table `doubtful`: the records that are not plain, each with every reason against it, if there is any."""
        refused = self._refused_on_sight()
        if refused:
            connection.execute("create temp table refused (_seq bigint, why varchar[])")
            connection.executemany("insert into refused values (?, ?)", list(refused.items()))
            connection.execute("update raw set _plain = false where _seq in (select _seq from refused)")
        else:
            connection.execute("create temp table refused as select 0::bigint as _seq, []::varchar[] as why limit 0")
        own = reasons_expression(self._dataset, today=self._today)
        if not self._mapping.is_identity:
            own = f"list_concat(_refused, {own})"
        if self._walk.is_table:
            own = f"case when {UNREADABLE} is not null then ['record: ' || {UNREADABLE}] else {own} end"
        connection.execute(
            f"""
            create temp table doubtful as
            select raw.*, list_concat(coalesce(refused.why, []::varchar[]), {own}) as _reasons
            from raw left join refused using (_seq)
            where not _plain
            """
        )
        found = connection.execute("select count(*) from doubtful").fetchone()
        assert found is not None
        return int(found[0])

    def _as_mapped(self) -> str:
        """SQL: the contract's fields as JSON; null where the record itself is written so."""
        if self._mapping.is_identity:
            return "null::varchar"
        fields = ", ".join(f'{quoted(name)}, "{name}"' for name in self._dataset.names)
        return f"json_merge_patch('{{}}', json_object({fields}))::varchar"

    def _refused_on_sight(self) -> dict[int, list[str]]:
        found: dict[int, list[str]] = {}
        first = self._batch.first_seq
        for page in self._batch.pages:
            for position, reason in page.found.refused:
                found.setdefault(first + position, []).append(reason)
            first += page.found.rows
        return found

    def _counts(self, connection: duckdb.DuckDBPyConnection) -> tuple[int, ...]:
        """Records, newest change, living records, and for every required field the records that fill it."""
        required = [each.name for each in self._dataset.fields if each.is_required]
        living = "\"deleted\" is distinct from 'true'" if "deleted" in self._dataset.names else "true"
        filled = ", ".join(f"count(nullif(trim(\"{name}\"), ''))" for name in required)
        looked_at = connection.execute(
            f"select count(*), max({_microseconds(self._dataset)}), count(*) filter ({living}), {filled} from doubtful"
        ).fetchone()
        newest = "null"
        if "updated_at" in self._dataset.names:
            newest = f"max(epoch_us({plain_typed_expression(self._dataset.field('updated_at'))}))"
        plain = connection.execute(
            f"select count(*), {newest}, count(*) filter ({living}) from raw where _plain"
        ).fetchone()
        assert looked_at is not None
        assert plain is not None
        return (
            plain[0] + looked_at[0],
            max(filter(None, (plain[1], looked_at[1])), default=None),
            plain[2] + looked_at[2],
            *(plain[0] + count for count in looked_at[3:]),
        )

    def _write_part(self, connection: duckdb.DuckDBPyConnection, *, has_unusual: bool) -> LandedFile:
        path = self._folder / f"part-{self._batch.number:05}.parquet"
        fields = self._dataset.fields
        plain = ", ".join(f'{plain_typed_expression(each)} as "{each.name}"' for each in fields)
        rows = f"select {plain}, _record_key, _seq::bigint as _seq from raw where _plain"
        if has_unusual:
            closer = ", ".join(f'({typed_expression(each)})::{each.duckdb_type} as "{each.name}"' for each in fields)
            unusual = f"select {closer}, _record_key, _seq::bigint as _seq from doubtful where len(_reasons) = 0"
            rows = f"select * from ({rows} union all {unusual}) order by _seq"
        copied = connection.execute(f"copy ({rows}) to {sql_text(path)} (format parquet, {_WRITING})").fetchone()
        assert copied is not None
        make_durable(path)
        return LandedFile(path.name, copied[0], sha256_of(path))


def _microseconds(dataset: Dataset) -> str:
    """SQL of `updated_at` in microseconds since 1970, UTC; null where it cannot be read or Python has no such year."""
    if "updated_at" not in dataset.names:
        return "null::bigint"
    at = typed_expression(dataset.field("updated_at"))
    return f"epoch_us(case when year({at}) between 1900 and 9998 then {at} end)"


def _moment(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)


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
            seq, key, updated_at, reasons, mapped = current
            at = seq - first
            why = (unreadable[at],) if at in unreadable else tuple(_said_once(reasons))
            yield BadRecord(key, updated_at, delivered[at], why, page.number, at + 1, mapped)
            current = next(bad, None)
        first = end


def _said_once(reasons: list[str]) -> list[str]:
    """A value that could not be read is not also missing."""
    named = {reason.partition(":")[0] for reason in reasons if not reason.endswith(": missing")}
    return [reason for reason in dict.fromkeys(reasons) if reason.removesuffix(": missing") not in named]


def _reading(
    connection: duckdb.DuckDBPyConnection, sql: str, walk: Walk, pages: Iterable[SavedPage]
) -> duckdb.DuckDBPyConnection:
    """Run `sql` over pages; where DuckDB refuses a record that JSON allows, set that record aside and read again."""
    try:
        return connection.execute(sql)
    except duckdb.InvalidInputException as error:
        before = {} if walk.is_table else {walk.readable_rows_file(page.number): page for page in pages}
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


def _mapped(walk: Walk, pages: Iterable[SavedPage], mapping: Mapping, pulled_at: str, first_seq: int = 0) -> str:
    """SQL of a sub-query: the records of pages, in order of delivery, with `_seq` and every contract field as text."""
    wire = f"select *, {first_seq} + row_number() over () - 1 as _seq from {_records(walk, pages, mapping)}"
    if mapping.is_identity:
        return f"({wire})"
    carried = f", {UNREADABLE}" if walk.is_table else ""
    projection = ", ".join(mapping.projection(pulled_at=pulled_at))
    return f"(select {projection}, _seq{carried} from ({wire}) where {mapping.kept()})"


def _records(walk: Walk, pages: Iterable[SavedPage], mapping: Mapping) -> str:
    """SQL that reads pages in order of delivery, every wire column as text; an absent field is null."""
    files = ", ".join(sql_text(walk.readable_rows_file(page.number)) for page in pages)
    if walk.is_table:
        return f"read_parquet([{files}], union_by_name = true)"
    columns = ", ".join(f"{quoted(name)}: 'varchar'" for name in mapping.wire_names)
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
    return quoted(str(value))
