import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from common.errors import DoiChieuError
from common.files import DataFolder
from query.audit import append, verify

JULY, AUGUST = (
    datetime(2026, 7, 31, 23, 0, tzinfo=UTC),
    datetime(2026, 8, 1, 1, 0, tzinfo=UTC),
)


@pytest.fixture
def data(tmp_path: Path) -> DataFolder:
    return DataFolder(tmp_path)


def log(data: DataFolder, *moments: datetime) -> None:
    for number, at in enumerate(moments):
        append(data, action="look", who="lan", at=at, details={"what": f"finding {number}"})


def test_the_chain_crosses_the_files_of_the_months(data: DataFolder) -> None:
    log(data, JULY, JULY, AUGUST)
    assert [path.name for path in sorted(data.audit.glob("*.jsonl"))] == [
        "2026-07.jsonl",
        "2026-08.jsonl",
    ]
    found = verify(data)
    assert (found.lines, found.files, found.problems) == (3, 2, [])


def test_an_empty_log_is_whole(data: DataFolder) -> None:
    assert verify(data).problems == []


def test_a_clock_set_back_does_not_break_the_chain(data: DataFolder) -> None:
    log(data, AUGUST, JULY)
    assert verify(data).problems == []
    assert [path.name for path in data.audit.glob("*.jsonl")] == ["2026-08.jsonl"]


def altered(lines: list[bytes]) -> list[bytes]:
    return [lines[0], lines[1].replace(b"lan", b"mai"), *lines[2:]]


def removed(lines: list[bytes]) -> list[bytes]:
    return [lines[0], *lines[2:]]


def swapped(lines: list[bytes]) -> list[bytes]:
    return [lines[1], lines[0], *lines[2:]]


def cut_off(lines: list[bytes]) -> list[bytes]:
    return lines[:-1]


def last_altered(lines: list[bytes]) -> list[bytes]:
    return [*lines[:-1], lines[-1].replace(b"lan", b"mai")]


def forged_end(lines: list[bytes]) -> list[bytes]:
    return [*lines, lines[-1]]


@pytest.mark.parametrize("tamper", [altered, removed, swapped, cut_off, last_altered, forged_end])
def test_a_line_that_is_altered_removed_or_added_is_found(data: DataFolder, tamper) -> None:  # type: ignore[no-untyped-def]
    log(data, JULY, JULY, JULY, JULY)
    path = data.audit / "2026-07.jsonl"
    path.write_bytes(b"\n".join(tamper(path.read_bytes().splitlines())) + b"\n")
    assert verify(data).problems


@pytest.mark.parametrize("tamper", [removed, cut_off, last_altered])
def test_going_on_writing_does_not_hide_the_tampering(data: DataFolder, tamper) -> None:  # type: ignore[no-untyped-def]
    log(data, JULY, JULY, JULY, JULY)
    path = data.audit / "2026-07.jsonl"
    path.write_bytes(b"\n".join(tamper(path.read_bytes().splitlines())) + b"\n")
    log(data, JULY, JULY)
    assert verify(data).problems


def test_a_whole_month_removed_is_found(data: DataFolder) -> None:
    log(data, JULY, AUGUST)
    (data.audit / "2026-07.jsonl").unlink()
    assert "2026-08.jsonl, line 1: does not follow from the line before it" in verify(data).problems


def test_a_writer_that_died_before_the_head_was_written_leaves_a_whole_log(
    data: DataFolder,
) -> None:
    log(data, JULY, JULY)
    head = (data.audit / "head.json").read_bytes()
    log(data, JULY)
    (data.audit / "head.json").write_bytes(head)
    assert verify(data).problems == []
    log(data, JULY)
    assert verify(data).problems == []


def test_a_line_torn_by_a_power_cut_is_kept_and_named(data: DataFolder) -> None:
    log(data, JULY)
    with (data.audit / "2026-07.jsonl").open("ab") as file:
        file.write(b'{"action": "lo')
    log(data, JULY)
    lines = (data.audit / "2026-07.jsonl").read_bytes().splitlines()
    assert lines[1] == b'{"action": "lo'
    assert json.loads(lines[2])["action"] == "look"
    assert "2026-07.jsonl, line 2: does not follow from the line before it" in verify(data).problems


def test_writers_at_the_same_time_keep_one_chain(data: DataFolder) -> None:
    script = (
        "import sys; from datetime import datetime, UTC; from pathlib import Path\n"
        "from common.files import DataFolder; from query.audit import append\n"
        "for number in range(20):\n"
        "    append(DataFolder(Path(sys.argv[1])), action='look', who=sys.argv[2],\n"
        "           at=datetime(2026, 7, 1, tzinfo=UTC), details={'what': 'x' * 3000})\n"
    )
    writers = [subprocess.Popen([sys.executable, "-c", script, str(data.root), f"w{n}"]) for n in range(3)]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    found = verify(data)
    assert (found.lines, found.problems) == (60, [])


def test_a_log_that_cannot_be_written_is_an_error_that_says_where(
    data: DataFolder,
) -> None:
    data.audit.write_text("a file where the folder should be")
    with pytest.raises(DoiChieuError, match="audit log cannot be written") as raised:
        log(data, JULY)
    assert raised.value.where == str(data.audit)
