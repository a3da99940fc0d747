"""Ordinary records of the cast, written by hand: returns, payroll and report lines, pensions, and months in words."""

from datetime import date, timedelta
from typing import Any

from common.values import end_of_month
from sandbox.world.play import Facts, Play


def month_start(month: int) -> date:
    return date(month // 12, month % 12 + 1, 1)


def month_end(month: int) -> date:
    return end_of_month(month_start(month))


def month_text(month: int) -> str:
    return f"{month // 12}-{month % 12 + 1:02d}"


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
