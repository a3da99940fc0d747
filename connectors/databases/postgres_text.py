"""PostgreSQL's values as text: what DuckDB has the same type for it writes itself, which spares the server the work.

The server writes the rest: DuckDB has no number without limits, no NaN in a decimal, no type for an enum or an address.
"""

from dataclasses import dataclass

from connectors.databases.sql_changes import Kind

# Numbers of PostgreSQL's own types. A domain is described by the type it rests on.
BYTEA = 17
_BOOL = 16
_WHOLE, _NUMERIC, _FLOATS, _MONEY = (20, 21, 23), 1700, (700, 701), 790
_DATE, _LOCAL, _MOMENT = 1082, 1114, 1184

_SAME_IN_DUCKDB = (_BOOL, *_WHOLE, _DATE, _LOCAL, _MOMENT)

KINDS: dict[int, Kind] = {
    **dict.fromkeys((*_WHOLE, _NUMERIC, *_FLOATS), "number"),
    _MOMENT: "moment",
    _LOCAL: "local",
    _DATE: "date",
}


@dataclass(frozen=True)
class PostgresColumn:
    """A column to be read as text."""

    name: str
    quoted: str
    type: int | None
    is_array: bool
    is_moment: bool
    """A contract's time is made of it."""


def written_by_server(column: PostgresColumn) -> str:
    """SQL of the server."""
    name = column.quoted
    if column.is_array:
        return f"array_to_json({name})::text"
    if column.type in _FLOATS:
        # A cast of the number itself would keep fifteen digits only.
        return f"case when {name}::text like '%e%' then {name}::text::numeric::text else {name}::text end"
    if column.type == _MONEY:
        return f"{name}::numeric::text"
    if column.type == _LOCAL and column.is_moment:
        return f"{name} at time zone 'Asia/Ho_Chi_Minh'"
    return name if column.type in _SAME_IN_DUCKDB else f"{name}::text"


def finished_by_duckdb(column: PostgresColumn) -> str:
    """SQL of DuckDB, whose session is in Vietnam's time, over what the server sent."""
    name = '"' + column.name.replace('"', '""') + '"'
    if column.type in (_NUMERIC, *_FLOATS, _MONEY):
        return f"case when contains({name}, '.') then rtrim(rtrim({name}, '0'), '.') else {name} end as {name}"
    if column.type == _MOMENT or (column.type == _LOCAL and column.is_moment):
        iso = f"replace({name}::varchar, ' ', 'T')"
        return f"case when ends_with({name}::varchar, '+07') then {iso} || ':00' else {iso} end as {name}"
    if column.type == _LOCAL:
        # Many databases keep a plain date as its midnight.
        is_day, iso = f"ends_with({name}::varchar, ' 00:00:00')", f"replace({name}::varchar, ' ', 'T')"
        return f"case when {is_day} then left({name}::varchar, -9) else {iso} end as {name}"
    return f"{name}::varchar as {name}" if column.type in _SAME_IN_DUCKDB else name
