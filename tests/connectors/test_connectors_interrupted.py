"""An interrupted pull goes on from its last durable page, wherever it was cut: nothing lost, nothing doubled."""

import os
import random
import signal
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from pulling import MakeSettings, landed, pull, set_aside, taxpayer
from scripted_registry import ScriptedRegistry, answers, meanwhile

from common.settings import RegistrySettings, Settings
from connectors.manifests import finished_pulls

SCRIPT = Path(__file__).with_name("pull_in_a_process.py")
ROOT = Path(__file__).parents[2]


def start(registry: ScriptedRegistry, data_dir: Path, *limits: str) -> "subprocess.Popen[str]":
    command = [sys.executable, str(SCRIPT), registry.address, str(data_dir), *limits]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def open_settings(registry: ScriptedRegistry, data_dir: Path, **changes: Any) -> Settings:
    keys = {"base_url": f"{registry.address}/tax", "page_size": 10, "attempts": 2, "retry_wait_max_seconds": 0.05}
    return Settings(data_dir=data_dir, registries={"tax": RegistrySettings.model_validate({**keys, **changes})})


def test_a_pull_killed_again_and_again_lands_what_the_registry_holds(
    registry: ScriptedRegistry, tmp_path: Path
) -> None:
    registry.wants_token = False
    registry.seconds_per_page = 0.01
    registry.tables["taxpayer"] = [taxpayer(number, **({"kind": "?"} if number == 77 else {})) for number in range(600)]
    draw = random.Random(20260630)
    kills = 0
    while True:
        running = start(registry, tmp_path)
        asked_before = len(registry.asked)
        until = asked_before + draw.randint(1, 25)
        while running.poll() is None and len(registry.asked) < until:
            time.sleep(0.002)
        time.sleep(draw.random() * 0.02)
        if kills < 6 and running.poll() is None:
            running.send_signal(signal.SIGKILL)
            kills += 1
            running.communicate()
            continue
        said, _ = running.communicate()
        break
    assert (kills, said.split()) == (6, ["landed", "600", "599"])
    settings = open_settings(registry, tmp_path)
    expected = [(f"{number:010}",) for number in range(600) if number != 77]
    assert landed(settings, "taxpayer", "tax_code") == expected
    assert set_aside(settings, "taxpayer", "record_key, page, row") == [("0000000077", 8, 8)]
    # A page that was durable was not asked for again: at most the one in flight (and the one being written) per kill.
    assert len(registry.asked) <= 60 + 2 * kills


def test_a_pull_killed_while_it_converts_lands_everything_once(registry: ScriptedRegistry, tmp_path: Path) -> None:
    registry.wants_token = False
    registry.tables["taxpayer"] = [taxpayer(number) for number in range(300)]
    kills = 0
    for delay in (0.0, 0.01, 0.02, 0.03, 0.05, 0.08):
        running = start(registry, tmp_path)
        while running.poll() is None and not list((tmp_path / "raw/tax/taxpayer").glob("*/pages/1/000030.page.json")):
            time.sleep(0.001)
        time.sleep(delay)
        kills += running.poll() is None
        running.kill()
        running.communicate()
        if finished_pulls(open_settings(registry, tmp_path).data, "tax", "taxpayer"):
            break
    settings = open_settings(registry, tmp_path)
    if not finished_pulls(settings.data, "tax", "taxpayer"):
        said, _ = start(registry, tmp_path).communicate()
        assert said.split()[:3] == ["landed", "300", "300"]
    assert kills > 0
    assert landed(settings, "taxpayer", "tax_code") == [(f"{number:010}",) for number in range(300)]
    assert len(registry.asked) <= 30 + kills


def test_the_next_pull_goes_on_where_a_failed_one_stopped(registry: ScriptedRegistry, settings: MakeSettings) -> None:
    registry.tables["taxpayer"] = [taxpayer(number) for number in range(50)]
    registry.fault("taxpayer", None, None, None, *[answers(503)] * 4)
    assert pull(settings(), "taxpayer")["taxpayer"].status == "failed"
    assert finished_pulls(settings().data, "tax", "taxpayer") == []
    registry.asked.clear()
    outcome = pull(settings(), "taxpayer")["taxpayer"]
    assert (outcome.pages, outcome.rows_landed, len(registry.asked)) == (5, 50, 2)
    assert landed(settings(), "taxpayer", "tax_code") == [(f"{number:010}",) for number in range(50)]


# what is different the second time → pages asked anew
STARTED_AGAIN = {
    "another page size": ({"page_size": 25}, {}, 2),
    "another start": ({}, {"since": "2026-06-01T00:00:00+00:00"}, 5),
}


@pytest.mark.parametrize("name", STARTED_AGAIN)
def test_another_query_starts_again_and_leaves_nothing_behind(
    name: str, registry: ScriptedRegistry, settings: MakeSettings
) -> None:
    changed, asked, pages = STARTED_AGAIN[name]
    registry.tables["taxpayer"] = [taxpayer(number) for number in range(50)]
    registry.fault("taxpayer", None, None, None, *[answers(503)] * 4)
    pull(settings(), "taxpayer")
    registry.asked.clear()
    since = datetime.fromisoformat(asked["since"]) if asked else None
    outcome = pull(settings(**changed), "taxpayer", since=since)["taxpayer"]
    assert (outcome.pages, outcome.rows_landed, len(registry.asked)) == (pages, 50, pages)
    assert len(list(settings().data.pulls("tax", "taxpayer").iterdir())) == 1


def test_a_cursor_the_registry_no_longer_knows_starts_the_walk_again(
    registry: ScriptedRegistry, settings: MakeSettings
) -> None:
    registry.tables["taxpayer"] = [taxpayer(number) for number in range(50)]
    registry.fault("taxpayer", None, None, None, *[answers(503)] * 4)
    pull(settings(), "taxpayer")
    registry.fault("taxpayer", answers(410, "Cursor has expired"))
    outcome = pull(settings(), "taxpayer")["taxpayer"]
    assert (outcome.rows_received, outcome.rows_landed) == (50, 50)


def test_a_damaged_page_is_fetched_again(registry: ScriptedRegistry, settings: MakeSettings) -> None:
    registry.tables["taxpayer"] = [taxpayer(number) for number in range(50)]
    registry.fault("taxpayer", None, None, None, *[answers(503)] * 4)
    pull(settings(), "taxpayer")
    (page,) = settings().data.pulls("tax", "taxpayer").glob("*/pages/1/000002.rows.json")
    page.write_bytes(page.read_bytes()[:-7] + b"garbage")
    outcome = pull(settings(), "taxpayer")["taxpayer"]
    assert (outcome.rows_received, outcome.rows_landed, outcome.rows_quarantined) == (50, 50, 0)


def test_a_full_disk_is_named_and_the_pull_goes_on_once_there_is_room(
    registry: ScriptedRegistry, tmp_path: Path
) -> None:
    registry.wants_token = False
    registry.tables["taxpayer"] = [taxpayer(number, name="Tên rất dài " * 40) for number in range(40)]
    said, _ = start(registry, tmp_path, "4000").communicate()
    assert said.startswith("failed 0 0 the pull cannot be written: File too large")
    assert "MiB free" in said
    assert finished_pulls(open_settings(registry, tmp_path).data, "tax", "taxpayer") == []
    said, _ = start(registry, tmp_path).communicate()
    assert said.split()[:3] == ["landed", "40", "40"]


def test_a_short_walk_interrupted_in_its_repetition_is_completed_from_the_repetition(
    registry: ScriptedRegistry, settings: MakeSettings
) -> None:
    registry.tables["taxpayer"] = [taxpayer(number) for number in range(25)]
    registry.totals["taxpayer"] = 30
    registry.fault("taxpayer", None, None, None, None, *[answers(503)] * 4)
    assert pull(settings(), "taxpayer")["taxpayer"].status == "failed"
    registry.tables["taxpayer"] += [taxpayer(number) for number in range(25, 30)]
    registry.asked.clear()
    outcome = pull(settings(), "taxpayer")["taxpayer"]
    assert (outcome.rows_landed, outcome.warnings, len(registry.asked)) == (30, (), 2)


def test_nothing_of_an_unfinished_pull_is_in_force(registry: ScriptedRegistry, settings: MakeSettings) -> None:
    registry.tables["taxpayer"] = [taxpayer(number) for number in range(30)]
    seen: list[int] = []
    look = meanwhile(lambda: seen.append(len(finished_pulls(settings().data, "tax", "taxpayer"))))
    registry.fault("taxpayer", look, look, look)
    pull(settings(), "taxpayer")
    assert seen == [0, 0, 0]
    assert len(finished_pulls(settings().data, "tax", "taxpayer")) == 1
