"""What a raw value must look like, judged by DuckDB itself: given values → reasons and typed values."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from contracts.loader import Dataset, all_datasets, dataset
from contracts.predicates import key_expression, reasons_expression, typed_expression

TODAY = date(2026, 7, 15)

LIVING: dict[str, dict[str, str | None]] = {
    "tax.payroll": {
        "line_id": "L1", "tax_code": "0100109106", "year": "2025", "schedule": "progressive", "full_name": "Nguyễn Thị Ấn",
        "income_vnd": "120000000", "updated_at": "2026-03-31T08:00:00+07:00",
    },
    "tax.withholding": {
        "return_id": "R1", "tax_code": "0100109106", "period": "2025-Q2", "workers": "3", "workers_contracted": "3",
        "income_vnd": "0", "tax_vnd": "0", "filed_on": "2025-07-30", "updated_at": "2025-07-30T00:00:00Z",
    },
    "insurance.unit": {
        "unit_code": "TA0001", "name": "Công ty", "status": "active", "registered_on": "2020-02-29", "cycle_months": "3",
        "province_code": "01", "updated_at": "2026-01-01T00:00:00Z",
    },
    "insurance.charge": {
        "charge_id": "C1", "unit_code": "TA0001", "month": "2026-05", "fund": "si", "due_vnd": "1000",
        "updated_at": "2026-06-01T00:00:00Z",
    },
    "health.death": {
        "notice_no": "D1", "full_name": "Lê Văn Bình", "died_on": "2026-06-01", "updated_at": "2026-06-02T00:00:00Z",
    },
    "reference.target": {
        "area_code": "66", "geography": "before_2025_07", "year": "2025", "indicator": "si", "percent": "20.5", "source": "s",
    },
}  # fmt: skip


def judged(full_name: str, /, **changed: str | None) -> list[str]:
    """The reasons against a good record of the dataset after the change."""
    contract = dataset(*full_name.split("."))
    return list(_ask(contract, LIVING[full_name] | changed, reasons_expression(contract, today=TODAY)))


def typed(full_name: str, field: str, value: str) -> Any:
    contract = dataset(*full_name.split("."))
    return _ask(contract, LIVING[full_name] | {field: value}, typed_expression(contract.field(field)))


def _ask(contract: Dataset, record: dict[str, str | None], expression: str) -> Any:
    columns = ", ".join(f'?::varchar as "{name}"' for name in contract.names)
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'Asia/Ho_Chi_Minh'")
        row = connection.execute(
            f"select {expression} from (select {columns})", [record.get(name) for name in contract.names]
        ).fetchone()
    assert row is not None
    return row[0]


@pytest.mark.parametrize("full_name", LIVING)
def test_a_record_that_keeps_the_contract_has_no_reason_against_it(full_name: str) -> None:
    assert judged(full_name) == []


# what it is · dataset · field · raw text → the reason after "field: ", or None where it fits
VALUES: list[tuple[str, str, str, str | None, str | None]] = [
    ("a missing required text", "tax.payroll", "full_name", None, "missing"),
    ("an empty required text", "tax.payroll", "full_name", "", "missing"),
    ("a required text of blanks", "tax.payroll", "full_name", "   ", "missing"),
    ("an empty optional number", "tax.payroll", "tax_vnd", "", None),
    ("an empty optional date", "insurance.unit", "stopped_on", "", None),
    ("an empty value of a closed list", "insurance.unit", "region", "", None),
    ("an object where text belongs", "tax.payroll", "full_name", '{"given": "Ấn"}', "not text"),
    ("a list where text belongs", "tax.payroll", "full_name", '["Ấn"]', "not text"),
    ("a name in brackets", "tax.payroll", "full_name", "[chưa rõ] Ấn", None),
    ("a name that is hardly a name", "tax.payroll", "full_name", "???", None),
    ("a malformed tax code", "tax.payroll", "tax_code", "12", None),
    ("whole dong", "tax.payroll", "income_vnd", "1000", None),
    ("whole dong with an empty fraction", "tax.payroll", "income_vnd", "1000.00", None),
    ("negative dong", "tax.payroll", "income_vnd", "-5000", None),
    ("a fraction of a dong", "tax.payroll", "income_vnd", "1000.7", "not a whole number of dong"),
    ("dong with a Vietnamese thousand", "tax.payroll", "income_vnd", "1.000", "not a whole number of dong"),
    ("dong with commas", "tax.payroll", "income_vnd", "1,000", "not a whole number of dong"),
    ("dong in words", "tax.payroll", "income_vnd", "mười triệu", "not a whole number of dong"),
    ("dong in floating notation", "tax.payroll", "income_vnd", "1e9", "not a whole number of dong"),
    ("eighteen digits", "tax.payroll", "income_vnd", "9" * 18, None),
    ("forty digits", "tax.payroll", "income_vnd", "9" * 40, "not a whole number of dong"),
    ("an object where money belongs", "tax.payroll", "income_vnd", '{"vnd": 1}', "not a whole number of dong"),
    ("a year in words", "tax.payroll", "year", "this year", "not a whole number"),
    ("a value of the closed list", "tax.payroll", "schedule", "flat", None),
    ("a value beside the closed list", "tax.payroll", "schedule", "Flat", "not one of progressive, flat"),
    ("a number of the closed list", "insurance.unit", "cycle_months", "6", None),
    ("a number of the closed list with a fraction", "insurance.unit", "cycle_months", "6.0", None),
    ("a number beside the closed list", "insurance.unit", "cycle_months", "2", "not one of 1, 3, 6"),
    ("a quarter", "tax.withholding", "period", "2025-Q4", None),
    ("a month as a period", "tax.withholding", "period", "2025-12", None),
    ("a fifth quarter", "tax.withholding", "period", "2025-Q5", "not a period as the contract writes it"),
    ("a leap day", "insurance.unit", "registered_on", "2024-02-29", None),
    ("a leap day of a common year", "insurance.unit", "registered_on", "2025-02-29", "not a date YYYY-MM-DD"),
    ("a day written the Vietnamese way", "insurance.unit", "registered_on", "29/02/2024", "not a date YYYY-MM-DD"),
    ("a time where a day belongs", "insurance.unit", "registered_on", "2024-02-29T00:00:00Z", "not a date YYYY-MM-DD"),
    ("a thirteenth month", "insurance.charge", "month", "2026-13", "not a month YYYY-MM"),
    ("a day where a month belongs", "insurance.charge", "month", "2026-05-01", "not a month YYYY-MM"),
    ("a birth year", "health.death", "birth_date", "1941", None),
    ("a birth month", "health.death", "birth_date", "1941-07", None),
    ("an impossible birth month", "health.death", "birth_date", "1941-13", "not a date YYYY, YYYY-MM or YYYY-MM-DD"),
    ("an impossible birth day", "health.death", "birth_date", "1941-02-30", "not a date YYYY, YYYY-MM or YYYY-MM-DD"),
    ("a birth today", "health.death", "birth_date", "2026-07-15", None),
    ("a birth tomorrow", "health.death", "birth_date", "2026-07-16", "in the future"),
    ("a birth this year", "health.death", "birth_date", "2026", None),
    ("a birth next year", "health.death", "birth_date", "2027", "in the future"),
    ("an exact decimal", "reference.target", "percent", "20.123456", None),
    ("a decimal with a comma", "reference.target", "percent", "20,5", "not a decimal number"),
    ("true", "tax.payroll", "deleted", "false", None),
    ("true in figures", "tax.payroll", "deleted", "1", "not true or false"),
    ("a time in universal time", "tax.payroll", "updated_at", "2026-03-31T08:00:00Z", None),
    ("a time with an offset", "tax.payroll", "updated_at", "2026-03-31T08:00:00.123456+07:00", None),
    ("a time without an offset", "tax.payroll", "updated_at", "2026-03-31T08:00:00", None),
    ("a time without seconds", "tax.payroll", "updated_at", "2026-03-31T08:00+07:00", None),
    ("a day where a time belongs", "tax.payroll", "updated_at", "2026-03-31", "not a time with date and offset"),
    ("an impossible time", "tax.payroll", "updated_at", "2026-03-31T25:00:00Z", "not a time with date and offset"),
]  # fmt: skip


@pytest.mark.parametrize(("what", "full_name", "field", "raw", "reason"), VALUES, ids=[row[0] for row in VALUES])
def test_a_raw_value_is_judged(what: str, full_name: str, field: str, raw: str | None, reason: str | None) -> None:
    assert judged(full_name, **{field: raw}) == ([] if reason is None else [f"{field}: {reason}"])


# dataset · field · raw text → typed value
TYPED: list[tuple[str, str, str, Any]] = [
    ("tax.payroll", "income_vnd", "1000.00", 1000),
    ("tax.payroll", "income_vnd", "1000.7", None),
    ("tax.payroll", "income_vnd", "1.000", None),
    ("tax.payroll", "income_vnd", "9" * 18, 10**18 - 1),
    ("tax.payroll", "tax_code", "0100109106", "0100109106"),
    ("tax.payroll", "tax_code", "", None),
    ("tax.payroll", "updated_at", "2026-03-31T08:00:00Z", datetime(2026, 3, 31, 8, tzinfo=UTC)),
    ("tax.payroll", "updated_at", "2026-03-31T08:00:00+07:00", datetime(2026, 3, 31, 1, tzinfo=UTC)),
    ("tax.payroll", "updated_at", "2026-03-31T08:00:00", datetime(2026, 3, 31, 1, tzinfo=UTC)),
    ("tax.payroll", "updated_at", "2026-03-31 08:00Z", datetime(2026, 3, 31, 8, tzinfo=UTC)),
    ("tax.payroll", "deleted", "true", True),
    ("insurance.unit", "registered_on", "2024-02-29", date(2024, 2, 29)),
    ("insurance.unit", "registered_on", "2025-02-29", None),
    ("insurance.unit", "cycle_months", "3.0", 3),
    ("health.death", "birth_date", "1941", "1941"),
    ("reference.target", "percent", "20.10", Decimal("20.100000")),
]


@pytest.mark.parametrize(("full_name", "field", "raw", "value"), TYPED, ids=[f"{row[1]} {row[2]!r}" for row in TYPED])
def test_a_raw_value_is_typed_without_loss(full_name: str, field: str, raw: str, value: Any) -> None:
    assert typed(full_name, field, raw) == value


def test_every_reason_is_told_and_none_quotes_the_value() -> None:
    reasons = judged("tax.payroll", full_name=None, income_vnd="secret", schedule="secret", updated_at="secret")
    assert reasons == [
        "updated_at: not a time with date and offset",
        "schedule: not one of progressive, flat",
        "full_name: missing",
        "income_vnd: not a whole number of dong",
    ]


# what a tombstone brings → reasons
TOMBSTONES: dict[str, tuple[dict[str, str | None], list[str]]] = {
    "key, time and deleted are enough": ({}, []),
    "whatever else it brings is not judged": ({"income_vnd": "1000.7", "schedule": "?"}, []),
    "its key is needed": ({"line_id": None}, ["line_id: missing"]),
    "its time is needed": ({"updated_at": None}, ["updated_at: missing"]),
}


@pytest.mark.parametrize("name", TOMBSTONES)
def test_a_tombstone(name: str) -> None:
    brought, reasons = TOMBSTONES[name]
    bare = dict.fromkeys(LIVING["tax.payroll"]) | {"line_id": "L1", "updated_at": "2026-01-01T00:00:00Z"}
    assert judged("tax.payroll", **(bare | {"deleted": "true"} | brought)) == reasons


def test_a_record_that_is_not_deleted_is_judged_whole() -> None:
    assert judged("tax.payroll", deleted="false", full_name=None) == ["full_name: missing"]


def test_a_key_of_several_fields_is_joined_and_missing_where_one_is_missing() -> None:
    contract = dataset("reference", "target")
    record = LIVING["reference.target"]
    assert _ask(contract, record, key_expression(contract)) == "66|before_2025_07|2025|si"
    assert _ask(contract, record | {"year": " "}, key_expression(contract)) is None


@pytest.mark.parametrize("contract", all_datasets(), ids=lambda found: found.full_name)
def test_the_predicates_of_every_dataset_are_sql_and_demand_every_required_field(contract: Dataset) -> None:
    reasons = _ask(contract, {}, reasons_expression(contract, today=TODAY))
    assert sorted(reasons) == sorted(f"{field.name}: missing" for field in contract.fields if field.is_required)
