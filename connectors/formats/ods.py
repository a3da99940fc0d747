"""ODS workbooks (OpenDocument), parsed as a stream: one row at a time, whatever the file says of its size."""

import re
import zipfile
from collections.abc import Iterator
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import IO

from lxml import etree

from connectors.formats import UnreadableFile
from connectors.formats.grid import (
    BLOCK_ROWS,
    COLUMNS_MAX,
    ERRORS,
    EXTRA_COLUMNS,
    HEAD_ROWS,
    Block,
    Merge,
    Row,
    Sheet,
    columns_of,
)
from connectors.formats.numbers import plain_number
from connectors.formats.packed import damage_told, refuse_bomb

_TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
_CALCEXT = "{urn:org:documentfoundation:names:experimental:calc:xmlns:calcext:1.0}"
_REPEATED_MAX = 1000
"""The same filled row more often than this is no list."""
_ODD_ERROR = re.compile(r"Err:\d{3}")


def open_ods(path: Path) -> list[Sheet]:
    """The tables of a workbook. Raises `UnreadableFile` for one that is damaged, encrypted or a bomb."""
    with damage_told(KeyError):
        packed = zipfile.ZipFile(path)
        refuse_bomb(packed)
        if b"encryption-data" in packed.read("META-INF/manifest.xml"):
            raise UnreadableFile("the workbook asks for a password", remedy="have the agency send it without one")
        return [OdsSheet(packed, number, name) for number, name in enumerate(_names(packed))]


def _names(packed: zipfile.ZipFile) -> list[str]:
    with packed.open("content.xml") as stream:
        return [str(each.get(f"{_TABLE}name")) for event, each in _events(stream, "table") if event == "start"]


def _events(stream: IO[bytes], *tags: str) -> Iterator[tuple[str, etree._Element]]:
    found = etree.iterparse(
        stream,
        events=("start", "end"),
        tag=[_TABLE + tag for tag in tags],
        resolve_entities=False,
        no_network=True,
        huge_tree=False,
    )
    for event, element in found:
        if element.getroottree().docinfo.doctype:
            raise UnreadableFile(
                "content.xml declares a document type, which no spreadsheet does",
                remedy="open it in a spreadsheet programme and save it anew; do not trust its sender blindly",
            )
        yield str(event), element
        if event == "end":
            element.clear()
            while element.getprevious() is not None and (parent := element.getparent()) is not None:
                del parent[0]


class OdsSheet(Sheet):
    """One table of an ODS workbook; its first look goes through the whole of it, for the merged cells."""

    def __init__(self, packed: zipfile.ZipFile, number: int, name: str) -> None:
        super().__init__(name)
        self._packed, self._number = packed, number

    @cached_property
    def head(self) -> list[Row]:
        rows: list[Row] = []
        for at, row, _ in self._rows():
            if at >= HEAD_ROWS:
                break
            rows += [[] for _ in range(at - len(rows))]
            rows.append(row)
        return rows

    @cached_property
    def merges(self) -> list[Merge]:
        found: list[Merge] = []
        for _ in self._rows(found):
            pass
        return found

    def blocks(self, first_row: int, width: int) -> Iterator[Block]:
        import numpy as np

        rows = (found for found in self._rows() if found[0] >= first_row)
        while taken := list(islice(rows, BLOCK_ROWS)):
            faults = {at: wrong for at, _, wrong in taken if wrong}
            yield Block(
                np.array([at for at, _, _ in taken]),
                columns_of([row for _, row, _ in taken], width + EXTRA_COLUMNS),
                faults,
            )

    def _rows(self, merges: list[Merge] | None = None) -> Iterator[tuple[int, Row, dict[int | None, str]]]:
        """Row number, cells and faults of every row that has any."""
        with damage_told(ValueError), self._packed.open("content.xml") as stream:
            yield from self._rows_in(stream, merges)

    def _rows_in(
        self, stream: IO[bytes], merges: list[Merge] | None
    ) -> Iterator[tuple[int, Row, dict[int | None, str]]]:
        table, at = -1, 0
        for event, element in _events(stream, "table", "table-row"):
            if element.tag == f"{_TABLE}table":
                table += event == "start"
                at = 0
                if table > self._number:
                    return
            elif event == "end" and table == self._number:
                repeated = int(element.get(f"{_TABLE}number-rows-repeated", "1"))
                row, faults = _cells(element, at, merges)
                if row:
                    if repeated > _REPEATED_MAX:
                        raise UnreadableFile(
                            f"one and the same row stands {repeated} times",
                            where=f"{self.label}, row {at + 1}",
                            remedy="have the agency send the list anew",
                        )
                    for number in range(at, at + repeated):
                        yield number, list(row), faults
                at += repeated


def _cells(element: etree._Element, at: int, merges: list[Merge] | None) -> tuple[Row, dict[int | None, str]]:
    row: Row = []
    faults: dict[int | None, str] = {}
    pending = 0
    for cell in element.iterchildren(f"{_TABLE}table-cell", f"{_TABLE}covered-table-cell"):
        repeated = int(cell.get(f"{_TABLE}number-columns-repeated", "1"))
        text = _text_of(cell)
        if merges is not None and cell.get(f"{_TABLE}number-rows-spanned"):
            left = len(row) + pending
            down = int(cell.get(f"{_TABLE}number-rows-spanned", "1"))
            across = int(cell.get(f"{_TABLE}number-columns-spanned", "1"))
            merges.append(Merge(at, left, at + down - 1, left + across - 1))
        if text is None:
            pending += repeated
            continue
        row += [None] * min(pending, COLUMNS_MAX - len(row))
        pending = 0
        if text in ERRORS or _ODD_ERROR.fullmatch(text) or cell.get(f"{_CALCEXT}value-type") == "error":
            faults |= dict.fromkeys(range(len(row), len(row) + 1), f"the cell holds the error {text}")
        row += [text] * min(repeated, COLUMNS_MAX - len(row))
    return row, faults


def _text_of(cell: etree._Element) -> str | None:
    match cell.get(f"{_OFFICE}value-type"):
        case "float" | "currency" | "percentage":
            return plain_number(str(cell.get(f"{_OFFICE}value")))
        case "date":
            return _moment(str(cell.get(f"{_OFFICE}date-value")))
        case "boolean":
            return cell.get(f"{_OFFICE}boolean-value")
        case _:
            return "\n".join(_paragraph(each) for each in cell.iterchildren(f"{_TEXT}p")) or None


def _moment(written: str) -> str:
    """A day, or a day and a time to the second."""
    return re.sub(r"[.,]\d+$", "", written)


def _paragraph(element: etree._Element) -> str:
    """The text of a paragraph; runs of spaces are written as elements with a count."""
    parts = [element.text or ""]
    for child in element:
        if child.tag == f"{_TEXT}s":
            parts.append(" " * min(int(child.get(f"{_TEXT}c", "1")), 1000))
        elif child.tag == f"{_TEXT}line-break":
            parts.append("\n")
        elif child.tag in (f"{_TEXT}span", f"{_TEXT}a"):
            parts.append(_paragraph(child))
        parts.append(child.tail or "")
    return "".join(parts)
