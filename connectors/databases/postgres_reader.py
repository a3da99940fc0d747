"""A DuckDB that reads from PostgreSQL in a snapshot another connection handed over."""

import contextlib
from collections.abc import Iterator

import duckdb
import sqlalchemy as sa

from common.databases import load_postgres
from connectors.databases.sql_access import ConnectionLost, DatabaseAddress

# For what the server writes as text: times inside arrays, floats with every digit.
_SESSION = """
    set local timezone = 'Asia/Ho_Chi_Minh'; set local datestyle = 'ISO, YMD'; set local extra_float_digits = 3;
    set local intervalstyle = 'iso_8601'
"""


@contextlib.contextmanager
def reader_of(address: DatabaseAddress, snapshot: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection on which `postgres_query('source', …)` sees the server as `snapshot` shows it.

    Raises `ConnectionLost` where the server lets no further connection in.
    """
    config: dict[str, str | bool | int | float | list[str]] = {
        "threads": 1,
        "autoinstall_known_extensions": False,
        "allow_persistent_secrets": False,
    }
    with duckdb.connect(config=config) as connection, _rolled_back(connection):
        load_postgres(connection)
        try:
            _enter(connection, address, snapshot)
        except duckdb.Error:
            raise ConnectionLost(
                "a further connection to the database was refused",
                where=address.shown,
                remedy="lower connections in [database], or ask the agency for more of them",
            ) from None
        yield connection


def _enter(connection: duckdb.DuckDBPyConnection, address: DatabaseAddress, snapshot: str) -> None:
    connection.execute("set timezone = 'Asia/Ho_Chi_Minh'")
    connection.execute(_secret_sql(address))
    connection.execute(f"attach {quoted(_options(address.url))} as source (type postgres, read_only, secret source)")
    connection.execute("begin")
    entering = f"set transaction snapshot {quoted(snapshot)}; {_SESSION}"
    connection.execute(f"call postgres_execute('source', {quoted(entering)})")


@contextlib.contextmanager
def _rolled_back(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Left to its destructor, a rollback that finds the server gone ends the whole process."""
    try:
        yield
    finally:
        with contextlib.suppress(duckdb.Error):
            connection.execute("rollback")


def _secret_sql(address: DatabaseAddress) -> str:
    """User and password as a secret of this connection: no error message repeats a secret."""
    url = address.url
    given = {
        "host": url.host,
        "port": url.port,
        "user": url.username,
        "password": url.password,
        "database": url.database,
    }
    said = ", ".join(f"{name} {quoted(str(value))}" for name, value in given.items() if value is not None)
    return f"create temporary secret source (type postgres, {said})"


def _options(url: sa.URL) -> str:
    """The options behind the address (sslmode, …) as libpq reads them."""

    def escaped(value: str | tuple[str, ...]) -> str:
        text = value if isinstance(value, str) else ",".join(value)
        return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"

    return " ".join(f"{name}={escaped(value)}" for name, value in url.query.items())


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
