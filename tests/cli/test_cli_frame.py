import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from command_line import COMMAND, Doichieu, run_installed

import cli.main
from cli.frame import cell
from cli.main import application, execute
from cli.waiting import WAITING
from common.errors import Blocked, DoiChieuError, SourceError

PUBLISHED_VERBS = {
    "init", "doctor", "demo", "sandbox serve", "sandbox truth", "sources list", "sources check", "sources new", "sources diff", "pull",
    "quarantine ls", "quarantine show", "quarantine replay", "quarantine waive", "quarantine feedback",
    "run", "build", "publish", "rollback", "rules list", "rules show", "rules backtest", "flags", "explain", "export",
    "link judge", "link explain", "link diff", "link review",
    "report", "schedule", "backfill", "serve", "users", "audit verify", "retention", "backup", "restore",
}  # fmt: skip


def walk(command: Any, spoken: str = "") -> Iterator[tuple[str, Any]]:
    for name, verb in getattr(command, "commands", {}).items():
        full = f"{spoken} {name}".strip()
        if hasattr(verb, "commands"):
            yield from walk(verb, full)
        else:
            yield full, verb


VERBS = dict(walk(typer.main.get_command(application())))


def test_every_published_verb_exists() -> None:
    assert set(VERBS) == PUBLISHED_VERBS


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_takes_config_and_json_and_shows_an_example(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    options = {option for parameter in VERBS[verb].params for option in parameter.opts}
    assert {"--config", "--json"} <= options
    assert execute([*verb.split(), "--help"]) == 0
    shown = capsys.readouterr().out
    assert "Ví dụ · Example:" in shown
    assert f"doichieu {verb}" in " ".join(shown.split())


@pytest.mark.parametrize("verb", [*WAITING, "rules backtest", "link review"])
def test_a_verb_that_is_not_built_yet_says_so_whatever_it_is_given(verb: str, doichieu: Doichieu) -> None:
    answered = doichieu(*verb.split(), "--json", "anything", "--from", "2026-01-01")
    assert answered.code == 2
    assert answered.json["error"]["what"] == f"`doichieu {verb}` is not built yet"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ([], 2, ""),
        (["nothing-like-it"], 2, "No such command 'nothing-like-it'"),
        (["flags", "--limit", "many"], 2, "--limit"),
        (["flags", "--colour"], 2, "--colour"),
        (["explain"], 2, "FINDING"),
        (["flags", "--config", "absent.toml"], 2, "doichieu init"),
    ],
)
def test_wrong_usage_exits_2_and_says_what_to_do(
    arguments: list[str], code: int, said: str, doichieu: Doichieu
) -> None:
    answered = doichieu(*arguments)
    assert answered.code == code
    assert said in answered.err
    assert "Traceback" not in answered.err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('colour = "red"', "colour: unknown key"),
        (
            '[registries.tax]\nbase_url = "https://a.vn/tax"\npagesize = 5',
            "registries.tax.pagesize: unknown key",
        ),
        (
            '[registries.taxes]\nbase_url = "https://a.vn/tax"',
            "registries.taxes: not a registry",
        ),
        ('[registries.tax]\nbase_url = "a.vn"', "registries.tax.base_url"),
        ("data_dir = ", "not valid TOML"),
    ],
)
def test_a_wrong_configuration_exits_2_and_names_file_and_key(
    text: str, said: str, tmp_path: Path, doichieu: Doichieu
) -> None:
    (tmp_path / "doichieu.toml").write_text(text, encoding="utf-8")
    answered = doichieu("flags", "--json")
    assert answered.code == 2
    assert answered.json["exit_code"] == 2
    assert said in answered.json["error"]["what"]
    assert answered.json["error"]["where"].endswith("doichieu.toml")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["flags", "--json"], 0), (["explain", "nope", "--json"], 2), (["serve", "--json"], 2), (["flags", "--what"], 2)],
)
def test_the_shell_sees_the_exit_code_and_one_json_object(home: Path, arguments: list[str], code: int) -> None:
    answered = run_installed(home, *arguments)
    assert answered.code == code
    assert answered.err if "--what" in arguments else answered.json


class Told(Exception):
    """Stands for a fault nobody foresaw."""


def raising(error: BaseException) -> typer.Typer:
    app = typer.Typer(pretty_exceptions_enable=False)

    @app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
    def verb() -> None:
        sys.stdout.write("a library talks\n")
        raise error

    @app.command()
    def other() -> None: ...

    return app


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Blocked("a check failed"), 1),
        (SourceError("tax is down"), 3),
        (DoiChieuError("our fault"), 4),
        (Told("Nguyễn Văn An 066080001234"), 4),
        (KeyboardInterrupt(), 130),
    ],
)
def test_every_kind_of_error_has_its_exit_code(
    error: BaseException,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(cli.main, "application", lambda: raising(error))
    assert execute(["verb"]) == code
    told = capsys.readouterr().err
    assert "Nguyễn" not in told
    assert "066080001234" not in told


def test_under_json_stdout_holds_the_error_and_nothing_a_library_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli.main, "application", lambda: raising(SourceError("down", where="tax", remedy="wait")))
    assert execute(["verb", "--json"]) == 3
    told = capsys.readouterr()
    assert told.out == '{"error": {"what": "down", "where": "tax", "remedy": "wait"}, "exit_code": 3}\n'
    assert "a library talks" in told.err


def test_an_unforeseen_fault_leaves_its_traceback_in_the_data_folder_for_its_owner_only(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli.main, "application", lambda: raising(Told("what it was")))
    assert execute(["verb", "--config", str(home / "doichieu.toml")]) == 4
    (kept,) = (home / "var" / "log").iterdir()
    assert "Told: what it was" in kept.read_text(encoding="utf-8")
    assert kept.stat().st_mode & 0o077 == 0
    assert str(kept) in capsys.readouterr().err


def test_debug_prints_the_traceback_instead(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli.main, "application", lambda: raising(Told("what it was")))
    assert execute(["--debug", "verb"]) == 4
    assert "Told: what it was" in capsys.readouterr().err


def test_a_reader_that_has_seen_enough_is_no_error(home: Path) -> None:
    piped = subprocess.run(
        f"'{COMMAND}' rules list | head -1",
        shell=True,
        cwd=home,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert piped.stderr == ""


def test_help_comes_without_loading_what_is_heavy() -> None:
    script = (
        "import sys; from cli.main import execute; execute(['--help'])\n"
        "heavy = {'duckdb', 'pyarrow', 'prefect', 'great_expectations', 'httpx', 'splink', 'pandas', 'starlette'}\n"
        "print('heavy:', sorted(heavy & set(sys.modules)))"
    )
    shown = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert shown.stdout.splitlines()[-1] == "heavy: []"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, ""),
        (0, "0"),
        (1234567, "1.234.567"),
        (-1000, "-1.000"),
        (True, "có"),
        (["a", 1000], "a, 1.000"),
    ],
)
def test_a_cell_is_written_as_a_vietnamese_reader_writes_it(value: object, shown: str) -> None:
    assert cell(value) == shown
