"""Two small worlds of landed records: one in which every check passes, one that breaks every hand-written check."""

from datetime import UTC, date, datetime
from typing import Any

from landed_records import UPDATED, record

from contracts.loader import all_datasets

TAX, STRANGER = "0101234567", "9999999999"
_FITTING: dict[str, dict[str, Any]] = {
    "health.birth": {"children": 1},
    "health.certificate": {"from_date": date(2026, 1, 1), "to_date": date(2026, 1, 3), "days": 3, "visit_id": "x"},
    "health.death": {"birth_date": "1950-05-01", "citizen_id": "001050000001"},
    "health.visit": {"discharged_at": UPDATED, "total_vnd": 100, "insurer_paid_vnd": 80},
    "insurance.benefit": {"unit_code": "x", "to_date": date(2026, 1, 2), "days": 2},
    "insurance.participation": {"unit_code": "x", "to_month": "2026-03"},
    "insurance.unit": {"tax_code": "0101234567-001"},
    "investment.project": {"enterprise_code": TAX},
    "investment.enterprise": {"enterprise_code": TAX, "status_on": date(2026, 1, 2)},
    "reference.population": {"year": 2025, "population": 10, "labour_force": 6, "past_retirement_age": 2},
    "reference.target": {"year": 2025},
    "tax.payroll": {"year": 2025},
    "tax.taxpayer": {"tax_code": "0101234567001", "parent_tax_code": "0101234567001"},
}


def fitting_world() -> dict[str, list[dict[str, Any]]]:
    """One record per dataset, all of which agree with each other."""
    return {found.full_name: [_fitting(found.full_name)] for found in all_datasets()}


def _fitting(full_name: str, **values: Any) -> dict[str, Any]:
    plain = record(full_name, **_FITTING.get(full_name, {}))
    if "tax_code" in plain and full_name not in ("tax.taxpayer", "insurance.unit"):
        plain["tax_code"] = "0101234567001"
    return {**plain, **values}


def quarrelling_world() -> dict[str, list[dict[str, Any]]]:
    """Records that keep their contracts one by one, and break every hand-written check among them."""
    late, early = date(2026, 2, 1), date(2026, 1, 1)
    broken: dict[str, list[dict[str, Any]]] = {
        "health.assessment": [{"percent": 101}],
        "health.birth": [{"facility_code": "nowhere", "children": 7}],
        "health.certificate": [
            {"from_date": late, "to_date": early, "facility_code": "nowhere", "visit_id": "nowhere"},
            {"certificate_no": "2", "days": 30},
        ],
        "health.death": [
            {"birth_date": "2026-02", "died_on": early},
            {"notice_no": "2", "died_on": late},
        ],
        "health.practitioner": [{"licensed_from": late, "licensed_to": early}],
        "health.service": [{"visit_id": "nowhere"}],
        "health.visit": [
            {
                "discharged_at": datetime(2026, 5, 1, tzinfo=UTC),
                "facility_code": "nowhere",
                "insurer_paid_vnd": 101,
            }
        ],
        "insurance.benefit": [
            {"unit_code": "nowhere", "from_date": late, "to_date": early, "amount_vnd": 0},
        ],
        "insurance.charge": [{"unit_code": "nowhere"}, {"unit_code": "nowhere", "charge_id": "2"}],
        "insurance.inspection": [{"notified_on": late, "concluded_on": early}],
        "insurance.interest": [{"unit_code": "nowhere"}],
        "insurance.participation": [
            {"unit_code": "nowhere", "from_month": "2026-04", "to_month": "2026-03", "wage_vnd": 0},
            {"spell_id": "2", "from_month": "2026-01", "to_month": None},
            {"spell_id": "3", "from_month": "2026-05"},
        ],
        "insurance.pause": [{"unit_code": "nowhere", "from_month": "2026-02"}],
        "insurance.payment": [{"unit_code": "nowhere", "amount_vnd": -1}],
        "insurance.reminder": [{"unit_code": "nowhere"}],
        "insurance.unit": [{"tax_code": STRANGER, "registered_on": late, "stopped_on": early}],
        "investment.enterprise": [{"enterprise_code": "2", "registered_on": late, "status_on": early}],
        "investment.project": [{"enterprise_code": "nowhere"}],
        "labour.unemployment": [{"from_date": late, "to_date": early}],
        "labour.work_permit": [{"contract_from": late, "contract_to": early}],
        "labour.workforce": [{"tax_code": STRANGER, "contract_from": late, "contract_to": early}],
        "reference.population": [{"labour_force": 11}],
        "reference.target": [{"percent": -1}],
        "tax.payroll": [{"tax_code": STRANGER, "year": 2027, "tax_vnd": 2_000_000}],
        "tax.revenue": [{"tax_code": STRANGER}],
        "tax.taxpayer": [{"parent_tax_code": STRANGER}],
        "tax.withholding": [{"tax_code": STRANGER, "workers_contracted": 2, "tax_vnd": 2_000_000}],
        "welfare.assistance": [{"from_month": "2026-02", "to_month": "2026-01"}],
    }
    return {
        found.full_name: [_fitting(found.full_name, **values) for values in broken.get(found.full_name, [{}])]
        for found in all_datasets()
    }
