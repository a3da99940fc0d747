"""Quarantine as a workbench: what stands set aside today, taken up again after a fix, or accepted for a time."""

import asyncio
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from dropping import Drop
from pulling import landed, pull
from scripted_registry import ScriptedRegistry, answers

from common.errors import ConfigurationError
from common.files import write_json
from common.settings import CheckSettings, RegistrySettings, Settings
from common.values import Silent, stamp
from connectors.manifests import finished_pulls
from connectors.pull import pull_registry
from connectors.replay import Replayed, replay_dataset
from connectors.waivers import give_waiver
from connectors.workbench import DatasetCount, workbench
from contracts.loader import dataset
from contracts.waivers import all_waivers
from expectations.current import SetAside, set_aside_today
from expectations.deliveries import finished_deliveries
from expectations.landed import check_landed
from expectations.verdicts import Verdict
from flows.sources import still_stale
from warehouse.inputs import current_inputs
from warehouse.raw import load_raw

TAXPAYER = dataset("tax", "taxpayer")
FIRST = datetime(2026, 6, 30, 18, 0, tzinfo=UTC)
SECOND, THIRD, FOURTH = (FIRST + timedelta(days=days) for days in (1, 2, 3))
TODAY = date(2026, 7, 1)

FIELDS = {
    "tax_code": '"mst"',
    "name": '"ten"',
    "kind": '{ from = "loai", recode = { "1" = "organisation" } }',
    "status": '{ constant = "active" }',
    "province_code": '"tinh"',
    "started_on": '{ from = "ngay", parse = "dd/mm/yyyy" }',
    "updated_at": '"updated_at"',
}
ALL_KINDS = '{ from = "loai", recode = { "1" = "organisation", "2" = "branch" } }'


def row(number: int, **changes: Any) -> dict[str, Any]:
    """A taxpayer in the agency's own words; what is None is left out."""
    plain = {
        "mst": f"{number:010}",
        "ten": f"Công ty TNHH Số {number}",
        "loai": "1",
        "tinh": "01",
        "ngay": "02/03/2015",
        "updated_at": f"2026-06-01T00:{number:02}:00Z",
        **changes,
    }
    return {name: value for name, value in plain.items() if value is not None}


class Agency:
    """A registry with a source file that is mended on the way."""

    def __init__(self, registry: ScriptedRegistry, home: Path) -> None:
        self.registry, self._home, self._fields = registry, home, dict(FIELDS)
        registry.wants_token = False
        self.write()

    def reads(self, field: str, how: str) -> None:
        """Mend, or spoil, the mapping of one field."""
        self._fields[field] = how
        self.write()

    def write(self, *, on_drift: str = "evolve", ignored: str = "") -> None:
        lines = [
            'registry = "tax"',
            f'on_drift = "{on_drift}"',
            "[rest]",
            "[datasets.taxpayer]",
            f"ignore = [{ignored}]",
        ]
        fields = [f"{name} = {how}" for name, how in self._fields.items()]
        text = "\n".join([*lines, "[datasets.taxpayer.fields]", *fields])
        (self._home / "tax.toml").write_text(text, encoding="utf-8")

    @property
    def settings(self) -> Settings:
        keys = {"base_url": f"{self.registry.address}/tax", "page_size": 10, "attempts": 2}
        access = RegistrySettings.model_validate(
            {**keys, "retry_wait_max_seconds": 0.05, "source": self._home / "tax.toml"}
        )
        return Settings(data_dir=self._home / "var", registries={"tax": access})

    def delivers(self, *rows: Any, at: datetime = FIRST, **asked: Any) -> None:
        self.registry.tables["taxpayer"] = list(rows)
        assert pull(self.settings, "taxpayer", at=at, **asked)["taxpayer"].status == "landed"

    def replay(self, at: datetime = SECOND, pull: str | None = None) -> Replayed:
        done = replay_dataset(self.settings, TAXPAYER, pull=pull, clock=lambda: at, progress=Silent())
        return done or Replayed("tax.taxpayer", None, 0, 0, 0, 0, ())

    def count(self, today: date = TODAY) -> DatasetCount | None:
        return count(self.settings, today)

    def waive(self, **changes: Any) -> None:
        choice = {"reason": None, "key": None, "until": date(2026, 7, 31), "why": "đang chờ văn bản", "who": "lan"}
        give_waiver(self.settings, TAXPAYER, **{**choice, "at": FIRST, **changes})

    def in_force(self) -> list[tuple[Any, ...]]:
        """What a build would read: key and name of the version that counts."""
        with duckdb.connect() as connection:
            connection.execute("create schema raw")
            load_raw(connection, self.settings.data, TAXPAYER, inputs(self.settings))
            return connection.execute("select tax_code, name from raw.tax_taxpayer order by 1").fetchall()


@pytest.fixture
def agency(registry: ScriptedRegistry, tmp_path: Path) -> Agency:
    return Agency(registry, tmp_path)


def inputs(settings: Settings) -> Any:
    return current_inputs(settings.data, as_of=TODAY, stale={})


def count(settings: Settings, today: date = TODAY) -> DatasetCount | None:
    with workbench(settings, TAXPAYER) as bench:
        return bench.count(today)


def reasons(found: DatasetCount | None) -> dict[str, int]:
    return {} if found is None else {each.reason: each.records for each in found.reasons}


def quarantined_files(settings: Settings) -> dict[str, bytes]:
    folder = settings.data.quarantine("tax", "taxpayer")
    return {path.name: path.read_bytes() for path in folder.glob("*.parquet")}


def test_after_the_mapping_is_mended_a_replay_lands_what_was_set_aside_once(agency: Agency) -> None:
    agency.delivers(*(row(number, loai="2" if number in (3, 4) else "1") for number in range(30)))
    assert reasons(agency.count()) == {"kind: not one of 1": 2}
    before = quarantined_files(agency.settings)
    agency.reads("kind", ALL_KINDS)
    done = agency.replay()
    assert (done.considered, done.landed, done.remaining, done.reasons) == (2, 2, 0, ())
    assert agency.count() is None
    assert [key for key, _ in agency.in_force()] == [f"{number:010}" for number in range(30)]
    again = agency.replay(THIRD)
    assert (again.pull, again.considered, again.landed) == (None, 0, 0)
    assert len(finished_pulls(agency.settings.data, "tax", "taxpayer")) == 2
    assert quarantined_files(agency.settings) == before, "quarantine is a record of what came; nothing is taken out"


def test_a_replayed_record_keeps_its_own_time_and_content(agency: Agency) -> None:
    agency.delivers(row(1), row(2, loai="2", ten="Chi nhánh Số 2"))
    agency.reads("kind", ALL_KINDS)
    done = agency.replay()
    found = landed(agency.settings, "taxpayer", "tax_code, name, kind, started_on, updated_at", "kind = 'branch'")
    at = datetime(2026, 6, 1, 0, 2, tzinfo=UTC)
    assert found == [("0000000002", "Chi nhánh Số 2", "branch", date(2015, 3, 2), at)]
    manifest = finished_pulls(agency.settings.data, "tax", "taxpayer")[-1]
    assert (manifest.pull, manifest.replay_of) == (done.pull, ("20260630T180000000000Z",))
    assert (manifest.rows_received, manifest.rows_landed, manifest.rows_quarantined) == (1, 1, 0)


def test_what_is_still_bad_stays_where_it_is_and_is_not_copied(agency: Agency) -> None:
    agency.delivers(row(1, loai="2"), row(2, loai="3"), row(3))
    before = quarantined_files(agency.settings)
    agency.reads("kind", ALL_KINDS)
    done = agency.replay()
    assert (done.landed, done.remaining, done.reasons) == (1, 1, (("kind: not one of 1, 2", 1),))
    assert reasons(agency.count()) == {"kind: not one of 1": 1}, "listed with the reason it was set aside for"
    assert quarantined_files(agency.settings) == before


def test_a_replay_moves_no_mark_and_is_no_full_pull(agency: Agency) -> None:
    agency.delivers(row(1), row(2, loai="2"))
    mark = finished_pulls(agency.settings.data, "tax", "taxpayer")[-1].high_water_mark
    agency.reads("kind", ALL_KINDS)
    agency.replay()
    manifest = finished_pulls(agency.settings.data, "tax", "taxpayer")[-1]
    assert (manifest.kind, manifest.high_water_mark) == ("incremental", mark)
    agency.delivers(row(1), row(2, loai="2"), row(5), at=THIRD)
    assert agency.registry.queries("taxpayer")[-1]["updated_since"].startswith("2026-05-31T23:02:00")
    assert [key for key, _ in agency.in_force()] == ["0000000001", "0000000002", "0000000005"]


def test_a_good_version_that_came_later_with_the_same_time_is_not_overruled(agency: Agency) -> None:
    """Read month first, the bad version seemed the newer one; read rightly, both are of the same moment."""
    month_first = """{ from = "luc", parse = "mm/dd/yyyy" }"""
    agency.reads("updated_at", month_first)
    agency.delivers(row(1, luc="06/05/2026", loai="2"), row(2, luc="06/05/2026"))
    assert reasons(agency.count()) == {"kind: not one of 1": 1}
    agency.reads("updated_at", """{ from = "luc", parse = "dd/mm/yyyy" }""")
    agency.reads("kind", ALL_KINDS)
    later = row(1, luc="06/05/2026", ten="Bản đúng", updated_at="2026-06-29T00:00:00Z")
    agency.delivers(later, at=SECOND, since=datetime(2026, 6, 20, tzinfo=UTC))
    done = agency.replay(THIRD)
    assert (done.landed, done.overtaken) == (0, 1)
    assert agency.in_force()[0] == ("0000000001", "Bản đúng")


def test_a_version_that_was_landed_newer_meanwhile_is_not_put_back(agency: Agency) -> None:
    agency.delivers(row(1, mst=None, ma="0000000001", ten="Cũ"), row(2))
    agency.delivers(row(1, ten="Mới", updated_at="2026-06-09T00:00:00Z"), row(2), at=SECOND)
    assert reasons(agency.count()) == {"tax_code: missing": 1}
    agency.reads("tax_code", """{ from = ["mst", "ma"] }""")
    done = agency.replay(THIRD)
    assert (done.landed, done.overtaken, done.remaining) == (0, 1, 0)
    assert agency.in_force()[0] == ("0000000001", "Mới")
    assert agency.count() is None, "settled: it need not be looked at again"
    assert agency.replay(FOURTH).considered == 0


def test_a_record_without_a_readable_key_stays_once_however_often_it_comes_until_it_is_read(agency: Agency) -> None:
    nameless = row(7, mst=None, ma="0000000007")
    agency.delivers(row(1), nameless)
    agency.delivers(row(1), nameless, at=SECOND, since=datetime(2026, 6, 1, tzinfo=UTC))
    assert len(quarantined_files(agency.settings)) == 2
    assert reasons(agency.count()) == {"tax_code: missing": 1}
    agency.reads("tax_code", """{ from = ["mst", "ma"] }""")
    assert agency.replay(THIRD).landed == 1
    assert [key for key, _ in agency.in_force()] == ["0000000001", "0000000007"]
    assert agency.count() is None


def test_a_full_delivery_brings_everything_anew(agency: Agency) -> None:
    agency.delivers(row(1), row(7, mst=None), row(8, loai="9"))
    agency.delivers(row(1), row(9, loai="9"), at=SECOND, full=True)
    found = agency.count()
    assert found is not None
    assert (found.records, [each.oldest_pull[:8] for each in found.reasons]) == (1, ["20260701"])


def test_older_versions_set_aside_are_landed_too_as_a_right_mapping_would_have_done(agency: Agency) -> None:
    agency.delivers(row(1, loai="2"))
    agency.delivers(row(1, loai="2", tinh=None, updated_at="2026-06-09T00:00:00Z"), at=SECOND)
    assert reasons(agency.count()) == {"kind: not one of 1": 1, "province_code: missing": 1}
    agency.reads("kind", ALL_KINDS)
    done = agency.replay(THIRD)
    assert (done.considered, done.landed, done.remaining) == (1, 1, 1)
    assert agency.in_force() == [("0000000001", "Công ty TNHH Số 1")]
    assert reasons(agency.count()) == {"kind: not one of 1": 1, "province_code: missing": 1}, "the newest is still bad"


def test_one_pull_alone_can_be_replayed(agency: Agency) -> None:
    agency.delivers(row(1, loai="2"), row(3))
    agency.delivers(row(2, loai="2", updated_at="2026-06-09T00:00:00Z"), at=SECOND)
    agency.reads("kind", ALL_KINDS)
    assert agency.replay(THIRD, pull="20260701T180000000000Z").landed == 1
    assert [key for key, _ in agency.in_force()] == ["0000000002", "0000000003"]
    assert agency.replay(FOURTH).landed == 1


def test_a_field_nobody_mapped_keeps_its_record_aside_until_it_is_ignored(agency: Agency) -> None:
    agency.write(on_drift="quarantine")
    agency.delivers(row(1, moi="?"), row(2))
    assert reasons(agency.count()) == {"moi: neither mapped nor ignored": 1}
    assert agency.replay().reasons == (("moi: neither mapped nor ignored", 1),)
    agency.write(on_drift="quarantine", ignored='"moi"')
    assert agency.replay(THIRD).landed == 1


def test_records_dated_by_their_pull_are_dated_by_the_pull_that_brought_them(agency: Agency) -> None:
    agency.reads("updated_at", '"_pulled_at"')
    late = "2026-07-30T00:00:00Z"  # what the registry is asked by; nothing is mapped from it
    agency.delivers(row(1, loai="2"), row(2))
    agency.delivers(row(1, ten="Mới", updated_at=late), at=SECOND)
    agency.delivers(row(3, loai="2", updated_at=late), at=THIRD)
    agency.reads("kind", ALL_KINDS)
    done = agency.replay(FOURTH)
    assert (done.landed, done.overtaken) == (1, 0), "the first was superseded by a good version already"
    found = landed(agency.settings, "taxpayer", "tax_code, epoch_us(updated_at)", "kind = 'branch'")
    assert found == [("0000000003", int(THIRD.timestamp()) * 1_000_000)]


def test_what_a_pull_could_not_take_for_a_record_stays_for_the_same_reason(agency: Agency) -> None:
    agency.delivers(row(1), "không phải bản ghi", row(2, ten=None))
    done = agency.replay()
    assert (done.landed, done.remaining) == (0, 2)
    assert dict(done.reasons) == {"record: not an object but string": 1, "name: missing": 1}


def test_a_replay_that_was_killed_leaves_nothing_behind_and_an_interrupted_pull_goes_on(agency: Agency) -> None:
    agency.delivers(row(1), row(2, loai="2"))
    agency.reads("kind", ALL_KINDS)
    agency.registry.tables["taxpayer"] = [row(number) for number in range(1, 40)]
    agency.registry.fault("taxpayer", None, None, answers(500), answers(500))
    assert pull(agency.settings, "taxpayer", at=SECOND, full=True)["taxpayer"].status == "failed"
    asked = len(agency.registry.queries("taxpayer"))
    killed = agency.settings.data.pull("tax", "taxpayer", "20260630T180000000001Z")
    (killed / "pages").mkdir(parents=True)
    (killed / "part-00000.parquet").write_bytes(b"half")
    done = agency.replay(THIRD)
    assert (done.pull, done.landed) == (killed.name, 1)
    assert sorted(path.name for path in killed.iterdir()) == ["manifest.json", "part-00000.parquet", "replayed.parquet"]
    assert pull(agency.settings, "taxpayer", at=FOURTH, full=True)["taxpayer"].rows_received == 39
    assert len(agency.registry.queries("taxpayer")) - asked == 2, "two of four pages were durable already"


def test_records_of_files_are_replayed_with_their_place(tmp_path: Path) -> None:
    drop = Drop(tmp_path / "agency", tmp_path / "ours")
    write = drop.folder / "thang-6.ndjson"
    write.write_text('{"mst": "0000000001", "ten": "A"}\n{"mst": "0000000002"}\n', encoding="utf-8")
    assert drop.pull("taxpayer").rows_quarantined == 1
    with workbench(drop.settings, TAXPAYER) as bench:
        _, (record,) = bench.records(TODAY)
    assert json.loads(record.record)["_file_name"] == "thang-6.ndjson"
    settings = drop.settings
    source = settings.registries["tax"].source or Path()
    mended = source.read_text("utf-8").replace('name = "ten"', 'name = { from = "ten", default = "(không tên)" }')
    source.write_text(mended, encoding="utf-8")
    done = replay_dataset(settings, TAXPAYER, clock=lambda: SECOND, progress=Silent())
    assert done is not None
    assert (done.landed, done.remaining) == (1, 0)
    assert landed(settings, "taxpayer", "name, address") == [("A", "thang-6.ndjson"), ("(không tên)", "thang-6.ndjson")]


def test_a_replay_of_a_dataset_fetched_whole_adds_to_its_last_delivery(
    registry: ScriptedRegistry, tmp_path: Path
) -> None:
    registry.wants_token = False
    source = tmp_path / "reference.toml"
    fields = {name: name for name in dataset("reference", "target").names if name != "geography"}
    lines = [f'{name} = "{name}"' for name in fields]

    def write(geography: str) -> None:
        text = 'registry = "reference"\non_drift = "evolve"\n[rest]\n[datasets.target.fields]\n'
        source.write_text(text + "\n".join([*lines, f"geography = {geography}"]), encoding="utf-8")

    plain = {"year": 2026, "indicator": "si", "percent": "45.5", "source": "NQ 1", "dia_gioi": "moi"}
    registry.tables["target"] = [{**plain, "area_code": f"{number:02}"} for number in range(5)]
    registry.tables["target"][3]["dia_gioi"] = "MOI"
    write('{ from = "dia_gioi", recode = { moi = "after_2025_07" } }')
    keys = {"base_url": f"{registry.address}/reference", "source": source, "attempts": 2}
    settings = Settings(data_dir=tmp_path / "var", registries={"reference": RegistrySettings.model_validate(keys)})
    target = dataset("reference", "target")
    asyncio.run(pull_registry(settings, "reference", datasets=["target"], clock=lambda: FIRST, progress=Silent()))
    write('{ from = "dia_gioi", recode = { moi = "after_2025_07", MOI = "after_2025_07" } }')
    done = replay_dataset(settings, target, clock=lambda: SECOND, progress=Silent())
    assert done is not None
    assert done.landed == 1
    with duckdb.connect() as connection:
        connection.execute("create schema raw")
        load_raw(connection, settings.data, target, inputs(settings))
        found = connection.execute("select area_code from raw.reference_target order by 1").fetchall()
    assert [code for (code,) in found] == ["00", "01", "02", "03", "04"]


def test_every_room_counts_the_same_records(agency: Agency) -> None:
    agency.delivers(row(1, loai="2"), row(2, loai="3"), row(3), row(4, mst=None), row(5, loai="7"))
    agency.delivers(
        row(5, updated_at="2026-06-08T00:00:00Z"), row(6, loai="3", updated_at="2026-06-09T00:00:00Z"), at=SECOND
    )
    agency.reads("kind", ALL_KINDS)
    agency.replay(THIRD)
    agency.delivers(row(3, loai="9", updated_at="2026-06-10T00:00:00Z"), at=FOURTH)
    data = agency.settings.data
    found = agency.count()
    with duckdb.connect() as connection:
        connection.execute("create schema raw")
        load_raw(connection, data, TAXPAYER, inputs(agency.settings))
        built = connection.execute("select record_key from raw.set_aside order by 1").fetchall()
        judged = set_aside_today(connection, data, TAXPAYER, finished_deliveries(data, TAXPAYER), TODAY)
    assert [key for (key,) in built] == ["0000000002", "0000000003", "0000000006"]
    assert found is not None
    assert found.records == judged.counted == len(built) + 1, "and the one without a key, which no build can use"


def judged(settings: Settings, at: datetime) -> dict[str, Verdict]:
    verdicts = check_landed(
        settings,
        settings.data,
        run=stamp(at),
        as_of=TODAY,
        outcomes=[],
        previous_reports=settings.data.reports,
        progress=Silent(),
    )
    return {verdict.check: verdict for verdict in verdicts if verdict.suite == "tax.taxpayer"}


def test_too_many_set_aside_block_a_run_until_they_are_waived_or_replayed(agency: Agency) -> None:
    rows = [row(number, loai="2" if number < 25 else "1") for number in range(60)]
    agency.delivers(*rows, *(row(number, tinh=None) for number in range(60, 64)))
    strict = {"tax.taxpayer": CheckSettings(quarantine_percent=10, quarantine_rows=5, freshness_days=60)}
    settings = agency.settings.model_copy(update={"checks": strict})
    agency.waive(reason="kind", until=date(2026, 7, 2))
    assert [found.is_over for day in (2, 3) if (found := count(settings, date(2026, 7, day)))] == [False, True]
    lapsed = judged(settings, FOURTH)
    verdict = lapsed["quarantine_share"]
    assert verdict.blocks
    assert verdict.observed == "29 of 64 of this delivery set aside (45.3 %)"
    for verb in ("quarantine ls", "show", "replay", "waive"):
        assert verb in verdict.message
        assert verb in verdict.message_vi
    agency.waive(key="0000000060", until=date(2026, 7, 30))
    agency.reads("kind", ALL_KINDS)
    agency.replay(FOURTH)
    after = judged(settings, FOURTH)
    verdict = after.pop("quarantine_share")
    assert (verdict.passed, verdict.failing) == (True, 3)
    assert verdict.observed.endswith(", 1 more waived")
    assert {name: after[name].observed for name in DELIVERED} == {name: lapsed[name].observed for name in DELIVERED}, (
        "a replay is no delivery"
    )


DELIVERED = ("freshness", "drift", "empty", "parts_intact", "schema_readable")


def test_a_replay_does_not_make_a_stale_source_fresh(agency: Agency) -> None:
    agency.delivers(row(1), row(2, loai="2"))
    data = agency.settings.data
    known = {"pulls": {"tax.taxpayer": ["20260630T180000000000Z"]}, "stale": {"tax.taxpayer": "could not be read"}}
    write_json(data.snapshot("s1") / "manifest.json", known)
    data.current.symlink_to("s1")
    agency.reads("kind", ALL_KINDS)
    assert agency.replay().landed == 1
    assert still_stale(data) == {"tax.taxpayer": "could not be read"}
    agency.delivers(row(3), at=THIRD)
    assert still_stale(data) == {}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"until": date(2026, 6, 30)}, "is past"),
        ({"until": date(2027, 7, 3)}, "more than a year ahead"),
        ({"why": "  "}, "needs its reason"),
        ({"why": "xem hồ sơ 079203001234"}, "a person's number"),
        ({"key": "9999999999"}, "no record set aside meets that"),
        ({"reason": "name"}, "names no reason"),
        ({"reason": "not one of"}, "names no reason"),
    ],
    ids=["past", "too far", "no words", "a number", "no such key", "no such reason", "reason of no record"],
)
def test_a_waiver_that_makes_no_sense_is_refused(agency: Agency, changes: dict[str, Any], says: str) -> None:
    agency.delivers(row(1), row(2, tinh=None))
    with pytest.raises(ConfigurationError, match=says):
        agency.waive(**changes)
    assert all_waivers(agency.settings.data) == []


def waived(agency: Agency, today: date = TODAY) -> tuple[int, int]:
    found = agency.count(today)
    return (found.records, found.waived) if found else (0, 0)


def test_a_waiver_counts_until_its_day_and_lapses_by_itself(agency: Agency) -> None:
    agency.delivers(row(1), row(2, loai="9"), row(3, tinh=None))
    agency.waive(key="0000000002")
    assert waived(agency, date(2026, 7, 31)) == (2, 1)
    assert waived(agency, date(2026, 8, 1)) == (2, 0)


def test_the_same_version_delivered_again_stays_waived_and_a_newer_one_is_not(agency: Agency) -> None:
    agency.delivers(row(1), row(2, loai="9"))
    agency.waive(key="0000000002")
    agency.delivers(row(1), row(2, loai="9"), at=SECOND, full=True)
    assert waived(agency) == (1, 1)
    agency.delivers(row(1), row(2, loai="9", updated_at="2026-06-09T00:00:00Z"), at=THIRD, full=True)
    assert waived(agency) == (1, 0)


def test_a_waived_reason_also_covers_later_records_that_have_no_other(agency: Agency) -> None:
    agency.delivers(row(1), row(2, loai="9"))
    agency.waive(reason="kind")
    later = "2026-06-09T00:00:00Z"
    agency.delivers(row(4, loai="9", updated_at=later), row(5, loai="9", tinh=None, updated_at=later), at=SECOND)
    assert waived(agency) == (3, 2)
    assert all_waivers(agency.settings.data)[0].reason == "kind: not one of 1"


def test_without_reason_or_key_only_what_stands_there_is_waived(agency: Agency) -> None:
    agency.delivers(row(1), row(2, loai="9"), row(7, mst=None))
    agency.waive()
    agency.delivers(row(4, loai="9", updated_at="2026-06-09T00:00:00Z"), at=SECOND)
    assert waived(agency) == (3, 2)


def test_waivers_are_added_and_never_rewritten(agency: Agency) -> None:
    agency.delivers(row(1), row(2, loai="9"), row(3, tinh=None))
    agency.waive(key="0000000002")
    path = agency.settings.data.root / "quarantine" / "waivers.jsonl"
    first = path.read_bytes()
    agency.waive(key="0000000003", until=date(2026, 7, 2))
    assert path.read_bytes().startswith(first)
    assert [(each.key, each.who, each.records) for each in all_waivers(agency.settings.data)] == [
        ("0000000002", "lan", 1),
        ("0000000003", "lan", 1),
    ]
    assert waived(agency, date(2026, 7, 2)) == (2, 2)
    assert waived(agency, date(2026, 7, 3)) == (2, 1)
    assert pq.read_schema(next((path.parent / "waived").glob("*.parquet"))).names == ["version"]


def test_the_threshold_is_over_only_where_share_and_number_are_and_waived_records_do_not_count(
    agency: Agency,
) -> None:
    agency.delivers(*(row(number, loai="9" if number < 5 else "1") for number in range(10)))
    data = agency.settings.data

    def judged(**limits: Any) -> bool:
        settings = agency.settings.model_copy(update={"checks": {"default": CheckSettings(**limits)}})
        found = count(settings)
        return found is not None and found.is_over

    assert judged(quarantine_percent=20, quarantine_rows=4)
    assert not judged(quarantine_percent=20, quarantine_rows=5)
    assert not judged(quarantine_percent=50, quarantine_rows=1)
    agency.waive(key="0000000000")
    assert not judged(quarantine_percent=20, quarantine_rows=4)
    with duckdb.connect() as connection:
        today = set_aside_today(connection, data, TAXPAYER, finished_deliveries(data, TAXPAYER), TODAY)
    assert today == SetAside(counted=4, waived=1, excused=1)
