"""Puts checks to a DuckDB file through great-expectations: an ephemeral context, suites in code, SQL in DuckDB."""

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from common.settings import BuildSettings
from common.values import Progress
from expectations.checks import Check, Count, FullMatch, InList, NoRows, NotNull

_DIALECT = "doichieu_duckdb"
# Errors that speak of tables and columns. Any other (a conversion error) may quote a value.
_HARMLESS = re.compile(r"(Catalog|Binder|Parser) Error: [^\n]*")


def ask(
    database: Path, checks: Sequence[Check], *, build: BuildSettings, task: str, progress: Progress
) -> dict[Check, Count]:
    """Put every check to the DuckDB file `database`, opened read-only; a check that cannot be asked carries an error.

    The checks of one table share one batch, so that their column questions become one query.
    """
    batches: dict[str | None, list[Check]] = {}
    for check in checks:
        batches.setdefault(check.table, []).append(check)
    progress.start(task, len(checks))
    counts: dict[Check, Count] = {}
    with _opened(database, build) as source:
        for table, members in batches.items():
            counts.update(_ask_batch(source, table, members))
            progress.advance(task, len(members))
    progress.finish(task)
    return counts


@contextmanager
def _opened(database: Path, build: BuildSettings) -> Iterator[Any]:
    import great_expectations
    from sqlalchemy.dialects import registry

    registry.register(_DIALECT, "expectations.duckdb_dialect", "ReadingDuckDB")
    # It prints the traceback of every question that cannot be asked; ours come back as counts with an error.
    logging.getLogger("great_expectations").setLevel(logging.CRITICAL)
    # This one sets its own level on import, and tells of each throw-away folder it makes.
    logging.getLogger("great_expectations.data_context.types.base").setLevel(logging.WARNING)
    context: Any = great_expectations.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    options = {"threads": build.threads, "memory_limit": build.memory_limit}
    source = context.data_sources.add_sql(
        database.stem,
        connection_string=f"{_DIALECT}:///{database}",
        kwargs={"connect_args": {"read_only": True, "config": options}},
    )
    try:
        yield source
    finally:
        # Both keep connections; an open one would keep the file from whoever writes it next in this process.
        source.get_execution_engine().close()
        source.get_engine().dispose()


def _ask_batch(source: Any, table: str | None, checks: Sequence[Check]) -> dict[Check, Count]:
    import great_expectations

    # A query asset: a table asset would reflect on the whole catalogue for every batch, four times slower.
    query = f"select * from {table}" if table else "select 1 as one"
    name = table or "across tables"
    batch = source.add_query_asset(name, query=query).add_batch_definition_whole_table("whole").get_batch()
    expectations = [_expectation(check, position) for position, check in enumerate(checks)]
    suite = great_expectations.ExpectationSuite(name=name, expectations=expectations)
    found = {
        entry.expectation_config.meta["position"]: _count(entry.result, entry.exception_info)
        for entry in batch.validate(suite, result_format="BASIC").results
    }
    return {check: found[position] for position, check in enumerate(checks)}


def _expectation(check: Check, position: int) -> Any:
    from expectations import custom

    meta = {"position": position}
    match check.question:
        case NotNull(column):
            return custom.ExpectCountedNotNull(column=column, meta=meta)
        case InList(column, values):
            return custom.ExpectCountedInSet(column=column, value_set=list(values), meta=meta)
        case FullMatch(column, pattern):
            return custom.ExpectCountedFullMatch(column=column, pattern=pattern, meta=meta)
        case NoRows(query, of):
            return custom.ExpectNoRows(query=query, of=of, meta=meta)


def _count(result: Mapping[str, Any], problem: Mapping[str, Any]) -> Count:
    if "unexpected_count" in result:
        return Count(failing=result["unexpected_count"], total=result["element_count"])
    # One entry per metric that could not be resolved, each with its own message.
    messages = [str(found["exception_message"]) for found in problem.values() if isinstance(found, Mapping)]
    said = _HARMLESS.search("\n".join(messages))
    return Count(failing=None, total=None, error=said.group(0) if said else "the query failed")
