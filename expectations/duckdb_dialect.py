"""The SQLAlchemy dialect through which great-expectations reads DuckDB files."""

from typing import Any

from duckdb_engine import Dialect


class ReadingDuckDB(Dialect):
    """duckdb-engine without transactions, for databases that are only read.

    great-expectations gives its connection back before it fetches; the rollback that follows would empty the result.
    """

    supports_statement_cache = False

    def connect(self, *arguments: Any, **options: Any) -> Any:
        connection = super().connect(*arguments, **options)
        # Not a connection option: DuckDB refuses it before its calendar extension is loaded.
        connection.execute("set timezone = 'Asia/Ho_Chi_Minh'")
        return connection

    def do_begin(self, dbapi_connection: Any) -> None:
        pass

    def do_commit(self, dbapi_connection: Any) -> None:
        pass

    def do_rollback(self, dbapi_connection: Any) -> None:
        pass
