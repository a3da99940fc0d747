"""PostgreSQL's values as text: written by the server, which has every digit, and finished by DuckDB, which is quick."""

from dataclasses import dataclass

from connectors.sql_changes import Kind

# Numbers of PostgreSQL's own types. A domain is described by the type it rests on.
BYTEA = 17
_WHOLE, _NUMERIC, _FLOATS, _MONEY = (20, 21, 23), 1700, (700, 701), 790
_DATE, _LOCAL, _MOMENT = 1082, 1114, 1184

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
    """SQL of the server; its session writes dates as ISO and times in Vietnam's zone."""
    name = column.quoted
    if column.is_array:
        return f"array_to_json({name})::text"
    if column.type in _FLOATS:
        # A cast of the number itself would keep fifteen digits only.
        return f"case when {name}::text like '%e%' then {name}::text::numeric::text else {name}::text end"
    if column.type == _MONEY:
        return f"{name}::numeric::text"
    if column.type == _LOCAL and column.is_moment:
        return f"({name} at time zone 'Asia/Ho_Chi_Minh')::text"
    return f"{name}::text"


def finished_by_duckdb(column: PostgresColumn) -> str:
    """SQL of DuckDB, over what the server wrote."""
    name = '"' + column.name.replace('"', '""') + '"'
    if column.type in (_NUMERIC, *_FLOATS, _MONEY):
        return f"case when contains({name}, '.') then rtrim(rtrim({name}, '0'), '.') else {name} end as {name}"
    if column.type == _MOMENT or (column.type == _LOCAL and column.is_moment):
        iso = f"replace({name}, ' ', 'T')"
        return f"case when ends_with({name}, '+07') then {iso} || ':00' else {iso} end as {name}"
    if column.type == _LOCAL:
        # Many databases keep a plain date as its midnight.
        is_day, iso = f"ends_with({name}, ' 00:00:00')", f"replace({name}, ' ', 'T')"
        return f"case when {is_day} then left({name}, -9) else {iso} end as {name}"
    return name
