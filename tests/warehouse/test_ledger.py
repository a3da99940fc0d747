"""The ledger and the CD rules against an independent reading of the statutory calculator."""

import random
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.warehouse.given import built, read
from tests.warehouse.statutory_calculator import UnitMonth, deadline, judge, next_day

AS_OF = date(2026, 3, 20)
MONTHS = [f"{year}-{month:02d}" for year in (2024, 2025, 2026) for month in range(1, 13)][6:27]


def random_unit(chance: random.Random) -> dict[str, Any]:
    """A unit with everything the calculator knows: partial, late and returned payments, credits, pauses, reminders."""
    cycle = chance.choice([1, 1, 1, 3, 6])
    months = MONTHS[chance.randrange(len(MONTHS) - 3) :]
    charges = [
        (month, fund, chance.choice([chance.randrange(1, 90_000_000), 1, 0, -chance.randrange(1, 5_000_000)]))
        for month in months
        for fund in chance.sample(["si", "hi", "ui", "oai"], chance.randrange(1, 5))
    ]
    payments = [
        (
            next_day(deadline(month, cycle), chance.choice([-20, -1, 0, 1, 29, 30, 60, 61, 90, 200])),
            chance.randrange(1, 120_000_000),
        )
        for month in months
        for _ in range(chance.randrange(0, 3))
    ]
    reminders = [
        (next_day(deadline(month, cycle), chance.choice([-5, 0, 1, 10, 100])), chance.choice(months))
        for month in chance.sample(months, 2)
    ]
    pauses = []
    if chance.random() < 0.4:
        start, end = sorted(chance.choices(months, k=2))
        pauses.append((chance.choice(["pause", "force_majeure"]), start, end))
    return {"cycle": cycle, "charges": charges, "payments": payments, "reminders": reminders, "pauses": pauses}


def as_tables(units: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """The units as the insurer's datasets; the adjustment is split off the due so that both count."""
    tables: dict[str, list[dict[str, Any]]] = {
        f"insurance.{name}": [] for name in ("unit", "charge", "payment", "reminder", "pause")
    }
    for number, unit in enumerate(units):
        code = f"U{number:03d}"
        tables["insurance.unit"].append({"unit_code": code, "cycle_months": unit["cycle"]})
        for place, (month, fund, amount) in enumerate(unit["charges"]):
            adjustment = -7 if place % 3 == 0 else None
            tables["insurance.charge"].append(
                {"charge_id": f"{code}c{place:03d}", "unit_code": code, "month": month, "fund": fund,
                 "due_vnd": amount - (adjustment or 0), "adjustment_vnd": adjustment}
            )  # fmt: skip
        for place, (day, amount) in enumerate(unit["payments"]):
            tables["insurance.payment"].append(
                {"payment_id": f"{code}p{place:03d}", "unit_code": code, "paid_on": day, "amount_vnd": amount}
            )
        for place, (day, up_to) in enumerate(unit["reminders"]):
            tables["insurance.reminder"].append(
                {"reminder_id": f"{code}r{place}", "unit_code": code, "sent_on": day, "up_to_month": up_to}
            )
        for place, (kind, start, end) in enumerate(unit["pauses"]):
            tables["insurance.pause"].append(
                {
                    "decision_no": f"{code}d{place}",
                    "unit_code": code,
                    "kind": kind,
                    "from_month": start,
                    "to_month": end,
                }
            )
    return tables


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(min_value=0, max_value=2**32))
def test_every_unit_month_equals_the_calculator_read_with_fractions(
    seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    chance = random.Random(seed)
    units = [random_unit(chance) for _ in range(60)]
    result = built(tmp_path_factory.mktemp("world"), as_tables(units), AS_OF)
    found = {
        (row["unit_code"], row["month"]): UnitMonth(
            row["late_vnd"], row["excused_vnd"], row["interest_vnd"], row["days_late"], row["status"]
        )
        for row in read(result, "select * from marts.unit_month")
    }
    expected = {
        (f"U{number:03d}", month): judged
        for number, unit in enumerate(units)
        for month, judged in judge(unit, AS_OF).items()
        if month <= "2026-03"
    }
    assert found == expected


def test_the_ledger_adds_up_to_what_was_charged_and_paid(tmp_path: Path) -> None:
    units = [random_unit(random.Random(seed)) for seed in range(40)]
    result = built(tmp_path, as_tables(units), AS_OF)
    broken = read(
        result,
        """
        with ledger as (
            select unit_code, sum(due_vnd) as due, sum(paid_vnd) as paid, sum(unpaid_vnd) as unpaid
            from marts.unit_month group by 1
        ),
        money as (select unit_code, max(to_vnd) as received from marts.unit_money group by 1)
        select * from ledger left join money using (unit_code)
        where due <> paid + unpaid or paid <> least(due, coalesce(received, 0))
        """,
    )
    assert broken == []


@pytest.mark.parametrize(
    ("month", "cycle", "day_60", "evasion_from"),
    [
        ("2025-07", 1, date(2025, 10, 30), date(2025, 10, 31)),
        ("2026-01", 1, date(2026, 4, 29), date(2026, 4, 30)),
        ("2025-09", 3, date(2025, 12, 30), date(2025, 12, 31)),
    ],
)
def test_evasion_begins_on_the_day_the_law_s_worked_examples_give(
    tmp_path: Path, month: str, cycle: int, day_60: date, evasion_from: date
) -> None:
    case = {
        "insurance.unit": [{"unit_code": "U1", "cycle_months": cycle}],
        "insurance.charge": [
            {"charge_id": "c", "unit_code": "U1", "month": month, "fund": "si", "due_vnd": 100_000_000}
        ],
        "insurance.reminder": [
            {
                "reminder_id": "r",
                "unit_code": "U1",
                "up_to_month": month,
                "sent_on": next_day(deadline(month, cycle), 5),
            }
        ],
    }

    def rules_on(day: date) -> list[tuple[str, str, int]]:
        result = built(tmp_path / day.isoformat(), case, day, empty=["insurance.payment"])
        return [
            (row["rule"], row["status"], row["days_late"])
            for row in read(result, "select * from findings.finding where rule <> 'CD06' order by rule")
        ]

    assert rules_on(day_60) == [("CD02", "late", 60)]
    assert rules_on(evasion_from) == [("CD03", "evasion", 61)]


def test_one_hundred_million_ninety_days_late_bears_two_million_seven(tmp_path: Path) -> None:
    case = {
        "insurance.unit": [{"unit_code": "U1"}],
        "insurance.charge": [
            {"charge_id": "c", "unit_code": "U1", "month": "2025-07", "fund": "si", "due_vnd": 100_000_000}
        ],
    }
    result = built(tmp_path, case, next_day(date(2025, 8, 31), 90), empty=["insurance.payment"])
    assert read(result, "select interest_vnd, days_late from findings.finding where rule = 'CD04'") == [
        {"interest_vnd": 2_700_000, "days_late": 90}
    ]
