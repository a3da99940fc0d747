"""What a planted case may do once the world stands: look people up, write records, and say what is true."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

import duckdb
import pyarrow as pa

from contracts.loader import dataset
from sandbox.world.stage import ROLES

Facts = dict[str, Any]
"""Some fields of a record, by name."""

CASE = pa.schema(
    [(name, pa.string()) for name in ("rule", "kind", "subject_kind", "tax_code", "unit_code", "true_person", "item")]
    + [("status", pa.string()), ("principal_vnd", pa.int64()), ("interest_vnd", pa.int64()), ("note", pa.string())]
)


# What staged units were charged by `as_of`.
_DUES = """
select d.unit_code, d.month, d.fund, d.due_vnd, d.deadline, d.charge_id
from due as d join insurance_charge as c using (charge_id)
where d.pays = 'staged' and c.updated_at < ? order by d.unit_code, d.month, d.fund
"""


def true_person(p: int) -> str:
    return f"P{p:08d}"


@dataclass(frozen=True)
class Broken:
    """A record that breaks the contract, as it will go over the wire."""

    dataset: str
    record_key: str | None
    updated_at: datetime
    record: Mapping[str, Any]
    reason: str


@dataclass
class Play:
    """The second step of every case: `plant(play)`."""

    con: duckdb.DuckDBPyConnection
    as_of: date
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    cases: list[dict[str, Any]] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.people = self._by("select * from person where is_cast", "p")
        self.employers = self._by(
            "select e.*, t.unit_code from employer as e left join unit as t on t.e = e.e and t.number = 1"
            " where e.is_cast",
            "e",
        )
        self._count = 0
        self.dues: dict[str, list[dict[str, Any]]] = {}
        for row in self.con.execute(_DUES, [self.cut]).to_arrow_table().to_pylist():
            self.dues.setdefault(row["unit_code"], []).append(row)

    def _by(self, query: str, key: str) -> dict[int, dict[str, Any]]:
        return {row[key]: row for row in self.con.execute(query).to_arrow_table().to_pylist()}

    @property
    def month(self) -> int:
        return self.as_of.year * 12 + self.as_of.month - 1

    @property
    def closed_year(self) -> int:
        """The last tax year whose payroll is complete: closed on 31 March of the year after."""
        return self.as_of.year - (1 if self.as_of > date(self.as_of.year, 3, 31) else 2)

    def serial(self, prefix: str) -> str:
        self._count += 1
        return f"{prefix}{self._count:06d}"

    @property
    def cut(self) -> datetime:
        """Naive UTC: midnight at which `as_of` begins in Vietnam. What is delivered later is not yet visible."""
        return datetime.combine(self.as_of, time(0, 0)) - timedelta(hours=7)

    def delivered(self, day: date) -> datetime:
        """Naive UTC moment at which something of `day` is delivered: that day, but before `cut` if it lies ahead."""
        return min(datetime.combine(day, time(4, self._count % 60)), self.cut - timedelta(hours=1))

    def add(
        self, dataset_name: str, /, *, about: int | None = None, on: date, is_hidden_ahead: bool = False, **fields: Any
    ) -> None:
        """Write one record of a dataset (`tax.payroll`), delivered `on`; identity fields come from person `about`.

        `is_hidden_ahead`: what lies after `as_of` stays hidden until its own day.
        """
        known = dataset(*dataset_name.split("."))
        row = {key: value for key, value in self.identity(about).items() if key in known.names} if about else {}
        unknown = set(fields) - set(known.names) - set(ROLES)
        if unknown:
            raise KeyError(f"{dataset_name} has no field {sorted(unknown)}")
        updated_at = datetime.combine(on, time(5, 0)) if is_hidden_ahead else self.delivered(on)
        row |= {"updated_at": updated_at, "_self": about, **fields}
        self.rows.setdefault(known.table, []).append(row)

    def identity(self, p: int | None) -> dict[str, Any]:
        """Every identity field of a person, clean, under the names the contracts use."""
        if p is None:
            return {}
        person = self.people[p]
        return {
            "full_name": person["full_name"],
            "birth_date": person["birth_text"],
            "sex": person["sex"],
            "citizen_id": person["citizen_id"],
            "old_id": person["old_id"],
            "si_number": person["si_number"],
            "passport_no": person["passport_no"] if person["nationality"] else None,
            "nationality": person["nationality"],
            "hi_card": person["card_prefix"] + person["si_number"],
            "person_tax_code": person["tax_number"],
            "id_kind": "passport" if person["nationality"] else "citizen",
            "id_number": person["passport_no"] if person["nationality"] else person["citizen_id"],
        }

    def rewrite(self, table: str, p: int, **fields: str | None) -> None:
        """Change identity fields of every record of a person in `table` (the DuckDB name)."""
        for name, value in fields.items():
            self.con.execute(f'update {table} set "{name}" = ? where _self = ?', [value, p])

    def case(
        self, rule: str, kind: str, *, note: str, e: int | None = None, p: int | None = None, **facts: Any
    ) -> None:
        """Record the truth: a `positive` that must be found, or a `lookalike` that must not."""
        employer = self.employers[e] if e else {}
        row = {
            "rule": rule,
            "kind": kind,
            "subject_kind": "person" if rule.startswith("BG") else "employer",
            "tax_code": employer.get("tax_code"),
            "unit_code": employer.get("unit_code"),
            "true_person": true_person(p) if p else None,
            "note": note,
        }
        self.cases.append(row | facts)

    def break_record(self, name: str, *, on: date, reason: str, record: Mapping[str, Any]) -> None:
        """Deliver a record that breaks the contract."""
        key = record.get(dataset(*name.split(".")).key[0])
        self.broken.append(Broken(name, key, self.delivered(on), record, reason))

    def write(self) -> None:
        """Put every added record into its table."""
        for table, rows in self.rows.items():
            names = sorted({name for row in rows for name in row})
            columns = {name: [row.get(name) for row in rows] for name in names}
            self.con.register("incoming", pa.table(columns))
            self.con.execute(f"insert into {table} by name select * from incoming")
            self.con.unregister("incoming")

    def case_table(self) -> pa.Table:
        return pa.Table.from_pylist(self.cases, schema=CASE)
