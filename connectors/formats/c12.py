"""C12-TS, the insurer's monthly statement to a unit: a form, not a list. What each line means is said in `c12.toml`.

Of one statement come `C12.charge` (unit_code, month, fund, due, adjustment; a row per fund), `C12.payment` (unit_code, month,
number, paid_on, amount; a row per voucher) and `C12.interest` (unit_code, month, charged). Amounts and dates stay as written.
"""

import re
import tomllib
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, BinaryIO

from connectors.formats import PLACE, Piece, UnreadableFile, Wanted
from connectors.formats.grid import Row, Sheet, place_of
from connectors.formats.header import Header, find_header
from connectors.formats.legacy_text import LegacyText
from connectors.formats.table import UNREADABLE, captured, opened_sheets, unicode_head
from connectors.source import Format

if TYPE_CHECKING:
    import pyarrow as pa

FUNDS = ("si", "hi", "ui", "oai")
_COLUMNS = {
    "C12.charge": ("unit_code", "month", "fund", "due", "adjustment"),
    "C12.payment": ("unit_code", "month", "number", "paid_on", "amount"),
    "C12.interest": ("unit_code", "month", "charged"),
}
_SECTION = re.compile(r"([A-ZĐ])\b[.)]?\s*(.*)")
_FOLLOWS = re.compile(r"[.\s]*((?:\d+(?:\.\d+)*)?)[.)]?")


@dataclass(frozen=True)
class _Line:
    code: str
    text: str
    amounts: dict[str, str]
    row: int


def read_c12(stream: BinaryIO, format: Format, wanted: Wanted) -> Iterator[Piece]:
    """The records of every statement in the file, one statement per sheet.

    Raises `UnreadableFile` where no sheet is a statement, or one does not say whose it is or of which month.
    """
    is_found = False
    with opened_sheets(stream, format) as sheets:
        for sheet in sheets:
            text = LegacyText(format.encoding)
            head = unicode_head(sheet, text)
            header = find_header(head, sheet.merges, _names())
            if not isinstance(header, Header) or not {"code", "total"} <= set(_roles(header)):
                continue
            is_found = True
            yield from _Statement(sheet, header, head, text, format).pieces(wanted)
    if not is_found:
        raise UnreadableFile(
            "no sheet is a statement C12-TS: a row with STT, Nội dung, BHXH, BHYT, BHTN and Cộng was not found",
            remedy="ask the agency for the statement as it is printed, or map the file as a table",
        )


class _Statement:
    def __init__(self, sheet: Sheet, header: Header, head: Sequence[Row], text: LegacyText, format: Format) -> None:
        self._sheet, self._layout = sheet, _layout()
        said = captured(head[: header.top], {**self._layout["title"], **format.capture})
        missing = [name for name in ("unit_code", "month") if not said[name]]
        if missing:
            raise UnreadableFile(
                f"the title of the statement does not say {' nor '.join(missing)}",
                where=sheet.label or "",
                remedy="say where it stands in [files.format.capture], as a regular expression with one group",
            )
        month = re.findall(r"\d+", str(said["month"]))
        self._common = {"unit_code": said["unit_code"], "month": f"{month[0]:0>2}/{month[-1]}"}
        self._lines = list(_lines(sheet, header, text))

    def pieces(self, wanted: Wanted) -> Iterator[Piece]:
        made = {"C12.charge": self._charges, "C12.payment": self._payments, "C12.interest": self._interest}
        for kind, rows in made.items():
            if kind in wanted or None in wanted:
                yield Piece(kind, _table(kind, list(rows())))

    def _charges(self) -> Iterator[dict[str, str | None]]:
        due, row = self._only("due"), self._row_of("due")
        for fund in FUNDS:
            adjustment, fault = self._adjustment(fund)
            if fund in due or adjustment is not None or fault:
                yield self._record(row, fault, fund=fund, due=due.get(fund), adjustment=adjustment)

    def _adjustment(self, fund: str) -> tuple[str | None, str | None]:
        code = self._layout["lines"]["adjustment"]
        amount = self._only("adjustment").get(fund)
        parts = [line.amounts[fund] for line in self._below(code) if fund in line.amounts]
        if amount is not None or not parts:
            return amount, None
        return (parts[0], None) if len(parts) == 1 else (None, f"line {code} is empty, its {len(parts)} parts are not")

    def _payments(self) -> Iterator[dict[str, str | None]]:
        vouchers = [line for line in self._below(self._layout["lines"]["payments"]) if line.amounts]
        for line in vouchers:
            number, paid_on = (_first(self._layout["voucher"][name], line.text) for name in ("number", "date"))
            amount = line.amounts.get("total") or next(iter(line.amounts.values()))
            fault = None if "total" in line.amounts or len(line.amounts) == 1 else "no amount in the column Cộng"
            yield self._record(line.row, fault, number=number, paid_on=paid_on, amount=amount)
        total = self._only("payments").get("total")
        if not vouchers and total and re.search("[1-9]", total):
            yield self._record(self._row_of("payments"), "an amount paid, but no voucher with its date", amount=total)

    def _interest(self) -> Iterator[dict[str, str | None]]:
        amounts = self._only("interest")
        if amounts:
            fault = None if "total" in amounts else "no amount in the column Cộng"
            yield self._record(self._row_of("interest"), fault, charged=amounts.get("total"))

    def _record(self, row: int, fault: str | None, **values: str | None) -> dict[str, str | None]:
        return {**self._common, **values, PLACE: place_of(self._sheet.label, row), UNREADABLE: fault}

    def _only(self, meaning: str) -> dict[str, str]:
        """The amounts of the line with this meaning. A statement without the line has none."""
        found = [line for line in self._lines if line.code == self._layout["lines"][meaning]]
        if len(found) > 1:
            raise UnreadableFile(
                f"line {found[0].code} stands {len(found)} times in one statement",
                where=place_of(self._sheet.label, found[1].row),
                remedy="have the agency send one statement per sheet",
            )
        return found[0].amounts if found else {}

    def _row_of(self, meaning: str) -> int:
        code = self._layout["lines"][meaning]
        return next((line.row for line in self._lines if line.code == code), 0)

    def _below(self, code: str) -> list[_Line]:
        return [line for line in self._lines if line.code.startswith(f"{code}.")]


def _lines(sheet: Sheet, header: Header, text: LegacyText) -> Iterator[_Line]:
    """The numbered lines below the header, and those without a number that follow one of the section of payments."""
    roles = _roles(header)
    section, unnumbered = "", 0
    for block in sheet.blocks(header.bottom, header.width):
        rows = list(zip(*(column.to_pylist() for column in block.columns), strict=True))
        changes = text.texts(sheet.label or "", [cell for row in rows for cell in row if cell])
        for number, row in zip(block.numbers.tolist(), rows, strict=True):
            cells = {role: _cell(row, at, changes) for role, at in roles.items()}
            section, code = _code(cells.get("code", ""), section)
            if not code and section:
                unnumbered += 1
                code = f"{section}.?{unnumbered}"
            amounts = {role: cells[role] for role in (*FUNDS, "total") if cells.get(role)}
            if code:
                yield _Line(code, cells.get("text", ""), amounts, number)


def _cell(row: Sequence[str | None], at: int, changes: dict[str, str]) -> str:
    text = (row[at] if at < len(row) else None) or ""
    return unicodedata.normalize("NFC", changes.get(text, text)).strip(" \u00a0\n\r\t")


def _code(written: str, section: str) -> tuple[str, str]:
    """The section's letter and the whole code of a line: `B`, `5.3` → `B.5.3`; an empty code where there is none."""
    letter = _SECTION.match(written)
    if letter:
        section, written = letter[1], letter[2]
    digits = _FOLLOWS.fullmatch(written.strip())
    if digits is None or (not letter and not digits[1]):
        return section, ""
    return section, f"{section}.{digits[1]}" if digits[1] else section


def _roles(header: Header) -> dict[str, int]:
    """What a column is for → the column."""
    columns = {str(header.names[at]): at for at in header.matched}
    return {
        role: columns[name] for role, names in _layout()["columns"].items() for name in names[::-1] if name in columns
    }


def _first(pattern: str, text: str) -> str | None:
    found = re.search(pattern, text, re.IGNORECASE)
    return found[1] if found else None


def _table(kind: str, rows: list[dict[str, str | None]]) -> "pa.Table":
    import pyarrow as pa

    names = (*_COLUMNS[kind], PLACE, UNREADABLE)
    return pa.table({name: pa.array([row.get(name) for row in rows], pa.string()) for name in names})


def _names() -> list[str]:
    return [name for names in _layout()["columns"].values() for name in names]


@cache
def _layout() -> dict[str, Any]:
    return tomllib.loads((files("connectors.formats") / "c12.toml").read_text(encoding="utf-8"))
