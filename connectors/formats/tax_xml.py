"""Personal-income-tax returns as HTKK and eTax write them: 05/KK-TNCN, and the lists 05-1/BK and 05-2/BK of 05/QTT-TNCN.

A row has the items of the form under their own numbers (`ct16`) and, whatever the version of the form, under names:
`workers`, `workers_contracted`, `income`, `withheld`; for a person `full_name`, `person_tax_code`, `id_kind`, `id_number`,
`income`, `insurance_deducted`, `withheld`. Besides these, and only where a source file names them, from the return's
header: `_return.<element>` (`_return.mst`, `_return.ngayLapTKhai`, …) and, made of it,

- `_return.period` (`2025-03`, `2025-Q1`) and `_return.year`;
- `_return.id`: taxpayer, form and period. A supplementary return has the same one, and so replaces what it corrects;
- `_return.changed`: the day it was signed, a minute later for each supplementary return, so that the last one wins;
- `_line.id`: taxpayer, year, list and person. The person's number is not in it but a digest, because keys are shown
  where numbers are not; a second line of one person in one list gets `-2`.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, BinaryIO

from lxml import etree

from connectors.formats import PLACE, Piece, UnreadableFile, Wanted
from connectors.formats.records import Records
from connectors.formats.tax_forms import Form, List, form_of
from connectors.formats.xml_stream import LocalNames, root_name, utf8_chunks
from connectors.source import Format

if TYPE_CHECKING:
    import pyarrow as pa

_PIECE_ROWS = 10_000
_ROOT = "HSOTHUEDTU"
_LINE = "BKECTIETCNHAN"
_HEADER = ("TKHAITHUE", "NNT")
_SCHEDULES = {"05-1/BK": "1", "05-2/BK": "2"}
Header = dict[str, str | None]


def read_tax(stream: BinaryIO, format: Format, wanted: Wanted) -> Iterator[Piece]:
    """Records of the kinds in `wanted` (`05/KK-TNCN`, `05-1/BK`, `05-2/BK`; none named: all of them).

    Raises `UnreadableFile` for another form, or a version of one whose numbering is not known.
    """
    _check_prolog(stream)
    returns = _Returns(wanted)
    parser = etree.XMLPullParser(
        events=("start", "end"), encoding="utf-8", resolve_entities=False, no_network=True, load_dtd=False,
        remove_comments=True, remove_pis=True, collect_ids=False,
    )  # fmt: skip
    try:
        for chunk in utf8_chunks(stream)[1]:
            parser.feed(chunk)
            returns.take(parser.read_events())
            yield from returns.full()
        parser.close()
        returns.take(parser.read_events())
    except etree.XMLSyntaxError as error:
        raise UnreadableFile(
            "the file is cut off or no well-formed XML",
            where=f"line {error.lineno}",
            remedy="ask the agency for the file again; such a file is never read in part",
        ) from error
    yield from returns.left()


def _check_prolog(stream: BinaryIO) -> None:
    """No DTD, and the root of a return."""
    root = root_name(stream)
    if root != _ROOT:
        raise UnreadableFile(
            f"the file opens with {root[:40]}, which is no tax return",
            where="root element",
            remedy="move the file to the folder of its own source, or narrow `pattern` in the source file",
        )


class _Returns:
    """The returns of one file as they go by; elements are let go as soon as they are read."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = {kind: names for kind, names in wanted.items() if kind is not None}
        self._takes_all = not wanted or None in wanted
        self._waiting: dict[str, Records] = {}
        self._rows: Counter[str] = Counter()
        self._names = LocalNames()
        self._begin()

    def _begin(self) -> None:
        self._header: Header = {}
        self._form: Form | None = None
        self._list: List | None = None
        self._persons: Counter[str] = Counter()

    def take(self, events: Iterator[Any]) -> None:
        for event, element in events:
            tag = self._names[element.tag]
            if event == "start":
                self._start(tag)
            else:
                self._end(tag, element)

    def _start(self, tag: str) -> None:
        if tag == "HSOKHAITHUE":
            self._begin()
        elif tag.startswith("PLUC_") and self._form is None:
            self._form = form_of(self._header)
        if self._form is not None and tag in self._form.lists:
            self._list = self._form.lists[tag]

    def _end(self, tag: str, element: etree._Element) -> None:
        if tag in _HEADER:
            self._header |= _leaves(element)
        elif tag == "CTIEUTKHAICHINH":
            self._form = form_of(self._header)
            if self._form.items:
                self._keep(self._form.record, _leaves(element), self._form.items, {}, self._form.record)
            element.clear()
        elif tag == _LINE and self._list is not None:
            self._keep_line(self._list, _leaves(element))
            _let_go(element)
        elif tag.startswith("PLUC_"):
            self._list = None
            _let_go(element)

    def _keep_line(self, listed: List, found: Header) -> None:
        if not any(found.values()):
            return  # HTKK writes one empty line where a list has none.
        person = _person(found, listed.items)
        key = _digest(self._header.get("mst"), _year(self._header), listed.record, person)
        self._persons[listed.record] += 1
        self._persons[key] += 1
        again = f"-{self._persons[key]}" if self._persons[key] > 1 else ""
        line = f"{self._header.get('mst') or ''}-{_year(self._header) or ''}-{_SCHEDULES[listed.record]}-{key}{again}"
        place = f"{listed.record} / dòng {self._persons[listed.record]}"
        self._keep(listed.record, found, listed.items, {"_line.id": line}, place)

    def _keep(self, kind: str, found: Header, items: Mapping[str, str], own: Mapping[str, str], place: str) -> None:
        if not self._takes_all and kind not in self._wanted:
            return
        row = dict(found) | {name: found.get(number) for name, number in items.items()}
        for name in self._wanted.get(kind, ()):
            if name.startswith("_return.") and "*" not in name:
                row[name] = _of_return(self._header, name.removeprefix("_return."), kind)
            elif name in own:
                row[name] = own[name]
        row[PLACE] = place
        self._waiting.setdefault(kind, Records()).add([(tuple(row), list(row.values()))])
        self._rows[kind] += 1

    def full(self) -> Iterator[Piece]:
        for kind in [kind for kind, count in self._rows.items() if count >= _PIECE_ROWS]:
            del self._rows[kind]
            yield Piece(kind, _table(self._waiting.pop(kind)))

    def left(self) -> Iterator[Piece]:
        for kind, records in self._waiting.items():
            yield Piece(kind, _table(records))


def _table(records: Records) -> "pa.Table":
    return records.table((), {})


def _leaves(element: etree._Element) -> Header:
    """Every element below that holds no others, by its name as written; of two of one name, the first that says
    something."""
    found: Header = {}
    for each in element.iter(etree.Element):
        if not len(each) and each is not element:
            name = each.tag.rpartition("}")[2]
            found[name] = found.get(name) or (each.text or "").strip() or None
    return found


def _let_go(element: etree._Element) -> None:
    """Free an element that was read, and those before it in the same list."""
    element.clear()
    while (before := element.getprevious()) is not None:
        parent = before.getparent()
        assert parent is not None
        parent.remove(before)


def _of_return(header: Header, name: str, kind: str) -> str | None:
    match name:
        case "period":
            return _period(header)
        case "year":
            return _year(header)
        case "id":
            period, payer = _period(header) or _year(header), header.get("mst")
            return f"{payer}-{kind}-{period}" if payer and period else None
        case "changed":
            return _changed(header)
        case _:
            return header.get(name)


def _period(header: Header) -> str | None:
    """`7/2025` of a month is 2025-07, of a quarter 2025-Q3 is written `3/2025`; null where it is neither."""
    found = re.fullmatch(r"[QT]?0?(\d{1,2})/(\d{4})", (header.get("kyKKhai") or "").strip().upper())
    kind = (header.get("kieuKy") or "").strip().upper()
    if found is None:
        return None
    number, year = int(found[1]), found[2]
    if kind == "M" and 1 <= number <= 12:
        return f"{year}-{number:02}"
    return f"{year}-Q{number}" if kind == "Q" and 1 <= number <= 4 else None


def _year(header: Header) -> str | None:
    for name in ("kyKKhai", "kyKKhaiTuThang", "kyKKhaiTuNgay"):
        found = re.search(r"(?<!\d)(20\d{2})(?!\d)", header.get(name) or "")
        if found:
            return found[1]
    return None


def _changed(header: Header) -> str | None:
    """Midnight in Vietnam of the day of signing, a minute later for each supplementary return."""
    turn = re.sub(r"\D", "", header.get("soLan") or "")[:2]
    for name in ("ngayKy", "ngayLapTKhai"):
        text = (header.get(name) or "").strip()
        iso = re.match(r"(\d{4})-(\d{2})-(\d{2})", text)
        vietnamese = re.match(r"(\d{1,2})/(\d{1,2})/(\d{4})", text)
        day = iso.groups() if iso else vietnamese.groups()[::-1] if vietnamese else None
        if day is not None:
            hour, minute = divmod(int(turn or 0), 60)
            return f"{day[0]}-{int(day[1]):02}-{int(day[2]):02}T{hour:02}:{minute:02}:00+07:00"
    return None


def _person(found: Header, items: Mapping[str, str]) -> str:
    """What says who a line is about: tax code, else document, else name."""
    for name in ("person_tax_code", "id_number"):
        number = re.sub(r"[^0-9A-Z]", "", (found.get(items[name]) or "").upper())
        if number:
            return number
    return " ".join((found.get(items["full_name"]) or "").casefold().split())


def _digest(*parts: str | None) -> str:
    return hashlib.sha256("|".join(part or "" for part in parts).encode()).hexdigest()[:16]
