"""XML from outside, read as a stream and never trusted: no DTD, so no entity of its own; nothing is fetched; nesting,
single tags and inner files are bounded.

Two readers: `StreamParser` (Expat) tells where in the bytes elements begin and end, which lets an envelope be cut without
rewriting it; `parse_whole` (libxml2) takes a small document apart.
"""

import codecs
import re
from collections.abc import Callable, Iterator
from typing import BinaryIO
from xml.parsers import expat

from lxml import etree

from connectors.formats import UnreadableFile

INNER_BYTES_MAX = 64 * 2**20
"""The largest inner file, unpacked."""
CHUNK_BYTES = 2**20
_TOKEN_BYTES_MAX = 4 * 2**20
_DEPTH_MAX = 64
_BYTE_ORDER_MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_DECLARED = re.compile(rb"""\s*<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
# Python knows codecs that unpack or rewrite; an encoding is taken only from this list.
_ENCODINGS = ("utf-8", "utf-16-le", "utf-16-be", "ascii", "iso8859-1", "cp1252", "cp1258")
_UNFINISHED = (
    expat.errors.XML_ERROR_NO_ELEMENTS,
    expat.errors.XML_ERROR_UNCLOSED_TOKEN,
    expat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION,
    expat.errors.XML_ERROR_PARTIAL_CHAR,
)
_NEVER = "ask the agency for the file again; such a file is never read in part"


class Damaged(Exception):
    """One inner document cannot be taken apart; the message holds nothing of its content."""


class LocalNames(dict[str, str]):
    """Element name as written → upper case, without namespace or prefix."""

    def __missing__(self, name: str) -> str:
        local = name.rpartition("}")[2].rpartition(":")[2].upper()
        if len(self) < 10_000:
            self[name] = local
        return local


def utf8_chunks(stream: BinaryIO) -> tuple[str, Iterator[bytes]]:
    """The encoding of a document, and the document from its start as UTF-8, a bounded number of bytes at a time.

    Encoding the chunks back gives the original bytes. Raises `UnreadableFile` for an encoding nobody should use, or
    bytes that are not of the encoding.
    """
    stream.seek(0)
    encoding = _encoding_of(stream.read(1024))
    stream.seek(0)
    raw = iter(lambda: stream.read(CHUNK_BYTES), b"")
    return encoding, raw if encoding == "utf-8" else _transcoded(raw, encoding)


def _encoding_of(head: bytes) -> str:
    for mark, encoding in _BYTE_ORDER_MARKS:
        if head.startswith(mark):
            return encoding
    if head[:4] in (b"<\0?\0", b"<\0!\0") or re.match(rb"<\0[A-Za-z]\0", head):
        return "utf-16-le"
    if head[:4] in (b"\0<\0?", b"\0<\0!") or re.match(rb"\0<\0[A-Za-z]", head):
        return "utf-16-be"
    declared = _DECLARED.match(head)
    name = declared[1].decode() if declared else "utf-8"
    # .NET writes `encoding="utf-16"` into text that it then saves as UTF-8; the bytes are right, the words are not.
    if name.lower().startswith("utf-16"):
        return "utf-8"
    try:
        found = codecs.lookup(name).name
    except LookupError:
        found = ""
    if found not in _ENCODINGS:
        raise UnreadableFile("the file is in an encoding that is not read", where="XML declaration", remedy=_NEVER)
    return "utf-8" if found == "ascii" else found


def _transcoded(raw: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    at = 0
    try:
        for chunk in raw:
            yield decoder.decode(chunk).encode()
            at += len(chunk)
        yield decoder.decode(b"", final=True).encode()
    except UnicodeError as error:
        raise UnreadableFile(f"not {encoding} text", where=f"near byte {at}", remedy=_NEVER) from error


class StreamParser:
    """Expat over UTF-8 bytes; the bytes from `keep` on stay at hand behind every event.

    `start` and `end` get the element's name as written and the offset of its first byte, or of its end tag's.
    `place` says in words where the parser stands. Raises `UnreadableFile`.
    """

    def __init__(
        self, start: Callable[[str, int], None], end: Callable[[str, int], None], place: Callable[[], str] = lambda: ""
    ) -> None:
        self.keep: int | None = None
        self.fed = 0
        self._start, self._end, self._place = start, end, place
        self._window, self._base, self._depth = bytearray(), 0, 0
        self._parser = expat.ParserCreate("utf-8")
        self._parser.StartElementHandler = self._started
        self._parser.EndElementHandler = self._ended
        self._parser.StartDoctypeDeclHandler = self._refuse_doctype

    def feed(self, chunk: bytes) -> bytes:
        """Parse on; returns the bytes, in order, that no event can reach back to any more."""
        self._window += chunk
        self.fed += len(chunk)
        self._parse(chunk, False)
        at = max(self._parser.CurrentByteIndex, self._base)
        if self.fed - at > _TOKEN_BYTES_MAX:
            raise self._refused("a single tag or comment is longer than any real one")
        return self._let_go(at if self.keep is None else min(at, self.keep))

    def close(self) -> bytes:
        """The document must be complete; returns the bytes that were left."""
        self._parse(b"", True)
        return self._let_go(self.fed)

    def held(self, start: int, end: int) -> bytes:
        """The bytes from `start` to `end`, which must still be at hand."""
        return bytes(self._window[start - self._base : end - self._base])

    def behind_tag(self, start: int) -> int:
        """Offset behind the start tag at `start`; a `>` inside an attribute does not end it."""
        found = _START_TAG.match(self._window, start - self._base)
        assert found is not None, "Expat has seen this tag"
        return self._base + found.end()

    def behind_end(self, offset: int) -> int:
        """Offset behind an element whose end was told at `offset`: an empty element's end is there already."""
        at = offset - self._base
        return offset if self._window[at : at + 2] != b"</" else self._base + self._window.index(b">", at) + 1

    def collect_text(self, into: list[str] | None) -> None:
        """Put the text that follows into a list, or stop doing so."""
        self._parser.CharacterDataHandler = None if into is None else into.append

    def _let_go(self, until: int) -> bytes:
        gone = bytes(self._window[: until - self._base])
        del self._window[: len(gone)]
        self._base += len(gone)
        return gone

    def _parse(self, chunk: bytes, is_last: bool) -> None:
        try:
            self._parser.Parse(chunk, is_last)
        except expat.ExpatError as error:
            said = expat.ErrorString(error.code)
            if said in _UNFINISHED:
                said = "the file is cut off"
            raise self._refused(said, f"line {error.lineno}") from error

    def _started(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > _DEPTH_MAX:
            raise self._refused("elements are nested deeper than in any real file")
        self._start(name, self._parser.CurrentByteIndex)

    def _ended(self, name: str) -> None:
        self._depth -= 1
        self._end(name, self._parser.CurrentByteIndex)

    def _refuse_doctype(self, *_: object) -> None:
        raise self._refused("the file declares a DTD, with which entities could be smuggled in")

    def _refused(self, what: str, line: str = "") -> UnreadableFile:
        where = ", ".join(filter(None, (self._place(), line, f"byte {max(self._parser.CurrentByteIndex, 0)}")))
        return UnreadableFile(what, where=where, remedy=_NEVER)


_START_TAG = re.compile(rb"""<[^\s/>]+(?:[^>"']|"[^"]*"|'[^']*')*>""")


def root_name(stream: BinaryIO) -> str:
    """The root element in upper case, without namespace. Raises `UnreadableFile` where a DTD or no element comes."""
    seen: list[str] = []
    parser = StreamParser(lambda name, _: seen.append(name), lambda *_: None)
    for chunk in utf8_chunks(stream)[1]:
        parser.feed(chunk)
        if seen:
            break
    else:
        parser.close()
    return LocalNames()[seen[0]]


def whole_parser(*, huge: bool = False) -> etree.XMLParser:
    """A libxml2 parser for `parse_whole`, one for each batch; `huge` for documents of more than 10 MB."""
    return etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        remove_comments=True,
        remove_pis=True,
        collect_ids=False,
        huge_tree=huge,
    )


def parse_whole(document: bytes, parser: etree.XMLParser) -> etree._Element:
    """The root of a small document. Raises `Damaged` where it is no XML, or has a DTD."""
    is_utf16 = document.startswith((b"\xff\xfe", b"\xfe\xff"))
    document = _as_utf8(document) if is_utf16 else document.lstrip(b"\xef\xbb\xbf \t\r\n")
    if b"<!DOCTYPE" in document:
        raise Damaged("declares a DTD")
    try:
        return etree.fromstring(document, parser)
    except etree.XMLSyntaxError as error:
        raise Damaged(f"not readable as XML, line {error.lineno}") from None
    except ValueError:
        raise Damaged("not readable as XML") from None


def _as_utf8(document: bytes) -> bytes:
    try:
        text = document.decode("utf-16")
    except UnicodeDecodeError:
        raise Damaged("not UTF-16 text") from None
    return re.sub(r"^\s*<\?xml.*?\?>", "", text, count=1, flags=re.DOTALL).lstrip().encode()
