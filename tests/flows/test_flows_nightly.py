"""The nightly flow as its users meet it: published or not, with which exit code, and what the report says."""

import asyncio
import json
import signal
import socket
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import duckdb
import pytest
from nights import AS_OF, Site, clock_at

from common.errors import ConfigurationError, Exit, LockHeld
from common.files import hold_lock, read_json
from common.settings import Settings
from common.values import Silent
from flows.record import RunOutcome
from flows.start import run_build, run_nightly, run_publish, run_pull
from sandbox.export import write_configuration
from sandbox.server import serving
from sandbox.world import World, advance

PUBLISHED = [
    *(("warehouse", name) for name in ("finding", "finding_evidence", "flag", "link", "employer", "indicator")),
    *(("identity", name) for name in ("person", "employer", "record")),
]


def test_a_night_on_which_all_goes_well_publishes_and_reports(first_night: tuple[Site, RunOutcome]) -> None:
    site, outcome = first_night
    assert (outcome.exit_code, outcome.published, outcome.snapshot) == (Exit.DONE, True, outcome.run)
    assert site.current == outcome.run
    assert site.published("select snapshot, as_of from snapshot") == [(outcome.run, AS_OF)]
    assert site.published("select count(*) > 0 from finding") == [(True,)]
    report = read_json(outcome.report.with_name("report.json"))
    assert (report["published"], report["exit_code"]) == (True, 0)
    assert [name for name, _ in outcome.timings[:5]] == [
        "pull",
        "check landed data",
        "build",
        "check build",
        "publish",
    ]
    assert {found["status"] for found in outcome.sources} == {"landed"}


def test_what_prefect_keeps_of_a_run_names_no_person(first_night: tuple[Site, RunOutcome], world: World) -> None:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import ArtifactFilter

    async def kept() -> list[str]:
        async with get_client() as client:
            runs = await client.read_flow_runs()
            tasks = await client.read_task_runs()
            artifacts = await client.read_artifacts(artifact_filter=ArtifactFilter())
            return [found.model_dump_json() for found in [*runs, *tasks, *artifacts]]

    text = "\n".join(asyncio.run(kept()))
    assert "Pull tax registry" in text
    assert "Publish the snapshot" in text
    assert '"key":"flags-by-rule"' in text
    assert '"key":"report"' in text
    persons = world.truth["persons"].to_pylist()
    told = [who["full_name"] for who in persons if who["full_name"] in text or str(who["citizen_id"]) in text]
    assert told == []


def test_a_registry_that_is_down_costs_exit_3_and_its_findings_say_so_until_it_is_read_again(site: Site) -> None:
    outcome = _with_a_dead_registry(site, "tax").run()
    assert (outcome.exit_code, outcome.published) == (Exit.SOURCE, True)
    assert "tax.payroll" in outcome.reason
    tax = [each for each in outcome.sources if each["registry"] == "tax"]
    assert {(each["status"], each["is_stale"]) for each in tax} == {("failed", True)}
    doubted = site.published("select rule, bool_and(len(stale_sources) > 0) from finding group by rule order by rule")
    assert {rule for rule, is_doubted in doubted if is_doubted} >= {"TD01", "TD02"}
    assert ("CD03", False) in doubted

    unpulled = site.run(no_pull=True)
    assert unpulled.exit_code == Exit.DONE
    assert site.published("select dataset from source where is_stale order by all") == [
        ("payroll",),
        ("revenue",),
        ("taxpayer",),
        ("withholding",),
    ]

    assert site.run().exit_code == Exit.DONE
    assert site.published("select count(*) from source where is_stale") == [(0,)]


def test_a_registry_that_never_answered_leaves_its_rules_out(base_url: str, site: Site, tmp_path: Path) -> None:
    alone = _with_a_dead_registry(site, "health")
    empty = Site(alone.settings.model_copy(update={"data_dir": tmp_path / "empty"}))
    outcome = empty.run()
    assert (outcome.exit_code, outcome.published) == (Exit.SOURCE, True)
    skipped = {each["rule"] for each in outcome.flags if each["skipped_reason"]}
    assert {"BG03", "BG18"} <= skipped
    assert "CD03" not in skipped


def test_a_blocking_check_publishes_nothing_and_the_old_snapshot_stays(site: Site) -> None:
    before = site.current
    outcome = site.checks(block=("freshness",)).run(no_pull=True, as_of=date(2029, 1, 1))
    assert (outcome.exit_code, outcome.published, outcome.snapshot) == (Exit.BLOCKED, False, None)
    assert "freshness" in outcome.reason
    assert site.current == before
    report = read_json(outcome.report.with_name("report.json"))
    assert (report["published"], report["exit_code"], report["reason"]) == (False, 1, outcome.reason)


def test_a_later_night_lands_only_what_changed_and_the_first_list_can_be_made_again_byte_for_byte(
    site: Site, world: World
) -> None:
    first = site.current
    assert first is not None
    with serving(advance(world, 10)) as later:
        second = _reaching(site, later).run(as_of=date(2026, 7, 10))
    assert second.exit_code == Exit.DONE
    assert {each["kind"] for each in second.sources if each["registry"] == "tax"} == {"incremental"}
    landed = {f"{each['registry']}.{each['dataset']}": each["rows_landed"] for each in second.sources}
    assert landed["insurance.payment"] > 0
    assert landed["insurance.charge"] < 1_000

    again = site.run(inputs=first)
    assert (again.exit_code, again.as_of) == (Exit.DONE, AS_OF)
    assert again.snapshot is not None
    for database, table in PUBLISHED:
        one, other = (_lines(site, snapshot, database, table) for snapshot in (first, again.snapshot))
        assert one == other, table


def test_inputs_that_name_no_snapshot_are_refused_and_leave_no_report(site: Site) -> None:
    reports = set(site.settings.data.reports.iterdir())
    with pytest.raises(ConfigurationError, match="no snapshot 20200101T000000000000Z"):
        site.run(inputs="20200101T000000000000Z")
    assert set(site.settings.data.reports.iterdir()) == reports


def test_a_past_day_counts_only_what_had_happened_by_then(site: Site) -> None:
    outcome = site.run(no_pull=True, as_of=date(2026, 3, 31))
    assert outcome.exit_code == Exit.DONE
    assert site.published("select as_of from snapshot") == [(date(2026, 3, 31),)]
    assert site.published("select count(*) from finding where from_date > date '2026-03-31'") == [(0,)]
    assert site.published("select count(*) > 0 from finding") == [(True,)]


def test_two_runs_at_once_the_second_is_refused(site: Site) -> None:
    with (
        hold_lock(site.settings.data.root, holder={"doing": "run", "user": "lan"}),
        pytest.raises(LockHeld, match="lan") as refused,
    ):
        site.run()
    assert refused.value.exit_code == Exit.USAGE


def test_a_publication_the_disk_refuses_leaves_the_old_snapshot_and_a_report(site: Site) -> None:
    before = site.current
    # A file where a folder must be made: what a full disk does, at the same moment.
    site.settings.data.identity.rename(site.settings.data.identity.with_name("identity-kept"))
    site.settings.data.identity.write_text("")
    outcome = site.run(no_pull=True)
    assert (outcome.exit_code, outcome.published) == (Exit.FAULT, False)
    assert site.current == before
    assert read_json(outcome.report.with_name("report.json"))["published"] is False


@pytest.mark.parametrize(
    "first",
    ["", "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); "],
    ids=["in the foreground", "under nohup, which ignores SIGINT"],
)
def test_a_run_that_is_stopped_ends_at_once_takes_its_server_along_and_keeps_its_pages(
    world: World, tmp_path: Path, first: str
) -> None:
    with serving(world, faults="harsh") as slow:
        write_configuration(slow, tmp_path / "doichieu.toml", tmp_path / "data")
        command = [sys.executable, "-c", f"{first}from cli.main import run; run()", "run", "--config", "doichieu.toml"]
        process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        _await_a_page(tmp_path / "data" / "raw")
        servers = _children_of(process.pid)
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 130
    assert servers != []
    assert [pid for pid in servers if Path(f"/proc/{pid}").exists()] == []
    assert not (tmp_path / "data" / "published").exists()
    with hold_lock(tmp_path / "data", holder={}):
        assert list((tmp_path / "data" / "raw").glob("*/*/*/pages")) != []


def test_a_build_alone_is_published_only_after_its_checks(site: Site) -> None:
    before = site.current
    built = run_build(site.settings, as_of=AS_OF, clock=clock_at(AS_OF), progress=Silent())
    assert site.current == before
    blocked = site.checks(block=("freshness",), freshness_days=0)
    refused = run_publish(blocked.settings, clock=clock_at(AS_OF), progress=Silent())
    assert (refused.exit_code, refused.run, site.current) == (Exit.BLOCKED, built.run, before)
    published = run_publish(site.settings, clock=clock_at(AS_OF), progress=Silent())
    assert (published.exit_code, site.current) == (Exit.DONE, built.run)
    with pytest.raises(ConfigurationError, match="published already"):
        run_publish(site.settings, clock=clock_at(AS_OF), progress=Silent())


def test_a_pull_names_registries_and_datasets(site: Site) -> None:
    report = run_pull(
        site.settings,
        ["tax.payroll", "tax.taxpayer", "welfare"],
        since=None,
        full=True,
        clock=clock_at(AS_OF),
        progress=Silent(),
    )
    assert report.exit_code == Exit.DONE
    assert sorted(f"{found.registry}.{found.dataset}" for found in report.outcomes) == [
        "tax.payroll",
        "tax.taxpayer",
        "welfare.assistance",
    ]


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("taxes", "there is no registry taxes"),
        ("tax.salary", "there is no dataset tax.salary"),
        ("labour", "registry labour is not configured"),
    ],
)
def test_a_pull_of_something_unknown_is_refused(target: str, said: str, base_url: str, tmp_path: Path) -> None:
    settings = Settings.model_validate({"data_dir": tmp_path, "registries": {"tax": {"base_url": f"{base_url}/tax"}}})
    with pytest.raises(ConfigurationError, match=said):
        run_pull(settings, [target], since=None, full=False, clock=clock_at(AS_OF), progress=Silent())


def test_nothing_configured_publishes_an_empty_list_in_which_every_rule_says_why(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    outcome = run_nightly(settings, as_of=AS_OF, clock=clock_at(AS_OF), progress=Silent())
    assert (outcome.exit_code, outcome.published, outcome.sources) == (Exit.DONE, True, [])
    assert all(each["skipped_reason"] for each in outcome.flags)


def _await_a_page(raw: Path) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and not any(raw.glob("*/*/*/pages/*")):
        time.sleep(0.05)


def _children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _reaching(site: Site, base_url: str) -> Site:
    registries = {
        name: found.model_copy(update={"base_url": f"{base_url}/{name}", "token_url": f"{base_url}/oauth/token"})
        for name, found in site.settings.registries.items()
    }
    return Site(site.settings.model_copy(update={"registries": registries}))


def _with_a_dead_registry(site: Site, name: str) -> Site:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{probe.getsockname()[1]}"
    registries = dict(site.settings.registries)
    changed = {"base_url": nobody, "token_url": f"{nobody}/token", "attempts": 1, "retry_wait_max_seconds": 0.0}
    registries[name] = registries[name].model_copy(update=changed)
    return Site(site.settings.model_copy(update={"registries": registries}))


def _lines(site: Site, snapshot: str, database: str, table: str) -> list[str]:
    path = site.settings.data.snapshot(snapshot) / f"{database}.duckdb"
    with duckdb.connect(str(path), read_only=True) as connection:
        rows = connection.execute(f"select * from {table}").fetchall()
    return [json.dumps(row, default=str) for row in rows]
