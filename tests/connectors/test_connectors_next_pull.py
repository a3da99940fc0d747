"""The next pull: it starts where the manifests say, asks for the overlap, and lands only what is new or changed."""

import json
from datetime import UTC, datetime, timedelta

from pulling import NOW, MakeSettings, landed, pull, set_aside, taxpayer
from scripted_registry import Fault, ScriptedRegistry, meanwhile, replies

from connectors.manifests import PullManifest, finished_pulls

TOMORROW = NOW + timedelta(days=1)


def last(settings: MakeSettings) -> PullManifest:
    return finished_pulls(settings().data, "tax", "taxpayer")[-1]


def test_the_next_pull_asks_for_what_changed_since_the_last_mark_less_the_overlap(
    registry: ScriptedRegistry, settings: MakeSettings
) -> None:
    registry.tables["taxpayer"] = [taxpayer(number) for number in range(0, 300, 10)]
    pull(settings(), "taxpayer")
    registry.asked.clear()
    outcome = pull(settings(overlap_minutes=30), "taxpayer", at=TOMORROW)["taxpayer"]
    # The last record changed at 04:50.
    assert registry.queries("taxpayer")[0] == {"limit": "10", "updated_since": "2026-06-01T04:20:00Z"}
    assert (outcome.kind, outcome.rows_received, outcome.rows_already_held, outcome.rows_landed) == (
        "incremental",
        4,
        4,
        0,
    )


def test_only_new_and_changed_records_land_again(registry: ScriptedRegistry, settings: MakeSettings) -> None:
    table = registry.tables["taxpayer"] = [taxpayer(number) for number in range(30)]
    pull(settings(), "taxpayer")
    table[3] = taxpayer(3, status="closed", updated_at="2026-06-02T00:00:00Z")
    # The same time, another content: the registry corrected a record without saying so.
    table[29] = taxpayer(29, name="Tên mới")
    table[7] = {"tax_code": f"{7:010}", "updated_at": "2026-06-02T00:01:00Z", "deleted": True}
    outcome = pull(settings(), "taxpayer", at=TOMORROW)["taxpayer"]
    assert (outcome.rows_landed, outcome.rows_already_held) == (3, 27)
    assert landed(settings(), "taxpayer", "tax_code, name, deleted", f"filename like '%/{outcome.pull}/%'") == [
        ("0000000029", "Tên mới", None),
        ("0000000003", "Công ty TNHH Số 3", None),
        ("0000000007", None, True),
    ]


def test_a_version_that_comes_back_is_landed_again(registry: ScriptedRegistry, settings: MakeSettings) -> None:
    table = registry.tables["taxpayer"] = [taxpayer(1)]
    names = ["Công ty TNHH Số 1", "khác", "Công ty TNHH Số 1"]
    for day, name in enumerate(names):
        table[0] = taxpayer(1, name=name)
        pull(settings(), "taxpayer", at=NOW + timedelta(days=day))
    assert [name for (name,) in landed(settings(), "taxpayer", "name")] == names


def test_a_full_pull_asks_for_everything_and_lands_everything(
    registry: ScriptedRegistry, settings: MakeSettings
) -> None:
    registry.tables["taxpayer"] = [taxpayer(number) for number in range(12)]
    pull(settings(), "taxpayer")
    outcome = pull(settings(), "taxpayer", at=TOMORROW, full=True)["taxpayer"]
    assert (outcome.kind, outcome.rows_landed) == ("full", 12)
    assert "updated_since" not in registry.queries("taxpayer")[-1]


def test_since_takes_the_place_of_the_mark_and_leaves_no_gap_behind(
    registry: ScriptedRegistry, settings: MakeSettings
) -> None:
    registry.tables["taxpayer"] = [taxpayer(number) for number in range(30)]
    pull(settings(), "taxpayer")
    mark = last(settings).high_water_mark
    registry.tables["taxpayer"] += [taxpayer(1500), taxpayer(4500)]
    since = datetime(2026, 6, 4, tzinfo=UTC)
    assert pull(settings(), "taxpayer", at=TOMORROW, since=since)["taxpayer"].rows_landed == 1
    assert last(settings).high_water_mark == mark
    pull(settings(), "taxpayer", at=TOMORROW + timedelta(days=1))
    assert ("0000001500",) in landed(settings(), "taxpayer", "tax_code")


def test_a_pull_that_brings_nothing_carries_the_mark_on(registry: ScriptedRegistry, settings: MakeSettings) -> None:
    registry.tables["taxpayer"] = [taxpayer(5)]
    pull(settings(), "taxpayer")
    mark = last(settings).high_water_mark
    registry.tables["taxpayer"] = []
    assert pull(settings(), "taxpayer", at=TOMORROW)["taxpayer"].warnings == ()
    assert last(settings).high_water_mark == mark


def test_a_record_set_aside_moves_the_mark_too(registry: ScriptedRegistry, settings: MakeSettings) -> None:
    registry.tables["taxpayer"] = [taxpayer(1), taxpayer(60, kind="?")]
    pull(settings(), "taxpayer")
    assert last(settings).high_water_mark == datetime(2026, 6, 1, 1, 0, tzinfo=UTC)


def test_a_record_dated_in_the_future_does_not_keep_later_changes_out(
    registry: ScriptedRegistry, settings: MakeSettings
) -> None:
    registry.tables["taxpayer"] = [taxpayer(1), taxpayer(2, updated_at="2099-01-01T00:00:00Z")]
    (warning,) = pull(settings(), "taxpayer")["taxpayer"].warnings
    assert "in the future" in warning
    assert last(settings).high_water_mark == NOW


def test_an_empty_dataset_is_a_warning_and_says_whether_it_ever_had_records(
    registry: ScriptedRegistry, settings: MakeSettings
) -> None:
    registry.tables["taxpayer"] = []
    assert pull(settings(), "taxpayer")["taxpayer"].warnings == ("tax.taxpayer: the registry delivers no record",)
    registry.tables["taxpayer"] = [taxpayer(1)]
    pull(settings(), "taxpayer", at=TOMORROW)
    registry.tables["taxpayer"] = []
    (warning,) = pull(settings(), "taxpayer", at=TOMORROW, full=True)["taxpayer"].warnings
    assert "earlier pulls had some" in warning


def test_a_clock_that_stands_still_or_goes_back_keeps_the_order_of_pulls(
    registry: ScriptedRegistry, settings: MakeSettings
) -> None:
    registry.tables["taxpayer"] = [taxpayer(1)]
    for at in (NOW, NOW, NOW - timedelta(days=1)):
        pull(settings(), "taxpayer", at=at, full=True)
    names = [manifest.pull for manifest in finished_pulls(settings().data, "tax", "taxpayer")]
    assert names == ["20260630T180000000000Z", "20260630T180000000001Z", "20260630T180000000002Z"]


def test_fewer_records_than_announced_are_asked_for_once_more(
    registry: ScriptedRegistry, settings: MakeSettings
) -> None:
    registry.tables["taxpayer"] = [taxpayer(number) for number in range(25)]
    registry.fault("taxpayer", without_a_record("0000000003"))
    outcome = pull(settings(), "taxpayer")["taxpayer"]
    assert (outcome.rows_received, outcome.warnings) == (25, ())
    assert len(registry.queries("taxpayer")) == 6


def test_a_total_that_stays_wrong_is_a_warning_with_both_figures(
    registry: ScriptedRegistry, settings: MakeSettings
) -> None:
    registry.tables["taxpayer"] = [taxpayer(number) for number in range(25)]
    registry.totals["taxpayer"] = 40
    outcome = pull(settings(), "taxpayer")["taxpayer"]
    assert outcome.rows_landed == 25
    assert outcome.warnings == (
        "tax.taxpayer: announced 40 records, delivered 25 (25 different), on a repeated walk too",
    )
    assert len(registry.queries("taxpayer")) == 6


def test_records_delivered_twice_count_once_against_the_total(
    registry: ScriptedRegistry, settings: MakeSettings
) -> None:
    registry.tables["taxpayer"] = [taxpayer(number) for number in range(25)] + [taxpayer(4), taxpayer(17)]
    registry.totals["taxpayer"] = 25
    outcome = pull(settings(), "taxpayer")["taxpayer"]
    assert (outcome.rows_received, outcome.rows_landed, outcome.warnings) == (27, 27, ())
    assert len(registry.queries("taxpayer")) == 3


def test_a_registry_that_announces_no_total_is_taken_at_its_pages(
    registry: ScriptedRegistry, settings: MakeSettings
) -> None:
    registry.tables["taxpayer"] = [taxpayer(number) for number in range(25)]
    registry.totals["taxpayer"] = None
    outcome = pull(settings(), "taxpayer")["taxpayer"]
    assert (outcome.rows_landed, outcome.total_announced, outcome.warnings) == (25, None, ())


def test_a_record_that_changes_during_the_walk_is_landed_in_its_newest_version(
    registry: ScriptedRegistry, settings: MakeSettings
) -> None:
    table = registry.tables["taxpayer"] = [taxpayer(number) for number in range(25)]

    def change() -> None:
        table[2] = taxpayer(2, name="Đã đổi", updated_at="2026-06-03T00:00:00Z")
        table.append(taxpayer(26, updated_at="2026-06-03T00:01:00Z"))

    registry.fault("taxpayer", None, meanwhile(change))
    outcome = pull(settings(), "taxpayer")["taxpayer"]
    assert outcome.warnings == ()
    versions = landed(settings(), "taxpayer", "arg_max(name, updated_at), count(*)", "tax_code = '0000000002'")
    assert versions == [("Đã đổi", 2)]


def test_bad_records_of_the_overlap_are_set_aside_in_every_pull(
    registry: ScriptedRegistry, settings: MakeSettings
) -> None:
    registry.tables["taxpayer"] = [taxpayer(1), taxpayer(2, kind="?")]
    pull(settings(), "taxpayer")
    pull(settings(), "taxpayer", at=TOMORROW)
    assert [key for (key,) in set_aside(settings(), "taxpayer", "record_key")] == ["0000000002"] * 2


def without_a_record(key: str) -> Fault:
    def change(body: bytes) -> bytes:
        page = json.loads(body)
        page["data"] = [record for record in page["data"] if record["tax_code"] != key]
        return json.dumps(page).encode()

    return replies(change)
