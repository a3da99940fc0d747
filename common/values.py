"""Value types every room shares."""

from datetime import UTC, date, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

VIETNAM = ZoneInfo("Asia/Ho_Chi_Minh")


def stamp(moment: datetime) -> str:
    """A name for a pull, run or snapshot that sorts by time: `20261121T183000123456Z`."""
    return moment.astimezone(UTC).strftime("%Y%m%dT%H%M%S%fZ")


def today_in_vietnam(moment: datetime) -> date:
    return moment.astimezone(VIETNAM).date()


class Progress(Protocol):
    """Where long work reports how far it is. The command line draws it; tests and servers may ignore it."""

    def start(self, task: str, total: int | None) -> None: ...

    def advance(self, task: str, by: int, total: int | None = None) -> None: ...

    def finish(self, task: str) -> None: ...


class Silent:
    """Progress nobody watches."""

    def start(self, task: str, total: int | None) -> None: ...

    def advance(self, task: str, by: int, total: int | None = None) -> None: ...

    def finish(self, task: str) -> None: ...


def end_of_month(day: date) -> date:
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
