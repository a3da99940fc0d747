"""One exception tree and one exit-code table: raised near the fact, caught once at the edge (`cli.main`)."""

from enum import IntEnum


class Exit(IntEnum):
    """What the shell sees. Fixed by the command's documentation; scripts depend on it."""

    DONE = 0
    BLOCKED = 1
    USAGE = 2
    SOURCE = 3
    FAULT = 4


class DoiChieuError(Exception):
    """Says what went wrong, where, and what to do about it; never a person's data.

    `remedy` is one imperative sentence. `where` names the file, table, address or setting.
    """

    exit_code = Exit.FAULT

    def __init__(self, what: str, *, where: str = "", remedy: str = "") -> None:
        self.what, self.where, self.remedy = what, where, remedy
        super().__init__(what)

    def __str__(self) -> str:
        place = f" [{self.where}]" if self.where else ""
        return f"{self.what}{place}" + (f"\n  → {self.remedy}" if self.remedy else "")


class ConfigurationError(DoiChieuError):
    """The configuration or the command line cannot mean what was wanted."""

    exit_code = Exit.USAGE


class NotBuiltYet(DoiChieuError):
    """A verb or option whose part does not exist yet."""

    exit_code = Exit.USAGE


class LockHeld(DoiChieuError):
    """Another process is writing to the data folder."""

    exit_code = Exit.USAGE


class Blocked(DoiChieuError):
    """A blocking check failed: nothing was published."""

    exit_code = Exit.BLOCKED


class SourceError(DoiChieuError):
    """A registry could not be read; its last landed data stay in force."""

    exit_code = Exit.SOURCE
