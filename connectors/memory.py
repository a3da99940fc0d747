"""Memory that is let go is kept for the next page instead of being given back to the system page by page."""

import ctypes
import sys
from functools import cache

# Parameters of mallopt(3) in the GNU C library.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_KEPT_BYTES = 256 * 2**20
_LARGEST_REUSED_BYTES = 32 * 2**20


@cache
def reuse_freed_memory() -> None:
    """Once per process: blocks of a page's size are reused.

    A pull takes and frees blocks of a few megabytes thousands of times; by default each is mapped, filled with zeros and
    unmapped again, which costs a fifth of its time. Does nothing where the C library is another one.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
        mallopt(_M_MMAP_THRESHOLD, _LARGEST_REUSED_BYTES)
