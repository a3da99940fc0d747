"""The lock, the clock and the edge towards Prefect."""

import json
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from common.errors import DoiChieuError, Exit, LockHeld
from common.settings import Settings
from common.values import stamp
from flows.watch import Stopwatch, Watch, keeping_values_in, unused_run_name, watch_for, writing

MOMENT = datetime(2026, 6, 30, 18, tzinfo=UTC)


@contextmanager
def another_writer(root: Path) -> Iterator[subprocess.Popen[str]]:
    """A real process that holds the lock of the data folder."""
    program = """
        import sys
        from pathlib import Path
        from common.files import hold_lock
        with hold_lock(Path(sys.argv[1]), holder={"doing": "run"}):
            print("held", flush=True)
            sys.stdin.read()
    """
    command = [sys.executable, "-c", textwrap.dedent(program), str(root)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.stdin.close()


def test_a_second_writer_is_refused_and_told_who_holds_the_lock(tmp_path: Path) -> None:
    watch = Watch(Settings(data_dir=tmp_path))
    with another_writer(tmp_path) as process, pytest.raises(LockHeld) as refused, writing(watch, "pull"):
        pass
    assert str(process.pid) in str(refused.value)
    assert '"doing": "run"' in str(refused.value)


def test_the_lock_frees_itself_when_its_process_is_killed(tmp_path: Path) -> None:
    watch = Watch(Settings(data_dir=tmp_path))
    with another_writer(tmp_path) as process:
        process.kill()
        process.wait()
        with writing(watch, "pull"):
            said = json.loads((tmp_path / ".lock").read_text())
    assert said["doing"] == "pull"


def test_a_clock_that_stands_still_gives_each_run_its_own_name(tmp_path: Path) -> None:
    watch = Watch(Settings(data_dir=tmp_path), clock=lambda: MOMENT)
    first = unused_run_name(watch)
    watch.settings.data.report(first).mkdir(parents=True)
    second = unused_run_name(watch)
    watch.settings.data.build(second).mkdir(parents=True)
    assert [first, second] == [stamp(MOMENT), "20260630T180000000001Z"]
    assert unused_run_name(watch) == "20260630T180000000002Z"


def test_a_scheduled_run_reads_its_settings_from_the_file_named_in_its_parameter(tmp_path: Path) -> None:
    path = tmp_path / "doichieu.toml"
    path.write_text('data_dir = "books"\n')
    assert watch_for(str(path)).settings.data_dir == tmp_path / "books"


def test_an_unforeseen_error_loses_its_text_on_the_way_to_prefect_and_keeps_it_in_the_log_folder(
    tmp_path: Path,
) -> None:
    data = Settings(data_dir=tmp_path).data
    with pytest.raises(DoiChieuError) as met, keeping_values_in(data):
        raise ValueError("Could not convert 'Nguyễn Thị Hoa'")
    assert "Nguyễn" not in str(met.value)
    assert met.value.exit_code == Exit.FAULT
    assert "Nguyễn Thị Hoa" in Path(met.value.where).read_text(encoding="utf-8")


def test_our_own_errors_pass_unchanged(tmp_path: Path) -> None:
    error = DoiChieuError("the disk is full")
    with pytest.raises(DoiChieuError) as met, keeping_values_in(Settings(data_dir=tmp_path).data):
        raise error
    assert met.value is error


def test_a_step_that_fails_is_timed_too() -> None:
    stopwatch = Stopwatch()
    with pytest.raises(ValueError, match="late"), stopwatch.step("build"):
        raise ValueError("late")
    assert [name for name, _ in stopwatch.steps] == ["build"]
