"""What is to be said of dropped files, dataset by dataset: counts and reasons, never names, which may be a person's."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from common.errors import Exit, SourceError
from connectors.outcome import PullOutcome


class Notices:
    """Notices on the files of one place; what concerns no dataset in particular is told with the first."""

    def __init__(self, address: str, asked: Iterable[str]) -> None:
        self._address, self._asked = address, tuple(asked)
        self._said: dict[str, Counter[str]] = {name: Counter() for name in self._asked}
        self._unread: set[str] = set()
        self._went_away: SourceError | None = None

    def say(self, what: str, datasets: Iterable[str] = (), *, files: int = 1) -> None:
        for name in self._concerned(datasets):
            self._said[name][what] += files

    def refuse(self, error: SourceError, folder: str, datasets: Iterable[str]) -> None:
        """A file that could not be read: the rest went on, and the exit code tells."""
        concerned = self._concerned(datasets)
        self.say(f"set aside in {folder}, with the reason beside it: {error.what}", concerned)
        self._unread.update(concerned)

    def went_away(self, error: SourceError) -> None:
        self._went_away = self._went_away or error

    @property
    def broken_by(self) -> SourceError | None:
        return self._went_away

    def told(self, outcome: PullOutcome) -> PullOutcome:
        """The outcome with its notices; where not every file could be read, with the exit code of a source."""
        said = [f"{self._address}: files {what}: {files}" for what, files in self._said[outcome.dataset].items()]
        if self._went_away is not None:
            said.append(f"not every file could be read or let go: {self._went_away}")
        is_incomplete = self._went_away is not None or outcome.dataset in self._unread
        code = Exit.SOURCE if is_incomplete and outcome.exit_code is Exit.DONE else outcome.exit_code
        return replace(outcome, warnings=(*outcome.warnings, *said), exit_code=code)

    def _concerned(self, datasets: Iterable[str]) -> list[str]:
        return [name for name in datasets if name in self._said] or list(self._asked[:1])
