"""Models on DuckDB: one process writes one file, bounded in memory, exact in money."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import duckdb

from common.errors import ConfigurationError, DoiChieuError
from common.settings import BuildSettings
from warehouse.model import Model

OUT_OF_ROOM = (duckdb.IOException, duckdb.OutOfMemoryException, duckdb.TransactionException, duckdb.FatalException)
"""What DuckDB raises when disk or memory end: a write, a spill, a commit, or all after a failed commit."""

_INEXACT_TYPES = ("DOUBLE", "FLOAT", "HUGEINT")


def open_build(path: Path, build: BuildSettings) -> duckdb.DuckDBPyConnection:
    """A connection to a build file, with the session settings every model relies on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = duckdb.connect(str(path))
    connection.execute("set timezone = 'Asia/Ho_Chi_Minh'")
    connection.execute(f"set memory_limit = '{build.memory_limit}'")
    connection.execute(f"set threads = {build.threads}")
    connection.execute(f"set temp_directory = '{path.parent / 'spill'}'")
    connection.execute("set enable_progress_bar = false")
    for schema in ("raw", "law", "staging", "linkage", "marts", "rules", "findings"):
        connection.execute(f"create schema if not exists {schema}")
    return connection


def no_room(where: str) -> DoiChieuError:
    return DoiChieuError(
        "the build ran out of disk or memory",
        where=where,
        remedy="free disk space or raise build.memory_limit, then run again; the live snapshot is untouched",
    )


def literal(value: date | int | str) -> str:
    """A parameter as the SQL literal that both engines read the same."""
    if isinstance(value, date):
        return f"date '{value.isoformat()}'"
    if isinstance(value, int):
        return str(value)
    return "'" + value.replace("'", "''") + "'"


def run_model(connection: duckdb.DuckDBPyConnection, model: Model, parameters: Mapping[str, str]) -> int:
    """Build one table and return its row count.

    Raises `ConfigurationError` where the output is not what the header promises, or holds an inexact type.
    """
    missing = model.parameters - parameters.keys()
    if missing:
        raise ConfigurationError(f"no value for ${', $'.join(sorted(missing))}", where=model.name)
    sql = model.bound(parameters)
    try:
        connection.execute(f"create or replace table {model.name} as {_typed(connection, model, sql)}")
    except OUT_OF_ROOM as error:
        raise no_room(model.name) from error
    except duckdb.Error as error:
        error.add_note(f"in model {model.name}")
        raise
    _refuse_inexact(connection, model)
    row = connection.execute(f"select count(*) from {model.name}").fetchone()
    assert row is not None
    return int(row[0])


def _typed(connection: duckdb.DuckDBPyConnection, model: Model, sql: str) -> str:
    if not model.columns:
        return sql
    made = [row[0] for row in connection.execute(f"describe {sql}").fetchall()]
    if made != list(model.columns):
        raise ConfigurationError(
            f"makes the columns {', '.join(made)}", where=model.name, remedy=f"promised are {', '.join(model.columns)}"
        )
    casts = ", ".join(f"cast({name} as {kind}) as {name}" for name, kind in model.columns.items())
    return f"select {casts} from ({sql})"


def _refuse_inexact(connection: duckdb.DuckDBPyConnection, model: Model) -> None:
    for name, kind, *_ in connection.execute(f"describe {model.name}").fetchall():
        if kind in _INEXACT_TYPES:
            raise ConfigurationError(
                f"column {name} is {kind}", where=model.name, remedy="declare an exact type for it in the header"
            )
