"""Text in the older Vietnamese encodings TCVN3 and VNI, recognised by evidence and turned into Unicode.

A cell typed in an ABC or VNI font holds Latin letters that only look Vietnamese in that font: `NguyÔn V¨n An`,
`Nguyeãn Vaên An`. What such a cell can mean is judged syllable by syllable, what a column is by all its cells.
"""

import re
import tomllib
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from connectors.formats import UnreadableFile
from connectors.formats.grid import Column, compute

if TYPE_CHECKING:
    import pyarrow as pa

Legacy = Literal["tcvn3", "vni"]
LEGACY: tuple[Legacy, ...] = ("tcvn3", "vni")

_TONES = frozenset("\u0300\u0301\u0303\u0309\u0323")
_VOWELS = "aăâeêioôơuưy"
_NUCLEUS = re.compile(f"(?:qu(?=[{_VOWELS}])|gi(?=[{_VOWELS}])|[^{_VOWELS}]*)(?P<nucleus>[{_VOWELS}]+)(?P<final>.*)")
_STOPPED = re.compile("(?:c|ch|p|t)$")
_ASCII_PUNCTUATION = re.compile(r"[\s\x00-/:-@\[-`{-\x7f]+")
# Letters that no Western European language uses: a cell that holds one is Unicode Vietnamese.
_UNICODE_ONLY = re.compile("[ăđĩũơưĂĐĨŨƠƯ\u0300\u0301\u0303\u0309\u0323\u1ea0-\u1ef9]")
_SYMBOLS_IN_WORDS = re.compile("(?:[A-Za-z\u00c0-\u00ff][¡-»¼-¿×÷]|[¡-»¼-¿×÷][A-Za-z\u00c0-\u00ff])")
# Below this share of a column the cells of one kind are strays, which say nothing about the doubtful ones.
_STRAYS = 0.05


class Verdict(NamedTuple):
    """What one text is taken for; `is_sure` where it needs no company to be believed."""

    reading: Literal["unicode", "tcvn3", "vni", "either", "open"]
    is_sure: bool = False


def decode_tcvn3(text: str) -> str | None:
    """Unicode of a text typed in an ABC font; None where it holds a character TCVN3 has no letter for.

    The all-capital fonts show small codes large: a word without small ASCII letters is taken for capitals where its
    text has capitals that do not begin a word.
    """
    table = _tables()["tcvn3"]
    if any(character > "\x7f" and character not in table for character in text):
        return None
    decoded = "".join(table.get(character, character) for character in text)
    return _in_capitals(text, decoded)


def decode_vni(text: str) -> str | None:
    """Unicode of a text typed in a VNI font; None where a character is left over that VNI has no letter for."""
    tables = _tables()
    decoded = tables["vni_pattern"].sub(lambda found: tables["vni"][found.group()], text)
    rest = tables["vni_pattern"].sub("", text)
    return None if any(character > "\x7f" for character in rest) else decoded


def decode(text: str, encoding: Legacy) -> str | None:
    return decode_tcvn3(text) if encoding == "tcvn3" else decode_vni(text)


@lru_cache(maxsize=200_000)
def is_syllable(word: str) -> bool:
    """Whether `word` can be a Vietnamese syllable, in small, capital or title case."""
    if not (word.islower() or word.isupper() or word.istitle()):
        return False
    parts = unicodedata.normalize("NFD", word.lower())
    tones = [part for part in parts if part in _TONES]
    plain = unicodedata.normalize("NFC", "".join(part for part in parts if part not in _TONES))
    if len(tones) > 1 or plain not in _syllables() or (tones and not _bears_tone(plain, _toned_letter(parts))):
        return False
    # A syllable closed by a stop bears only the rising or the heavy tone; without diacritics it may lack its tone.
    return _STOPPED.search(plain) is None or tones in (["\u0301"], ["\u0323"]) or (not tones and plain.isascii())


def _toned_letter(decomposed: str) -> int:
    """Which letter of the syllable bears the tone, counted in whole letters from 0."""
    before = re.split("[\u0300\u0301\u0303\u0309\u0323]", decomposed)[0]
    return len(unicodedata.normalize("NFC", before)) - 1


@lru_cache(maxsize=100_000)
def _bears_tone(plain: str, position: int) -> bool:
    """Whether the tone of the toneless syllable may stand on its letter `position`, in the old or the new style."""
    found = _NUCLEUS.match(plain)
    if found is None:
        return False
    nucleus, final = found["nucleus"], found["final"]
    marked = [at for at, letter in enumerate(nucleus) if letter in "ăâêôơư"]
    if marked:
        allowed = {marked[-1]}
    elif final or len(nucleus) == 3:
        allowed = {1 if len(nucleus) == 3 else len(nucleus) - 1}
    else:
        allowed = {0, 1} if nucleus in ("oa", "oe", "uy") else {0}
    return position - found.start("nucleus") in allowed


@lru_cache(maxsize=100_000)
def judge(text: str) -> Verdict:
    """What encoding the text of one cell is in, on its own evidence."""
    words = [word for word in _ASCII_PUNCTUATION.split(text) if word]
    special = [word for word in words if not word.isascii()]
    kinds = Counter(_kind_of_word(word) for word in special)
    if kinds["unicode"]:
        return Verdict("unicode", is_sure=not (kinds["tcvn3"] or kinds["vni"]))
    claimed = [encoding for encoding in LEGACY if kinds[encoding]]
    if len(claimed) != 1:
        return Verdict("either" if kinds["either"] and not claimed else "open")
    has_symbol = claimed == ["tcvn3"] and _SYMBOLS_IN_WORDS.search(text) is not None
    is_foreign = any(
        word.isascii() and word.isalpha() and not word.isupper() and not is_syllable(word) for word in words
    )
    if is_foreign and not has_symbol:
        return Verdict("open")
    return Verdict(claimed[0], is_sure=has_symbol or kinds[claimed[0]] > 1)


@lru_cache(maxsize=200_000)
def _kind_of_word(word: str) -> Literal["unicode", "tcvn3", "vni", "either", "open"]:
    if _UNICODE_ONLY.search(word):
        return "unicode"
    word = "".join(character for character in word if character <= "\xff")
    as_unicode = is_syllable(word)
    fitting = [encoding for encoding in LEGACY if (found := decode(word, encoding)) and is_syllable(found)]
    if as_unicode:
        readings = {decode(word, encoding) for encoding in fitting}
        if word in readings:
            return "open"
        return "either" if fitting else "unicode"
    return fitting[0] if len(fitting) == 1 else ("either" if fitting else "open")


class LegacyText:
    """Turns the columns of one file into Unicode; evidence is kept from block to block."""

    def __init__(self, declared: str | None = None) -> None:
        self._declared = declared if declared in LEGACY else None
        self.settled: Legacy | None = self._declared
        self.converted: Counter[Legacy] = Counter()
        """Encoding → cells that were turned into Unicode."""
        self._left_in_doubt: str | None = None

    def texts(self, where: str, given: Sequence[str]) -> dict[str, str]:
        """Text → its Unicode, for those that change. Raises `UnreadableFile` where the encoding cannot be decided."""
        verdicts = {text: judge(text) for text in given if not text.isascii()}
        self._settle(verdicts.values())
        return self._conversions(where, verdicts)

    def columns(self, table: "pa.Table") -> "pa.Table":
        """The table with its older encodings turned into Unicode.

        Raises `UnreadableFile` naming the column where cells could be read both ways.
        """
        import pyarrow as pa

        suspects: dict[str, dict[str, Verdict]] = {}
        pc = compute()
        for name in table.column_names:
            found = _not_ascii(table[name])
            if found and (self.settled or self._has_legacy_words(found)):
                suspects[name] = {text: judge(text) for text in pc.unique(found[0]).to_pylist()}
            elif found and self._left_in_doubt is None and _has_either(found[1]):
                self._left_in_doubt = name
        for verdicts in suspects.values():
            self._settle(verdicts.values())
        for name, verdicts in suspects.items():
            changes = self._conversions(name, verdicts)
            if changes:
                self.converted.update(_encodings(changes))
                keys, values = pa.array(list(changes), pa.string()), pa.array(list(changes.values()), pa.string())
                at = pc.index_in(table[name], keys)
                column = pc.coalesce(pc.take(values, at), table[name])
                table = table.set_column(table.column_names.index(name), name, column)
        return table

    def _has_legacy_words(self, found: "tuple[Column, list[str]]") -> bool:
        return any(
            _kind_of_word(part) in LEGACY for word in found[1] for part in _ASCII_PUNCTUATION.split(word) if part
        )

    def _settle(self, verdicts: Iterable[Verdict]) -> None:
        """One encoding for the whole file, once a column speaks clearly."""
        counts = Counter(verdict.reading for verdict in verdicts if verdict.is_sure)
        for encoding in LEGACY:
            others = counts["unicode"] + sum(counts[other] for other in LEGACY if other != encoding)
            if self.settled is None and counts[encoding] >= 3 and others <= _STRAYS * counts[encoding]:
                if self._left_in_doubt is not None:
                    raise _undecided(self._left_in_doubt, encoding)
                self.settled = encoding

    def _conversions(self, where: str, verdicts: dict[str, Verdict]) -> dict[str, str]:
        sure: Counter[str] = Counter(verdict.reading for verdict in verdicts.values() if verdict.is_sure)
        likely: Counter[str] = Counter(verdict.reading for verdict in verdicts.values())
        changes: dict[str, str] = {}
        for text, verdict in verdicts.items():
            encoding = self._encoding_of(where, verdict, sure, likely)
            if encoding is not None and (found := decode(text, encoding)) is not None and found != text:
                changes[text] = unicodedata.normalize("NFC", found)
        return changes

    def _encoding_of(self, where: str, verdict: Verdict, sure: Counter[str], likely: Counter[str]) -> Legacy | None:
        if verdict.reading == "unicode":
            return None
        if verdict.reading in LEGACY and (verdict.is_sure or self._is_believed(verdict.reading, sure, likely)):
            return verdict.reading
        if self._declared:
            return self.settled
        legacy = max(LEGACY, key=lambda encoding: sure[encoding])
        known = sure["unicode"] + sure[legacy]
        if known and sure[legacy] <= _STRAYS * known:
            return None
        if sure["unicode"] > _STRAYS * known:
            if verdict.reading == "either":
                raise _undecided(where, legacy)
            return None
        return legacy if sure[legacy] else self.settled

    def _is_believed(self, encoding: Legacy, sure: Counter[str], likely: Counter[str]) -> bool:
        """Whether a lone word counts: foreigners' names hold words that could be VNI syllables (`Loïc`)."""
        if self.settled == encoding or sure[encoding]:
            return True
        return likely[encoding] >= 3 and likely["unicode"] + likely["open"] <= _STRAYS * likely[encoding]


def _encodings(changes: dict[str, str]) -> Iterable[Legacy]:
    """For each conversion the encoding the text was in."""
    for text, found in changes.items():
        yield "tcvn3" if unicodedata.normalize("NFC", decode_tcvn3(text) or "") == found else "vni"


def _not_ascii(column: Column) -> "tuple[Column, list[str]] | None":
    """The distinct texts of a column with other than ASCII characters, and those of their words that may be an older encoding."""

    pc = compute()
    special = pc.unique(pc.filter(column, pc.invert(pc.fill_null(pc.string_is_ascii(column), True))))
    if len(special) == 0:
        return None
    words = pc.unique(pc.list_flatten(pc.utf8_split_whitespace(special)))
    doubtful = pc.filter(words, pc.invert(pc.match_substring_regex(words, _UNICODE_ONLY.pattern)))
    return special, [word for word in doubtful.to_pylist() if word and not word.isascii()]


def _has_either(words: list[str]) -> bool:
    return any(_kind_of_word(part) == "either" for word in words for part in _ASCII_PUNCTUATION.split(word) if part)


def _undecided(where: str, encoding: str) -> UnreadableFile:
    return UnreadableFile(
        f"part of the text is in the older encoding {encoding.upper()}, part could be that or Unicode",
        where=where,
        remedy=f'write encoding = "{encoding}" in [files.format], or ask the agency for a file in Unicode',
    )


def _in_capitals(text: str, decoded: str) -> str:
    if re.search("[a-z]", text) and not re.search(r"[^\W\d_][A-Z]|[A-Z][^\W\d_]*[A-Z]", text):
        return decoded
    words = re.split(r"(\s+)", text)
    shown_large = any(re.search("[A-Z]", word[1:]) and not re.search("[a-z]", word) for word in words)
    if not shown_large:
        return decoded
    plain = re.split(r"(\s+)", decoded)
    return "".join(
        new if re.search("[a-z]", old) or not re.search("[A-Z]|[^\x00-\x7f]", old) else new.upper()
        for old, new in zip(words, plain, strict=True)
    )


@cache
def _tables() -> dict[str, Any]:
    given = tomllib.loads((files("connectors.formats") / "legacy_text.toml").read_text(encoding="utf-8"))
    tcvn3 = dict(zip(given["tcvn3"]["codes"], given["tcvn3"]["letters"], strict=True))
    vni = _vni_letters(given["vni"])
    longest_first = sorted(vni, key=len, reverse=True)
    return {**given, "tcvn3": tcvn3, "vni": vni, "vni_pattern": re.compile("|".join(longest_first))}


def _vni_letters(given: dict[str, Any]) -> dict[str, str]:
    """VNI character sequence → letter, small and capital; a mark may be of either case behind a capital."""
    small: dict[str, str] = dict(given["single"])
    for base, marks in given["takes"].items():
        letter = small.get(base, base)
        small |= {base + mark: unicodedata.normalize("NFC", letter + given["marks"][mark]) for mark in marks}
    large = {code.upper(): letter.upper() for code, letter in small.items()}
    title = {code[0].upper() + code[1:]: letter.upper() for code, letter in small.items()}
    return {**title, **large, **small}


@cache
def _syllables() -> frozenset[str]:
    given = _tables()["syllable"]
    rimes = given["rimes"].split()
    return frozenset({onset + rime for onset in ("", *given["onsets"].split()) for rime in rimes})
