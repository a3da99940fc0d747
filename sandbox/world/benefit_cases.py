"""BG03 and BG15: sick pay without a certificate, unemployment money beside a job; and their innocent doubles."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from sandbox.world.cast import Cast
from sandbox.world.play import Facts, Play
from sandbox.world.records import month_end, month_start, month_text, workforce_line


def stage_benefits(cast: Cast) -> None:
    e = cast.staffed(6)
    _certificates(cast, e)
    _unemployment(cast, e)


def _sick_pay(play: Play, p: int, e: int, *, from_date: date, paid_on: date, serial: str, **fields: Any) -> str:
    benefit_id = f"OD-C{p}"
    facts: Facts = {
        "benefit_id": benefit_id,
        "kind": "sickness",
        "unit_code": play.employers[e]["unit_code"],
        "days": 3,
    }
    span: Facts = {"from_date": from_date, "to_date": from_date + timedelta(days=2), "paid_on": paid_on}
    money: Facts = {"amount_vnd": 750_000, "certificate_no": serial}
    play.add("insurance.benefit", about=p, on=paid_on, **(facts | span | money | fields))
    return benefit_id


def _sick_note(play: Play, p: int, *, from_date: date, serial: str, on: date) -> None:
    facility = f"{play.people[p]['province_code']}001"
    visit: Facts = {
        "visit_id": f"{facility}-C{p}",
        "facility_code": facility,
        "kind": "outpatient",
        "result": "improved",
    }
    times: Facts = {
        "admitted_at": play.delivered(from_date),
        "discharged_at": play.delivered(from_date + timedelta(days=1)),
    }
    play.add("health.visit", about=p, on=on, diagnosis_code="J06.9", **visit, **times)
    play.add("health.certificate", about=p, on=on, **certificate(serial, from_date, visit["visit_id"], facility))


def certificate(serial: str, from_date: date, visit_id: str, facility: str) -> dict[str, Any]:
    """A sick-leave certificate as it is uploaded: neither name nor citizen id, they come through the visit."""
    span: Facts = {"from_date": from_date, "to_date": from_date + timedelta(days=2), "days": 3, "issued_on": from_date}
    return span | {
        "certificate_no": serial, "kind": "sick_leave", "visit_id": visit_id, "full_name": None, "citizen_id": None,
        "facility_code": facility, "doctor_code": f"{facility}01/CCHN", "diagnosis_code": "J06.9",
    }  # fmt: skip


def _certificates(cast: Cast, e: int) -> None:
    def stage(kind: str, note: str, write: Callable[[Play, int], str]) -> None:
        p = cast.person(age=36)
        cast.job(p, e)

        def plant(play: Play) -> None:
            item = write(play, p)
            status = "suspected" if kind == "positive" else None
            play.case("BG03", kind, p=p, item=item, status=status, note=note)

        cast.later(plant)

    def claim(
        days_since_paid: int,
        *,
        claimed: Callable[[str], str] = str,
        uploaded: str | None = None,
        **fields: Any,
    ) -> Callable[[Play, int], str]:
        def write(play: Play, p: int) -> str:
            paid_on = play.as_of - timedelta(days=days_since_paid)
            from_date = paid_on - timedelta(days=21)
            number = f"{play.people[p]['province_code']}001.C{p:06d}"
            if uploaded is not None:
                _sick_note(
                    play, p, from_date=from_date, serial=uploaded.format(number), on=from_date + timedelta(days=1)
                )
            return _sick_pay(play, p, e, from_date=from_date, paid_on=paid_on, serial=claimed(number), **fields)

        return write

    child: Facts = {"kind": "child_sickness", "child_birth_date": cast.as_of - timedelta(days=900)}
    stage("positive", "no such certificate", claim(60))
    stage("positive", "no such certificate, paid exactly 15 days ago", claim(15))
    stage("positive", "the facility issued another serial", claim(120, claimed="{}7731".format, uploaded="{}0042"))
    stage("positive", "no certificate for a child's sickness", claim(45, **child))
    stage("positive", "no such certificate, a year ago", claim(340))
    stage(
        "lookalike", "serial typed with spaces", claim(40, claimed=lambda n: f" {n.replace('.', ' ')} ", uploaded="{}")
    )
    stage(
        "lookalike",
        "serial typed in small letters",
        claim(40, claimed=lambda n: n.lower().replace(".", ""), uploaded="{}"),
    )
    stage("lookalike", "serial typed with a hyphen", claim(40, claimed="{}-25".format, uploaded="{}.25"))
    stage("lookalike", "certificate matches exactly", claim(50, uploaded="{}"))
    stage("lookalike", "paid 14 days ago, certificate still to come", claim(14))
    stage("lookalike", "the certificate broke the contract and was set aside", _set_aside(e))
    stage("lookalike", "the certificate came long after the payment", _uploaded_late(e))


def _set_aside(e: int) -> Callable[[Play, int], str]:
    def write(play: Play, p: int) -> str:
        paid_on = play.as_of - timedelta(days=70)
        from_date, facility = paid_on - timedelta(days=20), f"{play.people[p]['province_code']}001"
        serial = f"{facility}.H{p:06d}"
        record = certificate(serial, from_date, f"{facility}-C{p}", facility) | {"days": "ba ngày", "si_number": None}
        on = from_date + timedelta(days=1)
        play.break_record("health.certificate", on=on, reason="days: not a whole number", record=record)
        return _sick_pay(play, p, e, from_date=from_date, paid_on=paid_on, serial=serial)

    return write


def _uploaded_late(e: int) -> Callable[[Play, int], str]:
    def write(play: Play, p: int) -> str:
        paid_on = play.as_of - timedelta(days=90)
        from_date, serial = paid_on - timedelta(days=20), f"{play.people[p]['province_code']}001.T{p:06d}"
        _sick_note(play, p, from_date=from_date, serial=serial, on=paid_on + timedelta(days=60))
        return _sick_pay(play, p, e, from_date=from_date, paid_on=paid_on, serial=serial)

    return write


def _decide(play: Play, p: int, first: int, last: int, **fields: Any) -> str:
    """An unemployment decision over whole months."""
    span: Facts = {"from_date": month_start(first), "to_date": month_end(last)}
    is_over = span["to_date"] < play.as_of
    facts: Facts = {
        "decision_no": f"TN-C{p}",
        "monthly_vnd": 4_800_000,
        "province_code": play.people[p]["province_code"],
    }
    state: Facts = {"status": "ended" if is_over else "receiving", "ended_on": span["to_date"] if is_over else None}
    play.add("labour.unemployment", about=p, on=month_start(first), **(facts | span | state | fields))
    return str(facts["decision_no"])


def _unemployment(cast: Cast, e: int) -> None:
    first = cast.month - 9  # the benefit runs four months: first … first + 3

    def stage(
        kind: str, note: str, write: Callable[[Play, int], str], *, back_in: int | None = None, since_day: int = 1
    ) -> None:
        p = cast.person(age=39)
        cast.job(p, e, until=first - 2, contract="fixed")
        if back_in is not None:
            cast.job(p, e, since=back_in, first_day=since_day)

        def plant(play: Play) -> None:
            item = write(play, p)
            status = "suspected" if kind == "positive" else None
            play.case("BG15", kind, p=p, item=item, status=status, note=note)

        cast.later(plant)

    def whole(play: Play, p: int) -> str:
        return _decide(play, p, first, first + 3)

    def stopped(day: date) -> Callable[[Play, int], str]:
        return lambda play, p: _decide(
            play, p, first, first + 3, status="ended", ended_on=day, end_reason="Có việc làm"
        )

    def with_contract(contract: str, began: date, ended: date | None) -> Callable[[Play, int], str]:
        def write(play: Play, p: int) -> str:
            workforce_line(play, p, e, began, contract=contract, contract_to=ended)
            return whole(play, p)

        return write

    def voluntary(play: Play, p: int) -> str:
        spell: Facts = {"spell_id": f"V-C{p}", "kind": "voluntary", "from_month": month_text(first), "unit_code": None}
        pays: Facts = {"pays_si": True, "pays_hi": False, "pays_ui": False, "wage_vnd": 2_000_000, "absence": "none"}
        play.add("insurance.participation", about=p, on=month_start(first), **spell, **pays)
        return whole(play, p)

    second = month_start(first + 1)
    stage("positive", "insured again from the second month", whole, back_in=first + 1)
    stage("positive", "insured again from the last month", whole, back_in=first + 3)
    under_contract = with_contract("fixed", second, month_end(first + 3))
    stage("positive", "contract in the report, insured only later", under_contract, back_in=first + 4)
    stage("positive", "insured all along, ended late", stopped(month_end(first + 2)), back_in=first + 1)
    stage("lookalike", "work begins after the benefit ended", whole, back_in=first + 4)
    stage("lookalike", "stopped the day before work began", stopped(month_end(first)), back_in=first + 1)
    mid_month = stopped(second + timedelta(days=12))
    stage("lookalike", "stopped in the middle of the first month of work", mid_month, back_in=first + 1, since_day=14)
    stage("lookalike", "voluntary spell", voluntary)
    stage("lookalike", "contract under a month", with_contract("under_1_month", second, second + timedelta(days=20)))
    parts = with_contract("fixed", second + timedelta(days=9), month_start(first + 2) + timedelta(days=18))
    stage("lookalike", "contract over parts of two months", parts, back_in=first + 4)
