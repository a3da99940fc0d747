"""File formats: each reader turns one file into pieces of text records, a bounded number of rows at a time.

A reader knows the format, not the contract: which field becomes which is said in a source file.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO

from common.errors import SourceError
from connectors.source import Format

if TYPE_CHECKING:
    import pyarrow as pa

PLACE = "_place"
"""Column that says where in the file a record stood, in words a person at the agency understands."""


@dataclass(frozen=True)
class Piece:
    """Records of one kind, all columns text (absent and empty are null), among them `_place`."""

    record: str
    """Kind of record: `XML1`, `05-1/BK`, the name of a sheet."""
    rows: "pa.Table"
    notes: tuple[str, ...] = ()
    """With the last piece: what the reader did that a person should know, such as rows it left out. No data of persons."""


class UnreadableFile(SourceError):
    """The file as a whole cannot be taken: damaged, cut off, a bomb, another format. Nothing of it may be landed."""


Wanted = Mapping[str | None, tuple[str, ...]]
"""Kind of record (None: the only one) → the fields that are mapped or ignored, as the source file writes them."""
Reader = Callable[[BinaryIO, Format, Wanted], Iterator[Piece]]
"""Reads a seekable stream from its start; raises `UnreadableFile`, possibly after some pieces."""
