"""Looking at a registry without landing anything."""

import asyncio

import pytest
from pulling import NOW, MakeSettings, pull, taxpayer
from scripted_registry import ScriptedRegistry

from common.errors import ConfigurationError
from common.settings import Settings
from connectors.drift import Drift
from connectors.onboarding.check import DatasetCheck, check_registry


def check(settings: Settings) -> dict[str, DatasetCheck]:
    checks = asyncio.run(check_registry(settings, "tax", clock=lambda: NOW))
    return {check.dataset: check for check in checks}


def test_a_check_shows_each_dataset_its_drift_and_what_was_landed(
    registry: ScriptedRegistry, settings: MakeSettings
) -> None:
    registry.tables.update(taxpayer=[taxpayer(number) for number in range(5)], withholding=[{"new": 1}])
    outcome = pull(settings(), "taxpayer")["taxpayer"]
    checks = check(settings())
    assert {name: each.status for name, each in checks.items()} == {
        "taxpayer": "answers",
        "withholding": "answers",
        "payroll": "not_offered",
        "revenue": "not_offered",
    }
    assert (checks["taxpayer"].rows_seen, checks["taxpayer"].last_pull) == (5, outcome.pull)
    assert checks["taxpayer"].look.drift == Drift()
    assert checks["withholding"].look.drift.new_fields == ("new",)
    assert "return_id" in checks["withholding"].look.drift.missing_fields
    assert not settings().data.pulls("tax", "withholding").exists()


def test_a_check_of_a_registry_that_knows_no_dataset_names_the_address(
    registry: ScriptedRegistry, settings: MakeSettings
) -> None:
    checks = check(settings())
    assert {each.status for each in checks.values()} == {"failed"}
    assert all("check registries.tax.base_url" in each.error for each in checks.values())


def test_a_check_says_that_the_secret_is_wrong(registry: ScriptedRegistry, settings: MakeSettings) -> None:
    registry.tables["taxpayer"] = []
    checks = check(settings(client_secret="wrong"))
    assert all("refuses the client" in each.error for each in checks.values())


def test_a_check_of_a_registry_nobody_configured_is_refused(settings: MakeSettings) -> None:
    with pytest.raises(ConfigurationError, match="labour is not configured"):
        asyncio.run(check_registry(settings(), "labour", clock=lambda: NOW))
