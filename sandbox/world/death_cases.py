"""BG18: benefits for a time after the death, and the payments that only look so."""

from datetime import date, timedelta
from typing import Any

from sandbox.world.cast import Cast
from sandbox.world.names import decomposed
from sandbox.world.play import Facts, Play
from sandbox.world.records import month_end, month_start, pay_pension


def _died(play: Play, p: int, on: date, **fields: Any) -> None:
    facts: Facts = {"notice_no": f"BT-C{p}", "died_on": on, "facility_code": f"{play.people[p]['province_code']}001"}
    play.add("health.death", about=p, on=on + timedelta(days=5), **(facts | fields))


def stage_deaths(cast: Cast) -> None:
    died_on = month_start(cast.month - 4) + timedelta(days=11)
    for note, fields in (
        ("notice with the citizen id", {"si_number": None, "hi_card": None, "old_id": None}),
        ("notice with the insurance number only", {"citizen_id": None, "hi_card": None, "old_id": None}),
        ("notice with the health card only", {"citizen_id": None, "si_number": None, "old_id": None}),
        ("notice with a decomposed name in capitals", {"full_name": None}),
    ):
        _paid_after_death(cast, died_on, note, fields)
    _paid_rightly(cast, died_on)
    _same_name(cast, died_on)
    _hit_by_a_typo(cast, died_on)
    _funeral(cast, died_on)


def _paid_after_death(cast: Cast, died_on: date, note: str, fields: dict[str, Any]) -> None:
    p = cast.person(age=68, kind="pensioner")

    def plant(play: Play) -> None:
        capitals = decomposed(play.people[p]["full_name"]).upper()
        _died(play, p, died_on, **{name: capitals if name == "full_name" else None for name in fields})
        for month, benefit_id in pay_pension(play, p):
            if month > died_on.year * 12 + died_on.month - 1:
                play.case("BG18", "positive", p=p, item=benefit_id, status="suspected", note=note)

    cast.later(plant)


def _paid_rightly(cast: Cast, died_on: date) -> None:
    """The month of death is due; and a month before it is due even when it is paid after the death."""
    p = cast.person(age=70, kind="pensioner")

    def plant(play: Play) -> None:
        death_month = died_on.year * 12 + died_on.month - 1
        *_, (_, last) = pay_pension(play, p, until=death_month)
        _died(play, p, died_on)
        play.case("BG18", "lookalike", p=p, item=last, note="the month of death")
        paid_on = died_on + timedelta(days=40)
        facts: Facts = {"benefit_id": f"LH-C{p}-bu", "kind": "pension", "amount_vnd": 350_000, "paid_on": paid_on}
        span: Facts = {"from_date": month_start(death_month - 2), "to_date": month_end(death_month - 1)}
        play.add("insurance.benefit", about=p, on=paid_on, **facts, **span)
        play.case("BG18", "lookalike", p=p, item=facts["benefit_id"], note="an earlier period paid after the death")

    cast.later(plant)


def _same_name(cast: Cast, died_on: date) -> None:
    living, dead = (
        cast.person(birth=date(cast.as_of.year - 67, month, 9), sex="M", kind="pensioner") for month in (3, 8)
    )

    def plant(play: Play) -> None:
        *_, (_, last) = pay_pension(play, living)
        name, year = play.people[living]["full_name"], str(play.people[dead]["birth"].year)
        _died(play, dead, died_on, full_name=name, birth_date=year)
        play.case("BG18", "lookalike", p=living, item=last, note="same name and birth year, another citizen id")

    cast.later(plant)


def _hit_by_a_typo(cast: Cast, died_on: date) -> None:
    living, dead = cast.person(age=69, sex="F", kind="pensioner"), cast.person(age=81, sex="M", kind="elder")

    def plant(play: Play) -> None:
        *_, (_, last) = pay_pension(play, living)
        wrong: Facts = {
            "citizen_id": play.people[living]["citizen_id"],
            "old_id": None,
            "si_number": None,
            "hi_card": None,
        }
        _died(play, dead, died_on, **wrong)
        play.case("BG18", "lookalike", p=living, item=last, note="a mistyped id on another person's notice")

    cast.later(plant)


def _funeral(cast: Cast, died_on: date) -> None:
    dead, relative = cast.person(age=72, kind="pensioner"), cast.person(age=44, kind="informal")

    def plant(play: Play) -> None:
        pay_pension(play, dead, until=died_on.year * 12 + died_on.month - 1)
        _died(play, dead, died_on)
        paid_on = died_on + timedelta(days=50)
        person = play.people[dead]
        named: Facts = {
            "deceased_citizen_id": person["citizen_id"],
            "deceased_si_number": person["si_number"],
            "_deceased": dead,
        }
        facts: Facts = {"benefit_id": f"MT-C{dead}", "kind": "funeral", "amount_vnd": 23_400_000, "paid_on": paid_on}
        play.add("insurance.benefit", about=relative, on=paid_on, from_date=paid_on, **facts, **named)
        play.case("BG18", "lookalike", p=relative, item=facts["benefit_id"], note="funeral money for the relative")

    cast.later(plant)
