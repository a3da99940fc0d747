"""The statutory calculator read a second time, step by step with fractions, independent of the warehouse's SQL."""

import calendar
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

RATE = Fraction(3, 10_000)
RATE_COUNTS_AFTER = date(2025, 6, 30)
FUND_ORDER = ("hi", "ui", "oai", "si")


def end_of_month(year: int, month: int) -> date:
    year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
    return date(year, month, calendar.monthrange(year, month)[1])


def deadline(month: str, cycle: int) -> date:
    """Step 1: the last day of the month after the cycle that holds the month."""
    year, number = int(month[:4]), int(month[5:])
    last_of_cycle = next(end for end in range(cycle, 13, cycle) if end >= number)
    return end_of_month(year, last_of_cycle + 1)


@dataclass
class Due:
    """What is left to pay of one fund of one month, and the pieces already settled."""

    month: str
    fund: str
    deadline: date
    payable_from: date
    excuse: str | None
    left: int
    settled: list[tuple[int, date]] = field(default_factory=list)


@dataclass(frozen=True)
class UnitMonth:
    """The judgement of one unit-month."""

    principal: int
    excused: int
    interest: int
    days: int
    status: str


def judge(unit: dict[str, Any], as_of: date) -> dict[str, UnitMonth]:
    """Every month of one unit.

    `unit`: cycle, charges [(month, fund, amount)], payments [(day, amount)], reminders [(day, up_to_month)],
    pauses [(kind, from_month, to_month)].
    """
    dues, credits = _dues(unit)
    money = sorted([(day, 0, amount) for day, amount in unit["payments"] if day <= as_of] + credits)
    for day, _, amount in money:
        if day <= as_of:
            _allocate(dues, day, amount)
    months = sorted({due.month for due in dues} | {month for month, _, _ in unit["charges"]})
    return {month: _month(month, [due for due in dues if due.month == month], unit, as_of) for month in months}


def _dues(unit: dict[str, Any]) -> tuple[list[Due], list[tuple[date, int, int]]]:
    net: dict[tuple[str, str], int] = defaultdict(int)
    for month, fund, amount in unit["charges"]:
        net[month, fund] += amount
    dues, credits = [], []
    for (month, fund), amount in net.items():
        limit = deadline(month, unit["cycle"])
        if amount < 0:
            credits.append((limit, 1, -amount))  # step 8: usable from its deadline on
        elif amount > 0:
            excuse, payable_from = _excuse(unit, month, fund, limit)
            dues.append(Due(month, fund, limit, payable_from, excuse, amount))
    dues.sort(key=lambda due: (due.month, FUND_ORDER.index(due.fund)))  # step 2
    return dues, credits


def _excuse(unit: dict[str, Any], month: str, fund: str, limit: date) -> tuple[str | None, date]:
    covering = [(kind, to) for kind, start, to in unit["pauses"] if start <= month <= to]
    paused_to = [to for kind, to in covering if kind == "pause" and fund == "si"]
    catch_up = max((end_of_month(int(to[:4]), int(to[5:]) + 1) for to in paused_to), default=limit)
    if any(kind == "force_majeure" for kind, _ in covering):
        return "force_majeure", max(limit, catch_up)
    return ("pause", max(limit, catch_up)) if paused_to else (None, limit)


def _allocate(dues: list[Due], day: date, amount: int) -> None:
    for due in dues:
        piece = min(due.left, amount)
        if piece:
            due.left -= piece
            due.settled.append((piece, day))
            amount -= piece


def _month(month: str, dues: list[Due], unit: dict[str, Any], as_of: date) -> UnitMonth:
    interest = Fraction(0)
    for due in dues:
        for amount, end in [*due.settled, (due.left, as_of)]:
            interest += amount * RATE * max(0, (end - max(due.payable_from, RATE_COUNTS_AFTER)).days)
    late = [due for due in dues if due.left and due.excuse != "force_majeure" and due.payable_from < as_of]
    excused = [
        due for due in dues
        if due.left and due.deadline < as_of and due not in late
        and (due.excuse == "force_majeure" or (due.excuse == "pause" and due.payable_from >= as_of))
    ]  # fmt: skip
    rounded = int(interest + Fraction(1, 2))
    principal, excused_sum = sum(due.left for due in late), sum(due.left for due in excused)
    if late:
        limit = min(due.payable_from for due in late)
        days = (as_of - limit).days
        reminded = any(up_to >= month and limit < sent <= as_of for sent, up_to in unit["reminders"])
        return UnitMonth(principal, excused_sum, rounded, days, "evasion" if days >= 61 and reminded else "late")
    if excused:
        return UnitMonth(0, excused_sum, rounded, 0, "excused")
    return UnitMonth(0, 0, rounded, 0, "not_due" if any(due.left for due in dues) else "paid")


def next_day(day: date, days: int) -> date:
    return day + timedelta(days=days)
