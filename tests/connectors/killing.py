"""Pulls in processes that are killed with SIGKILL: at the n-th change they make to a file system, or after a time.

One process loads everything and forks before it has any thread; every pull is such a fork, a tenth of a second away.
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from dropping import Drop

_CHANGES = frozenset({"os.rename", "os.remove", "os.link", "os.mkdir", "os.rmdir", "shutil.rmtree", "open"})


class Zygote:
    """Forks pulls; use it as a context."""

    def __enter__(self) -> Self:
        path = os.pathsep.join(each for each in sys.path if each)
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": path},
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.communicate(timeout=30)

    def pull(self, drop: Drop, *, at_change: int = 0, of: str = "", after_seconds: float = 0.0) -> int:
        """Pull `taxpayer` and what else the drop has; 0: it came to its end, 9: it was killed.

        `at_change` counts changes to files whose path has `of` in it.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        datasets = ["taxpayer"] + (["revenue"] if "revenue" in drop.more else [])
        order = [str(drop.folder), str(drop.home), dict(drop.files), drop.more, datasets, at_change, of, after_seconds]
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


def _serve() -> None:
    # Loaded once, used by every fork; nothing of it starts a thread before it is used.
    import paramiko  # noqa: F401
    import pyarrow.parquet  # noqa: F401

    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _pull(json.loads(line))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status) * -1 if status else 0}\n")
        sys.stdout.flush()


def _pull(order: list[Any]) -> None:
    folder, home, files, more, datasets, at_change, of, after_seconds = order
    drop = Drop(Path(folder), Path(home), files, more)
    settings = drop.settings
    if at_change:
        _die_at(at_change, of)
    if after_seconds:
        # The default action of this signal ends the process on the spot, as SIGKILL does.
        signal.setitimer(signal.ITIMER_REAL, after_seconds)
        signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGKILL))
    drop.pull_with(settings, *datasets)


def _die_at(change: int, of: str) -> None:
    seen = 0

    def count(event: str, args: tuple[Any, ...]) -> None:
        nonlocal seen
        if event not in _CHANGES or (event == "open" and not _is_writing(args)) or of not in str(args[0]):
            return
        seen += 1
        if seen == change:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)


def _is_writing(args: tuple[Any, ...]) -> bool:
    flags = args[2] if len(args) > 2 and isinstance(args[2], int) else 0
    return bool(flags & (os.O_WRONLY | os.O_RDWR))


if __name__ == "__main__":
    _serve()
