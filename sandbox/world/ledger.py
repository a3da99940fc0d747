"""The statutory calculator read independently, in fractions, for the few planted units only.

It shares no code with the warehouse's ledger: the two are compared in a test.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from math import floor

FUND_ORDER = ("hi", "ui", "oai", "si")
DAILY_RATE = Fraction(3, 10_000)
"""0.03 % a day; for older debts from 1 July 2025 on, so days are counted from 30 June 2025."""
INTEREST_FROM = date(2025, 6, 30)


@dataclass(frozen=True)
class Due:
    """What a unit owes for one month and fund, adjustment included; `month` is year × 12 + month − 1."""

    month: int
    fund: str
    amount: int
    deadline: date


@dataclass
class UnitMonth:
    """One month of one unit after all money up to `as_of` was allocated."""

    month: int
    deadline: date
    unpaid: dict[str, int] = field(default_factory=dict)
    interest: Fraction = Fraction(0)

    @property
    def interest_vnd(self) -> int:
        """Rounded once, half up."""
        return floor(self.interest + Fraction(1, 2))


def settle(dues: Sequence[Due], payments: Sequence[tuple[date, int]], as_of: date) -> dict[int, UnitMonth]:
    """Allocate payments (day, dong) to the oldest month first, in a month by fund; a negative due is money too."""
    credits = [(due.deadline, -due.amount) for due in dues if due.amount < 0]
    money: list[tuple[date, int]] = [(day, amount) for day, amount in sorted([*payments, *credits]) if day <= as_of]
    owed = sorted((due for due in dues if due.amount > 0), key=lambda due: (due.month, FUND_ORDER.index(due.fund)))
    months = {due.month: UnitMonth(due.month, due.deadline) for due in owed}
    for due in owed:
        row = months[due.month]
        for day, amount in _parts(due.amount, money, as_of, row, due.fund):
            days = (day - max(due.deadline, INTEREST_FROM)).days
            row.interest += amount * DAILY_RATE * max(0, days)
    return months


def _parts(
    owed: int, money: list[tuple[date, int]], as_of: date, row: UnitMonth, fund: str
) -> Iterator[tuple[date, int]]:
    """The parts a due falls into: (day it was paid, dong); what stays unpaid ends on `as_of`."""
    while owed and money:
        day, amount = money[0]
        taken = min(owed, amount)
        owed -= taken
        money[:1] = [(day, amount - taken)] if amount > taken else []
        yield day, taken
    if owed:
        row.unpaid[fund] = owed
        yield as_of, owed
