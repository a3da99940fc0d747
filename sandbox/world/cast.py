"""The cast: people and employers set aside for planted cases, who otherwise live like everybody else.

A case is staged in two steps. First it asks for people, employers and jobs; the world is then built around them, so
that their spells, charges, returns and reports come about like anybody's. Then its `plant` writes what is special.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from sandbox.world.stage import first_month

if TYPE_CHECKING:
    from sandbox.world.play import Play

Plant = Callable[["Play"], None]

_TEXT, _NUMBER, _MONTH, _FLAG = pa.string(), pa.int64(), pa.int32(), pa.bool_()
_PERSON: dict[str, pa.DataType] = {
    "p": _NUMBER, "birth": pa.date32(), "sex": _TEXT, "kind": _TEXT, "nationality": _TEXT
}  # fmt: skip
_EMPLOYER: dict[str, pa.DataType] = {
    "e": _NUMBER, "kind": _TEXT, "status": _TEXT, "cycle_months": _MONTH, "has_unit": _FLAG, "owner": _NUMBER,
    "pays": _TEXT,
}  # fmt: skip
_JOB: dict[str, pa.DataType] = {
    "job_id": _NUMBER, "p": _NUMBER, "e": _NUMBER, "unit_number": _MONTH, "from_month": _MONTH, "to_month": _MONTH,
    "first_day": _MONTH, "wage_vnd": _NUMBER, "contract": _TEXT, "is_insured": _FLAG, "is_taxed": _FLAG,
    "is_reported": _FLAG,
}  # fmt: skip


@dataclass
class Cast:
    """Who is on stage. Numbers are handed out in order, so the same script gives the same cast."""

    as_of: date
    people: list[dict[str, Any]] = field(default_factory=list)
    employers: list[dict[str, Any]] = field(default_factory=list)
    jobs: list[dict[str, Any]] = field(default_factory=list)
    plants: list[Plant] = field(default_factory=list)

    @property
    def month(self) -> int:
        """The month of `as_of`, as a number."""
        return self.as_of.year * 12 + self.as_of.month - 1

    def person(
        self,
        *,
        age: int = 34,
        sex: str = "",
        kind: str = "worker",
        nationality: str | None = None,
        birth: date | None = None,
    ) -> int:
        number = len(self.people) + 1
        born = birth or self.as_of - timedelta(days=365 * age + 17 * number % 300)
        self.people.append(
            {"p": number, "birth": born, "sex": sex or "MF"[number % 2], "kind": kind, "nationality": nationality}
        )
        return number

    def employer(
        self,
        *,
        kind: str = "enterprise",
        status: str = "active",
        cycle: int = 1,
        has_unit: bool = True,
        owner: int | None = None,
        pays: str = "prompt",
    ) -> int:
        """`pays` is `prompt`, or `staged` where the case itself writes every payment."""
        number = len(self.employers) + 1
        self.employers.append(
            {"e": number, "kind": kind, "status": status, "cycle_months": cycle, "has_unit": has_unit}
            | {"owner": owner, "pays": pays}
        )
        return number

    def job(
        self,
        p: int,
        e: int,
        *,
        since: int | None = None,
        until: int | None = None,
        wage: int = 8_000_000,
        contract: str = "indefinite",
        first_day: int = 1,
        is_taxed: bool = True,
        is_reported: bool = True,
    ) -> None:
        """An insured job from month `since` (default: before the registries' history) to month `until`."""
        turn = sum(1 for job in self.jobs if job["p"] == p)
        self.jobs.append(
            {"job_id": p * 10 + turn, "p": p, "e": e, "unit_number": 1, "to_month": until, "first_day": first_day}
            | {"from_month": first_month(self.as_of) - 5 if since is None else since, "wage_vnd": wage}
            | {"contract": contract, "is_insured": True, "is_taxed": is_taxed, "is_reported": is_reported}
        )

    def staffed(
        self,
        workers: int = 4,
        *,
        cycle: int = 1,
        until: int | None = None,
        kind: str = "enterprise",
        pays: str = "prompt",
    ) -> int:
        """A registered employer with `workers` insured people."""
        e = self.employer(kind=kind, cycle=cycle, pays=pays)
        for turn in range(workers):
            self.job(
                self.person(age=25 + (turn * 7 + e) % 25),
                e,
                until=until,
                wage=6_000_000 + 250_000 * ((turn * 11 + e) % 30),
                contract="indefinite" if until is None else "fixed",
            )
        return e

    def later(self, plant: Plant) -> None:
        self.plants.append(plant)

    def tables(self) -> tuple[pa.Table, pa.Table, pa.Table]:
        """(people, employers, jobs)."""
        return (
            pa.Table.from_pylist(self.people, schema=pa.schema(_PERSON)),
            pa.Table.from_pylist(self.employers, schema=pa.schema(_EMPLOYER)),
            pa.Table.from_pylist(self.jobs, schema=pa.schema(_JOB)),
        )
