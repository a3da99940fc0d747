"""The quick look at a record may only ever say "plain" where the exact predicates find nothing, and read the same."""

from datetime import date

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from contracts.loader import Dataset, Field, all_datasets, dataset
from contracts.predicates import _plain, _violations, plain_typed_expression, typed_expression

TODAY = date(2026, 7, 15)
SHAPES = [
    "",
    " ",
    "[1]",
    " {}",
    '{"a": 1}',
    "true",
    "TRUE",
    "1000",
    "1000.0",
    "1000.7",
    "+1000",
    "-5",
    "00012",
    "1e3",
    "999999999999999999",
    "9999999999999999999",
    "2026-07-15",
    "2026-07-16",
    "2026-7-1",
    "2026-02-30",
    " 2026-01-01",
    "12026-01-01",
    "0044-03-15",
    "-0044-03-15",
    "0044-03-15 (BC)",
    "infinity",
    "epoch",
    "1980",
    "1980-05",
    "2026-13",
    "2026-07-15T00:00:00Z",
    "2026-07-15T25:00:00Z",
    "2026-07-15T00:00Z",
    "2026-07-15T00:00:00",
    "2026-07-15T00:00:00.123456+07:00",
    "2026-07-15T00:00:00.1234567Z",
    "2026-07-15 00:00:00 America/New_York",
    "compulsory",
    "M",
    "Nguyễn Thị Ấn",
    "~",
    "\\",
    "|",
    "\u00a0x",
    "２０２６-01-01",
]
FIELDS = sorted(
    {(each.type, each.is_required): (found, each) for found in all_datasets() for each in found.fields}.items()
)
CLOSED = [("insurance", "unit", "cycle_months"), ("tax", "payroll", "schedule"), ("tax", "withholding", "period")]
CASES = [(found, each) for _, (found, each) in FIELDS]
CASES += [(dataset(registry, name), dataset(registry, name).field(field)) for registry, name, field in CLOSED]
CASES += [(found, each) for found in all_datasets() for each in found.fields if each.is_never_future][:2]


@pytest.mark.parametrize(("contract", "field"), CASES, ids=lambda case: getattr(case, "name", None))
@given(texts=st.lists(st.one_of(st.none(), st.sampled_from(SHAPES), st.text(max_size=12)), max_size=20))
@example(texts=[None, *SHAPES])
@settings(max_examples=10, deadline=None)
def test_what_looks_plain_breaks_nothing_and_is_read_alike(
    contract: Dataset, field: Field, texts: list[str | None]
) -> None:
    texts = [text for text in texts if text is None or "\x00" not in text]
    exact = " or ".join(f"({condition})" for condition, _ in _violations(field, TODAY))
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'Asia/Ho_Chi_Minh'")
        connection.execute(f'create table raw ("{field.name}" varchar)')
        connection.executemany("insert into raw values (?)", [[text] for text in [*texts, None]])
        wrong = connection.execute(
            f"""
            select "{field.name}" from raw where ({_plain(field, TODAY)}) is true and (({exact}) is true
                or try_cast({plain_typed_expression(field)} as {field.duckdb_type})
                   is distinct from ({typed_expression(field)})::{field.duckdb_type})
            """
        ).fetchall()
    assert wrong == []


def test_what_a_registry_usually_writes_looks_plain() -> None:
    usual = {
        "str": "Nguyễn Thị Ấn", "int": "3", "vnd": "12000000", "bool": "true", "date": "2026-07-15", "month": "2026-07",
        "partial_date": "1980-05-01", "timestamp": "2026-07-15T00:00:00Z",
    }  # fmt: skip
    seen = {
        each.type: each
        for found in all_datasets()
        for each in found.fields
        if not each.valid_values and not each.pattern
    }
    with duckdb.connect() as connection:
        for kind, text in usual.items():
            field = seen[kind]  # type: ignore[index]
            found = connection.execute(
                f'select {_plain(field, TODAY)} from (select ?::varchar as "{field.name}")', [text]
            )
            assert found.fetchone() == (True,), kind
