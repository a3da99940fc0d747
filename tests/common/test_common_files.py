"""The few ways the data folder is written: whole or not at all, and by one process at a time."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from common.errors import Exit, LockHeld
from common.files import hold_lock, read_json, sha256_of, write_atomically, write_json

HOLDER = """
import sys, time
from pathlib import Path
from common.files import hold_lock
with hold_lock(Path(sys.argv[1]), holder={"verb": "run", "who": "lan"}):
    print("held", flush=True)
    time.sleep(60)
"""


@contextmanager
def another_process_holds(root: Path) -> Iterator[subprocess.Popen[str]]:
    held = subprocess.Popen([sys.executable, "-c", HOLDER, str(root)], stdout=subprocess.PIPE, encoding="utf-8")
    try:
        assert held.stdout is not None
        assert held.stdout.readline() == "held\n"
        yield held
    finally:
        held.kill()
        held.wait()


def test_what_is_written_atomically_replaces_the_old_content_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "file.txt"
    write_atomically(path, "cũ")
    write_atomically(path, "mới")
    assert path.read_text(encoding="utf-8") == "mới"
    assert [found.name for found in path.parent.iterdir()] == ["file.txt"]


def test_a_write_that_fails_leaves_the_old_content(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    write_atomically(path, "old")
    with pytest.raises(TypeError):
        write_atomically(path, 5)  # type: ignore[arg-type]
    assert path.read_text(encoding="utf-8") == "old"
    assert [found.name for found in tmp_path.iterdir()] == ["file.txt"]


def test_a_place_that_cannot_be_replaced_keeps_no_draft(tmp_path: Path) -> None:
    (tmp_path / "taken" / "inside").mkdir(parents=True)
    with pytest.raises(OSError, match="taken"):
        write_atomically(tmp_path / "taken", "text")
    assert [found.name for found in tmp_path.iterdir()] == ["taken"]


def test_the_same_value_is_written_as_the_same_bytes(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"b": 1, "a": "Đắk Lắk"})
    write_json(tmp_path / "b.json", {"a": "Đắk Lắk", "b": 1})
    assert sha256_of(tmp_path / "a.json") == sha256_of(tmp_path / "b.json")
    assert read_json(tmp_path / "a.json") == {"a": "Đắk Lắk", "b": 1}
    assert "Đắk Lắk" in (tmp_path / "a.json").read_text(encoding="utf-8")


def test_a_second_process_is_refused_and_told_who_holds_the_folder(tmp_path: Path) -> None:
    second = hold_lock(tmp_path, holder={"verb": "pull"})
    with another_process_holds(tmp_path) as held, pytest.raises(LockHeld) as refused, second:
        pytest.fail("two writers at once")
    assert f'"pid": {held.pid}' in refused.value.what
    assert '"verb": "run", "who": "lan"' in refused.value.what
    assert refused.value.where == str(tmp_path)
    assert refused.value.exit_code is Exit.USAGE


def test_the_lock_is_free_again_after_its_holder_was_killed(tmp_path: Path) -> None:
    with another_process_holds(tmp_path) as held:
        os.kill(held.pid, signal.SIGKILL)
        held.wait()
        with hold_lock(tmp_path, holder={"verb": "run"}):
            assert f'"pid": {os.getpid()}' in (tmp_path / ".lock").read_text(encoding="utf-8")


def test_the_lock_is_free_again_after_an_error_inside(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), hold_lock(tmp_path, holder={}):
        raise RuntimeError
    with hold_lock(tmp_path, holder={"verb": "run"}):
        assert '"verb": "run"' in (tmp_path / ".lock").read_text(encoding="utf-8")
    assert (tmp_path / ".lock").read_text(encoding="utf-8") == ""
