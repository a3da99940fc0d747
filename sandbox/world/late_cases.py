"""CD01–CD04 and CD06: units that pay late or not at all, and units that only look so.

Which rule a month falls under depends on the day one looks: the plans below say who paid what, and the ledger in
fractions says what follows from it on `as_of`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta

from sandbox.world.cast import Cast
from sandbox.world.ledger import Due, UnitMonth, settle
from sandbox.world.play import Facts, Play
from sandbox.world.records import month_end, month_text

RULES = ("CD01", "CD02", "CD03", "CD04", "CD06")


@dataclass
class Books:
    """The books of one staged unit. `overdue[0]` is its newest month past the deadline, `overdue[1]` the one before."""

    unit_code: str
    as_of: date
    dues: dict[tuple[int, str], Due]
    charge_ids: dict[tuple[int, str], str]
    payments: dict[int, list[tuple[date, int]]] = field(default_factory=dict)
    reminders: list[tuple[date, int]] = field(default_factory=list)
    decisions: list[tuple[str, int, int]] = field(default_factory=list)
    adjustments: dict[tuple[int, str], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for month in self.months:
            self.payments[month] = [(self.deadline(month) - timedelta(days=3), self.total(month))]

    @property
    def months(self) -> list[int]:
        return sorted({month for month, _ in self.dues})

    @property
    def overdue(self) -> list[int]:
        return [month for month in reversed(self.months) if self.deadline(month) < self.as_of]

    def deadline(self, month: int) -> date:
        return next(due.deadline for (found, _), due in self.dues.items() if found == month)

    def total(self, month: int) -> int:
        return sum(due.amount for (found, _), due in self.dues.items() if found == month)

    def stop(self, index: int) -> None:
        """No payment for `overdue[index]` nor for any later month."""
        for month in self.months:
            if month >= self.overdue[index]:
                self.payments[month] = []

    def skip(self, index: int) -> None:
        self.payments[self.overdue[index]] = []

    def pay(self, on: date, amount: int) -> None:
        self.payments.setdefault(self.overdue[0], []).append((on, amount))

    def move(self, index: int, days: int) -> None:
        """Pay `overdue[index]` in full, `days` after its deadline (0: on the last day)."""
        month = self.overdue[index]
        self.payments[month] = [(self.deadline(month) + timedelta(days=days), self.total(month))]

    def remind(self, index: int, *, after: int = 9, up_to: int | None = None) -> None:
        """A reminder `after` days past the deadline of `overdue[index]`, covering months up to `overdue[up_to]`."""
        sent_on = self.deadline(self.overdue[index]) + timedelta(days=after)
        self.reminders.append((sent_on, self.overdue[index if up_to is None else up_to]))

    def adjust(self, index: int, fund: str, vnd: int) -> None:
        key = (self.overdue[index], fund)
        due = self.dues[key]
        self.dues[key] = Due(due.month, due.fund, due.amount + vnd, due.deadline)
        self.adjustments[key] = self.adjustments.get(key, 0) + vnd

    def decide(self, kind: str, first: int, last: int) -> None:
        """A pause or force majeure over the months `first` to `last`."""
        self.decisions.append((kind, first, last))


Plan = Callable[[Books], None]


@dataclass(frozen=True)
class Scene:
    """One staged unit: its plan, and the rules it only looks guilty of."""

    note: str
    plan: Plan
    innocent_of: tuple[str, ...] = ()
    workers: int = 4
    cycle: int = 1
    ended_months_ago: int | None = None


def stage_late(cast: Cast, scenes: tuple[Scene, ...]) -> None:
    for scene in scenes:
        until = None if scene.ended_months_ago is None else cast.month - scene.ended_months_ago
        e = cast.staffed(scene.workers, cycle=scene.cycle, until=until, pays="staged")
        cast.later(_plant(scene, e))


def _plant(scene: Scene, e: int) -> Callable[[Play], None]:
    def plant(play: Play) -> None:
        books = _open(play, play.employers[e]["unit_code"])
        scene.plan(books)
        _write(play, books)
        guilty = _judge(play, books, e, scene.note)
        for rule in scene.innocent_of:
            newest_first = [f"{books.unit_code}/{month_text(month)}" for month in books.overdue]
            items = [books.unit_code] if rule == "CD06" else newest_first
            free = [item for item in items if (rule, item) not in guilty]
            play.case(rule, "lookalike", e=e, item=free[0], note=scene.note)

    return plant


def _open(play: Play, unit_code: str) -> Books:
    rows = play.dues[unit_code]
    dues = {
        (row["month"], row["fund"]): Due(row["month"], row["fund"], row["due_vnd"], row["deadline"]) for row in rows
    }
    return Books(unit_code, play.as_of, dues, {(row["month"], row["fund"]): row["charge_id"] for row in rows})


def _write(play: Play, books: Books) -> None:
    for (month, fund), vnd in books.adjustments.items():
        play.con.execute(
            "update insurance_charge set adjustment_vnd = ? where charge_id = ?", [vnd, books.charge_ids[month, fund]]
        )
    unit: Facts = {"unit_code": books.unit_code}
    for day, amount in sorted(paid for parts in books.payments.values() for paid in parts):
        if amount > 0:
            key = play.serial(f"{books.unit_code}-P")
            facts: Facts = {"payment_id": key, "paid_on": day, "amount_vnd": amount}
            play.add("insurance.payment", on=day, is_hidden_ahead=True, **facts, **unit)
    for day, up_to in books.reminders:
        key = play.serial(f"{books.unit_code}-N")
        play.add("insurance.reminder", on=day, reminder_id=key, sent_on=day, up_to_month=month_text(up_to), **unit)
    for kind, first, last in books.decisions:
        key, day = play.serial("QD-"), month_end(first)
        span: Facts = {"from_month": month_text(first), "to_month": month_text(last)}
        play.add("insurance.pause", on=day, decision_no=key, kind=kind, **span, **unit)


def _judge(play: Play, books: Books, e: int, note: str) -> set[tuple[str, str]]:
    """Record every finding that follows from the books on `as_of`; returns (rule, item)."""
    paid = [part for parts in books.payments.values() for part in parts if part[1] > 0]
    months = settle(list(books.dues.values()), paid, play.as_of)
    guilty: set[tuple[str, str]] = set()
    demanded: dict[int, int] = {}
    for row in months.values():
        days = (play.as_of - row.deadline).days
        if days < 1 or not row.unpaid:
            continue
        rule, item = _rule(books, row, days), f"{books.unit_code}/{month_text(row.month)}"
        excused = sum(vnd for fund, vnd in row.unpaid.items() if _is_excused(books, row, fund))
        late = sum(row.unpaid.values()) - excused
        # How a split month's interest divides is not settled, and a paused part bears none before its catch-up day.
        interest = None if excused else row.interest_vnd
        for status, vnd in (("evasion" if rule == "CD03" else "late", late), ("excused", excused)):
            if vnd:
                facts: Facts = {"item": item, "status": status, "principal_vnd": vnd, "interest_vnd": interest}
                play.case(rule, "positive", e=e, note=f"{note}; {days} days", **facts)
                guilty.add((rule, item))
        if late:
            demanded[row.month] = late
    _charge_interest(play, books, months)
    if demanded and _is_long_late(books, months, demanded):
        play.case("CD06", "positive", e=e, item=books.unit_code, principal_vnd=sum(demanded.values()), note=note)
        guilty.add(("CD06", books.unit_code))
    return guilty


def _charge_interest(play: Play, books: Books, months: dict[int, UnitMonth]) -> None:
    """What the insurer itself charged: the same sum, told month by month."""
    for row in months.values():
        if row.interest_vnd:
            facts: Facts = {
                "unit_code": books.unit_code,
                "month": month_text(row.month),
                "charged_vnd": row.interest_vnd,
            }
            play.add("insurance.interest", on=play.as_of, interest_id=play.serial("LCD-"), **facts)


def _rule(books: Books, row: UnitMonth, days: int) -> str:
    if days < 30:
        return "CD01"
    if days <= 60:
        return "CD02"
    reminded = any(row.deadline < sent <= books.as_of and up_to >= row.month for sent, up_to in books.reminders)
    return "CD03" if reminded else "CD04"


def _is_excused(books: Books, row: UnitMonth, fund: str) -> bool:
    for kind, first, last in books.decisions:
        if first <= row.month <= last:
            if kind == "force_majeure":
                return True
            if fund == "si" and books.as_of <= month_end(last + 1):
                return True
    return False


def _is_long_late(books: Books, months: dict[int, UnitMonth], demanded: dict[int, int]) -> bool:
    last_year = books.months[-12:]
    oldest = (books.as_of - months[min(demanded)].deadline).days
    return oldest >= 90 or sum(demanded.values()) * len(last_year) >= 3 * sum(books.total(month) for month in last_year)
