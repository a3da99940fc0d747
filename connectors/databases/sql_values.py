"""A driver's values as the text a source file maps: dates and times ISO, numbers plain, nothing rounded."""

import json
from collections.abc import Callable, Collection, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Any
from uuid import UUID

from common.errors import SourceError
from common.values import VIETNAM

if TYPE_CHECKING:
    import pyarrow as pa

_BYTES = (bytes, bytearray, memoryview)


class BinaryColumn(SourceError):
    """A column of bytes: no contract field is one."""

    def __init__(self, column: str, *, where: str) -> None:
        super().__init__(
            f"the column {column} holds bytes, which no field of the contract can take",
            where=where,
            remedy=f'add "{column}" to ignore, or select an expression that makes text of it',
        )


def text_table(
    names: Sequence[str], rows: Sequence[Sequence[Any]], *, moments: Collection[str], where: str
) -> "pa.Table":
    """Rows as one table, every column text. `moments`: columns that a contract's time is made of.

    Raises `BinaryColumn`.
    """
    import pyarrow as pa

    columns = list(zip(*rows, strict=True)) if rows else [()] * len(names)
    texts = [
        _texts(name, values, is_moment=name in moments, where=where)
        for name, values in zip(names, columns, strict=True)
    ]
    return pa.table({name: pa.array(found, pa.string()) for name, found in zip(names, texts, strict=True)})


def _texts(name: str, values: Sequence[Any], *, is_moment: bool, where: str) -> Sequence[str | None]:
    kinds = {type(value) for value in values} - {type(None)}
    if not kinds - {str}:
        return values
    if any(issubclass(kind, _BYTES) for kind in kinds):
        raise BinaryColumn(name, where=where)
    writers = {kind: _writer(kind, is_moment) for kind in kinds}
    return [None if value is None else writers[type(value)](value) for value in values]


def _writer(kind: type, is_moment: bool) -> Callable[[Any], str]:
    if issubclass(kind, datetime):
        return _moment if is_moment else _moment_or_day
    for known, writer in _WRITERS:
        if issubclass(kind, known):
            return writer
    return str


def _moment(value: datetime) -> str:
    # A time without an offset is Vietnam's.
    local = value.replace(tzinfo=VIETNAM) if value.tzinfo is None else value.astimezone(VIETNAM)
    return local.isoformat()


def _moment_or_day(value: datetime) -> str:
    """Many databases keep a plain date as its midnight."""
    if value.tzinfo is not None:
        return _moment(value)
    return value.date().isoformat() if value.time() == time() else value.isoformat()


def _number(value: Decimal) -> str:
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _float(value: float) -> str:
    text = repr(value)
    if text in ("nan", "inf", "-inf"):
        return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[text]
    return _number(Decimal(text))


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


_WRITERS: tuple[tuple[type, Callable[[Any], str]], ...] = (
    (str, str),
    (bool, lambda value: "true" if value else "false"),
    (int, str),
    (Decimal, _number),
    (float, _float),
    (date, date.isoformat),
    (time, time.isoformat),
    (timedelta, str),
    (UUID, str),
    (dict, _json),
    (list, _json),
    (tuple, _json),
    (Enum, lambda value: str(value.value)),
)
