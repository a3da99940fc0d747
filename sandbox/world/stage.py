"""The workshop: one in-memory DuckDB with the clock, the dice and an empty table per dataset.

Every random choice is a hash of (thing, purpose, seed), so that it depends neither on order nor on threads:
the same arguments give the same world, and two datasets agree about a thing without asking each other.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path

import duckdb

from contracts.loader import Dataset, all_datasets

HORIZON_DAYS = 30
"""The world goes on this long after `as_of`; what is delivered later than `as_of` is not yet visible."""
ROLES = ("_self", "_mother", "_father", "_representative", "_deceased")
"""Truth columns beside the contract's: the number of the true person a record is about, by role."""

_MACROS = """
create macro u(id, salt) as (hash(id, salt, getvariable('seed')) >> 11)::double / 9007199254740992.0;
create macro slot(id, salt) as floor(u(id, salt) * 1000)::int;
create macro pick(list, id, salt) as list[1 + floor(u(id, salt) * len(list))::int];
create macro month_of(d) as (year(d) * 12 + month(d) - 1)::int;
create macro month_start(m) as make_date((m // 12)::int, (m % 12 + 1)::int, 1);
create macro month_end(m) as month_start(m + 1) - 1;
create macro month_text(m) as strftime(month_start(m), '%Y-%m');
-- Office hours in Vietnam, written in UTC: 08:00 to 18:00 is 01:00 to 11:00.
create macro office_time(d, id, salt) as d::timestamp + to_seconds(3600 + floor(u(id, salt) * 36000)::bigint);
create macro mistyped(digits, id) as
    substr(digits, 1, floor(u(id, 'place') * length(digits))::int)
    || ((ascii(substr(digits, 1 + floor(u(id, 'place') * length(digits))::int, 1)) - 47
        + floor(u(id, 'digit') * 9)::int) % 10)::varchar
    || substr(digits, 2 + floor(u(id, 'place') * length(digits))::int);
"""


def first_month(as_of: date) -> int:
    """Month number (year × 12 + month − 1) the registries' history begins with: January two years back."""
    return (as_of.year - 2) * 12


@contextmanager
def open_stage(seed: int, as_of: date, dirt: float, folder: Path | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """A fresh workshop, in memory or in a file of `folder`.

    It has the macros and the variables `seed`, `as_of`, `horizon`, `first_month`, `last_month`, `dirt`.
    """
    place = ":memory:" if folder is None else str(folder / "workshop.duckdb")
    con = duckdb.connect(place, config={} if folder is None else {"memory_limit": "3GB"})
    try:
        con.execute("set timezone = 'UTC'")
        horizon = as_of + timedelta(days=HORIZON_DAYS)
        last = horizon.year * 12 + horizon.month - 1
        con.execute(f"set variable seed = {int(seed)}; set variable dirt = {float(dirt)}::double")
        con.execute(f"set variable as_of = date '{as_of}'; set variable horizon = date '{horizon}'")
        con.execute(f"set variable first_month = {first_month(as_of)}; set variable last_month = {last}")
        con.execute(_MACROS)
        for dataset in all_datasets():
            con.execute(_empty_table(dataset))
        yield con
    finally:
        con.close()
        if folder is not None:
            Path(place).unlink(missing_ok=True)


def _empty_table(dataset: Dataset) -> str:
    # Times are kept as naive UTC while the world is built: no time-zone arithmetic in millions of rows.
    fields = [f'"{found.name}" {found.duckdb_type.replace("TIMESTAMPTZ", "TIMESTAMP")}' for found in dataset.fields]
    return f"create table {dataset.table} ({', '.join(fields + [f'{role} bigint' for role in ROLES])})"
