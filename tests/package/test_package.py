"""The wheel holds everything the rooms need, and works from any folder."""

import json
import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
ROOMS = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]["targets"]["wheel"][
    "packages"
]  # fmt: skip


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built without a network and without an environment of its own."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=TOP, check=True, capture_output=True)
    (built,) = folder.glob("doichieu-*.whl")
    return built


@pytest.fixture(scope="session")
def unpacked(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(folder)
    return folder


def python_in(folder: Path, unpacked: Path, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a program in `folder` with the unpacked wheel before everything else."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("COV_", "PYTEST_"))}
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=folder,
        env=environment | {"PYTHONPATH": str(unpacked), "PYTHONUTF8": "1"},
        capture_output=True,
        encoding="utf-8",
        timeout=180,
        check=False,
    )


def doichieu(folder: Path, unpacked: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return python_in(folder, unpacked, "from cli.main import run; run()", *arguments)


def test_the_wheel_holds_every_file_of_every_room(wheel: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-z", *ROOMS], cwd=TOP, check=True, capture_output=True, encoding="utf-8"
    )
    tracked = {name for name in listed.stdout.split("\0") if name and (TOP / name).exists()}
    with zipfile.ZipFile(wheel) as packed:
        held = set(packed.namelist())
    assert {"warehouse/rules/CD03.sql", "law/late_payment.toml", "contracts/tax.yaml"} <= tracked
    assert tracked - held == set()


def test_every_room_with_code_is_in_the_wheel() -> None:
    rooms = {found.parent.name for found in TOP.glob("*/__init__.py")} - {"tests", "benchmarks"}
    assert set(ROOMS) == rooms


def test_the_wheel_names_the_command_and_what_it_needs(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as packed:
        described = {Path(name).name: packed.read(name).decode() for name in packed.namelist() if ".dist-info/" in name}
    assert "doichieu = cli.main:run" in described["entry_points.txt"]
    assert "Requires-Dist: duckdb==1.5.5" in described["METADATA"]


def test_the_modules_come_from_the_unpacked_wheel(unpacked: Path, tmp_path: Path) -> None:
    program = f"import importlib, sys\nfor room in {ROOMS!r}: print(importlib.import_module(room).__file__)"
    answered = python_in(tmp_path, unpacked, program)
    assert answered.stderr == ""
    assert answered.stdout.split() == [str(unpacked / room / "__init__.py") for room in ROOMS]


def test_the_rule_book_can_be_read_from_any_folder(unpacked: Path, tmp_path: Path) -> None:
    assert doichieu(tmp_path, unpacked, "init").returncode == 0
    answered = doichieu(tmp_path, unpacked, "rules", "list", "--json")
    assert answered.returncode == 0, answered.stderr
    listed = {rule["rule"] for rule in json.loads(answered.stdout)["rules"]}
    assert listed == {path.stem for path in (TOP / "warehouse" / "rules").glob("*.sql")}


def assert_links_are_measured(page: Path) -> None:
    """The report of a demo says how right its links are, overall and by dataset, and its page shows the same rows."""
    measured = json.loads(page.with_name("report.json").read_text(encoding="utf-8"))["linkage"]["accuracy"]
    assert [row["dataset"] for row in measured[:2]] == [None, "health.assessment"]
    assert {"tax.payroll", "insurance.participation", "labour.workforce"} <= {row["dataset"] for row in measured}
    assert measured[0]["precision"] > 0.99
    assert measured[0]["recall"] > 0.9
    shown = page.read_text(encoding="utf-8")
    assert all(f"<code>{row['dataset']}</code></td>" in shown for row in measured[1:])


def test_the_demo_runs_from_any_folder(unpacked: Path, tmp_path: Path) -> None:
    answered = doichieu(tmp_path, unpacked, "demo", "--persons", "600", "--faults", "none", "--json")
    assert answered.returncode == 0, answered.stderr
    told = json.loads(answered.stdout)
    assert told["published"]
    assert {row["rule"] for row in told["flags"]} == {path.stem for path in (TOP / "warehouse" / "rules").glob("*.sql")}
    assert told["largest_flags"]
    assert_links_are_measured(Path(told["report"]))
    for place in (told["warehouse"], told["report"]):
        assert Path(place).is_file()
        assert tmp_path in Path(place).parents
