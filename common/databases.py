"""DuckDB's extensions, loaded from packages and never from the network; files that hold names, encrypted at rest."""

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb


def attach_sql(path: Path, alias: str, *, is_read_only: bool, key: str | None = None) -> str:
    """The ATTACH statement for `path`; with `key`, the file is, or will be, encrypted (AES-256-GCM)."""
    options = ["read_only"] if is_read_only else []
    if key is not None:
        options.append(f"encryption_key {_quoted(key)}")
    return f"attach if not exists {_quoted(str(path))} as {alias}" + (f" ({', '.join(options)})" if options else "")


def load_encryption(connection: "duckdb.DuckDBPyConnection") -> None:
    """Load the OpenSSL that DuckDB needs to write encrypted files."""
    _load(connection, "httpfs")


def load_postgres(connection: "duckdb.DuckDBPyConnection") -> None:
    """Load what lets DuckDB read from a PostgreSQL server."""
    _load(connection, "postgres_scanner")


def _load(connection: "duckdb.DuckDBPyConnection", extension: str) -> None:
    version = connection.execute("select library_version from pragma_version()").fetchone()
    assert version is not None
    folder = files(f"duckdb_extension_{extension}") / "extensions" / version[0]
    connection.execute(f"load {_quoted(str(folder / f'{extension}.duckdb_extension'))}")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
