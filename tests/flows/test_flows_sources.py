"""What a run says of the sources it rests on."""

from datetime import UTC, datetime

from expectations.verdicts import Verdict
from flows.sources import doubtful_deliveries


def verdict(suite: str, check: str, *, passed: bool) -> Verdict:
    return Verdict(
        run="r1", checked_at=datetime(2026, 1, 1, tzinfo=UTC), suite=suite, check=check, level="warn", passed=passed,
        failing=None, total=None, observed="", expected="", message="", message_vi="",
    )  # fmt: skip


def test_an_old_or_incomplete_delivery_weakens_what_rests_on_it_and_other_warnings_do_not() -> None:
    verdicts = [
        verdict("tax.payroll", "total_mismatch", passed=False),
        verdict("tax.payroll", "freshness", passed=False),
        verdict("tax.payroll", "drift", passed=False),
        verdict("health.birth", "freshness", passed=True),
        verdict("insurance.payment", "payments_point_to_units", passed=False),
    ]
    assert doubtful_deliveries(verdicts) == {"tax.payroll": ("freshness", "total_mismatch")}
