"""Workbooks that are zip archives: bombs refused before they unpack, damage told as what it is."""

import errno
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from lxml import etree

from connectors.formats import UnreadableFile

_UNPACKED_MAX = 4 * 2**30
_UNPACKED_FREE = 64 * 2**20
"""Up to this size any ratio is fine."""
_RATIO_MAX = 200
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    struct.error,
    UnicodeDecodeError,
    NotImplementedError,
    RuntimeError,
    etree.LxmlError,
)
"""What zipfile and lxml raise where bytes are nonsense; RuntimeError: a part that asks for a password."""


def refuse_bomb(packed: zipfile.ZipFile) -> None:
    """Raise `UnreadableFile` where the parts say they unpack to more than a workbook ever holds.

    zipfile and DuckDB stop at the size a part declares, so what is declared is all that can come out.
    """
    parts = packed.infolist()
    size, packed_size = sum(part.file_size for part in parts), sum(part.compress_size for part in parts)
    if size > _UNPACKED_MAX or (size > _UNPACKED_FREE and size > _RATIO_MAX * packed_size):
        raise UnreadableFile(
            f"the workbook unpacks to {size >> 20} MB from {packed_size >> 10} kB",
            remedy="have the agency send a workbook without formatting on empty rows, or a CSV file",
        )


@contextmanager
def damage_told(*others: type[Exception]) -> Iterator[None]:
    """Turn what the readers of the block raise at broken bytes, and `others`, into `UnreadableFile`."""
    broken: tuple[type[Exception], ...] = (*_BROKEN, *others)
    try:
        yield
    except broken as error:
        raise _damaged(error) from error
    except OSError as error:
        # lxml's own, and a seek to before the start of the file; a full or failing disk is no fault of the file.
        if error.errno not in (None, errno.EINVAL):
            raise
        raise _damaged(error) from error


def _damaged(error: Exception) -> UnreadableFile:
    return UnreadableFile(
        f"the workbook is damaged or cut off ({type(error).__name__})", remedy="have the agency send it again"
    )
