"""Connections to databases: the address with its secrets, one connection in one snapshot, errors without values."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from common.errors import ConfigurationError, SourceError
from common.settings import is_loopback
from connectors.source import Source, read_secret

_POSTGRES = ("postgresql", "postgres")
# A network that silently lets go of a connection shall not hold a pull for hours.
_POSTGRES_DEFAULTS = {"keepalives_idle": "30", "keepalives_interval": "10", "keepalives_count": "3"}
# What lets a transaction read one state of the database from its first query to its last, where that has to be asked for.
_ONE_STATE = {
    "postgresql": "REPEATABLE READ",
    "mysql": "REPEATABLE READ",
    "mariadb": "REPEATABLE READ",
    "oracle": "SERIALIZABLE",
}
_LOGIN_REFUSED = ("28P01", "28000")
_PASSING = ("08", "57P", "53", "40", "25P03")


class ConnectionLost(SourceError):
    """The database broke off: trying again may help."""


class Unreachable(ConnectionLost):
    """The database does not answer at all."""


@dataclass(frozen=True)
class DatabaseAddress:
    """Where the database is, with user and password."""

    url: sa.URL
    is_read_by_duckdb: bool
    """A PostgreSQL given without a driver's name: rows come through DuckDB's own extension."""
    file: Path | None
    """The source file."""

    @property
    def shown(self) -> str:
        """The address for messages and manifests, without user, password and options."""
        bare = sa.URL.create(
            self.url.drivername, host=self.url.host, port=self.url.port, database=self.url.database
        ).render_as_string()
        return bare.replace("postgresql+psycopg", "postgresql") if self.is_read_by_duckdb else bare

    def key(self, key: str) -> str:
        """`key` of the source file, for messages."""
        return f"{self.file}: {key}" if self.file else key


def address_of(source: Source, *, timeout_seconds: float) -> DatabaseAddress:
    """Raises `ConfigurationError` for an address nobody can read, or a secret that is missing or in the wrong place."""
    given = source.database
    assert given is not None
    where = f"{source.path or source.registry}: database.url"
    try:
        url = sa.make_url(given.url)
    except (sa.exc.ArgumentError, ValueError):
        raise ConfigurationError(
            "the database's address cannot be read",
            where=where,
            remedy="write it like postgresql://host:5432/name, or any other address SQLAlchemy knows",
        ) from None
    is_read_by_duckdb = url.drivername in _POSTGRES
    if is_read_by_duckdb:
        url = url.set(drivername="postgresql+psycopg")
    place = url.host or str(url.query.get("host", ""))
    address = f"sql://{'localhost' if not place or place.startswith('/') else place}"
    password = read_secret(given.password, where=f"{where.removesuffix('url')}password", address=address)
    if url.password is not None and not is_loopback(address):
        raise ConfigurationError(
            "a password in the address is refused outside loopback",
            where=where,
            remedy='write password = { env = "NAME" } or { file = … } in [database]',
        )
    url = url.set(username=given.user or url.username, password=password or url.password)
    return DatabaseAddress(_completed(url, source.path, timeout_seconds), is_read_by_duckdb, source.path)


def _completed(url: sa.URL, file: Path | None, timeout_seconds: float) -> sa.URL:
    name = url.database
    if url.get_backend_name() == "sqlite" and name and name != ":memory:" and file is not None:
        return url.set(database=str(file.resolve().parent / name))
    if url.get_backend_name() == "postgresql" and url.drivername.endswith("psycopg"):
        # libpq takes 1 second for "no limit", so 2 is the least.
        defaults = {**_POSTGRES_DEFAULTS, "connect_timeout": str(max(2, round(timeout_seconds)))}
        return url.update_query_dict({**defaults, **url.query})
    return url


@contextlib.contextmanager
def connected(address: DatabaseAddress) -> Iterator[sa.Connection]:
    """A connection that reads one state of the database, as far as the database can.

    Raises `ConnectionLost`, `SourceError`, or `ConfigurationError` for a driver that is not installed.
    """
    engine = _engine(address)
    try:
        with telling(address), engine.connect() as connection:
            level = _ONE_STATE.get(engine.dialect.name)
            if level is not None:
                # Some drivers know no read-only transaction: they pass over the second option.
                connection.execution_options(isolation_level=level, postgresql_readonly=True)
            if engine.dialect.name == "sqlite":
                # Python's driver begins a transaction before it writes only.
                connection.exec_driver_sql("begin")
            yield connection
    finally:
        engine.dispose()


def _engine(address: DatabaseAddress) -> sa.Engine:
    try:
        return sa.create_engine(address.url, poolclass=NullPool, hide_parameters=True)
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"the driver of this database is not installed: there is no Python package {error.name}",
            where=address.key("database.url"),
            remedy=f"install the package that brings {error.name} into the same environment",
        ) from None
    except sa.exc.NoSuchModuleError:
        raise ConfigurationError(
            f"{address.url.drivername} names no database or driver that is known here",
            where=address.key("database.url"),
            remedy="correct the part before ://, or install the package with its SQLAlchemy dialect",
        ) from None


@contextlib.contextmanager
def telling(address: DatabaseAddress, key: str = "database", known: Callable[[], str] | None = None) -> Iterator[None]:
    """Turn the driver's errors inside the block into ours; `key` of the source file is what they are about.

    `known` says what there is instead of a table or column that is not there. A driver's own words may quote a record,
    so they are passed on only where nothing has been read yet.
    """
    try:
        yield
    except sa.exc.DBAPIError as error:
        raise _told(error, address, key, known) from None
    except (sa.exc.PendingRollbackError, sa.exc.ResourceClosedError):
        raise _broken_off(address) from None


def _told(error: sa.exc.DBAPIError, address: DatabaseAddress, key: str, known: Callable[[], str] | None) -> SourceError:
    state = str(getattr(error.orig, "sqlstate", None) or "")
    words = str(error.orig)
    if (not state and "connection failed" in words) or "connection timeout" in words:
        return _unreachable(words, address)
    if error.connection_invalidated or (state.startswith(_PASSING) and state != "57014"):
        return _broken_off(address)
    if not state and "unable to open database file" in words:
        return SourceError("the database file cannot be opened", where=address.shown, remedy="correct database.url")
    what, remedy = _REFUSALS.get(state) or _by_words(words) or _otherwise(error, state)
    if known is not None and what in (_NO_TABLE, _NO_COLUMN):
        remedy = f"{remedy}; there are: {known()}"
    return SourceError(what, where=f"{address.key(key)} ({address.shown})", remedy=remedy)


def _broken_off(address: DatabaseAddress) -> ConnectionLost:
    return ConnectionLost(
        "the database broke off the connection",
        where=address.shown,
        remedy="pull again: what was read before is kept where the table allows it",
    )


def _unreachable(words: str, address: DatabaseAddress) -> SourceError:
    # Before a query there is no record to quote: the server's reason is passed on.
    reason = words.rpartition(" failed: ")[2].splitlines()[0].strip()
    answered = "FATAL" in reason and not any(sign in reason for sign in ("too many", "starting up", "shutting down"))
    kind = SourceError if answered else Unreachable
    return kind(
        f"the database cannot be reached: {reason}",
        where=address.shown,
        remedy="correct user and password in [database], or ask the agency whether this account may log in"
        if answered
        else "check address, port and firewall, and that the server runs",
    )


_NO_TABLE = "there is no such table or view"
_NO_COLUMN = "there is no such column"
_REFUSALS = {
    "42P01": (_NO_TABLE, "correct the name, with its schema where it has one"),
    "3F000": (_NO_TABLE, "correct the name of the schema"),
    "42703": (_NO_COLUMN, "correct the name"),
    "42501": ("this account may not read it", "ask the agency for the right to select"),
    "42601": ("the query is not valid SQL", "correct datasets.<name>.query"),
    "57014": (
        "the server cancelled the query: its statement_timeout is shorter than the reading takes",
        "give range_column or a smaller fetch_rows, or a longer statement_timeout in the url's options",
    ),
    "22P02": ("a value cannot be read as the type the query asks for", "correct datasets.<name>.query"),
}


def _by_words(words: str) -> tuple[str, str] | None:
    """SQLite has no codes."""
    if words.startswith("no such table"):
        return _REFUSALS["42P01"]
    return _REFUSALS["42703"] if words.startswith("no such column") else None


def _otherwise(error: sa.exc.DBAPIError, state: str) -> tuple[str, str]:
    arguments = getattr(error.orig, "args", ())
    code = state or next((str(each) for each in arguments[:1] if isinstance(each, int)), "")
    named = type(error.orig).__name__ + (f", {code}" if code else "")
    return f"the database refused the query ({named})", "try the same select with the database's own client"
