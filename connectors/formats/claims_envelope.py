"""The envelope of health-insurance files: which inner files it holds, of which kind, and at which bytes.

Care records of HIV (XML6) and tuberculosis (XML15) are recognised here, by label or by name, so that neither the reader
nor the archive ever takes one.
"""

import binascii
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import BinaryIO, NamedTuple

from connectors.formats import UnreadableFile
from connectors.formats.xml_stream import INNER_BYTES_MAX, LocalNames, StreamParser, utf8_chunks

NOTICE = "GIAYBAOTU"
SENSITIVE_KINDS = frozenset({"XML6", "XML15"})
_ROOTS = ("GIAMDINHHS", "HSDLGBT")
# Roots of the HIV and tuberculosis records: CHI_TIEU_HO_SO_BENH_AN_CHAM_SOC_VA_DIEU_TRI_HIV_AIDS,
# CHI_TIEU_DIEUTRI_BENHLAO, and CHAMSOCDIEUTRI of the signed package. Rather one file too many than one too few.
_SENSITIVE_NAME = re.compile(r"HIV|AIDS|ARV|BENH_?LAO|DIEU_?TRI_?LAO|CHAM_?SOC_?DIEU_?TRI|^XML_?0*(6|15)$")
_FIRST_ELEMENT = re.compile(rb"<(?:[A-Za-z_][\w.-]*:)?([A-Za-z_][\w.-]*)")
_PEEK_BYTES = 1200
# base64 takes a third more than what it holds, and line breaks a little.
_CONTENT_BYTES_MAX = INNER_BYTES_MAX * 7 // 5


class InnerFile(NamedTuple):
    """One `FILEHOSO` (or a death notice that stands by itself) and where it lies in the UTF-8 of the envelope."""

    hoso: int
    """The `HOSO` it stands in, counted from 1; 0 outside of any."""
    kind: str
    """`XML1` … `XML15`, `GIAYBAOTU`, or the label as found; empty without one."""
    content: bytes
    """What `NOIDUNGFILE` holds, as written; empty where nobody asked for it."""
    start: int
    end: int
    is_sensitive: bool


@dataclass(slots=True)
class _Open:
    tag: str
    start: int
    depth: int
    is_notice: bool = False
    is_sensitive: bool = False
    labels: list[str] = field(default_factory=list)
    content: tuple[int, int] | None = None


@lru_cache(maxsize=1000)
def kind_of(label: str) -> str:
    """`xml 06`, `XML_6` and `6` are all XML6."""
    plain = re.sub(r"[^A-Z0-9]", "", unicodedata.normalize("NFKC", label).upper())
    numbered = re.fullmatch(r"(?:XML|BANG)?0*(\d+)", plain)
    if numbered:
        return f"XML{numbered[1]}"
    return NOTICE if plain in (NOTICE, "GBT") else plain


@lru_cache(maxsize=10_000)
def is_sensitive_name(name: str) -> bool:
    return _SENSITIVE_NAME.search(name.upper()) is not None


def looks_sensitive(content: bytes) -> bool:
    """Whether the first element inside `NOIDUNGFILE` says HIV or tuberculosis care, whatever the label says."""
    head = content[:_PEEK_BYTES].strip()
    if head[:1] not in (b"<", b"&"):
        dense = head.translate(None, b" \t\r\n")
        try:
            head = binascii.a2b_base64(dense[: len(dense) // 4 * 4])
        except binascii.Error:
            return False
    head = head.replace(b"&lt;", b"<").replace(b"\0", b"").removeprefix(b"<![CDATA[")
    found = _FIRST_ELEMENT.search(re.sub(rb"<!--.*?-->", b"", head, flags=re.DOTALL))
    return found is not None and is_sensitive_name(found[1].decode("ascii", "replace"))


class EnvelopeWalk:
    """Goes through an envelope once. `header` fills as it goes: `MACSKCB` and `NGAYLAP`.

    `wants` says of a kind whether its content is asked for; a sensitive kind's never is. With `holds_back` every inner
    file's bytes stay at hand until its kind is known.
    """

    def __init__(self, wants: Callable[[str], bool], *, holds_back: bool = False) -> None:
        self.header: dict[str, str] = {}
        self.hoso = 0
        self.found: list[InnerFile] = []
        """Inner files that were closed since the list was last emptied."""
        self.parser = StreamParser(self._start, self._end, self._place)
        self._wants, self._holds_back = wants, holds_back
        self._names = LocalNames()
        self._depth, self._in_hoso = 0, False
        self._file: _Open | None = None
        self._text: list[str] | None = None

    def feed(self, chunk: bytes) -> bytes:
        gone = self.parser.feed(chunk)
        keep = self.parser.keep
        if keep is not None and self.parser.fed - keep > _CONTENT_BYTES_MAX:
            raise UnreadableFile(
                f"an inner file holds more than {INNER_BYTES_MAX >> 20} MB",
                where=self._place(),
                remedy="ask the agency to split the file; no real record is that large",
            )
        return gone

    def _place(self) -> str:
        return f"HOSO {self.hoso}" if self.hoso else ""

    def _start(self, name: str, offset: int) -> None:
        tag = self._names[name]
        self._depth += 1
        if self._depth == 1 and tag not in _ROOTS and NOTICE not in tag.replace("_", ""):
            raise _wrong_root(tag)
        if self._file is not None:
            self._start_inside(self._file, tag, offset)
        elif tag == "HOSO":
            self.hoso, self._in_hoso = self.hoso + 1, True
        elif tag in ("FILEHOSO", NOTICE) or is_sensitive_name(tag):
            self._file = _Open(tag, offset, self._depth, tag == NOTICE, is_sensitive_name(tag))
            self.parser.keep = offset
        elif tag in ("MACSKCB", "NGAYLAP") and not self._in_hoso:
            self._listen()

    def _start_inside(self, file: _Open, tag: str, offset: int) -> None:
        file.is_sensitive = file.is_sensitive or is_sensitive_name(tag)
        if self._depth != file.depth + 1 or file.is_notice:
            return
        if tag == "LOAIHOSO":
            self._listen()
        elif tag == "NOIDUNGFILE":
            file.content = (self.parser.behind_tag(offset), -1)
            if file.labels and not self._holds_back and not self._is_asked_for(file):
                self.parser.keep = None

    def _end(self, name: str, offset: int) -> None:
        tag, text, file = self._names[name], self._heard(), self._file
        if file is None:
            if text is not None:
                self.header.setdefault(tag, text)
            elif tag == "HOSO":
                self._in_hoso = False
        elif self._depth == file.depth:
            self._close(file, offset)
        elif self._depth == file.depth + 1:
            if text is not None:
                file.labels.append(kind_of(text))
            elif tag == "NOIDUNGFILE" and file.content is not None:
                file.content = (file.content[0], max(offset, file.content[0]))
        self._depth -= 1

    def _close(self, file: _Open, offset: int) -> None:
        behind = self.parser.behind_end(offset)
        is_sensitive = file.is_sensitive or not SENSITIVE_KINDS.isdisjoint(file.labels)
        kind = NOTICE if file.is_notice else next(iter(file.labels), "")
        content = b""
        if self._is_asked_for(file):
            span = (file.start, behind) if file.is_notice else file.content
            content = self.parser.held(*span) if span is not None and self.parser.keep is not None else b""
        self.found.append(InnerFile(self.hoso if self._in_hoso else 0, kind, content, file.start, behind, is_sensitive))
        self._file = self.parser.keep = None

    def _is_asked_for(self, file: _Open) -> bool:
        kinds = [NOTICE] if file.is_notice else file.labels
        is_sensitive = file.is_sensitive or not SENSITIVE_KINDS.isdisjoint(kinds)
        return not is_sensitive and any(self._wants(kind) for kind in kinds[:1])

    def _listen(self) -> None:
        self._text = []
        self.parser.collect_text(self._text)

    def _heard(self) -> str | None:
        if self._text is None:
            return None
        text, self._text = "".join(self._text).strip(), None
        self.parser.collect_text(None)
        return text


def inner_files(walk: EnvelopeWalk, stream: BinaryIO) -> Iterator[InnerFile]:
    """Every inner file of an envelope, in its order. Raises `UnreadableFile`, possibly after some."""
    for chunk in utf8_chunks(stream)[1]:
        walk.feed(chunk)
        yield from walk.found
        walk.found.clear()
    walk.parser.close()
    yield from walk.found


def _wrong_root(tag: str) -> UnreadableFile:
    if is_sensitive_name(tag):
        return UnreadableFile(
            "the file is a care record that is neither read nor kept",
            where="root element",
            remedy="remove the file; ask the agency not to send such records",
        )
    return UnreadableFile(
        f"the file opens with {tag[:40]}, which is no health-insurance envelope ({', '.join(_ROOTS)}) and no death notice",
        where="root element",
        remedy="move the file to the folder of its own source, or narrow `pattern` in [files]",
    )
