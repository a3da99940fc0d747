"""Runs `doichieu` for the tests."""

import contextlib
import io
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli.main import execute

COMMAND = Path(sys.executable).with_name("doichieu")


@dataclass(frozen=True)
class Answered:
    """What the shell saw."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Exactly one JSON object, or the test fails."""
        assert self.out.count("\n") == 1, self.out
        return json.loads(self.out)


Doichieu = Callable[..., Answered]


def run_in(folder: Path, *arguments: str) -> Answered:
    """Run the command inside this process: everything but the shell, at a tenth of the time."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.chdir(folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = execute(arguments)
    return Answered(code, out.getvalue(), err.getvalue())


def run_installed(folder: Path, *arguments: str) -> Answered:
    """Run the installed command as a shell does."""
    done = subprocess.run(
        [COMMAND, *arguments], cwd=folder, capture_output=True, encoding="utf-8", timeout=120, check=False
    )
    return Answered(done.returncode, done.stdout, done.stderr)
