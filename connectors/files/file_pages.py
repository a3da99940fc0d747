"""The records of dropped files on their way into one dataset's pull, page by page, file by file.

A page ends where a file ends, unless the file is large; its cursor names the files it holds. A pull that was killed
therefore goes on behind its last whole file, and a file that turns out to be unreadable leaves nothing behind.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from common.files import DataFolder
from connectors.draft import Draft, PullPlan, open_draft
from connectors.landing import Landing
from connectors.manifests import DeliveredFile, PullManifest
from connectors.walk import Walk

if TYPE_CHECKING:
    import pyarrow as pa

_PAGE_ROWS = 50_000
_PAGE_BYTES = 16 * 2**20
_PAGE_FILES = 500


class _Cursor(msgspec.Struct, frozen=True):
    """What a page holds; `page` makes it unlike every other."""

    page: int
    files: tuple[DeliveredFile, ...]
    is_whole: bool
    """Its last file ends on this page."""


class _Heap:
    """Tables that become one page, with their size reckoned as they come."""

    def __init__(self) -> None:
        self.tables: list[pa.Table] = []
        self.rows = self._bytes = 0

    @property
    def is_full(self) -> bool:
        return self.rows >= _PAGE_ROWS or self._bytes >= _PAGE_BYTES

    def put(self, rows: "pa.Table") -> None:
        self.tables.append(rows)
        self.rows += rows.num_rows
        self._bytes += rows.nbytes

    def take(self) -> "list[pa.Table]":
        """All of them; the heap is empty afterwards."""
        taken, self.tables = self.tables, []
        self.rows = self._bytes = 0
        return taken


class FilePages:
    """The pull under way of one dataset."""

    def __init__(self, data: DataFolder, plan: PullPlan, finished: Sequence[PullManifest], now: datetime) -> None:
        self._draft: Draft = open_draft(data, plan, finished, now)
        self._walk: Walk = self._draft.walk(1)
        self._landing: Landing | None = None
        self.files: dict[str, DeliveredFile] = {}
        """SHA-256 → file, of the files that are wholly in this pull."""
        self._held, self._current = _Heap(), _Heap()
        """Whole files that wait for a page to be full, and the file that is being read."""
        self._held_files: list[DeliveredFile] = []
        self._safe_pages = self._resume()

    def add(self, file: DeliveredFile, rows: "pa.Table") -> None:
        """More records of the file that is being read; `rows` of `file` itself is not looked at."""
        if self._current.is_full:
            self._save_held()
            part = msgspec.structs.replace(file, rows=self._current.rows)
            self._save(self._current.take(), [part], is_whole=False)
        self._current.put(rows)

    def end(self, file: DeliveredFile) -> None:
        """The file was read to its end and is whole."""
        earlier = sum(page.found.rows for page in self._walk.pages[self._safe_pages :])
        last = msgspec.structs.replace(file, rows=self._current.rows)
        if earlier:
            self._save(self._current.take(), [last], is_whole=True)
        elif self._current.tables:
            self._held_files.append(last)
            self._held.put(_one_table(self._current.take()))
        self.files[file.sha256] = msgspec.structs.replace(file, rows=earlier + last.rows)
        if self._held.is_full or len(self._held_files) >= _PAGE_FILES:
            self._save_held()

    def drop(self) -> None:
        """The file that is being read is not taken: forget what came of it."""
        self._current.take()
        if len(self._walk.pages) > self._safe_pages:
            self._stop_landing()
            self._cut(self._safe_pages)

    def finish(self, *, clock: Callable[[], datetime]) -> PullManifest | None:
        """Land what came; None where no file brought or could have brought anything."""
        self._save_held()
        if not self.files:
            return None
        self._draft.begin()
        return self._draft.finish([self._walk], clock=clock, landing=self._landing, files=tuple(self.files.values()))

    def _stop_landing(self) -> None:
        if self._landing is not None:
            self._landing.abandon()
            self._landing = None

    abandon = _stop_landing

    def _save_held(self) -> None:
        if self._held_files:
            files, self._held_files = self._held_files, []
            self._save(self._held.take(), files, is_whole=True)

    def _save(self, tables: Sequence["pa.Table"], files: Sequence[DeliveredFile], *, is_whole: bool) -> None:
        self._draft.begin()
        if self._landing is None:
            self._landing = self._draft.landing(self._walk)
        cursor = _Cursor(len(self._walk.pages) + 1, tuple(files), is_whole)
        rows = _one_table(tables)
        page = self._walk.save_table(rows, asked=self._walk.cursor, next_cursor=msgspec.json.encode(cursor).decode())
        self._landing.offer(page)
        if is_whole:
            self._safe_pages = len(self._walk.pages)

    def _resume(self) -> int:
        """Keep the pages up to the last whole file; returns how many."""
        cursors = [msgspec.json.decode(page.next_cursor or "", type=_Cursor) for page in self._walk.pages]
        safe = max((number for number, cursor in enumerate(cursors, 1) if cursor.is_whole), default=0)
        if safe < len(cursors):
            self._cut(safe)
        for file in (file for cursor in cursors[:safe] for file in cursor.files):
            before = self.files[file.sha256].rows if file.sha256 in self.files else 0
            self.files[file.sha256] = msgspec.structs.replace(file, rows=before + file.rows)
        return safe

    def _cut(self, keep: int) -> None:
        """Forget the pages behind the first `keep`, the last one first: what stays is an unbroken chain."""
        for page in reversed(self._walk.pages[keep:]):
            (self._walk.folder / f"{page.number:06}.page.json").unlink()
        self._walk = self._draft.walk(1)


def _one_table(tables: Sequence["pa.Table"]) -> "pa.Table":
    """Columns that only some of them have are empty in the others."""
    import pyarrow as pa

    return pa.concat_tables(tables, promote_options="permissive")
