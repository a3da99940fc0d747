"""CSV and its kin: encoding and delimiter recognised, rows read as a stream, rows that do not fit reported."""

import codecs
import csv
import io
import unicodedata
from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO

from connectors.formats import UnreadableFile
from connectors.formats.grid import BLOCK_ROWS, HEAD_ROWS, Block, Column, Merge, Row, Sheet, columns_of, compute
from connectors.formats.legacy_text import LEGACY, is_syllable, judge

if TYPE_CHECKING:
    import numpy as np

DELIMITERS = ",;\t|"
_SAMPLE_BYTES = 2**18
_FIELD_MAX = 2**20
_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
# Where the bytes of TCVN3 and VNI text are read as these characters, `legacy_text` makes letters of them.
_AS_BYTES = "latin-1"


class DelimitedSheet(Sheet):
    """A text file with one row per line, quoted fields and the line breaks in them included."""

    def __init__(self, stream: BinaryIO, encoding: str | None, delimiter: str | None) -> None:
        super().__init__(None)
        self._stream = stream
        sample = _sample(stream)
        self.declared = encoding
        """The encoding of letters inside the text, where it is one of the older Vietnamese ones."""
        self._encoding = _codec(encoding) if encoding else recognise(sample)
        if self._encoding in LEGACY:
            self.declared, self._encoding = self._encoding, _AS_BYTES
        self._delimiter = delimiter or _delimiter(self._decoded(sample))

    @cached_property
    def head(self) -> list[Row]:
        return [[text or None for text in row] for row in islice(self._rows(), HEAD_ROWS)]

    @property
    def merges(self) -> list[Merge]:
        return []

    def blocks(self, first_row: int, width: int) -> Iterator[Block]:
        import numpy as np

        rows = islice(self._rows(), first_row, None)
        at = first_row
        while taken := list(islice(rows, BLOCK_ROWS)):
            faults = _faults(taken, at, width)
            columns = columns_of(taken, width)
            faults |= {at + int(row): {None: "a NUL character"} for row in _with_nul(columns)}
            yield Block(np.arange(at, at + len(taken)), columns, faults)
            at += len(taken)

    def _rows(self) -> Iterator[Row]:
        self._stream.seek(0)
        text = io.TextIOWrapper(io.BufferedReader(_Unclosed(self._stream)), encoding=self._encoding, newline="")
        csv.field_size_limit(_FIELD_MAX)
        reader = csv.reader(text, delimiter=self._delimiter, strict=True)
        try:
            yield from reader
        except UnicodeDecodeError as error:
            raise _wrong_encoding(self._encoding, f"after line {reader.line_num}") from error
        except csv.Error as error:
            raise UnreadableFile(
                f"the quotes in the file do not pair ({error})",
                where=f"line {reader.line_num}",
                remedy="have the agency write a quote inside a field twice, or send XLSX",
            ) from error
        finally:
            text.detach()

    def _decoded(self, sample: bytes) -> str:
        decoder = codecs.getincrementaldecoder(self._encoding)()
        try:
            return decoder.decode(sample)
        except UnicodeDecodeError as error:
            raise _wrong_encoding(self._encoding, f"byte {error.start}") from error


def recognise(sample: bytes) -> str:
    """The encoding of a text file by its first bytes: a Python codec, `tcvn3` or `vni`.

    Raises `UnreadableFile` where nothing speaks clearly for one.
    """
    for mark, codec in _MARKS.items():
        if sample.startswith(mark):
            return codec
    if b"\x00" in sample[:4096]:
        even, odd = sample[0:4096:2].count(0), sample[1:4096:2].count(0)
        if max(even, odd) > 8 * (min(even, odd) + 1):
            return "utf-16-be" if even > odd else "utf-16-le"
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample)
        return "utf-8"
    except UnicodeDecodeError:
        return _single_byte(sample)


def _single_byte(sample: bytes) -> str:
    """Which of the single-byte encodings makes Vietnamese syllables of the words."""
    texts = [line for line in sample.decode(_AS_BYTES).splitlines() if not line.isascii()]
    cells = [cell for line in texts for cell in line.translate(_SPLITTING).split("\n") if not cell.isascii()]
    votes: Counter[str] = Counter(
        verdict.reading for cell in cells[:2000] if (verdict := judge(cell)).reading in LEGACY
    )
    votes["cp1258"] = sum(_is_cp1258(cell) for cell in cells[:2000])
    best, second = [*votes.most_common(2), ("", 0), ("", 0)][:2]
    if best[1] == 0 or best[1] < 4 * second[1]:
        raise UnreadableFile(
            "the encoding of the text is none that could be recognised",
            remedy='write encoding = "tcvn3", "vni", "cp1258" or "cp1252" in [files.format], or ask for UTF-8',
        )
    return best[0]


_SPLITTING = str.maketrans(dict.fromkeys(DELIMITERS + '"', "\n"))


def _is_cp1258(cell: str) -> bool:
    """Vietnamese Windows: tones are characters of their own, which other encodings show as odd letters."""
    try:
        text = unicodedata.normalize("NFC", cell.encode(_AS_BYTES).decode("cp1258"))
    except UnicodeDecodeError:
        return False
    words = [word for word in text.split() if not word.isascii()]
    has_own_tone = any(mark in cell for mark in "\xcc\xec\xd2\xf2\xde")
    return has_own_tone and bool(words) and all(is_syllable(word) for word in words)


def _codec(encoding: str) -> str:
    try:
        return encoding if encoding in LEGACY else codecs.lookup(encoding).name.replace("utf-8", "utf-8-sig")
    except LookupError as error:
        raise UnreadableFile(
            f"there is no encoding {encoding!r}", where="[files.format] encoding", remedy='write "utf-8", for instance'
        ) from error


def _delimiter(text: str) -> str:
    """The sign that parts the lines into the most fields, the same number in most lines."""
    lines = text.splitlines(keepends=True)[:200]
    best, most = ",", 0.0
    for delimiter in DELIMITERS:
        try:
            widths = Counter(len(row) for row in csv.reader(lines, delimiter=delimiter) if len(row) > 1)
        except csv.Error:
            continue
        score = max((width * count for width, count in widths.items()), default=0)
        if score > most:
            best, most = delimiter, score
    return best


def _faults(rows: list[Row], first: int, width: int) -> dict[int, dict[int | None, str]]:
    """Rows with more or fewer fields than the header."""
    faults: dict[int, dict[int | None, str]] = {}
    if set(map(len, rows)) - {width}:
        for at, row in enumerate(rows):
            if row and len(row) != width and (len(row) < width or any(row[width:])):
                faults[first + at] = {None: f"{len(row)} fields where the header has {width}"}
    return faults


def _with_nul(columns: list[Column]) -> "np.ndarray[tuple[int], np.dtype[np.intp]]":
    """Positions of the rows with a character no text has."""
    import numpy as np

    pc = compute()
    found = [np.asarray(pc.fill_null(pc.match_substring(column, "\x00"), False)) for column in columns]
    return np.flatnonzero(np.any(found, axis=0))


def _sample(stream: BinaryIO) -> bytes:
    stream.seek(0)
    sample = stream.read(_SAMPLE_BYTES)
    if len(sample) < _SAMPLE_BYTES:
        return sample
    return sample[: sample.rfind(b"\n") + 1] or sample


def _wrong_encoding(encoding: str, where: str) -> UnreadableFile:
    return UnreadableFile(
        f"the text is not {encoding} throughout",
        where=where,
        remedy="have the agency send it anew, or write its encoding in [files.format]",
    )


class _Unclosed(io.RawIOBase):
    """The caller's stream, which a text wrapper must not close."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        data = self._stream.read(len(buffer))  # type: ignore[arg-type]
        buffer[: len(data)] = data  # type: ignore[index]
        return len(data)
