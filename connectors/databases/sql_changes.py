"""Which rows changed since a moment, asked of a database in the way it writes that moment.

What a row says of its change may be missing or unreadable; such rows count as changed: fetched every time, never lost.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Literal

import sqlalchemy as sa

from common.errors import ConfigurationError
from common.values import VIETNAM
from connectors.source import DatasetSource

Kind = Literal["moment", "local", "date", "number", "text"]
"""How a column writes time: with an offset, without (Vietnam's time), as a day, as a number, as text."""

_TOKEN = re.compile("yyyy|yy|mm|dd|HH|MM|SS")
_STRFTIME = {"yyyy": "%Y", "mm": "%m", "dd": "%d", "HH": "%H", "MM": "%M", "SS": "%S"}
_EPOCHS = {"epoch_seconds": 1, "epoch_milliseconds": 1000}
_ISO_DAY = "yyyy-mm-dd"


@dataclass(frozen=True)
class Changes:
    """The `changed` column of one dataset. `way` is how the source file says it is written, where it says so."""

    column: str
    kind: Kind
    way: str | None
    dialect: str

    def since(self, moment: datetime) -> sa.ColumnElement[bool]:
        """Rows changed at `moment` or later (rounded down where the column is coarser), and rows that do not say."""
        return sa.or_(self._reached(moment), self.does_not_say())

    def does_not_say(self) -> sa.ColumnElement[bool]:
        column: sa.ColumnElement[Any] = sa.column(self.column)
        if self.kind != "text":
            return column.is_(None)
        return sa.or_(column.is_(None), sa.not_(self._text.like(f"{_TOKEN.sub(_blanks, self._pattern)}%")))

    def _reached(self, moment: datetime) -> sa.ColumnElement[bool]:
        column: sa.ColumnElement[Any] = sa.column(self.column)
        local = moment.astimezone(VIETNAM)
        match self.kind:
            case "moment":
                return column >= moment
            case "local":
                return column >= local.replace(tzinfo=None)
            case "date":
                return column >= local.date()
            case "number":
                return column >= self._number(moment)
            case "text":
                return self._sortable() >= self._written(moment)

    def _number(self, moment: datetime) -> int:
        if self.way in _EPOCHS:
            return int(moment.timestamp() * _EPOCHS[self.way] // 1)
        return int(self._written(moment))

    @property
    def _text(self) -> sa.ColumnElement[str]:
        return sa.type_coerce(sa.column(self.column), sa.String())

    @property
    def _pattern(self) -> str:
        return self.way or _ISO_DAY

    def _sortable(self) -> sa.ColumnElement[str]:
        """The parts of the text from the year down, so that it sorts by time."""
        substring = sa.func.substring if self.dialect == "mssql" else sa.func.substr
        found = {match[0]: match.start() + 1 for match in _TOKEN.finditer(self._pattern)}
        parts = [substring(self._text, found[token], len(token), type_=sa.String()) for token in _parts(self._pattern)]
        whole: sa.ColumnElement[str] = parts[0]
        for part in parts[1:]:
            whole = whole.concat(part)
        return whole

    def _written(self, moment: datetime) -> str:
        # Without a word on how the text is written it may be in UTC as well as in Vietnam's time: the earlier day.
        zone = VIETNAM if self.way else None
        at = moment.astimezone(zone) if zone else min(moment.astimezone(VIETNAM).replace(tzinfo=None), _utc(moment))
        return at.strftime("".join(_STRFTIME[token] for token in _parts(self._pattern)))


def changes_of(source: DatasetSource, kind: Kind, *, dialect: str, where: str) -> Changes:
    """Raises `ConfigurationError` where nobody says how a number or text means a time."""
    assert source.changed is not None
    ways = [
        way
        for fields in (source.fields or {}, *source.records.values())
        for field in fields.values()
        if source.changed in field.reads
        for way in field.parse
    ]
    way = ways[0] if ways else None
    is_pattern = way is not None and way not in _EPOCHS and {"yyyy", "mm"} <= set(_TOKEN.findall(way))
    fits = {
        "number": way in _EPOCHS or (is_pattern and bool(re.fullmatch("[a-zA-Z]+", way or ""))),
        "text": way is None or is_pattern,
    }.get(kind, True)
    if not fits:
        raise ConfigurationError(
            f"the column {source.changed} is {'a number' if kind == 'number' else 'text'}: how it writes time is not said",
            where=where,
            remedy="map a field from it with parse = epoch_seconds, epoch_milliseconds or a pattern such as "
            f"{'yyyymmddHHMMSS' if kind == 'number' else 'dd/mm/yyyy HH:MM:SS'}, or leave changed out",
        )
    return Changes(source.changed, kind, way, dialect)


def kind_of(value: object) -> Kind:
    """How a driver's value writes time."""
    match value:
        case datetime():
            return "local" if value.tzinfo is None else "moment"
        case date():
            return "date"
        case int() | Decimal() | float():
            return "number"
        case _:
            return "text"


def _parts(pattern: str) -> list[str]:
    """The tokens of a pattern, from the year down."""
    found = set(_TOKEN.findall(pattern))
    return [token for token in _STRFTIME if token in found]


def _blanks(token: "re.Match[str]") -> str:
    return "_" * len(token[0])


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
