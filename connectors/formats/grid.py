"""A sheet as its reader hands it over: the first rows to find the header in, then blocks of text columns."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np

HEAD_ROWS = 60
"""How far down a header is looked for."""
BLOCK_ROWS = 20_000
COLUMNS_MAX = 702
"""A to ZZ: no list of people is wider, and a formatted but empty column costs memory."""
EXTRA_COLUMNS = 4
"""Columns right of the header that are read too: what stands in them without a name is told, not lost."""
ERRORS = ("#N/A", "#REF!", "#DIV/0!", "#VALUE!", "#NAME?", "#NUM!", "#NULL!")

Row = list[str | None]
Column = Any
"""A pyarrow array of texts; the type stubs refuse most of what pyarrow's functions take and give."""


class Merge(NamedTuple):
    """Cells merged into one, numbered from 0, both ends included."""

    top: int
    left: int
    bottom: int
    right: int


@dataclass(frozen=True)
class Block:
    """Neighbouring rows of a sheet as text columns, in order of the sheet's columns; empty cells are null."""

    numbers: "np.ndarray[tuple[int], np.dtype[np.int64]]"
    """Row numbers, from 0."""
    columns: list[Column]
    faults: dict[int, dict[int | None, str]] = field(default_factory=dict)
    """Row number → column (None: the row as a whole) → why it cannot be read."""


class Sheet(ABC):
    """One table of a file; `label` is what a person calls it, None where the file has only one."""

    def __init__(self, label: str | None, *, is_hidden: bool = False) -> None:
        self.label, self.is_hidden = label, is_hidden

    @property
    @abstractmethod
    def head(self) -> list[Row]:
        """The first `HEAD_ROWS` rows."""

    @property
    @abstractmethod
    def merges(self) -> list[Merge]: ...

    @abstractmethod
    def blocks(self, first_row: int, width: int) -> Iterator[Block]:
        """The rows from `first_row` (numbered from 0) on, in bounded pieces.

        `width` is the header's; cells of a workbook can stand up to `EXTRA_COLUMNS` columns right of it.
        """


def compute() -> Any:
    """pyarrow's functions on columns, imported where they are used."""
    import pyarrow.compute

    return pyarrow.compute


def place_of(label: str | None, row: int) -> str:
    """Where a row stands, as a person at the agency would say it; `row` counts from 0."""
    return f"trang {label}, dòng {row + 1}" if label is not None else f"dòng {row + 1}"


def column_letters(column: int) -> str:
    """`A` for 0, `AA` for 26."""
    letters = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def column_number(letters: str) -> int:
    """0 for `A`, 26 for `AA`."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number - 1


def columns_of(rows: "list[Row]", width: int) -> list[Column]:
    """Rows turned into text columns; short rows are filled up, empty texts are null."""
    import pyarrow as pa

    even = [row[:width] + [None] * (width - len(row)) if len(row) != width else row for row in rows]
    return [pa.array([text or None for text in column], pa.string()) for column in zip(*even, strict=True)] or [
        pa.nulls(0, pa.string()) for _ in range(width)
    ]
