"""One walk over a dataset's pages, kept on disk: every page is a checkpoint an interrupted pull resumes from.

A page is two files: `000001.rows.json` (the records as delivered; `.rows.parquet` where they came as a table of texts)
and `000001.page.json` (where the walk goes on, with length and checksum of the first). A page counts only when both
agree, so a process may be killed at any write. Against a power cut the files are forced to disk every few megabytes:
that bounds what has to be fetched again.
"""

import contextlib
import os
import shutil
import zlib
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from common.files import sync_folder
from connectors.drift import PageFindings, RecordScanner
from connectors.mapping import UNREADABLE
from connectors.rest.envelope import Page

if TYPE_CHECKING:
    import pyarrow as pa

EMPTY_RECORD = b"{}"
_FORCED_EVERY_BYTES = 32 * 2**20
_DISK = ThreadPoolExecutor(max_workers=1, thread_name_prefix="pages")


class SavedPage(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one durable page."""

    number: int
    """From 1, in order of delivery."""
    asked: str | None
    next_cursor: str | None
    total: int | None
    bytes: int
    crc32: int
    found: PageFindings
    is_table: bool = False
    """The records came as a table of texts, not as JSON."""


class Walk:
    """The pages of one walk in `folder`, oldest first."""

    def __init__(self, folder: Path, scanner: RecordScanner) -> None:
        self.folder = folder
        self._scanner = scanner
        self.pages: list[SavedPage] = _durable_pages(folder)
        self._asked = {page.asked for page in self.pages}
        self._unforced: list[Path] = []
        self._unforced_bytes = 0
        self._forcing: Future[None] | None = None

    @property
    def is_finished(self) -> bool:
        return bool(self.pages) and self.pages[-1].next_cursor is None

    @property
    def cursor(self) -> str | None:
        """Where to go on; None asks for the first page."""
        return self.pages[-1].next_cursor if self.pages else None

    @property
    def rows(self) -> int:
        return sum(page.found.rows for page in self.pages)

    @property
    def totals(self) -> list[int]:
        """What the registry announced, on its first page and on its last (records may have come in between)."""
        said = [page.total for page in self.pages if page.total is not None]
        return list(dict.fromkeys(said[:1] + said[-1:]))

    def has_asked(self, cursor: str) -> bool:
        return cursor in self._asked

    def save(self, page: Page, *, asked: str | None) -> SavedPage:
        """Keep `page` as the next of this walk. Raises `OSError` where the disk refuses."""
        saved = SavedPage(
            number=len(self.pages) + 1,
            asked=asked,
            next_cursor=page.next_cursor,
            total=page.total,
            bytes=len(page.rows),
            crc32=zlib.crc32(page.rows),
            found=self._scanner.examine(page.rows),
        )
        return self._keep(saved, page.rows)

    def save_table(
        self, rows: "pa.Table", *, asked: str | None, next_cursor: str | None, total: int | None = None
    ) -> SavedPage:
        """Keep a table of texts as the next page. Mapped columns it lacks are empty; others it has are drift.

        Raises `OSError` where the disk refuses.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        # What is knowingly not used is not kept either: most of it is about persons.
        whole = rows.drop_columns([name for name in rows.column_names if self._scanner.mapping.is_dropped(name)])
        for name in (*self._scanner.mapping.wire_names, UNREADABLE):
            if name in rows.column_names:
                continue
            whole = whole.append_column(name, pa.nulls(rows.num_rows, pa.string()))
        sink = pa.BufferOutputStream()
        pq.write_table(whole, sink, compression="zstd")
        content = sink.getvalue().to_pybytes()
        saved = SavedPage(
            number=len(self.pages) + 1,
            asked=asked,
            next_cursor=next_cursor,
            total=total,
            bytes=len(content),
            crc32=zlib.crc32(content),
            found=self._scanner.examine_table(rows),
            is_table=True,
        )
        return self._keep(saved, content)

    def _keep(self, saved: SavedPage, content: bytes) -> SavedPage:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._write(self._rows_file(saved.number, saved.is_table), content)
        self._commit(saved)
        self.pages.append(saved)
        self._asked.add(saved.asked)
        # The last pages need no forcing: the parts made of them are, before the manifest says that they count.
        if self._unforced_bytes >= _FORCED_EVERY_BYTES:
            self._force_to_disk()
        return saved

    @property
    def is_table(self) -> bool:
        """Its pages are tables of texts; one walk has one kind of page."""
        return bool(self.pages) and self.pages[0].is_table

    def set_aside(self, number: int, unreadable: Iterable[tuple[int, str]]) -> None:
        """Note further records of a page as unreadable: position in the page and reason."""
        page = self.pages[number - 1]
        known = dict(unreadable) | dict(page.found.unreadable)
        found = msgspec.structs.replace(page.found, unreadable=tuple(sorted(known.items())))
        self.pages[number - 1] = msgspec.structs.replace(page, found=found)
        self._commit(self.pages[number - 1])

    def _commit(self, page: SavedPage) -> None:
        if page.found.unreadable:
            # The page once more, with empty records in place of unreadable ones: positions stay as delivered.
            elements = [bytes(raw) for raw in _decoded(self._rows_file(page.number, is_table=False))]
            for position, _ in page.found.unreadable:
                elements[position] = EMPTY_RECORD
            self._write(self._readable_file(page.number), b"[" + b",".join(elements) + b"]")
        self._write(self._page_file(page.number), msgspec.json.encode(page))

    def _write(self, path: Path, content: bytes) -> None:
        path.write_bytes(content)
        self._unforced.append(path)
        self._unforced_bytes += len(content)

    def _force_to_disk(self) -> None:
        """Beside the walk: the next page does not wait for the disk, but one that fell behind by a whole turn does."""
        if self._forcing is not None:
            self._forcing.result()
        self._forcing = _DISK.submit(_make_all_durable, self._unforced, self.folder)
        self._unforced, self._unforced_bytes = [], 0

    def rows_file(self, number: int) -> Path:
        """The page's records exactly as delivered."""
        return self._rows_file(number, self.pages[number - 1].is_table)

    def _rows_file(self, number: int, is_table: bool) -> Path:
        return self.folder / f"{number:06}.rows.{'parquet' if is_table else 'json'}"

    def readable_rows_file(self, number: int) -> Path:
        """The page's records as a JSON reader can take them."""
        is_whole = not self.pages[number - 1].found.unreadable
        return self.rows_file(number) if is_whole else self._readable_file(number)

    def delivered_records(self, number: int) -> list[bytes]:
        """Each record of a page as JSON text."""
        if self.pages[number - 1].is_table:
            return _records_of_table(self.rows_file(number))
        return [bytes(element) for element in _decoded(self.rows_file(number))]

    def discard(self) -> None:
        if self._forcing is not None:
            self._forcing.exception()
            self._forcing = None
        shutil.rmtree(self.folder, ignore_errors=True)
        self.pages, self._asked, self._unforced = [], set(), []

    def _page_file(self, number: int) -> Path:
        return self.folder / f"{number:06}.page.json"

    def _readable_file(self, number: int) -> Path:
        return self.folder / f"{number:06}.readable.json"


def _decoded(rows_file: Path) -> list[msgspec.Raw]:
    return msgspec.json.decode(rows_file.read_bytes(), type=list[msgspec.Raw])


def _records_of_table(path: Path) -> list[bytes]:
    import pyarrow.parquet as pq

    rows = pq.read_table(path).to_pylist()
    return [msgspec.json.encode({name: value for name, value in row.items() if value is not None}) for row in rows]


def _durable_pages(folder: Path) -> list[SavedPage]:
    """The unbroken chain of pages from the first; what lies behind a gap or a damaged page is not used."""
    pages: list[SavedPage] = []
    for path in sorted(folder.glob("[0-9]*.page.json")):
        try:
            page = msgspec.json.decode(path.read_bytes(), type=SavedPage)
            rows = (folder / f"{page.number:06}.rows.{'parquet' if page.is_table else 'json'}").read_bytes()
        except (msgspec.DecodeError, FileNotFoundError):
            break
        follows = page.number == len(pages) + 1 and (not pages or page.asked == pages[-1].next_cursor)
        if not follows or len(rows) != page.bytes or zlib.crc32(rows) != page.crc32:
            break
        pages.append(page)
    return pages


def _make_all_durable(paths: list[Path], folder: Path) -> None:
    # A pull that ends removes its pages, whoever still forces them.
    with contextlib.suppress(FileNotFoundError):
        for path in paths:
            make_durable(path)
        sync_folder(folder)


def make_durable(path: Path) -> None:
    """Force a written file to disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
