"""Keeps the SQL inside the subset that means the same on DuckDB and on Spark. Every refusal was seen to differ."""

from collections.abc import Iterator

import sqlglot
from sqlglot import exp

from warehouse.model import Model

_INEXACT = {exp.DataType.Type.FLOAT, exp.DataType.Type.DOUBLE}
_CLOCK_OR_CHANCE = (exp.CurrentDate, exp.CurrentTimestamp, exp.CurrentTime, exp.Rand)


def complaints(model: Model) -> list[str]:
    """What a model's SQL says that the two engines would read differently, or that this project forbids; in words."""
    tree = sqlglot.parse_one(model.sql, read="duckdb")
    return [f"{model.name}: {complaint}" for complaint in _complaints(tree, model)]


def _complaints(tree: exp.Expr, model: Model) -> Iterator[str]:
    if set(model.uses) != model.tables_named():
        difference = sorted(set(model.uses) ^ model.tables_named())
        yield f"`uses` and the tables really named differ in {', '.join(difference)}"
    yield from _refused_functions(tree)
    yield from _refused_arithmetic(tree)
    for select in tree.find_all(exp.Select):
        yield from _shadowing_aliases(select)
        yield from _careless_stars(select)


def _refused_functions(tree: exp.Expr) -> Iterator[str]:
    if any(gathered.find(exp.Order) for gathered in tree.find_all(exp.ArrayAgg)):
        yield "list(x order by y) loses its order on Spark; sort the finished list instead"
    for difference in tree.find_all(exp.DateDiff):
        unit = difference.args.get("unit")
        if unit is not None and unit.name.lower() not in ("day", "days"):
            yield (
                f"date_diff('{unit.name.lower()}') counts boundaries on DuckDB and whole units on Spark;"
                " count days or month numbers"
            )
    for call in tree.find_all(*_CLOCK_OR_CHANCE):
        yield f"{call.sql()} asks the clock or chance; take $as_of"
    if any(named.this in _INEXACT for named in tree.find_all(exp.DataType)):
        yield "a binary float; use decimal or bigint"
    for unknown in tree.find_all(exp.Anonymous):
        if unknown.name.lower() in ("now", "today", "random", "uuid"):
            yield f"{unknown.name}() asks the clock or chance; take $as_of"


def _refused_arithmetic(tree: exp.Expr) -> Iterator[str]:
    for division in tree.find_all(exp.Div):
        yield f"{division.sql('duckdb')}: `/` is DOUBLE on one engine and DECIMAL on the other; multiply out or use //"
    for difference in tree.find_all(exp.Sub):
        if _is_date(difference.this) and _is_date(difference.expression):
            yield f"{difference.sql('duckdb')}: date - date is an interval on Spark; use date_diff('day', …)"


def _is_date(operand: exp.Expr) -> bool:
    if isinstance(operand, exp.Column):
        return operand.name.endswith(("_on", "_date"))
    return isinstance(operand, (exp.LastDay, exp.Date)) or (
        isinstance(operand, exp.Cast) and operand.to.this == exp.DataType.Type.DATE
    )


def _shadowing_aliases(select: exp.Select) -> Iterator[str]:
    renamed = {
        item.alias: item
        for item in select.expressions
        if isinstance(item, exp.Alias) and not (isinstance(item.this, exp.Column) and item.this.name == item.alias)
    }
    for item in select.expressions:
        for column in item.find_all(exp.Column):
            if not column.table and column.name in renamed and renamed[column.name] is not item:
                yield f"`{column.name}` is an alias and is read beside it; DuckDB and Spark choose differently"
    for clause in ("where", "group", "having", "qualify"):
        part = select.args.get(clause)
        for column in part.find_all(exp.Column) if part else ():
            if not column.table and column.name in renamed:
                yield f"`{column.name}` in {clause} may mean the alias or the column; qualify it"


def _careless_stars(select: exp.Select) -> Iterator[str]:
    source = select.args.get("from_")
    table = source.this if source else None
    if any(isinstance(item, exp.Star) for item in select.expressions) and isinstance(table, exp.Table) and table.db:
        yield f"select * from {table.db}.{table.name}: name the columns across layers"
