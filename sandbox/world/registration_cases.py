"""TD01 and TD02: payers and workers nobody registered, and those who only look so."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from sandbox.world.cast import Cast
from sandbox.world.late_cases import month_end, month_text
from sandbox.world.names import decomposed
from sandbox.world.play import Facts, Play


def stage_registration(cast: Cast) -> None:
    for unregistered in (_pays_without_a_unit, _household_pays_without_a_unit, _quarterly_payer):
        unregistered(cast)
    for innocent in (
        _began_lately,
        _only_pensioners,
        _insured_through_parent,
        _lent_by_another,
        _closed,
        _exempt_foreigners,
    ):
        innocent(cast)
    _only_flat_rate(cast)
    _missing_workers(cast)
    _workers_who_look_missing(cast)


def file_returns(
    play: Play,
    e: int,
    months: range,
    *,
    contracted: int,
    workers: int | None = None,
    quarterly: bool = False,
    payer: str = "",
) -> None:
    """Returns of employer `e` for every month (or quarter) in `months` whose filing day has passed."""
    tax_code = payer or play.employers[e]["tax_code"]
    for month in months:
        if quarterly and month % 3 != 2:
            continue
        filed_on = month_end(month + 1) - timedelta(days=12)
        if filed_on >= play.as_of:
            continue
        period = f"{month // 12}-Q{month % 12 // 3 + 1}" if quarterly else month_text(month)
        play.add(
            "tax.withholding",
            on=filed_on,
            return_id=f"{tax_code}-{period}",
            tax_code=tax_code,
            period=period,
            workers=contracted if workers is None else workers,
            workers_contracted=contracted,
            income_vnd=9_000_000 * max(1, contracted) * (3 if quarterly else 1),
            tax_vnd=200_000 * contracted,
            filed_on=filed_on,
        )


def payroll_line(play: Play, p: int, e: int, year: int, *, schedule: str = "progressive", **fields: Any) -> None:
    tax_code = play.employers[e]["tax_code"]
    facts: Facts = {"line_id": f"{tax_code}-{year}-C{p}", "tax_code": tax_code, "year": year, "schedule": schedule}
    money: Facts = {"income_vnd": 96_000_000, "insurance_deducted_vnd": 0 if schedule == "progressive" else None}
    play.add("tax.payroll", about=p, on=date(year + 1, 3, 20), **(facts | money | {"tax_vnd": 1_200_000} | fields))


def workforce_line(
    play: Play, p: int, e: int, contract_from: date, *, contract: str = "indefinite", **fields: Any
) -> None:
    """A line of the half-year the contract began in."""
    half = 1 if contract_from.month <= 6 else 2
    facts: Facts = {
        "line_id": f"{contract_from.year}H{half}-C{p}-{e}",
        "tax_code": play.employers[e]["tax_code"],
        "period": f"{contract_from.year}-H{half}",
        "job_title": "Nhân viên",
        "contract": contract,
        "contract_from": contract_from,
        "wage_vnd": 8_000_000,
    }
    play.add("labour.workforce", about=p, on=date(contract_from.year, 6 * half, 4), **(facts | fields))


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
            _innocent_worker(play, p, e, "pensioner")

    _innocent_payer(cast, e, "only pensioners on the payroll", write)


def pay_pension(play: Play, p: int, *, until: int | None = None) -> list[tuple[int, str]]:
    """Monthly pension of a cast person up to month `until` (default: now); (month, benefit_id), oldest first."""
    paid = []
    last = play.month if until is None else until
    for month in range((play.as_of.year - 2) * 12, last + 1):
        first = month_end(month - 1) + timedelta(days=1)
        if first + timedelta(days=4) < play.as_of:
            facts: Facts = {"benefit_id": f"LH-C{p}-{month_text(month)}", "kind": "pension", "amount_vnd": 5_200_000}
            span: Facts = {"from_date": first, "to_date": month_end(month), "paid_on": first + timedelta(days=4)}
            play.add("insurance.benefit", about=p, on=first + timedelta(days=4), **facts, **span)
            paid.append((month, str(facts["benefit_id"])))
    return paid


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


def _missing_workers(cast: Cast) -> None:
    """People with a contract or a payroll line and no insured month anywhere, at an employer that has a unit."""
    e = cast.staffed(7)

    def by_payroll(play: Play, p: int) -> int:
        payroll_line(play, p, e, play.closed_year)
        return play.closed_year

    def by_contract(play: Play, p: int) -> int:
        began = play.as_of - timedelta(days=150)
        workforce_line(play, p, e, began)
        return began.year

    def by_contract_on_day_91(play: Play, p: int) -> int:
        began = play.as_of - timedelta(days=91)
        workforce_line(play, p, e, began, contract="fixed", contract_to=began + timedelta(days=364))
        return began.year

    def by_both(play: Play, p: int) -> int:
        payroll_line(play, p, e, play.closed_year, full_name=decomposed(play.people[p]["full_name"]))
        workforce_line(play, p, e, date(play.closed_year, 2, 10), full_name=play.people[p]["full_name"].upper())
        return play.closed_year

    def under_old_number(play: Play, p: int) -> int:
        payroll_line(
            play, p, e, play.closed_year, id_kind="old", id_number=play.people[p]["old_id"], person_tax_code=None
        )
        workforce_line(play, p, e, date(play.closed_year, 3, 2))
        return play.closed_year

    scenes = (
        (by_payroll, 3, "payroll line in a closed year, no insured month"),
        (by_contract, 2, "contract begun 150 days ago, never insured"),
        (by_contract_on_day_91, 1, "contract begun 91 days ago, never insured"),
        (by_both, 2, "payroll and report show the same person, names written differently"),
        (under_old_number, 1, "payroll names the old 9-digit id"),
    )
    for write, count, note in scenes:
        for _ in range(count):
            _plant_missing(cast, write, cast.person(age=31), e, note)


def _plant_missing(cast: Cast, write: Callable[[Play, int], int], p: int, e: int, note: str) -> None:
    def plant(play: Play) -> None:
        year = write(play, p)
        play.case("TD02", "positive", e=e, p=p, item=str(year), status="suspected", note=note)

    cast.later(plant)


def _innocent_worker(play: Play, p: int, e: int, note: str) -> None:
    play.case("TD02", "lookalike", e=e, p=p, item=str(play.closed_year), note=note)


def _workers_who_look_missing(cast: Cast) -> None:
    first, second = cast.staffed(4), cast.staffed(4)

    def stage(note: str, write: Callable[[Play, int], None], *, job_at: int | None = None, **who: Any) -> int:
        p = cast.person(**{"age": 33} | who)
        if job_at is not None:
            cast.job(p, job_at, is_taxed=False, is_reported=False)

        def plant(play: Play) -> None:
            write(play, p)
            _innocent_worker(play, p, second, note)

        cast.later(plant)
        return p

    def both(play: Play, p: int) -> None:
        payroll_line(play, p, second, play.closed_year)
        workforce_line(play, p, second, date(play.closed_year, 4, 1))

    stage("insured by the first employer", both, job_at=first)
    stage("on probation", _reports(second, "probation", 200, 30))
    stage("contract under a month", _reports(second, "under_1_month", 200, 20))
    stage("contract begun 80 days ago", _reports(second, "indefinite", 80, None))
    stage("contract begun exactly 90 days ago", _reports(second, "indefinite", 90, None))
    stage("foreigner moved inside the company", _intra_company(second), nationality="JP", age=45)
    stage("flat-rate income only", lambda play, p: payroll_line(play, p, second, play.closed_year, schedule="flat"))
    stage("insured under the old id only", _under_old_id(second), job_at=second)
    stage("insured under the insurance number only", _under_si_number(second), job_at=second)
    stage("name in decomposed letters", _decomposed_name(second), job_at=second)
    stage("id mistyped in the report", _mistyped_report(second), job_at=second)
    _on_leave(cast, second)
    pensioner = cast.person(age=66, kind="pensioner")

    def plant_pensioner(play: Play) -> None:
        pay_pension(play, pensioner)
        payroll_line(play, pensioner, second, play.closed_year)
        _innocent_worker(play, pensioner, second, "pensioner")

    cast.later(plant_pensioner)


def _reports(e: int, contract: str, days_ago: int, length: int | None) -> Callable[[Play, int], None]:
    def write(play: Play, p: int) -> None:
        began = play.as_of - timedelta(days=days_ago)
        ended = None if length is None else began + timedelta(days=length)
        workforce_line(play, p, e, began, contract=contract, contract_to=ended)

    return write


def _intra_company(e: int) -> Callable[[Play, int], None]:
    def write(play: Play, p: int) -> None:
        began = date(play.closed_year, 3, 1)
        span: Facts = {"contract_from": began, "contract_to": began + timedelta(days=1000)}
        tax_code = play.employers[e]["tax_code"]
        play.add(
            "labour.work_permit", about=p, on=began, permit_no=f"GP-C{p}", tax_code=tax_code, intra_company=True, **span
        )
        workforce_line(play, p, e, began, contract="fixed", contract_to=span["contract_to"])
        payroll_line(play, p, e, play.closed_year)

    return write


def _under_old_id(e: int) -> Callable[[Play, int], None]:
    """The insurer knows only the 9-digit id; a report that shows both ids joins them."""

    def write(play: Play, p: int) -> None:
        person = play.people[p]
        play.rewrite("insurance_participation", p, citizen_id=None, old_id=person["old_id"], person_tax_code=None)
        payroll_line(play, p, e, play.closed_year, person_tax_code=None)
        workforce_line(play, p, e, date(play.closed_year, 4, 1), si_number=None)

    return write


def _under_si_number(e: int) -> Callable[[Play, int], None]:
    def write(play: Play, p: int) -> None:
        play.rewrite("insurance_participation", p, citizen_id=None, old_id=None, person_tax_code=None)
        payroll_line(play, p, e, play.closed_year, person_tax_code=None)
        workforce_line(play, p, e, date(play.closed_year, 4, 1), old_id=None)

    return write


def _decomposed_name(e: int) -> Callable[[Play, int], None]:
    def write(play: Play, p: int) -> None:
        name = decomposed(play.people[p]["full_name"])
        payroll_line(play, p, e, play.closed_year, full_name=name)
        workforce_line(play, p, e, date(play.closed_year, 4, 1), full_name=name.upper())

    return write


def _mistyped_report(e: int) -> Callable[[Play, int], None]:
    """One digit wrong and no other number: only name, birth date and employer say who it is."""

    def write(play: Play, p: int) -> None:
        right = play.people[p]["citizen_id"]
        wrong = right[:-1] + str((int(right[-1]) + 3) % 10)
        workforce_line(play, p, e, date(play.closed_year, 4, 1), citizen_id=wrong, old_id=None, si_number=None)
        payroll_line(play, p, e, play.closed_year, id_number=wrong, person_tax_code=None)

    return write


def _on_leave(cast: Cast, e: int) -> None:
    """Insured, but the whole closed year is maternity or unpaid leave."""
    for absence in ("maternity", "unpaid"):
        p = cast.person(age=30, sex="F")

        def plant(play: Play, p: int = p, absence: str = absence) -> None:
            unit = play.employers[e]["unit_code"]
            began = date(play.closed_year, 1, 1)
            span: Facts = {
                "from_month": f"{play.closed_year}-01",
                "to_month": f"{play.closed_year}-12",
                "absence": absence,
            }
            pays: Facts = {
                "pays_si": False,
                "pays_hi": False,
                "pays_ui": False,
                "wage_vnd": 7_000_000,
                "submitted_on": began,
            }
            spell: Facts = {"spell_id": f"C{p}-1", "unit_code": unit, "kind": "compulsory"}
            play.add("insurance.participation", about=p, on=date(play.closed_year, 12, 31), **spell, **span, **pays)
            payroll_line(play, p, e, play.closed_year)
            _innocent_worker(play, p, e, f"{absence} leave")

        cast.later(plant)
