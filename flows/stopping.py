"""Ending in order on a signal, however the process was started."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def ending_in_order() -> Iterator[None]:
    """Take SIGTERM the way of SIGINT while the block runs, so that Prefect's server, a child of ours, ends with us.

    A process started in the background (`nohup`, `&`, some CI runners) inherits an ignored SIGINT; here it counts again.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    if before[signal.SIGINT] is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, as_an_interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def as_an_interrupt(*_: object) -> None:
    """Whoever handles SIGINT at this moment, Python or an event loop, handles this too."""
    signal.raise_signal(signal.SIGINT)
