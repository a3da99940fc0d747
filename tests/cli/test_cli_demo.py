"""Which day of the simulated world a demo shows: one on from the last finished one, the same after one that was stopped."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from cli.demo import World, _world_of_today, _write_note
from cli.frame import now
from common.errors import ConfigurationError
from common.values import today_in_vietnam


@pytest.fixture
def first() -> World:
    three_days_ago = today_in_vietnam(now()) - timedelta(days=3)
    return World(2000, 1, three_days_ago, three_days_ago)


def noted(folder: Path, world: World, *, is_finished: bool) -> Path:
    config = folder / "doichieu.toml"
    config.write_text("", encoding="utf-8")
    _write_note(config, world, is_finished=is_finished)
    return config


def test_the_first_demo_shows_yesterday_s_books(tmp_path: Path) -> None:
    yesterday = today_in_vietnam(now()) - timedelta(days=1)
    assert _world_of_today(tmp_path / "doichieu.toml", 2000, 1) == World(2000, 1, yesterday, yesterday)


def test_the_next_demo_is_a_day_on_and_never_past_today(tmp_path: Path, first: World) -> None:
    config = noted(tmp_path, first, is_finished=True)
    assert _world_of_today(config, 2000, 1).day == first.day + timedelta(days=1)
    today: date = today_in_vietnam(now())
    config = noted(tmp_path, World(2000, 1, first.first_day, today), is_finished=True)
    assert _world_of_today(config, 2000, 1).day == today


def test_a_demo_that_was_stopped_is_taken_up_on_the_same_day(tmp_path: Path, first: World) -> None:
    config = noted(tmp_path, first, is_finished=False)
    assert _world_of_today(config, 2000, 1) == first


def test_a_folder_with_another_world_or_somebody_s_own_configuration_is_left_alone(
    tmp_path: Path, first: World
) -> None:
    config = noted(tmp_path, first, is_finished=True)
    with pytest.raises(ConfigurationError, match="holds the demo of 2000 persons"):
        _world_of_today(config, 500, 1)
    (tmp_path / "demo.json").unlink()
    with pytest.raises(ConfigurationError, match="not written by a demo"):
        _world_of_today(config, 2000, 1)
