"""TD01: payers nobody registered, and those who only look so."""

from collections.abc import Callable
from datetime import timedelta

from sandbox.world.cast import Cast
from sandbox.world.play import Facts, Play
from sandbox.world.records import file_returns, month_end, pay_pension, payroll_line, workforce_line


def stage_payers(cast: Cast) -> None:
    _pays_without_a_unit(cast)
    _household_pays_without_a_unit(cast)
    _quarterly_payer(cast)
    _began_lately(cast)
    _only_pensioners(cast)
    _insured_through_parent(cast)
    _lent_by_another(cast)
    _closed(cast)
    _exempt_foreigners(cast)
    _only_flat_rate(cast)


def _pays_without_a_unit(cast: Cast) -> None:
    for months, workers in ((12, 6), (20, 14), (8, 2)):
        e = cast.employer(has_unit=False)
        _plant_unregistered(cast, e, months, workers, f"returns for {months} months, no unit")


def _household_pays_without_a_unit(cast: Cast) -> None:
    e = cast.employer(kind="household", has_unit=False, owner=cast.person(age=48, kind="informal"))
    _plant_unregistered(cast, e, 10, 3, "household business with contracted staff, no unit")


def _quarterly_payer(cast: Cast) -> None:
    e = cast.employer(has_unit=False)
    _plant_unregistered(cast, e, 14, 5, "quarterly returns, no unit", quarterly=True)


def _plant_unregistered(cast: Cast, e: int, months: int, workers: int, note: str, *, quarterly: bool = False) -> None:
    def plant(play: Play) -> None:
        file_returns(play, e, range(play.month - months, play.month), contracted=workers, quarterly=quarterly)
        play.case("TD01", "positive", e=e, item=play.employers[e]["tax_code"], note=note)

    cast.later(plant)


def _innocent_payer(cast: Cast, e: int, note: str, write: Callable[[Play], None]) -> None:
    def plant(play: Play) -> None:
        write(play)
        play.case("TD01", "lookalike", e=e, item=play.employers[e]["tax_code"], note=note)

    cast.later(plant)


def _began_lately(cast: Cast) -> None:
    """First wages at most 90 days ago: the earliest month that still lies inside the clock."""
    by_return, by_contract = cast.employer(has_unit=False), cast.employer(has_unit=False)
    worker = cast.person(age=29)

    def returns(play: Play) -> None:
        first = next(m for m in range(play.month - 4, play.month + 1) if (play.as_of - month_end(m - 1)).days - 1 <= 90)
        file_returns(play, by_return, range(first, play.month), contracted=4)

    def contract(play: Play) -> None:
        workforce_line(play, worker, by_contract, play.as_of - timedelta(days=90))

    _innocent_payer(cast, by_return, "first return at most 90 days ago", returns)
    _innocent_payer(cast, by_contract, "first contract exactly 90 days ago", contract)


def _only_pensioners(cast: Cast) -> None:
    e = cast.employer(has_unit=False)
    staff = [cast.person(age=64 + turn, kind="pensioner") for turn in range(2)]

    def write(play: Play) -> None:
        file_returns(play, e, range(play.month - 15, play.month), contracted=len(staff))
        for p in staff:
            pay_pension(play, p)
            payroll_line(play, p, e, play.closed_year)
            workforce_line(play, p, e, month_end(play.month - 15))
            play.case("TD02", "lookalike", e=e, p=p, item=str(play.closed_year), note="pensioner")

    _innocent_payer(cast, e, "only pensioners on the payroll", write)


def _insured_through_parent(cast: Cast) -> None:
    for mark in ("-002", "003"):
        parent = cast.staffed(5)

        def write(play: Play, parent: int = parent, mark: str = mark) -> None:
            head = play.employers[parent]
            branch = head["tax_code"] + mark
            facts: Facts = {
                "tax_code": branch,
                "parent_tax_code": head["tax_code"],
                "kind": "branch",
                "status": "active",
            }
            name = f"Chi nhánh Công ty {head['trade']} {head['word']}"
            play.add("tax.taxpayer", on=head["founded"], name=name, province_code=head["province_code"], **facts)
            file_returns(play, parent, range(play.month - 12, play.month), contracted=2, payer=branch)
            play.case("TD01", "lookalike", e=parent, item=branch, note="branch insured through its head office")

        cast.later(write)


def _lent_by_another(cast: Cast) -> None:
    """Every worker is insured by the labour-hire firm that lends them."""
    firm, e = cast.employer(), cast.employer(has_unit=False)
    staff = [cast.person(age=26 + turn) for turn in range(3)]
    for p in staff:
        cast.job(p, firm)

    def write(play: Play) -> None:
        file_returns(play, e, range(play.month - 9, play.month), contracted=len(staff))
        for p in staff:
            workforce_line(play, p, e, month_end(play.month - 10) + timedelta(days=1), contract="other")

    _innocent_payer(cast, e, "all staff insured by the labour-hire firm", write)


def _closed(cast: Cast) -> None:
    e = cast.employer(has_unit=False, status="closed")
    _innocent_payer(
        cast,
        e,
        "taxpayer closed",
        lambda play: file_returns(play, e, range(play.month - 20, play.month - 16), contracted=3),
    )


def _exempt_foreigners(cast: Cast) -> None:
    moved, short = cast.employer(has_unit=False), cast.employer(has_unit=False)
    for e, is_intra, days in ((moved, True, 700), (short, False, 300)):
        staff = [cast.person(age=41 + turn, nationality="KR") for turn in range(2)]

        def write(
            play: Play, e: int = e, staff: list[int] = staff, is_intra: bool = is_intra, days: int = days
        ) -> None:
            began = play.as_of - timedelta(days=200)
            file_returns(play, e, range(play.month - 6, play.month), contracted=len(staff))
            for p in staff:
                ended = began + timedelta(days=days)
                facts: Facts = {"tax_code": play.employers[e]["tax_code"], "contract_from": began, "contract_to": ended}
                play.add("labour.work_permit", about=p, on=began, permit_no=f"GP-C{p}", intra_company=is_intra, **facts)
                workforce_line(play, p, e, began, contract="fixed", contract_to=ended)

        _innocent_payer(
            cast, e, "intra-company transfer" if is_intra else "foreigners with contracts under a year", write
        )


def _only_flat_rate(cast: Cast) -> None:
    e = cast.employer(has_unit=False)
    staff = [cast.person(age=38, kind="informal") for _ in range(2)]

    def write(play: Play) -> None:
        file_returns(play, e, range(play.month - 12, play.month), contracted=0, workers=2)
        for p in staff:
            payroll_line(play, p, e, play.closed_year, schedule="flat")

    _innocent_payer(cast, e, "only flat-rate payments, no contract", write)
