"""The pieces a table is read in, and the cursor between them: what a page of a database walk keeps of its place."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

import msgspec
import sqlalchemy as sa

_KEYS: dict[str, Any] = {
    "int": int,
    "Decimal": Decimal,
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "str": str,
}


class Place(msgspec.Struct, frozen=True, omit_defaults=True):
    """Where a walk goes on: the cursor of a page."""

    by: Literal["keys", "blocks", "stream", "changes"]
    after: str = ""
    """The last key read, the next block, or how many pages."""
    state: str = ""
    """The state of the database in which the walk began, where the database can name it."""

    @property
    def cursor(self) -> str:
        return msgspec.json.encode(self).decode()


def place_of(cursor: str | None) -> Place | None:
    return None if cursor is None else msgspec.json.decode(cursor, type=Place)


@dataclass(frozen=True)
class Piece:
    """A part of a table that one query reads; `next` is where the walk goes on after it, None behind the last."""

    where: sa.ColumnElement[bool]
    next: Place | None
    is_stream: bool = False
    limit: int | None = None


@dataclass(frozen=True)
class Counted:
    rows: int
    undated: int
    """Rows that do not say, or not legibly, when they changed."""


def is_key(value: object) -> bool:
    """Whether ranges can be made of such values and written down."""
    return type(value).__name__ in _KEYS


def written_key(key: object) -> str:
    text = key.isoformat() if isinstance(key, date) else str(key)
    return f"{type(key).__name__}:{text}"


def key_of(written: str) -> Any:
    kind, _, text = written.partition(":")
    return _KEYS[kind](text)
