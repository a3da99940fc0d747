"""One answer of a registry, and the page inside it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from connectors.rest.bodies import Opened, open_body
from connectors.rest.inflate import inflate, is_gzip
from connectors.rest.paging import links_of
from connectors.rest.reading import Question
from connectors.rest.refusals import announced_total


@dataclass(frozen=True)
class Answer:
    """Status, headers (of any case) and body, the body as it came over the wire."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def has_records(self) -> bool:
        """200, or 206 where the part is one of the records and not of the bytes."""
        is_part_of_records = not self.headers.get("Content-Range", "bytes").startswith("bytes")
        return self.status == 200 or (self.status == 206 and is_part_of_records)

    @property
    def is_framed(self) -> bool:
        """Whether the transport itself notices an early end."""
        is_packed = self.headers.get("Content-Encoding", "identity") != "identity" or is_gzip(self.content)
        return is_packed or "Content-Length" in self.headers or "Transfer-Encoding" in self.headers

    def plain(self, where: str) -> bytes:
        """The body unpacked. Raises what `inflate` raises."""
        return inflate(self.content, self.headers.get("Content-Encoding", ""), where=where)


@dataclass(frozen=True)
class Found:
    """A page taken apart, before it is said where the walk goes on."""

    opened: Opened
    links: Mapping[str, str]
    """Relation → address of the Link header."""


def found_in(answer: Answer, question: Question) -> Found:
    """Raises `BrokenBody` for an answer that is cut off or damaged, `SourceError` for one of another shape."""
    reading = question.reading
    opened = open_body(answer.plain(reading.address), reading, is_framed=answer.is_framed)
    if reading.paging.total_header is not None:
        total = announced_total(answer.headers.get(reading.paging.total_header, ""))
        opened = opened if total is None else replace(opened, total=total)
    return Found(opened, links_of(answer.headers.get("Link", "")))
