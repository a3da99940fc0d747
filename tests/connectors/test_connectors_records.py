"""A record that breaks its contract is set aside whole, with every reason; good records go on."""

import json

import pytest
from pulling import MakeSettings, landed, pull, set_aside, taxpayer
from scripted_registry import ScriptedRegistry, replies

from connectors.drift import ChangedType, Drift
from connectors.manifests import finished_pulls


def test_a_bad_record_is_kept_whole_with_its_place_and_every_reason(
    registry: ScriptedRegistry, settings: MakeSettings
) -> None:
    bad = taxpayer(
        12, kind="firm", started_on="2015-02-30", name=None, updated_at="2026-06-09T08:00:00Z", extra={"a": [1]}
    )
    registry.tables["taxpayer"] = [taxpayer(number) if number != 12 else bad for number in range(25)]
    outcome = pull(settings(), "taxpayer")["taxpayer"]
    assert (outcome.rows_received, outcome.rows_landed, outcome.rows_quarantined) == (25, 24, 1)
    ((key, record, reasons, page, row, changed),) = set_aside(
        settings(),
        "taxpayer",
        "record_key, record, reasons, page, row, updated_at = timestamptz '2026-06-09 08:00:00Z'",
    )
    # The latest `updated_at` stands last: fifth record of the third page.
    assert (key, page, row, changed) == ("0000000012", 3, 5, True)
    assert json.loads(record) == bad
    assert reasons == [
        "name: missing",
        "kind: not one of organisation, branch, household_business, individual",
        "started_on: not a date YYYY-MM-DD",
    ]


def test_a_bad_record_is_kept_byte_for_byte(registry: ScriptedRegistry, settings: MakeSettings) -> None:
    text = b'{"tax_code" : 1.50, "name":"\\u1ea4n  \\"x\\"", "updated_at":"2026-06-01T00:00:00Z" }'
    registry.tables["taxpayer"] = [taxpayer(1)]
    registry.fault("taxpayer", replies(lambda body: b'{"data": [' + text + b'], "total": 1}'))
    pull(settings(), "taxpayer")
    assert set_aside(settings(), "taxpayer", "record") == [(text.decode(),)]


# element of `data` as it comes over the wire → reason, record as kept
NO_RECORDS = {
    "null": (b"null", "record: not an object but null", "null"),
    "a number": (b"5", "record: not an object but number", "5"),
    "a list": (b'["0101234567"]', "record: not an object but array", '["0101234567"]'),
    "bytes that are no UTF-8": (b'{"name": "\xff"}', "record: not readable as JSON text", '{"name": "\\xff"}'),
    "a number beyond all measure": (b'{"name": 1e999}', "record: not readable as JSON text", '{"name": 1e999}'),
    "a field named twice": (b'{"name": "a", "name": "b"}', "record: names a field twice", '{"name": "a", "name": "b"}'),
}


@pytest.mark.parametrize("name", NO_RECORDS)
def test_what_is_no_record_is_set_aside_and_its_neighbours_land(
    name: str, registry: ScriptedRegistry, settings: MakeSettings
) -> None:
    element, reason, kept = NO_RECORDS[name]
    neighbours = [json.dumps(taxpayer(number)).encode() for number in (1, 2)]
    rows = b",".join([neighbours[0], element, neighbours[1]])
    registry.tables["taxpayer"] = [taxpayer(1)]
    registry.fault("taxpayer", replies(lambda body: b'{"data": [' + rows + b'], "total": 3}'))
    outcome = pull(settings(), "taxpayer")["taxpayer"]
    assert (outcome.rows_landed, outcome.rows_quarantined, outcome.error) == (2, 1, None)
    assert set_aside(settings(), "taxpayer", "reasons, record, page, row") == [([reason], kept, 1, 2)]
    assert landed(settings(), "taxpayer", "tax_code, _seq") == [("0000000001", 0), ("0000000002", 2)]


def test_a_pull_of_bad_records_only_lands_nothing_and_is_finished(
    registry: ScriptedRegistry, settings: MakeSettings
) -> None:
    registry.tables["taxpayer"] = [{"name": "x"}, {"name": "y"}]
    outcome = pull(settings(), "taxpayer")["taxpayer"]
    assert (outcome.status, outcome.rows_landed, outcome.rows_quarantined) == ("landed", 0, 2)
    (manifest,) = finished_pulls(settings().data, "tax", "taxpayer")
    assert (manifest.parts, manifest.quarantine.rows, manifest.high_water_mark) == ((), 2, None)


def test_a_text_may_open_with_a_bracket_and_a_list_is_no_text(
    registry: ScriptedRegistry, settings: MakeSettings
) -> None:
    addresses = ["[Tổ 5] đường Láng", "{12} Hàng Bài", ["Tổ 5"], {"street": "Láng"}]
    registry.tables["taxpayer"] = [taxpayer(number, address=text) for number, text in enumerate(addresses)]
    pull(settings(), "taxpayer")
    assert landed(settings(), "taxpayer", "address") == [("[Tổ 5] đường Láng",), ("{12} Hàng Bài",)]
    assert set_aside(settings(), "taxpayer", "reasons") == [(["address: not text"],)] * 2


def test_values_that_json_forbids_cost_their_own_record_at_most(
    registry: ScriptedRegistry, settings: MakeSettings
) -> None:
    half = json.dumps(taxpayer(1)).encode().replace(b'"C', b'"\\ud83d C\\ud83d\\ude00 \\\\ud83d NaN', 1)
    nan = json.dumps(taxpayer(2)).encode().replace(b'"2015-03-02"', b"NaN")
    registry.tables["taxpayer"] = [taxpayer(1)]
    registry.fault("taxpayer", replies(lambda body: b'{"data": [' + half + b"," + nan + b'], "total": 2}'))
    pull(settings(), "taxpayer")
    assert landed(settings(), "taxpayer", "name") == [("\ufffd C😀 \\ud83d NaNông ty TNHH Số 1",)]
    assert set_aside(settings(), "taxpayer", "reasons") == [(["started_on: not a date YYYY-MM-DD"],)]


def test_a_tombstone_needs_only_its_key_and_time(registry: ScriptedRegistry, settings: MakeSettings) -> None:
    registry.tables["taxpayer"] = [{"tax_code": "0101234567", "updated_at": "2026-06-01T00:00:00Z", "deleted": True}]
    assert pull(settings(), "taxpayer")["taxpayer"].drift == Drift()
    assert landed(settings(), "taxpayer", "tax_code, deleted, name") == [("0101234567", True, None)]


def test_a_new_field_is_drift_and_its_records_stay_good(registry: ScriptedRegistry, settings: MakeSettings) -> None:
    registry.tables["taxpayer"] = [taxpayer(number, **({"vốn": 5} if number > 30 else {})) for number in range(45)]
    outcome = pull(settings(), "taxpayer")["taxpayer"]
    assert (outcome.rows_landed, outcome.drift) == (45, Drift(new_fields=("vốn",)))


def test_a_required_field_that_no_record_carries_is_drift(registry: ScriptedRegistry, settings: MakeSettings) -> None:
    without = [{name: value for name, value in taxpayer(number).items() if name != "kind"} for number in range(3)]
    registry.tables["taxpayer"] = without
    outcome = pull(settings(), "taxpayer")["taxpayer"]
    assert (outcome.rows_quarantined, outcome.drift) == (3, Drift(missing_fields=("kind",)))


def test_an_optional_field_may_be_absent(registry: ScriptedRegistry, settings: MakeSettings) -> None:
    registry.tables["taxpayer"] = [{n: v for n, v in taxpayer(1).items() if n != "started_on"}]
    assert pull(settings(), "taxpayer")["taxpayer"].drift == Drift()
    assert landed(settings(), "taxpayer", "started_on") == [(None,)]


def test_identifiers_that_arrive_as_numbers_are_drift(registry: ScriptedRegistry, settings: MakeSettings) -> None:
    registry.tables["taxpayer"] = [taxpayer(number, province_code=1) for number in range(12)]
    outcome = pull(settings(), "taxpayer")["taxpayer"]
    assert outcome.drift == Drift(changed_types=(ChangedType("province_code", "string", "number"),))
    assert outcome.rows_landed == 12


def test_one_malformed_value_among_many_is_a_bad_record_and_no_drift(
    registry: ScriptedRegistry, settings: MakeSettings
) -> None:
    registry.tables["taxpayer"] = [taxpayer(n, **({"started_on": 20150302} if n == 5 else {})) for n in range(40)]
    outcome = pull(settings(), "taxpayer")["taxpayer"]
    assert (outcome.rows_quarantined, outcome.drift) == (1, Drift())


def test_money_with_a_fraction_is_set_aside_and_never_rounded(
    registry: ScriptedRegistry, settings: MakeSettings
) -> None:
    line = {"return_id": "A", "tax_code": "0101234567", "period": "2026-05", "workers": 3, "workers_contracted": 3}
    dated = {"tax_vnd": 0, "filed_on": "2026-06-20", "updated_at": "2026-06-21T00:00:00Z"}
    amounts = {"1": 1000.7, "2": 1000.0, "3": "1000", "4": 999_999_999_999_999, "5": True, "6": "1.000"}
    registry.tables["withholding"] = [
        {**line, **dated, "return_id": key, "income_vnd": amount} for key, amount in amounts.items()
    ]
    pull(settings(), "withholding")
    assert landed(settings(), "withholding", "return_id, income_vnd") == [
        ("2", 1000),
        ("3", 1000),
        ("4", 999_999_999_999_999),
    ]
    assert set_aside(settings(), "withholding", "record_key, reasons") == [
        (key, ["income_vnd: not a whole number of dong"]) for key in ("1", "5", "6")
    ]
