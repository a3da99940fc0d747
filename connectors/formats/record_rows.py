"""Which rows below a header are records, and which are only there for a reader's eye.

What could be a record is never dropped: a doubtful row comes through, and the contract sets it aside.
"""

import re
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from connectors.formats.grid import Block, Row, compute
from connectors.formats.header import Header, fold, is_numbering

if TYPE_CHECKING:
    import numpy as np

    Mask = np.ndarray[tuple[int], np.dtype[np.bool_]]

Kind = Literal["header", "numbering", "total", "section", "signature"]

# Tổng công ty is a kind of company.
_TOTAL = re.compile(r"(?:tổng cộng|tổng số|tổng|cộng)(?! công ty)(?: (?!công ty).*)?")
_TOTAL_OPENINGS = (
    "Tổng",
    "TỔNG",
    "tổng",
    "Cộng",
    "CỘNG",
    "cộng",
    "Tô\u0309ng",
    "TÔ\u0309NG",
    "Cô\u0323ng",
    "CÔ\u0323NG",
)
_SECTION_MARK = re.compile(r"\s*(?:[IVXLC]+|[A-ZĐ])\s*[.)]?\s*")
_SIGNATURE = re.compile(
    r".*\bngày\b.*\btháng\b.*\bnăm\b.*|(?:người|kế toán|thủ trưởng|đại diện|tổng giám đốc|giám đốc|phụ trách|cán bộ"
    r"|trưởng phòng|ký|xác nhận|lãnh đạo|cơ quan)\b.*"
)
_LONG_NUMBER = re.compile(r"\d{5}")
# A row that fills this many of the wanted columns is a record unless it is a total.
_FILLED_ENOUGH = 4


class RecordRows:
    """Tells records from section, total and signature rows of one sheet, and counts what it leaves out."""

    def __init__(self, header: Header) -> None:
        self._header = header
        self._enough = min(_FILLED_ENOUGH, len(header.matched))
        self._titles = {column: {fold(text) for text in header.texts[column]} for column in header.matched}
        self._is_signed = False
        self.left_out: Counter[Kind] = Counter()
        """Kind of row → how many were not taken for records; blank rows are not counted."""

    def mask(self, block: Block) -> "Mask":
        """One truth value per row of the block."""
        import numpy as np

        present = [np.asarray(column.is_valid()) for column in block.columns]
        filled = np.array([present[at] for at in self._header.matched]).sum(axis=0)
        keep: Mask = np.any(present, axis=0)
        suspects = keep & ((filled < self._enough) | self._opens_like_total(block) | self._repeats_header(block))
        for at in np.flatnonzero(suspects):
            kind = self._kind_of([column[int(at)].as_py() for column in block.columns], int(filled[at]))
            if kind is not None:
                keep[at] = False
                self.left_out[kind] += 1
        return keep

    def _opens_like_total(self, block: Block) -> "Mask":
        import numpy as np

        found = np.zeros(len(block.numbers), dtype=bool)
        pc = compute()
        for column in block.columns[:4]:
            text = pc.utf8_ltrim(column, " \t\r\n\u00a0-–:.*(")
            for opening in _TOTAL_OPENINGS:
                found |= np.asarray(pc.fill_null(pc.starts_with(text, opening), False))
        return found

    def _repeats_header(self, block: Block) -> "Mask":
        """Rows with a header's own text, and the two below them or the header, which may number the columns."""
        import numpy as np
        import pyarrow as pa

        found = np.zeros(len(block.numbers), dtype=bool)
        pc = compute()
        for column in self._header.matched[:3]:
            texts = pa.array(self._header.texts[column], pa.string())
            found |= np.asarray(pc.is_in(block.columns[column], texts))
        below = found.copy()
        for distance in (1, 2):
            below[distance:] |= found[: len(found) - distance]
        return np.asarray(below | (block.numbers < self._header.bottom + 2), dtype=bool)

    def _kind_of(self, row: Row, filled: int) -> Kind | None:
        texts = [text for text in row if text]
        if is_numbering(row) and 2 * filled >= len(self._header.matched):
            return "numbering"
        if self._is_header(row, filled):
            return "header"
        if _is_total(texts):
            return "total"
        if filled >= self._enough or any(_LONG_NUMBER.search(text) for text in texts):
            return None
        if self._is_signed or all(_SIGNATURE.fullmatch(fold(text)) for text in texts):
            self._is_signed = True
            return "signature"
        return "section" if _is_section(texts) else None

    def _is_header(self, row: Row, filled: int) -> bool:
        repeated = sum(fold(row[at] or "") in titles for at, titles in self._titles.items() if row[at])
        return repeated >= 2 and 2 * repeated >= filled


def _is_total(texts: Sequence[str]) -> bool:
    """A row that says so and holds hardly any other words."""
    worded = [folded for text in texts if any(map(str.isalpha, folded := fold(text)))]
    return any(_TOTAL.fullmatch(text) for text in worded) and len(worded) <= 2


def _is_section(texts: Sequence[str]) -> bool:
    if len(texts) == 1:
        return True
    return len(texts) == 2 and _SECTION_MARK.fullmatch(texts[0]) is not None and any(map(str.isalpha, texts[1]))
