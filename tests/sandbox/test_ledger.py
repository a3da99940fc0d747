"""The fractions ledger against figures worked out by hand."""

from datetime import date

import pytest

from sandbox.world.ledger import Due, settle

JULY, AUGUST = 2025 * 12 + 6, 2025 * 12 + 7


def test_a_hundred_million_ninety_days_late_bears_two_million_seven_hundred_thousand() -> None:
    months = settle([Due(JULY, "si", 100_000_000, date(2025, 8, 31))], [], date(2025, 11, 29))
    assert (months[JULY].unpaid, months[JULY].interest_vnd) == ({"si": 100_000_000}, 2_700_000)


def test_days_before_the_new_law_bear_no_interest_here() -> None:
    months = settle([Due(2025 * 12, "si", 1_000_000, date(2025, 2, 28))], [], date(2025, 7, 10))
    assert months[2025 * 12].interest_vnd == 3_000


@pytest.mark.parametrize(
    ("paid", "unpaid", "interest"),
    [
        ([(date(2025, 8, 31), 1_000_000)], {}, 0),
        ([(date(2025, 9, 10), 1_000_000)], {}, 3_000),
        ([(date(2025, 8, 20), 300_000)], {"ui": 100_000, "oai": 100_000, "si": 500_000}, 6_300),
        ([(date(2025, 9, 10), 500_000)], {"si": 500_000}, 1_500 + 4_500),
    ],
)
def test_money_fills_hi_then_ui_then_oai_then_si(
    paid: list[tuple[date, int]], unpaid: dict[str, int], interest: int
) -> None:
    shares = {"hi": 300_000, "ui": 100_000, "oai": 100_000, "si": 500_000}
    dues = [Due(JULY, fund, vnd, date(2025, 8, 31)) for fund, vnd in shares.items()]
    month = settle(dues, paid, date(2025, 9, 30))[JULY]
    assert (month.unpaid, month.interest_vnd) == (unpaid, interest)


def test_a_negative_due_pays_others_from_its_own_deadline_on() -> None:
    dues = [Due(JULY, "si", 1_000_000, date(2025, 8, 31)), Due(AUGUST, "si", -1_000_000, date(2025, 9, 30))]
    before, after = settle(dues, [], date(2025, 9, 29)), settle(dues, [], date(2025, 10, 30))
    assert before[JULY].unpaid == {"si": 1_000_000}
    assert (after[JULY].unpaid, after[JULY].interest_vnd) == ({}, 9_000)


def test_interest_is_rounded_once_half_up() -> None:
    dues = [Due(JULY, fund, 833, date(2025, 8, 31)) for fund in ("hi", "si")]
    assert settle(dues, [], date(2025, 9, 2))[JULY].interest_vnd == 1
    assert settle([Due(JULY, "si", 5_000, date(2025, 8, 31))], [], date(2025, 9, 1))[JULY].interest_vnd == 2
