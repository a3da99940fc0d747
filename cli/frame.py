"""What every verb shares: its options, its answer (tables or one JSON object), its progress on stderr."""

import contextlib
import dataclasses
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any

import typer

from common.settings import Settings, load_settings
from common.values import Progress

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

ConfigFile = Annotated[
    Path, typer.Option("--config", metavar="FILE", help="Tệp cấu hình · The configuration.", show_default=True)
]
AsJson = Annotated[bool, typer.Option("--json", help="Một đối tượng JSON trên stdout · One JSON object on stdout.")]

DEFAULT_CONFIG = Path("doichieu.toml")

# Under --json everything printed by anybody goes to stderr, except the one answer, which goes here.
_answer_stream: ContextVar[IO[str] | None] = ContextVar("answer_stream", default=None)


def example(*commands: str) -> str:
    """The epilog of a verb's help."""
    return "Ví dụ · Example:\n\n" + "\n\n".join(f"  {command}" for command in commands)


def settings_from(config: Path) -> Settings:
    return load_settings(config)


def now() -> datetime:
    """The command line's clock; everything below is given the time."""
    return datetime.now(UTC)


@contextlib.contextmanager
def only_the_answer_on_stdout() -> Iterator[None]:
    """Send whatever a library prints to stderr while the block runs; `answer` still reaches stdout."""
    token = _answer_stream.set(sys.stdout)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        _answer_stream.reset(token)


def answer(value: Mapping[str, Any], *renderables: "RenderableType", as_json: bool) -> None:
    """Print what the verb found: `value` as one JSON object, or `renderables` for people."""
    if as_json:
        stream = _answer_stream.get() or sys.stdout
        stream.write(json.dumps(value, ensure_ascii=False, default=_as_json) + "\n")
        stream.flush()
        return
    console = stdout_console()
    for renderable in renderables:
        console.print(renderable)


def stdout_console() -> "Console":
    return _console(sys.stdout)


def stderr_console() -> "Console":
    return _console(sys.stderr)


def _console(stream: IO[str]) -> "Console":
    from rich.console import Console

    # A pipe has no width of its own: 80 columns would cut names and keys short.
    return Console(file=stream, width=None if stream.isatty() else 180, soft_wrap=False, highlight=False, emoji=False)


def table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], *, right: Sequence[str] = ()
) -> "RenderableType":
    """A table under its title. Cells are plain text (no markup); columns of integers are dotted and stand to the right.

    Columns without any name make a list of facts, without a heading.
    """
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    drawn = Table(header_style="bold", show_header=any(columns))
    for index, column in enumerate(columns):
        kinds = {type(row[index]) for row in rows} - {type(None)}
        is_right = kinds == {int} or column in right
        # An id, a date or an amount broken in the middle is read wrongly; words may wrap.
        is_one_word = all(len(cell(row[index])) <= 20 and " " not in cell(row[index]) for row in rows)
        drawn.add_column(
            Text(column), justify="right" if is_right else "left", overflow="fold", no_wrap=is_one_word and bool(rows)
        )
    for row in rows:
        drawn.add_row(*(Text(cell(value)) for value in row))
    return Group(Text(title, style="bold"), drawn) if title else drawn


def cell(value: Any) -> str:
    """One value as a Vietnamese reader writes it: 1.234.567 · 31/08/2025 · an absent value is empty, not zero."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "có" if value else "không"
    if isinstance(value, int):
        return f"{value:,}".replace(",", ".")
    if isinstance(value, datetime):
        return value.strftime("%d/%m/%Y %H:%M")
    if isinstance(value, date):
        return value.strftime("%d/%m/%Y")
    if isinstance(value, list | tuple):
        return ", ".join(cell(part) for part in value)
    return str(value)


def plain(text: str) -> "RenderableType":
    """Text that is printed as it stands: brackets in it are not markup."""
    from rich.text import Text

    return Text(text)


@contextlib.contextmanager
def progress() -> Iterator[Progress]:
    """Bars on stderr at a terminal, one line per finished task elsewhere."""
    if sys.stderr.isatty():
        bars = _Bars()
        with bars.drawn:
            yield bars
    else:
        yield _Lines()


class _Bars:
    """Progress as rich bars."""

    def __init__(self) -> None:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            SpinnerColumn,
            TextColumn,
            TimeElapsedColumn,
        )

        self.drawn = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=stderr_console(),
        )
        self._known: dict[str, Any] = {}

    def start(self, task: str, total: int | None) -> None:
        self._known[task] = self.drawn.add_task(task, total=total)

    def advance(self, task: str, by: int, total: int | None = None) -> None:
        if task not in self._known:
            self.start(task, total)
        if total is not None:
            self.drawn.update(self._known[task], total=total)
        self.drawn.advance(self._known[task], by)

    def finish(self, task: str) -> None:
        if task not in self._known:
            return
        known = self._known.pop(task)
        done = next(found.completed for found in self.drawn.tasks if found.id == known)
        self.drawn.update(known, total=done or 1, completed=done or 1)


class _Lines:
    """Progress as plain lines, for logs."""

    def __init__(self) -> None:
        self._done: dict[str, int] = {}

    def start(self, task: str, total: int | None) -> None:
        self._done[task] = 0

    def advance(self, task: str, by: int, total: int | None = None) -> None:
        self._done[task] = self._done.get(task, 0) + by

    def finish(self, task: str) -> None:
        done = self._done.pop(task, 0)
        sys.stderr.write(f"{task}: xong · done" + (f" ({done:,})" if done else "") + "\n")


def _as_json(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Decimal):
        return str(value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} has no JSON form here")
