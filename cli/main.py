"""`doichieu`: finds the verbs of this folder, and turns every error into a message and an exit code, once."""

import contextlib
import importlib
import json
import os
import pkgutil
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import typer

import cli
from cli.frame import DEFAULT_CONFIG, only_the_answer_on_stdout
from common.errors import DoiChieuError, Exit
from common.settings import load_settings

INTERRUPTED = 130


def run() -> NoReturn:
    """The entry point of the `doichieu` command."""
    sys.exit(execute(sys.argv[1:]))


def application() -> typer.Typer:
    """The command with the verbs of every module in this folder that has `register(app)`."""
    app = typer.Typer(
        name="doichieu",
        help="Đối chiếu dữ liệu liên ngành về bảo hiểm xã hội · Cross-checks registries for social insurance.",
        epilog="Mã thoát · Exit codes: 0 xong · 1 bị chặn, không công bố · 2 cấu hình · 3 một nguồn lỗi · 4 lỗi của ta."
        "  --debug: in dấu vết lỗi · print the traceback.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode="rich",
    )
    for module in sorted(pkgutil.iter_modules(cli.__path__), key=lambda found: found.name):
        if module.name == "main":
            continue
        register = getattr(importlib.import_module(f"cli.{module.name}"), "register", None)
        if register is not None:
            register(app)
    return app


def execute(arguments: Sequence[str]) -> int:
    """Run one command; returns its exit code. Never raises."""
    given = [argument for argument in arguments if argument != "--debug"]
    is_debug = len(given) < len(arguments)
    wants_json = "--json" in given and "--help" not in given
    with only_the_answer_on_stdout() if wants_json else contextlib.nullcontext():
        outcome = _outcome(given, is_debug=is_debug)
    if isinstance(outcome, int):
        return outcome
    _say(outcome, wants_json=wants_json)
    return int(outcome.exit_code)


def _outcome(given: Sequence[str], *, is_debug: bool) -> int | DoiChieuError:
    """The exit code of a command that spoke for itself, or the error that is still to be told."""
    try:
        code = application()(list(given), prog_name="doichieu", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else Exit.DONE
    except DoiChieuError as error:
        if is_debug:
            traceback.print_exc(file=sys.stderr)
        return error
    except typer.TyperException as error:
        if not error.format_message():  # a bare `doichieu`: its help has been printed
            return Exit.USAGE
        usage = DoiChieuError(error.format_message(), remedy="`doichieu VERB --help` shows the options and an example")
        usage.exit_code = Exit.USAGE
        return usage
    except (KeyboardInterrupt, typer.Abort):
        sys.stderr.write("Đã dừng · interrupted\n")
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output (`| head`) has seen enough; the interpreter must not complain at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.DONE
    # The edge of the program: whatever nobody foresaw becomes exit code 4, and the shell sees no traceback.
    except Exception as error:  # noqa: BLE001 – the edge towards the shell
        return _fault(error, given, is_debug=is_debug)


def _fault(error: Exception, given: Sequence[str], *, is_debug: bool) -> DoiChieuError:
    """An error nobody foresaw. Its own text stays out of the message: it may quote a record."""
    if is_debug:
        traceback.print_exc(file=sys.stderr)
        kept = "the traceback above"
    else:
        kept = str(_keep_traceback(error, given))
    return DoiChieuError(
        f"a fault of this program ({type(error).__name__})",
        where=kept,
        remedy="send the traceback to the maintainers after looking through it: it may quote a record",
    )


def _keep_traceback(error: Exception, given: Sequence[str]) -> Path:
    try:
        folder = load_settings(_config_of(given)).data_dir / "log"
        folder.mkdir(parents=True, exist_ok=True)
    except (DoiChieuError, OSError):
        folder = Path(tempfile.gettempdir())
    handle, name = tempfile.mkstemp(prefix="doichieu-fault-", suffix=".txt", dir=folder)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write("".join(traceback.format_exception(error)))
    return Path(name)


def _config_of(given: Sequence[str]) -> Path:
    for option, value in zip(given, [*given[1:], ""], strict=True):
        if option == "--config":
            return Path(value)
        if option.startswith("--config="):
            return Path(option.removeprefix("--config="))
    return DEFAULT_CONFIG


def _say(error: DoiChieuError, *, wants_json: bool) -> None:
    if not wants_json:
        sys.stderr.write(f"Lỗi · error: {error}\n")
        return
    described = {"what": error.what, "where": error.where, "remedy": error.remedy}
    told = {"error": described, "exit_code": int(error.exit_code)}
    sys.stdout.write(json.dumps(told, ensure_ascii=False) + "\n")
