"""One dataset's table or query in a database: its columns, its count, and the pieces it is read in, each a checkpoint.

A piece is a range of `range_column`. Without one the rows come as one stream, which has to begin again when cut off.
"""

import re
from collections.abc import Generator, Iterator, Sequence
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from common.errors import ConfigurationError, SourceError
from connectors.databases.sql_access import DatabaseAddress, telling
from connectors.databases.sql_changes import Changes, Kind, changes_of, kind_of
from connectors.databases.sql_pieces import Counted, Piece, Place, is_key, key_of, written_key
from connectors.databases.sql_values import text_table
from connectors.mapping import Mapping, unknown_names
from connectors.source import FILE_FIELDS, PULLED_AT, Database, DatasetSource
from contracts.loader import Dataset

if TYPE_CHECKING:
    import pyarrow as pa

_NAMES_SHOWN = 60


class SqlTable:
    """The rows of one dataset, changed `since` (None: all), read through one SQLAlchemy connection."""

    def __init__(
        self,
        connection: sa.Connection,
        contract: Dataset,
        source: DatasetSource,
        address: DatabaseAddress,
        *,
        refuses_drift: bool,
        since: datetime | None,
        settings: Database,
    ) -> None:
        self.connection, self.contract, self.source, self.address = connection, contract, source, address
        self.mapping = Mapping(contract, source, "database")
        self.settings, self.fetch_rows = settings, settings.fetch_rows
        self._refuses_drift, self._since = refuses_drift, since
        self.key = f"datasets.{contract.name}.{'table' if source.query is None else 'query'}"
        self.from_ = self._from()
        self.columns = self._described()
        self._check_columns()

    def _from(self) -> str:
        """SQL: the table, quoted as the database wants it, or the query in brackets."""
        if self.source.query is not None:
            return f"({self.source.query.strip().rstrip(';')}) source_query"
        assert self.source.table is not None
        parts = [quoted or bare for quoted, bare in re.findall(r'"([^"]+)"|([^."]+)', self.source.table)]
        quote = self.connection.dialect.identifier_preparer.quote
        return ".".join(quote(part) for part in parts)

    def telling(self, key: str | None = None) -> Any:
        return telling(self.address, key or self.key, self._known_tables)

    def select(self, *columns: sa.ColumnElement[Any]) -> "sa.Select[Any]":
        # A colon would begin a parameter.
        return sa.select(*columns).select_from(sa.text(self.from_.replace(":", "\\:")))

    def _described(self) -> dict[str, int | None]:
        """Column → the database's own number for its type, where it has one. Costs no row."""
        with self.telling(), self.connection.execute(self.select(sa.literal_column("*")).limit(0)) as result:
            names = list(result.keys())
            described = result.cursor.description if result.cursor is not None else ()
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ConfigurationError(
                f"the query names columns twice: {', '.join(twice)}",
                where=self.address.key(self.key),
                remedy="give each column of the select a name of its own",
            )
        codes = [each[1] if isinstance(each[1], int) else None for each in described]
        return dict(zip(names, codes, strict=True))

    def _check_columns(self) -> None:
        """Names in the source file that no column has, and columns it does not know, before a row is read."""
        for key, names in self._named().items():
            if not any(name in self.columns for name in names):
                raise SourceError(
                    f"there is no column {' or '.join(names)}",
                    where=f"{self.address.key(f'datasets.{self.contract.name}.{key}')} ({self.address.shown})",
                    remedy=f"correct the name; the columns are: {_listed(list(self.columns))}",
                )
        unknown = unknown_names(self.mapping, self.names)
        if unknown and self._refuses_drift:
            raise SourceError(
                f"{self.contract.full_name}: columns neither mapped nor ignored: {_listed(unknown)}",
                where=f"{self.address.key(self.key)} ({self.address.shown})",
                remedy="map each, or list it in ignore; on_drift = quarantine or evolve reads on all the same",
            )

    def _named(self) -> dict[str, tuple[str, ...]]:
        """Key of the source file → the columns it names, of which one has to be there."""
        given = {"changed": self.source.changed, "range_column": self.source.range_column}
        found: dict[str, tuple[str, ...]] = {key: (name,) for key, name in given.items() if name is not None}
        if not self._refuses_drift:
            return found
        found |= {f"only.{name}": (name,) for name in self.source.only}
        if self.mapping.is_identity:
            return found | {f"fields.{name}": reads for name, reads in self.mapping.required_names().items()}
        ours = (PULLED_AT, *FILE_FIELDS)
        for fields in self.mapping.variants.values():
            for name, how in fields.items():
                if how.reads and not any(read in ours for read in how.reads):
                    found[f"fields.{name}"] = how.reads
        return found

    @property
    def names(self) -> list[str]:
        """The columns that are read: the mapped ones, and those nobody spoke of."""
        wanted, used = self.mapping.wire_names, (self.source.changed, self.source.range_column)
        return [name for name in self.columns if name in wanted or not (name in used or self.mapping.is_ignored(name))]

    @cached_property
    def moments(self) -> frozenset[str]:
        """The columns that a contract's time is made of."""
        kinds = {field.name: field.type for field in self.contract.fields}
        if self.mapping.is_identity:
            return frozenset(name for name, kind in kinds.items() if kind == "timestamp")
        return frozenset(
            read
            for fields in self.mapping.variants.values()
            for name, how in fields.items()
            if kinds[name] == "timestamp"
            for read in how.reads
        )

    @cached_property
    def changes(self) -> Changes | None:
        if self.source.changed is None:
            return None
        key = f"datasets.{self.contract.name}.changed"
        with self.telling(key):
            kind = self._kind_of_changed()
        return changes_of(self.source, kind, dialect=self.connection.dialect.name, where=self.address.key(key))

    def _kind_of_changed(self) -> Kind:
        column: sa.ColumnElement[Any] = sa.column(str(self.source.changed))
        return kind_of(self.connection.execute(self.select(column).where(column.is_not(None)).limit(1)).scalar())

    @cached_property
    def wanted(self) -> sa.ColumnElement[bool]:
        """The condition of this pull."""
        if self.changes is None or self._since is None:
            return sa.true()
        return self.changes.since(self._since)

    def count(self) -> Counted:
        undated = sa.null() if self.changes is None else sa.case((self.changes.does_not_say(), 1))
        with self.telling():
            rows, without = self.connection.execute(
                self.select(sa.func.count(), sa.func.count(undated)).where(self.wanted)
            ).one()
        return Counted(int(rows), int(without))

    def estimate(self) -> int:
        return self.count().rows

    def can_go_on(self, place: Place) -> bool:
        """Whether what was read up to `place` in an earlier state of the database can be kept."""
        return place.by == "keys" or (place.by == "changes" and self.changes is not None)

    def pieces(self, counted: Counted, place: Place | None, begun: datetime) -> list[Piece]:
        """What is left to read behind `place`; `begun`: from when on a row may have changed since the walk began."""
        changed_since = self.changed_since(place, begun) if place is not None else None
        if place is not None and place.by == "changes":
            return [Piece(sa.true() if changed_since is None else changed_since, None)]
        if place is None and counted.rows <= self.fetch_rows:
            return [Piece(self.wanted, None)]
        if self.source.range_column is not None:
            return self._with_changes(self._by_keys(place), place, changed_since)
        return [Piece(self.wanted, None, is_stream=True)]

    def changed_since(self, place: Place, begun: datetime) -> sa.ColumnElement[bool] | None:
        """Rows that may have changed since the walk began, wherever they lie now; None where nobody can tell."""
        return None if self.changes is None else self.changes.since(begun)

    @staticmethod
    def _with_changes(pieces: list[Piece], place: Place | None, changed: sa.ColumnElement[bool] | None) -> list[Piece]:
        """After an interruption the ranges show two states: what changed in between is read once more at the end."""
        if place is None or changed is None:
            return pieces
        last = Piece(pieces[-1].where, Place("changes", state=place.state))
        return [*pieces[:-1], last, Piece(changed, None)]

    def state(self) -> str:
        return ""

    def _by_keys(self, place: Place | None) -> list[Piece]:
        """Ranges of about `fetch_rows` rows; rows without a key are in the first."""
        key: sa.ColumnElement[Any] = sa.column(str(self.source.range_column))
        bounds, state = self._bounds(key, place), self.state() if place is None else place.state
        lower: sa.ColumnElement[bool] | None = None if place is None else key > key_of(place.after)
        pieces = []
        for bound in bounds:
            upper = key <= bound
            where = sa.or_(upper, key.is_(None)) if lower is None else sa.and_(lower, upper)
            pieces.append(Piece(sa.and_(self.wanted, where), Place("keys", written_key(bound), state)))
            lower = key > bound
        rest = [self.wanted] if lower is None else [self.wanted, lower]
        return [*pieces, Piece(sa.and_(*rest), None)]

    def _bounds(self, key: sa.ColumnElement[Any], place: Place | None) -> list[Any]:
        where = f"datasets.{self.contract.name}.range_column"
        left = [self.wanted, key.is_not(None)] + ([key > key_of(place.after)] if place is not None else [])
        numbered = self.select(key, sa.func.row_number().over(order_by=key).label("row_no")).where(*left)
        inside = numbered.subquery("numbered")
        every = sa.select(inside.c[0]).where(inside.c.row_no % self.fetch_rows == 0).order_by(inside.c.row_no)
        with self.telling(where):
            bounds = list(dict.fromkeys(self.connection.execute(every).scalars()))
        if not all(map(is_key, bounds)):
            raise ConfigurationError(
                f"the column {self.source.range_column} has no ranges",
                where=self.address.key(where),
                remedy="name a column of whole numbers or dates",
            )
        return bounds

    def read(self, pieces: Sequence[Piece]) -> Generator[tuple["pa.Table", Place | None]]:
        """The rows of each piece in turn as text, and where to go on behind them."""
        for piece in pieces:
            if piece.is_stream:
                yield from self._streamed(piece)
            else:
                yield self._fetched(piece), piece.next

    def statement(self, piece: Piece) -> "sa.Select[Any]":
        return self.select(*(sa.column(name) for name in self.names)).where(piece.where).limit(piece.limit)

    def _fetched(self, piece: Piece) -> "pa.Table":
        with self.telling():
            rows = self.connection.execute(self.statement(piece)).all()
        return self._as_text(rows)

    def _streamed(self, piece: Piece) -> Generator[tuple["pa.Table", Place | None]]:
        """Each batch with the place behind it: the last one has none."""
        batches = self.batches(piece)
        held = next(batches, self._as_text([]))
        for number, following in enumerate(batches, start=1):
            yield held, Place("stream", str(number))
            held = following
        yield held, None

    def batches(self, piece: Piece) -> Iterator["pa.Table"]:
        with self.telling():
            options = {"yield_per": self.fetch_rows}
            with self.connection.execute(self.statement(piece), execution_options=options) as result:
                for rows in result.partitions():
                    yield self._as_text(rows)

    def _as_text(self, rows: Sequence[Sequence[Any]]) -> "pa.Table":
        where = f"{self.address.key(self.key)} ({self.address.shown})"
        return text_table(self.names, rows, moments=self.moments, where=where)

    def sample(self, rows: int) -> "pa.Table":
        """The first rows, in no order."""
        ((table, _),) = self.read([Piece(sa.true(), None, limit=rows)])
        return table

    def _known_tables(self) -> str:
        inspector = sa.inspect(self.connection.engine)
        schema = self.source.table.rpartition(".")[0].strip('"') if self.source.table else ""
        return _listed([*inspector.get_table_names(schema or None), *inspector.get_view_names(schema or None)])


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_NAMES_SHOWN]) or "none"
    return shown if len(names) <= _NAMES_SHOWN else f"{shown} and {len(names) - _NAMES_SHOWN} more"
