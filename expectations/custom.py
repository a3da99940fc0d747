"""Expectations that return counts and nothing else: a result must never hold a person's data.

Imports great-expectations, which costs seconds: import this module where it is used.
"""

from typing import Any, ClassVar

import sqlalchemy
from great_expectations.core.metric_domain_types import MetricDomainTypes
from great_expectations.execution_engine.sqlalchemy_execution_engine import SqlAlchemyExecutionEngine
from great_expectations.expectations.core.expect_column_values_to_be_in_set import ExpectColumnValuesToBeInSet
from great_expectations.expectations.core.expect_column_values_to_not_be_null import ExpectColumnValuesToNotBeNull
from great_expectations.expectations.expectation import BatchExpectation, ColumnMapExpectation
from great_expectations.expectations.metrics.map_metric_provider.column_condition_partial import (
    column_condition_partial,
)
from great_expectations.expectations.metrics.map_metric_provider.column_map_metric_provider import (
    ColumnMapMetricProvider,
)
from great_expectations.expectations.metrics.metric_provider import metric_value
from great_expectations.expectations.metrics.table_metric_provider import TableMetricProvider

Metrics = dict[str, Any]


class _CountsOnly:
    """Asks for the metrics of a yes-or-no result, which hold no values, and reports the counts among them."""

    def get_validation_dependencies(
        self, execution_engine: Any = None, runtime_configuration: dict[str, Any] | None = None, **_: Any
    ) -> Any:
        plain = {**(runtime_configuration or {}), "result_format": {"result_format": "BOOLEAN_ONLY"}}
        dependencies = super().get_validation_dependencies(execution_engine, plain)  # type: ignore[misc]
        # A yes-or-no result would be stripped of its counts.
        dependencies.result_format = {"result_format": "BASIC"}
        return dependencies

    def _validate(self, metrics: Metrics, runtime_configuration: Any = None, execution_engine: Any = None) -> Any:
        metric = self.map_metric  # type: ignore[attr-defined]
        return _counted(metrics[f"{metric}.unexpected_count"], metrics["table.row_count"])


def _counted(failing: int | None, total: int) -> dict[str, Any]:
    found = int(failing or 0)
    return {"success": found == 0, "result": {"unexpected_count": found, "element_count": int(total)}}


class ExpectCountedNotNull(_CountsOnly, ExpectColumnValuesToNotBeNull):
    """A required column is filled."""


class ExpectCountedInSet(_CountsOnly, ExpectColumnValuesToBeInSet):
    """A column keeps to its closed list."""


class _FullMatch(ColumnMapMetricProvider):
    condition_metric_name = "doichieu.full_match"
    condition_value_keys = ("pattern",)

    @column_condition_partial(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(cls, column: Any, pattern: str, **_: Any) -> Any:  # noqa: N805 - GX calls it with the class
        return sqlalchemy.func.regexp_full_match(column, pattern)


class ExpectCountedFullMatch(_CountsOnly, ColumnMapExpectation):
    """Every value matches a pattern from end to end; great-expectations' own knows no regular expressions in DuckDB."""

    pattern: str
    map_metric: ClassVar[str] = "doichieu.full_match"
    success_keys: ClassVar[tuple[str, ...]] = ("pattern", "mostly")


class _FailingRows(TableMetricProvider):
    metric_name = "doichieu.failing_rows"
    value_keys = ("query", "of")

    @metric_value(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(
        cls,  # noqa: N805 - GX calls it with the class
        execution_engine: SqlAlchemyExecutionEngine,
        metric_domain_kwargs: dict[str, Any],
        metric_value_kwargs: dict[str, Any],
        **_: Any,
    ) -> tuple[int, int]:
        execution_engine.get_compute_domain(metric_domain_kwargs, domain_type=MetricDomainTypes.TABLE)
        query, of = metric_value_kwargs["query"], metric_value_kwargs["of"]
        # A colon in the query is no parameter.
        text = f"select (select count(*) from (\n{query}\n)) as failing, (select count(*) from {of}) as total"
        row = execution_engine.execute_query(sqlalchemy.text(text.replace(":", "\\:"))).fetchone()
        assert row is not None
        return int(row[0]), int(row[1])


class ExpectNoRows(BatchExpectation):
    """A query that looks for broken promises finds none. Unlike GX's own it never fetches the rows."""

    query: str
    of: str
    metric_dependencies: ClassVar[tuple[str, ...]] = ("doichieu.failing_rows",)
    domain_keys: ClassVar[tuple[str, ...]] = ("batch_id",)
    success_keys: ClassVar[tuple[str, ...]] = ("query", "of")

    def _validate(self, metrics: Metrics, runtime_configuration: Any = None, execution_engine: Any = None) -> Any:
        return _counted(*metrics["doichieu.failing_rows"])
