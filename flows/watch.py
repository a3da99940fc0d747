"""What a run is given by whoever starts it: settings, clock and somewhere to draw progress."""

import logging
import os
import tempfile
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

from common.errors import DoiChieuError
from common.files import DataFolder, hold_lock
from common.settings import Settings, load_settings, user_name
from common.values import Progress, Silent, stamp


def system_clock() -> datetime:
    """The wall clock. Rooms below `flows` are handed a clock and never ask for one."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Watch:
    """Travels beside a flow's parameters, which Prefect stores and which therefore hold no settings and no secrets."""

    settings: Settings
    clock: Callable[[], datetime] = system_clock
    progress: Progress = field(default_factory=Silent)
    holds_lock: bool = False
    """Whether the caller already keeps other writers out of the data folder."""
    truth: Path | None = None
    """Simulated registries alone have it: Parquet that says who each record is really about, to measure links against."""


_given: ContextVar[Watch | None] = ContextVar("watch", default=None)


@contextmanager
def given(watch: Watch) -> Iterator[None]:
    """Hand `watch` to every flow called in the block."""
    token = _given.set(watch)
    try:
        yield
    finally:
        _given.reset(token)


def watch_for(config: str) -> Watch:
    """The watch given by the caller; for a scheduled run, which has none, one made from the configuration file."""
    return _given.get() or Watch(load_settings(Path(config)))


@contextmanager
def writing(watch: Watch, doing: str) -> Iterator[None]:
    """Be the only writer of the data folder. Raises `LockHeld` naming who is."""
    holder = {"doing": doing, "user": user_name(), "since": watch.clock().isoformat(timespec="seconds")}
    with nullcontext() if watch.holds_lock else hold_lock(watch.settings.data.root, holder=holder):
        yield


def unused_run_name(watch: Watch) -> str:
    """A run's name from the clock; a frozen clock still gives each run its own."""
    moment = watch.clock()
    data = watch.settings.data
    while data.report(stamp(moment)).exists() or data.build(stamp(moment)).exists():
        moment = moment.replace(microsecond=(moment.microsecond + 1) % 1_000_000)
    return stamp(moment)


def hush_libraries(watch: Watch) -> None:
    """Keep tracebacks of what is told later, as an outcome, off the terminal; a scheduled run's log keeps them.

    Called inside a flow, because Prefect sets its loggers anew when one begins.
    """
    # It names each connection a simulated registry cuts.
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    if watch.holds_lock:
        for name in ("prefect.flow_runs", "prefect.task_runs"):
            logging.getLogger(name).setLevel(logging.CRITICAL)


class Stopwatch:
    """Seconds spent in each step of a run, in order."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, float]] = []

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        started = perf_counter()
        try:
            yield
        finally:
            self.steps.append((name, round(perf_counter() - started, 3)))


@contextmanager
def keeping_values_in(data: DataFolder) -> Iterator[None]:
    """Let nothing but our own errors out: Prefect stores messages, and a library's message may quote a record."""
    try:
        yield
    except DoiChieuError:
        raise
    # The edge towards Prefect, like the edge towards the shell: whatever nobody foresaw becomes a fault of ours.
    except Exception as error:  # noqa: BLE001
        folder = data.root / "log"
        folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix="doichieu-fault-", suffix=".txt", dir=folder)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write("".join(traceback.format_exception(error)))
        raise DoiChieuError(
            f"a fault of this program ({type(error).__name__})",
            where=name,
            remedy="send the traceback to the maintainers after looking through it: it may quote a record",
        ) from None
