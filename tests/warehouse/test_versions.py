"""Which version of a record is in force, and what a build compares, publishes and rebuilds."""

import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest

from common.errors import ConfigurationError, DoiChieuError
from common.files import DataFolder, read_json
from common.settings import BuildSettings, SecretPlace, Settings
from common.values import Silent
from contracts.loader import dataset
from query.identity import attach_identity
from query.snapshot import reading
from tests.warehouse.given import NOW, built, land, read, set_aside
from warehouse.build import BuildResult, build
from warehouse.inputs import current_inputs, current_snapshot, snapshot_inputs
from warehouse.publish import publish, rollback

UNIT = {"unit_code": "U1", "cycle_months": 1}
CHARGE = {"charge_id": "c1", "unit_code": "U1", "month": "2025-07", "fund": "si", "due_vnd": 1_000_000}


class Folder:
    """A data folder that is landed, built and published step by step."""

    def __init__(self, root: Path) -> None:
        self.data = DataFolder(root)
        self.settings = Settings(data_dir=root, build=BuildSettings(memory_limit="1GB"))
        self._pulls = 0

    def land(self, name: str, *rows: dict[str, Any]) -> None:
        self._pulls += 1
        land(self.data, dataset(*name.split(".")), rows, pull=f"202601{self._pulls:02d}T000000000000Z")

    def build(self, run: str, as_of: date = date(2025, 12, 1), stale: dict[str, str] | None = None) -> BuildResult:
        inputs = current_inputs(self.data, as_of=as_of, stale=stale or {})
        return build(self.settings, run=run, inputs=inputs, progress=Silent())

    def publish(self, run: str, as_of: date = date(2025, 12, 1)) -> BuildResult:
        result = self.build(run, as_of)
        publish(self.settings, run=run, created_at=NOW)
        return result


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path)
    folder.land("insurance.unit", UNIT)
    folder.land("insurance.charge", CHARGE)
    folder.land("insurance.payment")
    return folder


def principal(result: BuildResult) -> list[int]:
    return [
        row["principal_vnd"] for row in read(result, "select principal_vnd from findings.finding where rule = 'CD04'")
    ]


def test_the_version_with_the_latest_updated_at_counts_whatever_order_it_came_in(folder: Folder) -> None:
    newer = {**CHARGE, "due_vnd": 3_000_000, "updated_at": datetime(2025, 9, 1, tzinfo=UTC)}
    older = {**CHARGE, "due_vnd": 2_000_000, "updated_at": datetime(2025, 8, 1, tzinfo=UTC)}
    folder.land("insurance.charge", newer, older)
    folder.land("insurance.charge", older)
    assert principal(folder.build("r1")) == [3_000_000]


def test_a_withdrawn_record_is_gone(folder: Folder) -> None:
    folder.land("insurance.charge", {**CHARGE, "deleted": True, "updated_at": NOW})
    assert principal(folder.build("r1")) == []


def test_an_event_counts_from_its_own_date_on(folder: Folder) -> None:
    folder.land(
        "insurance.payment",
        {"payment_id": "p1", "unit_code": "U1", "paid_on": date(2025, 12, 1), "amount_vnd": 400_000},
    )
    assert principal(folder.build("r1", date(2025, 11, 30))) == [1_000_000]
    assert principal(folder.build("r2", date(2025, 12, 1))) == [600_000]


def test_the_older_version_stays_in_force_with_a_doubt_when_a_newer_one_broke_the_contract(folder: Folder) -> None:
    set_aside(folder.data, dataset("insurance", "charge"), [{"charge_id": "c1"}], pull="20260201T000000000000Z")
    result = folder.build("r1")
    assert principal(result) == [1_000_000]
    doubts = read(result, "select distinct unnest(doubts) as doubt from findings.finding order by 1")
    assert {"doubt": "newer_version_set_aside"} in doubts

    land(
        folder.data, dataset("insurance", "charge"), [{**CHARGE, "updated_at": datetime(2026, 2, 1, tzinfo=UTC)}],
        pull="20260202T000000000000Z",
    )  # fmt: skip
    doubts = read(folder.build("r2"), "select distinct unnest(doubts) as doubt from findings.finding order by 1")
    assert {"doubt": "newer_version_set_aside"} not in doubts


def test_findings_of_an_unreachable_source_say_so(folder: Folder) -> None:
    result = folder.build(
        "r1", stale={"insurance.payment": "connection refused", "welfare.assistance": "connection refused"}
    )
    assert read(result, "select distinct stale_sources from findings.finding") == [{"stale_sources": ["insurance"]}]


def test_findings_carry_the_checks_their_sources_failed(folder: Folder) -> None:
    inputs = current_inputs(folder.data, as_of=date(2025, 12, 1), stale={})
    failed = {"insurance.payment": ("freshness",), "welfare.assistance": ("freshness",)}
    result = build(folder.settings, run="r1", inputs=replace(inputs, failed_checks=failed), progress=Silent())
    doubts = read(result, "select distinct unnest(doubts) as doubt from findings.finding")
    assert [row for row in doubts if row["doubt"].startswith("failed")] == [
        {"doubt": "failed_check:insurance.payment freshness"}
    ]


def test_a_rule_whose_source_never_came_is_skipped_and_says_why(tmp_path: Path) -> None:
    result = built(tmp_path, {"insurance.unit": [UNIT], "insurance.charge": [CHARGE]}, date(2025, 12, 1))
    skipped = {rule["rule"]: rule["skipped_reason"] for rule in result.rules}
    assert skipped["CD04"] == "not available: insurance.payment"
    assert skipped["TD02"] == "not available: insurance.participation"
    assert read(result, "select * from findings.finding") == []


def changes(result: BuildResult) -> list[tuple[str, str]]:
    return [
        (row["rule"], row["change"]) for row in read(result, "select rule, change from findings.flag order by rule")
    ]


def test_a_flag_is_new_then_standing_then_eased_then_cleared_and_keeps_its_id(folder: Folder) -> None:
    first = folder.publish("r1")
    ids = read(first, "select finding_id, flag_id, first_seen from findings.finding order by 1")
    assert changes(first) == [("CD04", "new"), ("CD06", "new")]

    second = folder.publish("r2", date(2025, 12, 2))
    assert changes(second) == [("CD04", "standing"), ("CD06", "standing")]
    assert read(second, "select finding_id, flag_id, first_seen from findings.finding order by 1") == ids

    folder.land(
        "insurance.payment",
        {"payment_id": "p1", "unit_code": "U1", "paid_on": date(2025, 12, 3), "amount_vnd": 400_000},
    )
    assert changes(folder.publish("r3", date(2025, 12, 3))) == [("CD04", "eased"), ("CD06", "eased")]

    folder.land(
        "insurance.payment",
        {"payment_id": "p2", "unit_code": "U1", "paid_on": date(2025, 12, 4), "amount_vnd": 600_000},
    )
    cleared = folder.publish("r4", date(2025, 12, 4))
    assert changes(cleared) == [("CD04", "cleared"), ("CD06", "cleared")]
    assert read(cleared, "select * from findings.finding") == []
    assert changes(folder.publish("r5", date(2025, 12, 5))) == []


def test_the_same_inputs_give_the_same_tables_and_an_old_snapshot_can_be_rebuilt(folder: Folder) -> None:
    folder.publish("r1")
    original = folder.publish("r2")
    folder.land(
        "insurance.payment",
        {"payment_id": "p1", "unit_code": "U1", "paid_on": date(2025, 11, 1), "amount_vnd": 400_000},
    )
    again = build(folder.settings, run="r3", inputs=snapshot_inputs(folder.data, "r2"), progress=Silent())
    for table in ("finding", "flag", "finding_evidence", "memory"):
        assert read(again, f"select * from findings.{table}") == read(original, f"select * from findings.{table}")


def test_the_published_warehouse_holds_no_name_and_no_number_of_a_person(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    person = {
        "full_name": "Nguyễn Văn Mười",
        "birth_date": "1950-10-10",
        "citizen_id": "001050000101",
        "si_number": "0112345678",
    }
    folder.land("insurance.benefit", {"benefit_id": "b1", **person, "from_date": date(2025, 8, 1), "kind": "pension"})
    folder.land("health.death", {"notice_no": "n1", **person, "died_on": date(2025, 6, 1)})
    folder.land("health.visit")
    folder.publish("r1")
    snapshot = folder.data.snapshot("r1")
    with duckdb.connect(str(snapshot / "warehouse.duckdb"), read_only=True) as connection:
        tables = connection.execute("select schema_name, table_name from duckdb_tables()").fetchall()
        rows = [str(connection.execute(f"select * from {schema}.{name}").fetchall()) for schema, name in tables]
    assert not any(secret in row for row in rows for secret in ("Mười", "001050000101", "0112345678", "1950-10-10"))
    with duckdb.connect(str(snapshot / "identity.duckdb"), read_only=True) as connection:
        named = connection.execute("select full_name, citizen_id, si_number, birth_date from person").fetchall()
        cited = connection.execute(
            "select registry, dataset, record_key, record ->> 'full_name' from record order by 2"
        ).fetchall()
    assert named == [("Nguyễn Văn Mười", "001050000101", "0112345678", "1950-10-10")]
    assert cited == [("insurance", "benefit", "b1", "Nguyễn Văn Mười"), ("health", "death", "n1", "Nguyễn Văn Mười")]


def test_names_and_numbers_are_encrypted_at_rest_where_a_key_is_configured(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = {"full_name": "Nguyen Van Muoi", "citizen_id": "001050000101"}
    folder.land(
        "insurance.participation", {"spell_id": "s1", "si_number": "0112345678", "from_month": "2024-01", **person}
    )
    monkeypatch.setenv("IDENTITY_KEY", "a key nobody guesses")
    locked = folder.settings.model_copy(update={"identity_key": SecretPlace(env="IDENTITY_KEY")})
    folder.publish("r1")
    folder.build("r2")
    publish(locked, run="r2", created_at=NOW)
    assert b"Nguyen Van Muoi" in (folder.data.snapshot("r1") / "identity.duckdb").read_bytes()
    assert b"Nguyen Van Muoi" not in (folder.data.snapshot("r2") / "identity.duckdb").read_bytes()

    def names(settings: Settings) -> list[Any]:
        with reading(settings, "r2") as opened:
            attach_identity(opened)
            return opened.connection.execute("select full_name from identity.person").fetchall()

    assert names(locked) == [("Nguyen Van Muoi",)]
    with pytest.raises(ConfigurationError, match="no key is configured"):
        names(folder.settings)
    monkeypatch.setenv("IDENTITY_KEY", "another key")
    with pytest.raises(DoiChieuError, match="cannot be opened"):
        names(locked)


def test_publishing_twice_is_refused_and_rollback_points_back(folder: Folder) -> None:
    folder.publish("r1")
    folder.publish("r2")
    with pytest.raises(ConfigurationError, match="already published"):
        publish(folder.settings, run="r2", created_at=NOW)
    assert current_snapshot(folder.data) == "r2"
    assert rollback(folder.data, None) == "r1"
    assert current_snapshot(folder.data) == "r1"
    assert rollback(folder.data, "r2") == "r2"
    with pytest.raises(ConfigurationError, match="no snapshot"):
        rollback(folder.data, "r9")


def test_a_full_disk_leaves_the_old_snapshot_live_and_nothing_half_written(folder: Folder) -> None:
    folder.publish("r1")
    folder.build("r2")
    script = Path(__file__).with_name("publish_on_a_full_disk.py")
    root = Path(__file__).parents[2]
    ended = subprocess.run(
        [sys.executable, str(script), str(folder.data.root), "r2"],
        cwd=root, env={**os.environ, "PYTHONPATH": str(root)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 4, ended.stderr
    assert "could not be written" in ended.stdout
    assert "old snapshot stays live" in ended.stdout
    assert current_snapshot(folder.data) == "r1"
    assert sorted(path.name for path in folder.data.published.iterdir()) == ["current", "r1"]
    publish(folder.settings, run="r2", created_at=NOW)
    assert current_snapshot(folder.data) == "r2"


def test_the_manifest_names_everything_the_snapshot_rests_on(folder: Folder) -> None:
    folder.publish("r1")
    manifest = read_json(folder.data.snapshot("r1") / "manifest.json")
    assert manifest["pulls"]["insurance.charge"] == ["20260102T000000000000Z"]
    assert manifest["as_of"] == "2025-12-01"
    assert manifest["previous_snapshot"] is None
    assert set(manifest["files"]) == {"warehouse.duckdb", "identity.duckdb"}
    assert manifest["identity_version_written"] == "r1"
    folder.publish("r2")
    assert read_json(folder.data.snapshot("r2") / "manifest.json")["identity_version"] == "r1"
