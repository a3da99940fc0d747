"""Which field of a source is which of the contract: by what agencies call it, then by how its values look."""

import re
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from stdnum.vn import mst

from contracts.loader import Dataset, Field


@dataclass(frozen=True)
class WireField:
    """A field of a source: its name as a source file writes it, and the texts a sample of its records holds."""

    name: str
    texts: tuple[str, ...]


@dataclass(frozen=True)
class Proposal:
    """Contract field → field of the source, and the source's fields nothing was found for."""

    by_name: Mapping[str, WireField]
    by_value: Mapping[str, WireField]
    left_over: tuple[WireField, ...]

    @property
    def found(self) -> dict[str, WireField]:
        return {**self.by_name, **self.by_value}


def propose(contract: Dataset, fields: Sequence[WireField]) -> Proposal:
    """The likeliest field of the source for every field of the contract; none is given twice."""
    by_name = _by_name(contract, fields)
    taken = {field.name for field in by_name.values()}
    by_value: dict[str, WireField] = {}
    for name, fits in _BY_VALUE.items():
        if name not in contract.names or name in by_name:
            continue
        fitting = [field for field in fields if field.name not in taken and field.texts and all(map(fits, field.texts))]
        # Two such columns, and nobody can say which is meant.
        if len(fitting) == 1:
            by_value[name] = fitting[0]
            taken.add(fitting[0].name)
    return Proposal(by_name, by_value, tuple(field for field in fields if field.name not in taken))


def likeness(contract: Dataset, proposal: Proposal) -> float:
    """How much of the contract was found by name, required fields and keys counting most, and how much of what the source
    has that explains; comparable across datasets."""
    weights = {
        field.name: 3.0 if field.name in contract.key else 2.0 if field.is_required else 1.0
        for field in contract.fields
    }
    weights |= {"deleted": 0.2, "updated_at": 0.5}
    found = sum(weights[name] for name in proposal.by_name)
    explained = len(proposal.found) / max(1, len(proposal.found) + len(proposal.left_over))
    return found / sum(weights[name] for name in contract.names) * (0.5 + explained)


def known_names(contracts: Sequence[Dataset]) -> tuple[str, ...]:
    """Everything the fields of these datasets may be called, to find the header of a table by."""
    return tuple(dict.fromkeys(name for contract in contracts for each in contract.fields for name in _names(each)))


def meaning_of(code: str, field: Field) -> str | None:
    """The value of the closed list that `code` says in words; None for a code that has to be looked up."""
    wanted = squashed(code)
    if field.type == "bool":
        spoken = _synonyms()["codes"]["_yes_no"]
        return next((value for value, words in spoken.items() if wanted in map(squashed, words)), None)
    if wanted in (by := {squashed(value): value for value in field.valid_values}):
        return by[wanted]
    words = _synonyms()["codes"].get(field.name, {})
    fitting = (value for value in field.valid_values if wanted in map(squashed, words.get(value, ())))
    return next(fitting, None)


def squashed(name: str) -> str:
    """Letters and digits alone, small, without marks: `Mã số thuế`, `ma_so_thue` and `maSoThue` are one."""
    plain = unicodedata.normalize("NFD", name.casefold().replace("đ", "d"))
    return re.sub(r"[^a-z0-9]", "", plain)


def _by_name(contract: Dataset, fields: Sequence[WireField]) -> dict[str, WireField]:
    whole = {squashed(field.name): field for field in reversed(fields)}
    last = {squashed(re.split(r"(?<!\\)\.", field.name)[-1]): field for field in reversed(fields)}
    found: dict[str, WireField] = {}
    taken: set[str] = set()
    # Rank by rank: a sure name of a later field goes before a vague one of an earlier.
    ranked = sorted((rank, place, name) for place, each in enumerate(contract.fields) for rank, name in _ranked(each))
    for _, place, name in ranked:
        target = contract.fields[place].name
        field = whole.get(squashed(name)) or last.get(squashed(name))
        if field is not None and target not in found and field.name not in taken:
            found[target] = field
            taken.add(field.name)
    return {name: found[name] for name in contract.names if name in found}


def _ranked(field: Field) -> Iterator[tuple[int, str]]:
    yield from enumerate(_names(field))


def _names(field: Field) -> tuple[str, ...]:
    title = re.sub(r"\s*\(.*\)", "", field.title_vi)
    return tuple(dict.fromkeys([field.name, title, *_synonyms()["fields"].get(field.name, ())]))


@cache
def _synonyms() -> dict[str, dict[str, dict[str, list[str]]]]:
    text = (files("connectors.onboarding") / "synonyms.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def _is_citizen_id(text: str) -> bool:
    return re.fullmatch(r"0\d{11}", text) is not None


def _is_tax_code(text: str) -> bool:
    return bool(mst.is_valid(text))


def _is_card(text: str) -> bool:
    return re.fullmatch(r"[A-Z]{2}[1-5]\d{12}", text) is not None


_BY_VALUE = {"citizen_id": _is_citizen_id, "hi_card": _is_card, "tax_code": _is_tax_code}
"""Numbers whose shape alone says what they are."""
