"""`doichieu schedule` on a real Prefect server: a run happens by itself, and everything ends on a signal."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from common.files import read_json

LONGEST_WAIT_SECONDS = 150
# As a service is often started: in the background, where SIGINT is ignored.
IGNORING = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN); "
COMMAND = [sys.executable, "-c", f"{IGNORING}from cli.main import run; run()", "schedule", "--config"]


def _configured(folder: Path, *lines: str) -> Path:
    path = folder / "doichieu.toml"
    path.write_text("\n".join(['data_dir = "books"', "[schedule]", *lines]) + "\n")
    return path


@pytest.mark.slow
@pytest.mark.timeout(LONGEST_WAIT_SECONDS + 60)
def test_a_scheduled_run_happens_by_itself_and_a_signal_ends_server_and_schedule(tmp_path: Path) -> None:
    config = _configured(tmp_path, 'nightly = "* * * * *"')
    with (tmp_path / "said").open("w") as said, subprocess.Popen([*COMMAND, str(config)], stderr=said) as process:
        report = _first_report(tmp_path / "books" / "reports")
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    assert (report["published"], report["exit_code"]) == (True, 0)
    text = (tmp_path / "said").read_text()
    assert "* * * * * (Asia/Ho_Chi_Minh)" in text
    assert "the schedule has stopped" in text
    assert _processes_with(text.split("Prefect: http://127.0.0.1:")[1].split()[0]) == []


@pytest.mark.parametrize(
    "line", ['nightly = "every night"', 'timezone = "Asia/Saigon_"', 'prefect_api_url = "http://127.0.0.1:9/api"']
)
def test_a_schedule_nobody_can_keep_is_refused_before_anything_starts(line: str, tmp_path: Path) -> None:
    # In a process of its own: what is told to Prefect through the environment holds for a whole process.
    config = _configured(tmp_path, line)
    done = subprocess.run([*COMMAND, str(config)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert line.split(" = ")[1].strip('"').removesuffix("/api") in done.stderr
    assert not (tmp_path / "books" / "log").exists()


def _first_report(folder: Path) -> dict[str, object]:
    deadline = time.monotonic() + LONGEST_WAIT_SECONDS
    while time.monotonic() < deadline:
        for path in folder.glob("*/report.json"):
            found: dict[str, object] = read_json(path)
            return found
        time.sleep(0.5)
    raise AssertionError(f"no scheduled run within {LONGEST_WAIT_SECONDS} seconds")


def _processes_with(argument: str) -> list[str]:
    """Command lines of running processes that were given `argument`."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_text().split("\0")
        except OSError:  # it has ended meanwhile
            continue
        if argument in words:
            found.append(" ".join(words))
    return found
