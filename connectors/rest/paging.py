"""Where a walk over pages goes on. Between two pages its whole state is one text, so that it survives the process."""

import re
import zlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, urlencode, urljoin, urlsplit

from common.errors import SourceError
from connectors.rest.bodies import Opened
from connectors.rest.envelope import Page, count_records
from connectors.rest.reading import Question, Reading

ADDRESS_KINDS = ("next_url", "link")
COUNTED_KINDS = ("page", "offset")
_POSITION = re.compile(r"pages=(\d+)&rows=(\d+)&total=(\d*)&last=([0-9a-f]{8})")
_PAST_THE_END = frozenset({400, 404, 410, 416, 422})


class UnknownState(Exception):
    """The state is not one of this kind of paging: the source file has changed since."""


@dataclass(frozen=True)
class Position:
    """How far a walk by page number or offset has come."""

    pages: int = 0
    rows: int = 0
    total: int | None = None
    last: int = 0
    """Checksum of the page before: a server that ignores the page number sends it again."""

    @classmethod
    def read(cls, state: str | None) -> "Position":
        if state is None:
            return cls()
        found = _POSITION.fullmatch(state)
        if found is None:
            raise UnknownState
        pages, rows, total, last = found.groups()
        return cls(int(pages), int(rows), int(total) if total else None, int(last, 16))

    def __str__(self) -> str:
        total = "" if self.total is None else self.total
        return f"pages={self.pages}&rows={self.rows}&total={total}&last={self.last:08x}"

    @property
    def is_complete(self) -> bool:
        """As many records as announced have come."""
        return self.total is not None and self.rows >= self.total

    def number(self, reading: Reading) -> int:
        """What is asked for: the number of the page, or of the first record."""
        return reading.paging.first_page + self.pages if reading.paging.kind == "page" else self.rows

    def ahead(self, question: Question) -> Iterator[int]:
        """The numbers that follow if the pages stay full, as far as records are known to be; none before the first
        page has shown that, nor by offset once a page was short."""
        reading = question.reading
        is_even = reading.paging.kind == "page" or self.rows == self.pages * question.limit
        if not self.pages or not is_even:
            return
        step = 1 if reading.paging.kind == "page" else question.limit
        size = max(1, self.rows // self.pages)
        for further in range(1, reading.paging.prefetch):
            if self.total is None or self.rows + further * size < self.total:
                yield self.number(reading) + further * step

    def is_past_the_end(self, status: int, reading: Reading) -> bool:
        """Whether a refusal only says that there are no further pages."""
        if self.is_complete:
            return status in _PAST_THE_END
        return reading.paging.kind == "page" and status == 404 and self.pages > 0 and self.total is None


def address_of(question: Question, state: str | None) -> str:
    """The address of the page at `state`. Raises `UnknownState`."""
    reading, paging = question.reading, question.reading.paging
    if paging.kind in COUNTED_KINDS:
        return address_of_number(question, Position.read(state).number(reading))
    if state is None:
        return question.address()
    if paging.kind in ADDRESS_KINDS and state.startswith("/"):
        return _origin(reading.address) + state
    if paging.kind != "cursor":
        raise UnknownState
    return question.address(**{paging.cursor_param: state})


def address_of_number(question: Question, number: int) -> str:
    paging = question.reading.paging
    name = paging.page_param if paging.kind == "page" else paging.offset_param
    return question.address(**{name: str(number)})


def page_of(
    opened: Opened, question: Question, *, state: str | None, links: Mapping[str, str], unsaid: Collection[str]
) -> Page:
    """The page, with the state the walk goes on from.

    `links` are those of the Link header by relation; `unsaid` names query parameters that no state may hold.
    Raises `SourceError` for a next page on another host, for the same page again, and where the place that names the
    next page is not there although more records must follow.
    """
    reading = question.reading
    kind = reading.paging.kind
    if kind in COUNTED_KINDS:
        return _counted(opened, question, Position.read(state))
    following = links.get("next") if kind == "link" else opened.following
    if kind in ADDRESS_KINDS and following is not None:
        following = _own_address(following, address_of(question, state), reading, unsaid)
    says = bool(links) if kind == "link" else opened.says_following
    if state is None and not says and kind != "none":
        _fear_an_early_end(opened, question)
    return Page(opened.rows, following, opened.total)


def _counted(opened: Opened, question: Question, position: Position) -> Page:
    reading, limit = question.reading, question.limit
    assert opened.count is not None
    total = opened.total if opened.total is not None else position.total
    checksum = zlib.crc32(opened.rows)
    if opened.count and position.pages and checksum == position.last:
        if position.is_complete:
            return Page(b"[]", None, opened.total)
        raise _same_page_again(reading)
    reached = Position(position.pages + 1, position.rows + opened.count, total, checksum)
    is_short = reading.paging.limit_param is not None and opened.count < limit
    # Short of what was asked says nothing of a server that never gives so much at once.
    heeds_limit = position.pages > 0 and position.rows == position.pages * limit
    # A total that is reached by a full page may still be too low: some servers stop counting at 10 000.
    is_last = opened.count == 0 or (is_short and (heeds_limit if total is None else reached.is_complete))
    return Page(opened.rows, None if is_last else str(reached), opened.total)


def _same_page_again(reading: Reading) -> SourceError:
    name = "page_param" if reading.paging.kind == "page" else "offset_param"
    return reading.unlike(
        "the same page comes again: the server does not heed which page it is asked for"
        " (if it gives everything at once, kind is none)",
        ("paging", name),
        ("paging", "kind"),
    )


def _fear_an_early_end(opened: Opened, question: Question) -> None:
    """The first page does not say at all whether others follow: good only if it cannot be one of several."""
    reading, total = question.reading, opened.total
    count = opened.count if opened.count is not None else count_records(opened.rows)
    is_short_of_total = total is not None and total > count
    if count < question.limit and not is_short_of_total:
        return
    is_link = reading.paging.kind == "link"
    place = "Link header" if is_link else f"`{reading.paging.cursor_path}`"
    more = f" of {total}" if is_short_of_total else ", as many as were asked for"
    raise reading.unlike(
        f"the answer has no {place}: nothing says where to go on after {count} records{more}",
        ("paging", "kind" if is_link else "cursor_path"),
    )


def _own_address(following: str, current: str, reading: Reading, unsaid: Collection[str]) -> str:
    """Path and query of the next page's address. What identifies us must never go to another host."""
    try:
        there, here = urlsplit(urljoin(current, following.strip())), urlsplit(reading.address)
        is_ours = there.scheme in ("http", "https") and there.hostname == here.hostname
    except ValueError:
        is_ours = False
    if not is_ours:
        raise SourceError(
            "the next page lies on another host: what we identify ourselves with would go there",
            where=reading.address,
            remedy=f"write base_url as the registry writes its addresses, or another {reading.key('paging', 'kind')}",
        )
    # Scheme and port stay ours: gateways often hand out the address they have behind themselves.
    query, pairs = there.query, parse_qsl(there.query, keep_blank_values=True)
    if any(name in unsaid for name, _ in pairs):
        query = urlencode([(name, value) for name, value in pairs if name not in unsaid], quote_via=quote)
    return (there.path or "/") + (f"?{query}" if query else "")


def _origin(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


# Possessive throughout: a header of 60 000 quotation marks is read in one go.
_LINK = re.compile(r'<([^<>]*+)>((?:[^,"<]|"(?:[^"\\]|\\.)*+")*+)(?:,|$)')
_PARAM = re.compile(r';\s*+([!#$%&\'*+.^_`|~\w-]++)\s*+(?:=\s*+(?:"((?:[^"\\]|\\.)*+)"|([^\s;,"]*+)))?')


def links_of(header: str) -> dict[str, str]:
    """Relation → address of a Link header (RFC 8288). Links of another context (`anchor`) are not ours."""
    links: dict[str, str] = {}
    for target, written in _LINK.findall(header):
        params: dict[str, str] = {}
        for name, quoted, token in _PARAM.findall(written):
            params.setdefault(name.lower(), re.sub(r"\\(.)", r"\1", quoted) or token)
        if "anchor" not in params:
            for relation in params.get("rel", "").lower().split():
                links.setdefault(relation, target)
    return links
