"""The dated values of the law as tables, so that rules join them on the business date."""

import duckdb

from law.loader import load_law


def load_law_tables(connection: duckdb.DuckDBPyConnection) -> None:
    """Make `law.<value>` for every value: (valid_from, valid_to, value, amount, is_known, is_verified, reference).

    `value` is the text as written; `amount` the same as DECIMAL(20,6) where it is a number.
    """
    for name, law_value in load_law().items():
        connection.execute(
            f"create or replace table law.{name} (valid_from date, valid_to date, value varchar,"
            " amount decimal(20, 6), is_known boolean, is_verified boolean, reference varchar)"
        )
        for entry in law_value.entries:
            connection.execute(
                f"insert into law.{name} values (?, ?, ?, try_cast(? as decimal(20, 6)), ?, ?, ?)",
                [
                    entry.valid_from,
                    entry.valid_to,
                    entry.value,
                    entry.value,
                    entry.value is not None,
                    entry.is_verified,
                    entry.reference,
                ],
            )
