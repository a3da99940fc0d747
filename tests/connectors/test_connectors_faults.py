"""What a registry does wrong costs time or a clear message, never a record."""

import socket
from email.utils import format_datetime

import pytest
from pulling import NOW, MakeSettings, landed, pull, taxpayer
from scripted_registry import Fault, ScriptedRegistry, answers, breaks_off, meanwhile, problem, replies
from starlette.requests import Request
from starlette.responses import Response

from common.errors import ConfigurationError
from connectors.manifests import finished_pulls

KEYS = [(f"{number:010}",) for number in range(35)]


def forgotten_token(registry: ScriptedRegistry) -> Fault:
    async def fault(request: Request, body: bytes) -> Response:
        registry.forget_tokens()
        return problem(401, "Expired")

    return fault


PASSING_FAULTS = {
    "429 that asks to wait some seconds": lambda registry: answers(429, Retry_After="60"),
    "429 that asks to wait until a date": lambda registry: answers(429, Retry_After=format_datetime(NOW, usegmt=True)),
    "503 without a word": lambda registry: answers(503),
    "200 with half a body": lambda registry: replies(lambda body: body[: len(body) // 2]),
    "200 with nothing": lambda registry: replies(lambda body: b'{"data": [{"tax_code": "'),
    "a connection that breaks inside the body": lambda registry: breaks_off(),
    "a token that no longer counts": forgotten_token,
}


@pytest.mark.parametrize("name", PASSING_FAULTS)
def test_a_fault_that_passes_loses_and_doubles_nothing(
    name: str, registry: ScriptedRegistry, settings: MakeSettings
) -> None:
    registry.tables["taxpayer"] = [taxpayer(number) for number in range(35)]
    fault = PASSING_FAULTS[name](registry)
    registry.fault("taxpayer", fault, None, fault, fault, None, None)
    outcome = pull(settings(), "taxpayer")["taxpayer"]
    assert (outcome.status, outcome.rows_received, outcome.warnings) == ("landed", 35, ())
    assert landed(settings(), "taxpayer", "tax_code") == KEYS


def test_a_token_is_asked_for_once_and_shared_by_the_datasets(
    registry: ScriptedRegistry, settings: MakeSettings
) -> None:
    registry.tables.update(taxpayer=[taxpayer(number) for number in range(35)], revenue=[], payroll=[])
    pull(settings(), "taxpayer", "revenue", "payroll")
    assert registry.tokens_given == 1


def test_a_token_endpoint_that_takes_the_secret_in_the_form_only_is_served_too(
    registry: ScriptedRegistry, settings: MakeSettings
) -> None:
    registry.takes_basic = False
    registry.tables["taxpayer"] = [taxpayer(1)]
    assert pull(settings(), "taxpayer")["taxpayer"].rows_landed == 1


def test_a_registry_that_stays_busy_fails_its_dataset_and_the_others_land(
    registry: ScriptedRegistry, settings: MakeSettings
) -> None:
    registry.tables.update(taxpayer=[taxpayer(1)], withholding=[])
    registry.fault("taxpayer", *[answers(503, "Maintenance")] * 4)
    outcomes = pull(settings(), "taxpayer", "withholding")
    assert [(name, outcome.status) for name, outcome in outcomes.items()] == [
        ("taxpayer", "failed"),
        ("withholding", "landed"),
    ]
    assert "503 (Maintenance: seen by the gateway, …)" in outcomes["taxpayer"].error
    assert len(registry.queries("taxpayer")) == 4


LASTING_FAULTS = {
    "403": (answers(403, "Forbidden"), "ask the agency to let this client read the dataset"),
    "301": (answers(301, "Moved"), "the registry has moved"),
    "an HTML page": (replies(lambda body: b"<html>Sign in, 0123456789</html>"), "looks like an HTML or XML page"),
    "JSON without data": (replies(lambda body: b'{"items": [], "page": 1}'), "it has no `data` (it has items, page)"),
    "a bare list": (replies(lambda body: b'[{"tax_code": "0"}]'), "a list stands where an object was expected"),
    "data that is an object": (replies(lambda body: b'{"data": {"a": 1}}'), "`data` is an object, not a list"),
}


@pytest.mark.parametrize("name", LASTING_FAULTS)
def test_a_fault_that_lasts_is_named_at_once_with_what_to_do(
    name: str, registry: ScriptedRegistry, settings: MakeSettings
) -> None:
    fault, expected = LASTING_FAULTS[name]
    registry.tables["taxpayer"] = [taxpayer(1)]
    registry.fault("taxpayer", fault)
    outcome = pull(settings(), "taxpayer")["taxpayer"]
    assert (outcome.status, outcome.exit_code) == ("failed", 3)
    assert expected in outcome.error
    assert f"{registry.address}/tax/taxpayer" in outcome.error
    assert "0123456789" not in outcome.error
    assert len(registry.queries("taxpayer")) == 1


def test_a_wrong_secret_is_named_without_being_told(registry: ScriptedRegistry, settings: MakeSettings) -> None:
    registry.tables["taxpayer"] = [taxpayer(1)]
    outcome = pull(settings(client_secret="hush-hush"), "taxpayer")["taxpayer"]
    assert "refuses the client (401, invalid_client)" in outcome.error
    assert "registries.tax.client_secret" in outcome.error
    assert "hush" not in outcome.error


def test_a_registry_that_refuses_even_fresh_tokens_fails_after_its_tries(
    registry: ScriptedRegistry, settings: MakeSettings
) -> None:
    registry.tables["taxpayer"] = [taxpayer(1)]
    registry.fault("taxpayer", *[answers(401, "Unauthorized")] * 8)
    outcome = pull(settings(), "taxpayer")["taxpayer"]
    assert "a fresh token is refused as well" in outcome.error


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


UNREACHABLE = {
    "a closed port": (lambda registry: f"http://127.0.0.1:{closed_port()}", "nobody listens there"),
    "an unknown host": (lambda registry: "http://registry.invalid", "the host name is not known"),
    "no TLS": (lambda registry: registry.address.replace("http:", "https:"), "no TLS connection"),
}


@pytest.mark.parametrize("name", UNREACHABLE)
def test_a_registry_out_of_reach_is_tried_once_for_all_its_datasets(
    name: str, registry: ScriptedRegistry, settings: MakeSettings
) -> None:
    address, expected = UNREACHABLE[name]
    access = settings(base_url=address(registry), token_url=None, client_id=None, client_secret=None, concurrency=1)
    outcomes = pull(access, "taxpayer", "payroll")
    assert {outcome.status for outcome in outcomes.values()} == {"failed"}
    assert all(expected in outcome.error for outcome in outcomes.values())


def test_a_cursor_that_leads_back_is_an_error_and_not_an_endless_walk(
    registry: ScriptedRegistry, settings: MakeSettings
) -> None:
    registry.tables["taxpayer"] = [taxpayer(number) for number in range(35)]
    same = replies(lambda body: b'{"data": [], "next_cursor": "WyIiLCAtMV0=", "total": 35}')
    registry.fault("taxpayer", same, same)
    outcome = pull(settings(), "taxpayer")["taxpayer"]
    assert "leads back to a page already delivered" in outcome.error
    assert pull(settings(), "taxpayer")["taxpayer"].rows_landed == 35


# 404: dataset asked, tables the registry serves → status of each
NOT_FOUND = {
    "beside a dataset that answers it is not offered": (["taxpayer", "revenue"], ["taxpayer"], "not_offered"),
    "asked alone, while a neighbour would answer, it is not offered": (["revenue"], ["taxpayer"], "not_offered"),
    "where nothing answers the address is wrong": (["revenue", "payroll"], [], "failed"),
}


@pytest.mark.parametrize("name", NOT_FOUND)
def test_404(name: str, registry: ScriptedRegistry, settings: MakeSettings) -> None:
    asked, served, expected = NOT_FOUND[name]
    registry.tables.update({dataset: [] for dataset in served})
    outcome = pull(settings(), *asked)["revenue"]
    assert outcome.status == expected
    assert (outcome.error is None) == (expected == "not_offered")


def test_404_of_a_dataset_that_was_landed_before_is_a_source_failure(
    registry: ScriptedRegistry, settings: MakeSettings
) -> None:
    registry.tables.update(taxpayer=[], revenue=[])
    pull(settings(), "revenue")
    del registry.tables["revenue"]
    outcome = pull(settings(), "taxpayer", "revenue")["revenue"]
    assert (outcome.status, outcome.exit_code) == ("failed", 3)


def test_a_dataset_left_out_of_the_configuration_is_recorded_as_not_offered_once(
    registry: ScriptedRegistry, settings: MakeSettings
) -> None:
    registry.tables["taxpayer"] = []
    for _ in range(2):
        outcomes = pull(settings(datasets=["taxpayer"]))
    assert {outcome.status for name, outcome in outcomes.items() if name != "taxpayer"} == {"not_offered"}
    (manifest,) = finished_pulls(settings().data, "tax", "payroll")
    assert (manifest.offered, manifest.parts) == (False, ())
    assert registry.queries("payroll") == []


def test_a_dataset_that_is_offered_later_is_fetched_whole(registry: ScriptedRegistry, settings: MakeSettings) -> None:
    registry.tables["withholding"] = []
    pull(settings(), "taxpayer", "withholding")
    registry.tables["taxpayer"] = [taxpayer(1)]
    outcome = pull(settings(), "taxpayer")["taxpayer"]
    assert (outcome.kind, outcome.rows_landed) == ("full", 1)


def test_what_cannot_be_meant_is_refused_before_anything_is_asked(
    registry: ScriptedRegistry, settings: MakeSettings
) -> None:
    with pytest.raises(ConfigurationError, match=r"no dataset tax\.payrol"):
        pull(settings(), "payrol")
    with pytest.raises(ConfigurationError, match="NOT_SET_ANYWHERE is not set"):
        pull(settings(client_secret={"env": "NOT_SET_ANYWHERE"}), "payroll")
    with pytest.raises(ConfigurationError, match="the source file cannot be read"):
        pull(settings(source="sources/tax.toml"), "payroll")
    assert registry.asked == []


def test_a_page_of_the_registry_may_be_smaller_than_asked(registry: ScriptedRegistry, settings: MakeSettings) -> None:
    registry.page_max = 3
    registry.tables["taxpayer"] = [taxpayer(number) for number in range(35)]
    outcome = pull(settings(), "taxpayer")["taxpayer"]
    assert (outcome.pages, landed(settings(), "taxpayer", "tax_code")) == (12, KEYS)


def test_a_fault_while_a_page_is_under_way_leaves_the_walk_in_order(
    registry: ScriptedRegistry, settings: MakeSettings
) -> None:
    registry.tables["taxpayer"] = [taxpayer(number) for number in range(35)]
    registry.fault("taxpayer", None, meanwhile(registry.forget_tokens), breaks_off(), answers(503), breaks_off())
    assert pull(settings(), "taxpayer")["taxpayer"].rows_landed == 35
    assert landed(settings(), "taxpayer", "tax_code") == KEYS
