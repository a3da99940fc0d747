"""TD02: workers nobody registered, at employers that have a unit, and those who only look so."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from sandbox.world.cast import Cast
from sandbox.world.names import decomposed
from sandbox.world.play import Facts, Play
from sandbox.world.records import pay_pension, payroll_line, workforce_line


def stage_workers(cast: Cast) -> None:
    _missing_workers(cast)
    _workers_who_look_missing(cast)


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
