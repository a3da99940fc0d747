"""PostgreSQL through DuckDB's own extension: ranges read side by side, all of them in one state of the database.

One connection leads: it counts, plans, and hands its snapshot to the connections that read.
"""

import contextlib
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import duckdb
import sqlalchemy as sa

from connectors.databases.postgres_reader import quoted, reader_of
from connectors.databases.postgres_text import BYTEA, KINDS, PostgresColumn, finished_by_duckdb, written_by_server
from connectors.databases.sql_access import ConnectionLost
from connectors.databases.sql_changes import Kind
from connectors.databases.sql_pieces import Counted, Piece, Place
from connectors.databases.sql_tables import SqlTable
from connectors.databases.sql_values import BinaryColumn

if TYPE_CHECKING:
    import pyarrow as pa

_PLAIN_TABLES = ("r", "m")
_XIDS_APART_MAX = 2**30


@dataclass(frozen=True)
class _Relation:
    """What the server says of a table; `file` changes when the table is written anew."""

    kind: str
    file: int | None
    blocks: int
    has_children: bool
    oldest_open: int
    """Every transaction before this one had ended when the snapshot was taken."""
    next: int


class PostgresTable(SqlTable):
    """The rows of one dataset in PostgreSQL. Without `range_column` a table is read by its blocks."""

    def _from(self) -> str:
        if self.source.query is not None:
            return super()._from()
        with self.telling():
            # As in SQL: names without quotes are in lower case and looked for in the search path.
            found = self.connection.execute(
                sa.text("select to_regclass(:given)::text"), {"given": self.source.table}
            ).scalar()
        return found or super()._from()

    def _check_columns(self) -> None:
        super()._check_columns()
        # Now, and not when a piece is read: readers have threads of their own, the leading connection has one.
        columns = [self._column(name) for name in self.names]
        self._written: list[sa.ColumnElement[Any]] = [
            sa.literal_column(written_by_server(column)).label(column.name) for column in columns
        ]
        self._finished = [finished_by_duckdb(column) for column in columns]

    def _column(self, name: str) -> PostgresColumn:
        code = self.columns[name]
        if code == BYTEA:
            raise BinaryColumn(name, where=f"{self.address.key(self.key)} ({self.address.shown})")
        quoted_name = self.connection.dialect.identifier_preparer.quote(name)
        return PostgresColumn(name, quoted_name, code, code in self._arrays, name in self.moments)

    @cached_property
    def _arrays(self) -> frozenset[int]:
        with self.telling():
            found = self.connection.exec_driver_sql("select oid::bigint from pg_type where typcategory = 'A'")
            return frozenset(found.scalars())

    @cached_property
    def _relation(self) -> _Relation | None:
        if self.source.query is not None:
            return None
        asking = sa.text("""
            select relkind::text, pg_relation_filenode(oid)::bigint,
                   pg_relation_size(oid) / current_setting('block_size')::int, relhassubclass,
                   txid_snapshot_xmin(txid_current_snapshot()), txid_snapshot_xmax(txid_current_snapshot())
            from pg_class where oid = to_regclass(:name)
        """)
        with self.telling():
            found = self.connection.execute(asking, {"name": self.from_}).one()
        return _Relation(*found)

    def _kind_of_changed(self) -> Kind:
        code = self.columns[str(self.source.changed)]
        return "text" if code is None else KINDS.get(code, "text")

    def estimate(self) -> int:
        """What the planner expects: no row is read."""
        with self.telling():
            plan = self.connection.exec_driver_sql(
                "explain (format json) " + self._for_driver(self.select(sa.literal_column("1")))
            ).scalar()
        return int(plan[0]["Plan"]["Plan Rows"]) if plan else 0

    def state(self) -> str:
        relation = self._relation
        if relation is None or relation.kind not in (*_PLAIN_TABLES, "p"):
            return ""
        return f"{relation.oldest_open} {relation.file or 0}"

    def can_go_on(self, place: Place) -> bool:
        relation = self._relation
        if not place.state or relation is None:
            return super().can_go_on(place)
        oldest_open, file = map(int, place.state.split())
        if place.by == "stream" or not 0 <= relation.next - oldest_open < _XIDS_APART_MAX:
            return False
        return place.by != "blocks" or file == relation.file

    def changed_since(self, place: Place, begun: datetime) -> sa.ColumnElement[bool] | None:
        """Exact for a table: every row version written by a transaction the first snapshot did not see."""
        if not place.state:
            return super().changed_since(place, begun)
        first = int(place.state.split()[0]) % 2**32
        return sa.and_(self.wanted, _condition(f"age(xmin) <= age('{first}'::xid)"))

    def pieces(self, counted: Counted, place: Place | None, begun: datetime) -> list[Piece]:
        pieces = super().pieces(counted, place, begun)
        if not pieces[-1].is_stream or not self._has_blocks:
            return pieces
        changed = None if place is None else self.changed_since(place, begun)
        return self._with_changes(self._by_blocks(counted, place), place, changed)

    @property
    def _has_blocks(self) -> bool:
        """Reading by blocks pays where everything is wanted; earlier servers would read the whole table each time."""
        relation, version = self._relation, self.connection.dialect.server_version_info or (0,)
        is_plain = relation is not None and relation.kind in _PLAIN_TABLES and not relation.has_children
        return is_plain and self._since is None and version >= (14,)

    def _by_blocks(self, counted: Counted, place: Place | None) -> list[Piece]:
        relation = self._relation
        assert relation is not None
        state = self.state() if place is None else place.state
        step = max(1, relation.blocks * self.fetch_rows // max(1, counted.rows))
        first = 0 if place is None else int(place.after)
        pieces = [
            Piece(
                _condition(f"ctid >= '({block},0)'::tid and ctid < '({block + step},0)'::tid"),
                Place("blocks", str(block + step), state),
            )
            for block in range(first, relation.blocks - step, step)
        ]
        last = int(pieces[-1].next.after) if pieces and pieces[-1].next else first
        return [*pieces, Piece(_condition(f"ctid >= '({last},0)'::tid"), None)]

    def read(self, pieces: Sequence[Piece]) -> Generator[tuple["pa.Table", Place | None]]:
        with self.telling():
            snapshot = str(self.connection.exec_driver_sql("select pg_export_snapshot()").scalar())
        with contextlib.ExitStack() as open_readers:
            count = min(self.settings.connections, len(pieces))
            self._readers: SimpleQueue[duckdb.DuckDBPyConnection] = SimpleQueue()
            for _ in range(count):
                self._readers.put(open_readers.enter_context(reader_of(self.address, snapshot)))
            if pieces[0].is_stream:
                yield from super().read(pieces)
            else:
                yield from self._side_by_side(pieces, count)

    def _side_by_side(self, pieces: Sequence[Piece], count: int) -> Generator[tuple["pa.Table", Place | None]]:
        """In the order of the pieces; no more than one piece waits for the disk."""
        with ThreadPoolExecutor(count) as pool:
            under_way: deque[tuple[Piece, Future[pa.Table]]] = deque()
            left = iter(pieces)
            try:
                for piece in left:
                    under_way.append((piece, pool.submit(self._fetched, piece)))
                    if len(under_way) > count:
                        yield self._awaited(*under_way.popleft())
                while under_way:
                    yield self._awaited(*under_way.popleft())
            finally:
                for _, table in under_way:
                    table.cancel()

    def _awaited(self, piece: Piece, table: "Future[pa.Table]") -> tuple["pa.Table", Place | None]:
        try:
            return table.result(), piece.next
        except duckdb.Error:
            raise self._why(piece) from None

    def _fetched(self, piece: Piece) -> "pa.Table":
        reader = self._readers.get()
        try:
            return reader.execute(self._reading(piece)).to_arrow_table()
        finally:
            self._readers.put(reader)

    def batches(self, piece: Piece) -> Iterator["pa.Table"]:
        import pyarrow as pa

        reader = self._readers.get()
        try:
            for batch in reader.execute(self._reading(piece)).to_arrow_reader(self.fetch_rows):
                yield pa.Table.from_batches([batch])
        except (duckdb.Error, pa.ArrowException, OSError):
            raise self._why(piece) from None

    def _why(self, piece: Piece) -> Exception:
        """DuckDB passes on the server's words alone, which may quote a record: the leading connection asks for the code."""
        every_value = f"select max(length(piece::text)) from ({self._for_driver(self._in_text(piece))}) piece"
        with self.telling():
            self.connection.exec_driver_sql(every_value)
        return ConnectionLost(
            "the database broke off the reading",
            where=f"{self.address.key(self.key)} ({self.address.shown})",
            remedy="pull again: what was read before is kept where the table allows it",
        )

    def _reading(self, piece: Piece) -> str:
        columns = ", ".join(self._finished)
        return f"select {columns} from postgres_query('source', {quoted(self._sql(self._in_text(piece)))})"

    def _in_text(self, piece: Piece) -> "sa.Select[Any]":
        return self.select(*self._written).where(piece.where).limit(piece.limit)

    def _for_driver(self, statement: "sa.Select[Any]") -> str:
        return str(statement.compile(dialect=self.connection.dialect, compile_kwargs={"literal_binds": True}))

    def _sql(self, statement: "sa.Select[Any]") -> str:
        # What is written for a driver that takes parameters has its percent signs doubled.
        return self._for_driver(statement).replace("%%", "%")


def _condition(sql: str) -> sa.ColumnElement[bool]:
    return sa.literal_column(sql, sa.Boolean())
