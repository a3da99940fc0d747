"""Checks on landed data: real Parquet in, verdicts out."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from landed_records import AS_OF, PULL, RUN, UPDATED, land, record
from landed_worlds import fitting_world, quarrelling_world

from common.errors import DoiChieuError
from common.files import DataFolder
from common.settings import CheckSettings, Settings
from common.values import Silent
from contracts.loader import all_datasets
from expectations.derived import derived_checks
from expectations.landed import check_landed
from expectations.suite_files import written_checks
from expectations.verdicts import Verdict, write_verdicts

# One worker pays for the import of great-expectations.
pytestmark = pytest.mark.xdist_group("great_expectations")

EARLIER = "20260601T180000000000Z"


@pytest.fixture
def data(tmp_path: Path) -> DataFolder:
    return DataFolder(tmp_path / "var")


def judge(data: DataFolder, outcomes: Sequence[Mapping[str, Any]] = (), **checks: CheckSettings) -> list[Verdict]:
    return check_landed(
        Settings(data_dir=data.root, checks={name.replace("__", "."): found for name, found in checks.items()}),
        data,
        run=RUN,
        as_of=AS_OF,
        outcomes=outcomes,
        previous_reports=data.reports,
        progress=Silent(),
    )


def failed(verdicts: Sequence[Verdict]) -> dict[str, str]:
    """`suite check` → level, of what failed."""
    return {f"{found.suite} {found.check}": found.level for found in verdicts if not found.passed}


def one(verdicts: Sequence[Verdict], check: str) -> Verdict:
    (found,) = (verdict for verdict in verdicts if verdict.check == check)
    return found


def payments(count: int, **values: Any) -> list[dict[str, Any]]:
    return [record("insurance.payment", payment_id=f"p{number}", **values) for number in range(count)]


def aside(count: int, reason: str = "amount_vnd: not a whole number of dong") -> list[dict[str, Any]]:
    return [{"record_key": f"bad{number}", "reasons": [reason]} for number in range(count)]


def test_in_a_world_that_agrees_every_check_of_every_dataset_passes(data: DataFolder) -> None:
    for full_name, records in fitting_world().items():
        land(data, full_name, records)
    verdicts = judge(data)
    assert failed(verdicts) == {}
    asked = {(verdict.suite, verdict.check) for verdict in verdicts}
    derived = {(check.suite, check.name) for found in all_datasets() for check in derived_checks(found)}
    assert derived <= asked
    assert not [verdict for verdict in verdicts if verdict.observed.startswith("not judged")]


def test_in_a_world_that_quarrels_every_hand_written_check_fails_and_no_other(data: DataFolder) -> None:
    for full_name, records in quarrelling_world().items():
        land(data, full_name, records)
    expected = {f"{check.suite} {check.name}": "warn" for check in written_checks("landed", as_of=AS_OF)}
    assert failed(judge(data)) == expected


@pytest.mark.parametrize(
    ("values", "check", "level"),
    [
        ({"full_name": None}, "not_null:full_name", "block"),
        ({"sex": "X"}, "in_list:sex", "block"),
        ({"from_month": "2026-13"}, "format:from_month", "block"),
        ({"birth_date": "1980-1-1"}, "format:birth_date", "block"),
        ({"birth_date": "2027"}, "not_future:birth_date", "block"),
        ({"submitted_on": date(1900, 1, 1)}, "plausible:submitted_on", "warn"),
        ({"updated_at": datetime(2026, 7, 5, tzinfo=UTC)}, "not_future:updated_at", "warn"),
    ],
)
def test_a_landed_record_that_breaks_its_contract_is_found(
    data: DataFolder, values: dict[str, Any], check: str, level: str
) -> None:
    land(data, "insurance.participation", [record("insurance.participation", spell_id="good")])
    assert failed(judge(data)) == {}
    land(
        data,
        "insurance.participation",
        [record("insurance.participation", spell_id="bad", **values)],
        pull="20260629T190000000000Z",
        kind="incremental",
    )
    verdicts = judge(data)
    assert failed(verdicts) == {f"insurance.participation {check}": level}
    assert (one(verdicts, check).failing, one(verdicts, check).total) == (1, 2)


def test_two_keys_that_read_alike_when_joined_are_one_key_too_many(data: DataFolder) -> None:
    rows = [record("reference.target", area_code="a", geography="after_2025_07", year=2025, indicator="si")] * 2
    land(data, "reference.target", rows)
    assert failed(judge(data)) == {}, "the same record twice is one record"


def test_one_key_with_two_contents_at_one_moment_warns(data: DataFolder) -> None:
    land(data, "insurance.payment", [*payments(1, amount_vnd=1), *payments(1, amount_vnd=2)])
    assert failed(judge(data)) == {"insurance.payment key_conflict": "warn"}


def test_checks_look_at_the_newest_version_and_never_at_what_was_withdrawn(data: DataFolder) -> None:
    later = UPDATED + timedelta(days=1)
    land(data, "insurance.payment", payments(2, amount_vnd=-5), pull=EARLIER)
    land(
        data,
        "insurance.payment",
        [*payments(1, amount_vnd=5, updated_at=later), {**payments(2)[1], "updated_at": later, "deleted": True}],
        kind="incremental",
    )
    land(data, "insurance.unit", [record("insurance.unit")])
    verdicts = judge(data)
    assert "insurance.payment amount_positive" not in failed(verdicts)
    assert one([found for found in verdicts if found.suite == "insurance.payment"], "key_unique").total == 1


@pytest.mark.parametrize(
    ("good", "bad", "fails"),
    [(400, 101, True), (400, 100, False), (500, 101, False), (0, 50, False)],
    ids=["over both limits", "exactly 100 records", "under 20 percent", "all of it, but 50 records"],
)
def test_quarantine_blocks_when_more_than_a_fifth_and_more_than_a_hundred_are_set_aside(
    data: DataFolder, good: int, bad: int, fails: bool
) -> None:
    land(data, "insurance.payment", payments(good), aside=aside(bad))
    verdict = one(judge(data), "quarantine_share")
    assert (verdict.passed, verdict.level) == (not fails, "block")
    assert (verdict.failing, verdict.total) == (bad, good + bad)


def test_a_quiet_pull_does_not_heal_what_stands_set_aside(data: DataFolder) -> None:
    land(data, "insurance.payment", payments(300), pull=EARLIER, aside=aside(150))
    land(data, "insurance.payment", [], kind="incremental")
    assert not one(judge(data), "quarantine_share").passed
    mended = [record("insurance.payment", payment_id=f"bad{number}") for number in range(150)]
    land(data, "insurance.payment", mended, pull="20260629T190000000000Z", kind="incremental")
    verdict = one(judge(data), "quarantine_share")
    assert (verdict.passed, verdict.failing) == (True, 0)


def test_thresholds_and_levels_are_configured_per_dataset(data: DataFolder) -> None:
    land(data, "insurance.payment", payments(8, amount_vnd=0), aside=aside(2))
    land(data, "insurance.unit", [record("insurance.unit")])
    strict = CheckSettings(quarantine_percent=10, quarantine_rows=1, block=("amount_positive",))
    assert failed(judge(data, insurance__payment=strict)) == {
        "insurance.payment quarantine_share": "block",
        "insurance.payment amount_positive": "block",
    }
    assert failed(judge(data, insurance__unit=CheckSettings(block=("unit_exists",)))) == {
        "insurance.payment amount_positive": "warn"
    }, "the settings of one dataset are no other's"
    lenient = CheckSettings(quarantine_percent=10, quarantine_rows=1, warn=("quarantine_share",))
    assert failed(judge(data, default=lenient)) == {
        "insurance.payment quarantine_share": "warn",
        "insurance.payment amount_positive": "warn",
    }


def test_an_empty_dataset_warns_and_blocks_only_where_earlier_pulls_had_rows(data: DataFolder) -> None:
    land(data, "insurance.payment", [], pull=EARLIER)
    assert failed(judge(data)) == {"insurance.payment empty": "warn"}
    land(data, "insurance.payment", payments(5), pull="20260610T180000000000Z")
    assert failed(judge(data)) == {}
    land(data, "insurance.payment", [], pull="20260620T180000000000Z", kind="incremental")
    assert failed(judge(data)) == {}, "nothing changed is not nothing there"
    land(data, "insurance.payment", [])
    assert failed(judge(data))["insurance.payment empty"] == "block"


def test_a_stale_dataset_warns_against_the_contracts_promise_or_the_configured_one(data: DataFolder) -> None:
    land(data, "insurance.payment", payments(1, updated_at=datetime(2026, 5, 30, tzinfo=UTC)))
    verdict = one(judge(data), "freshness")
    assert (verdict.passed, verdict.level) == (False, "warn")
    assert verdict.observed == "31 days (2026-05-30)"
    assert failed(judge(data, insurance__payment=CheckSettings(freshness_days=31))) == {}


def test_a_full_delivery_that_has_shrunk_by_more_than_half_warns(data: DataFolder) -> None:
    land(data, "insurance.payment", payments(100), pull=EARLIER)
    land(data, "insurance.payment", payments(49))
    assert failed(judge(data)) == {"insurance.payment volume": "warn"}
    assert failed(judge(data, default=CheckSettings(volume_drop_percent=60))) == {}


def test_records_in_force_are_compared_with_the_run_before(data: DataFolder) -> None:
    land(data, "insurance.payment", payments(10), pull=EARLIER)
    write_verdicts(data, "20260602T180000000000Z", judge(data))
    gone = [{**row, "deleted": True, "updated_at": UPDATED + timedelta(days=9)} for row in payments(6)]
    land(data, "insurance.payment", gone, kind="incremental")
    assert failed(judge(data)) == {"insurance.payment current_rows": "warn"}


def test_drift_is_named_field_by_field(data: DataFolder) -> None:
    drift = {
        "new_fields": ["note"],
        "missing_fields": ["paid_on"],
        "changed_types": [{"field": "amount_vnd", "expected": "number", "found": "string"}],
    }
    land(data, "insurance.payment", payments(1), drift=drift)
    assert failed(judge(data)) == {"insurance.payment drift": "warn"}
    assert one(judge(data), "drift").observed == (
        "new field note; missing field paid_on; changed type amount_vnd: string instead of number"
    )


@pytest.mark.parametrize(("announced", "passes"), [(5, True), (6, True), (4, False), (9, False), (None, True)])
def test_a_total_agrees_when_it_counts_rows_or_distinct_records(
    data: DataFolder, announced: int | None, passes: bool
) -> None:
    rows = [*payments(4), payments(1)[0]]
    land(data, "insurance.payment", rows, aside=aside(1), total_announced=announced)
    assert (failed(judge(data)) == {}) == passes


@pytest.mark.parametrize(("broken", "blocks"), [(9, False), (10, True)])
def test_a_delivery_of_which_nothing_can_be_read_blocks_unless_it_is_a_handful(
    data: DataFolder, broken: int, blocks: bool
) -> None:
    drift = {"new_fields": [], "missing_fields": ["amount_vnd"], "changed_types": []}
    land(data, "insurance.payment", [], aside=aside(broken, "amount_vnd: missing"), drift=drift)
    verdict = one(judge(data), "schema_readable")
    assert verdict.blocks == blocks
    assert ("amount_vnd is missing in every record" in verdict.message) == blocks


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        ({"types": {"amount_vnd": pa.string()}}, "amount_vnd is string"),
        ({"drop": ["paid_on"]}, "paid_on is missing"),
    ],
)
def test_a_landed_file_without_the_contracts_columns_blocks(data: DataFolder, spoil: dict[str, Any], said: str) -> None:
    land(data, "insurance.payment", payments(2), **spoil)
    verdicts = judge(data)
    assert failed(verdicts) == {"insurance.payment schema_readable": "block"}
    assert said in one(verdicts, "schema_readable").observed


def test_an_optional_field_that_older_pulls_do_not_know_is_null(data: DataFolder) -> None:
    land(data, "insurance.charge", [record("insurance.charge")], drop=["adjustment_vnd"])
    assert failed(judge(data)) == {}


def test_a_landed_file_that_has_changed_or_gone_blocks(data: DataFolder) -> None:
    folder = land(data, "insurance.payment", payments(2))
    part = folder / "part-00000.parquet"
    content = part.read_bytes()
    part.write_bytes(content + b" ")
    assert failed(judge(data)) == {"insurance.payment parts_intact": "block"}
    part.unlink()
    assert failed(judge(data)) == {"insurance.payment parts_intact": "block"}


def test_a_manifest_that_cannot_be_read_is_named(data: DataFolder) -> None:
    folder = land(data, "insurance.payment", payments(2))
    (folder / "manifest.json").write_text('{"pull": ')
    with pytest.raises(DoiChieuError, match="manifest of a pull cannot be read") as raised:
        judge(data)
    assert raised.value.where == str(folder / "manifest.json")


def test_a_source_that_failed_warns_and_its_last_data_are_still_checked(data: DataFolder) -> None:
    land(data, "insurance.payment", payments(2))
    outcomes: list[dict[str, Any]] = [
        {"registry": "insurance", "dataset": "payment", "status": "failed", "error": "the host could not be reached"},
        {"registry": "insurance", "dataset": "unit", "status": "landed", "error": None},
        {"registry": "insurance", "dataset": "interest", "status": "not_offered", "error": None},
    ]
    verdicts = judge(data, outcomes)
    assert failed(verdicts) == {"insurance.payment pulled": "warn"}
    assert "the host could not be reached" in next(found for found in verdicts if not found.passed).message
    assert "insurance.payment" in {found.suite for found in verdicts if found.check == "key_unique"}
    assert "insurance.interest" not in {found.suite for found in verdicts if found.check != "unit_exists"}


def test_a_check_across_a_dataset_nobody_delivered_says_that_it_was_not_judged(data: DataFolder) -> None:
    land(data, "insurance.payment", payments(2))
    verdict = one([found for found in judge(data) if found.suite == "insurance.payment"], "unit_exists")
    assert (verdict.passed, verdict.total) == (True, 0)
    assert verdict.observed == "not judged: insurance.unit not delivered or not readable"


def test_what_is_not_offered_or_not_finished_is_not_judged(data: DataFolder) -> None:
    land(data, "insurance.interest", [], offered=False, total_announced=None)
    data.pull("insurance", "payment", PULL).mkdir(parents=True)
    assert not [found for found in judge(data) if not found.observed.startswith("not judged")]


def test_the_database_of_current_versions_does_not_outlive_the_checks(data: DataFolder) -> None:
    land(data, "insurance.payment", payments(2))
    judge(data)
    assert [path for path in data.root.rglob("*") if ".duckdb" in path.name] == []


def test_no_verdict_holds_a_value_from_a_record(data: DataFolder) -> None:
    secret = "Nguyễn Thị Bí Mật 066180001234"
    bad = record("insurance.participation", full_name=secret, sex=secret, citizen_id=secret, from_month=secret)
    land(data, "insurance.participation", [bad], aside=[{"record_key": secret, "reasons": ["full_name: missing"]}])
    verdicts = judge(data)
    assert {"insurance.participation in_list:sex", "insurance.participation format:from_month"} <= set(failed(verdicts))
    assert not [found for found in verdicts if "Bí Mật" in str(found) or "066180001234" in str(found)]
