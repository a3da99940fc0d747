"""The header of a table, found by the names a source file asks for, however many rows it takes and wherever it stands."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from connectors.formats.grid import Merge, Row

_DEPTH_MAX = 3
_NUMBERING = re.compile(r"[(\[]?\s*(?:[A-ZĐ]|\d{1,3}|[IVX]+|\d{1,3}[a-z])\s*[)\]]?(?:\s*=.*)?")
_ALWAYS_PRESENT = re.compile("^_")


@dataclass(frozen=True)
class Header:
    """Where the header stands (rows from 0, `bottom` excluded) and what each column is called."""

    top: int
    bottom: int
    names: tuple[str | None, ...]
    """Name per column of the sheet: as wanted where it was asked for, else the header's own text; None: none."""
    texts: tuple[tuple[str, ...], ...]
    """Per column what its header cells say, from the top down."""
    matched: tuple[int, ...]
    """Columns that were asked for."""

    @property
    def width(self) -> int:
        return len(self.names)


@dataclass(frozen=True)
class Closest:
    """The best row of a sheet that is not good enough to be its header."""

    row: int
    found: tuple[str, ...]


def find_header(head: Sequence[Row], merges: Sequence[Merge], wanted: Sequence[str]) -> Header | Closest:
    """The block of up to three rows that holds the most of the wanted names.

    At least three of them must be there, or all where fewer are wanted. Where nothing is wanted, the first of the rows
    that hold the most different words is the header.
    """
    names = [name for name in dict.fromkeys(wanted) if not _ALWAYS_PRESENT.match(name) and not re.search(r"[*?]", name)]
    grid = _spread(head, merges)
    if not names:
        return _likeliest(grid, merges)
    best = (0, 0, 1)
    found: dict[str, int] = {}
    for top in range(len(grid)):
        for depth in range(1, min(_DEPTH_MAX, len(grid) - top) + 1):
            matches = _match(_paths(grid[top : top + depth]), names)
            if (len(matches), -depth) > (best[0], -best[2]):
                best, found = (len(matches), top, depth), matches
    score, top, depth = best
    if score < max(1, min(3, len(names))):
        return Closest(top, tuple(found))
    bottom = top + depth
    whole = _whole_block(top, bottom, merges)
    matches = _match(_paths(grid[whole[0] : whole[1]]), names)
    if len(matches) >= score:
        (top, bottom), found = whole, matches
    return _header(grid, top, bottom, found)


def _likeliest(grid: Sequence[Sequence[str]], merges: Sequence[Merge]) -> Header | Closest:
    def words(row: Sequence[str]) -> int:
        return len({fold(text) for text in row if any(map(str.isalpha, text)) and not re.search(r"\d{4}", text)})

    top = max(range(len(grid)), key=lambda at: (words(grid[at]), -at), default=0)
    if not grid or words(grid[top]) < 2:
        return Closest(top, ())
    top, bottom = _whole_block(top, top + 1, merges)
    named = {" / ".join(map(_one_line, path)): at for at, path in enumerate(_paths(grid[top:bottom])) if path}
    return _header(grid, top, bottom, named)


def fold(text: str) -> str:
    """Letters and digits alone, in small letters, words parted by one space."""
    plain = unicodedata.normalize("NFC", text).casefold()
    return " ".join(re.sub(r"[\W_]+", " ", plain).split())


def fold_diacritics(text: str) -> str:
    """`fold` without the marks on the letters."""
    plain = unicodedata.normalize("NFD", fold(text).replace("đ", "d"))
    return "".join(letter for letter in plain if not unicodedata.combining(letter))


def is_numbering(row: Sequence[str | None]) -> bool:
    """Whether a row below the header only numbers the columns: `(1) (2) (3)`, `A B 1 2`, `1 2 3=1+2`."""
    filled = [text.strip() for text in row if text and text.strip()]
    if len(filled) < 3 or not all(_NUMBERING.fullmatch(text) for text in filled):
        return False
    numbers = [int(found[0]) for text in filled if (found := re.search(r"\d+", text))]
    letters = len(filled) - len(numbers)
    return letters == len(filled) or (numbers == sorted(set(numbers)) and numbers[0] <= 2 + letters)


def _spread(head: Sequence[Row], merges: Sequence[Merge]) -> list[list[str]]:
    """The first rows with the text of merged cells in each of their cells."""
    width = max((len(row) for row in head), default=0)
    grid = [[text or "" for text in row] + [""] * (width - len(row)) for row in head]
    for merge in merges:
        if merge.top >= len(grid) or merge.left >= width:
            continue
        text = grid[merge.top][merge.left]
        for row in grid[merge.top : merge.bottom + 1]:
            row[merge.left : merge.right + 1] = [text] * (min(merge.right, width - 1) - merge.left + 1)
    return grid


def _paths(rows: Sequence[Sequence[str]]) -> list[tuple[str, ...]]:
    """For each column its texts from the top down, without what merely repeats."""
    paths = []
    for column in zip(*rows, strict=True):
        texts = [text for text in column if text.strip()]
        paths.append(tuple(text for at, text in enumerate(texts) if at == 0 or text != texts[at - 1]))
    return paths


def _match(paths: Sequence[tuple[str, ...]], names: Sequence[str]) -> dict[str, int]:
    """Wanted name → its column. With marks first, without them as a second chance; the whole path before a part."""
    found: dict[str, int] = {}
    taken: set[int] = set()
    for folded in (_fold_once, _fold_marks_once):
        for readings in _readings(paths, folded):
            for name in names:
                columns = readings.get(folded(name), [])
                if name not in found and len(columns) == 1 and columns[0] not in taken:
                    found[name] = columns[0]
                    taken.add(columns[0])
    return found


def _readings(paths: Sequence[tuple[str, ...]], folded: Callable[[str], str]) -> list[dict[str, list[int]]]:
    """What each column may be called: its whole path, its leaf or the end of its path, any stretch of it."""
    whole: dict[str, list[int]] = {}
    ends: dict[str, list[int]] = {}
    parts: dict[str, list[int]] = {}
    for column, path in enumerate(paths):
        words = [text for part in path if (text := folded(part))]
        for start in range(len(words)):
            for end in range(start + 1, len(words) + 1):
                into = whole if (start, end) == (0, len(words)) else (ends if end == len(words) else parts)
                into.setdefault(" ".join(words[start:end]), []).append(column)
    for name, columns in whole.items():
        ends.setdefault(name, []).extend(columns)
    return [whole, ends, parts]


def _whole_block(top: int, bottom: int, merges: Sequence[Merge]) -> tuple[int, int]:
    """The header reaches as far as the merged cells that cross its rows, within reason."""
    crossing = [each for each in merges if each.top < bottom and each.bottom >= top and each.bottom > each.top]
    crossing = [each for each in crossing if each.bottom - each.top < _DEPTH_MAX]
    first = min((each.top for each in crossing), default=top)
    last = max((each.bottom + 1 for each in crossing), default=bottom)
    return max(min(top, first), bottom - _DEPTH_MAX), min(max(bottom, last), top + _DEPTH_MAX)


def _header(grid: Sequence[Sequence[str]], top: int, bottom: int, found: dict[str, int]) -> Header:
    asked = {column: name for name, column in found.items()}
    paths = _paths(grid[top:bottom])
    own = [" / ".join(_one_line(text) for text in path) or None for path in paths]
    names = [asked.get(column, name) for column, name in enumerate(own)]
    while names and names[-1] is None:
        names.pop()
    return Header(top, bottom, tuple(_distinct(names, asked)), tuple(paths[: len(names)]), tuple(sorted(asked)))


def _distinct(names: Sequence[str | None], asked: dict[int, str]) -> list[str | None]:
    """A name that occurs again gets its number: two columns `Ghi chú` are `Ghi chú` and `Ghi chú (2)`."""
    seen = Counter(asked.values())
    distinct: list[str | None] = []
    for column, name in enumerate(names):
        if name is None or column in asked:
            distinct.append(name)
            continue
        seen[name] += 1
        distinct.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return distinct


def _one_line(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())


@lru_cache(maxsize=20_000)
def _fold_once(text: str) -> str:
    return fold(text)


@lru_cache(maxsize=20_000)
def _fold_marks_once(text: str) -> str:
    return fold_diacritics(text)
