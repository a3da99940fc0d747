"""A drafted source file as text: TOML that says what was found, and in comments what is left to do."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.onboarding.guessing import Guess, guess
from connectors.onboarding.naming import Proposal
from contracts.loader import Dataset, Field

_BARE = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_WIDTH = 116


@dataclass
class DatasetDraft:
    """One dataset: how its fields were matched, and keys beside the mapping (`path`, `table` …)."""

    contract: Dataset
    proposal: Proposal
    keys: dict[str, Any] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    is_flat: bool = True
    """A dot in a name is part of the name; else it leads into a nested object, which is known or unknown as a whole."""

    @property
    def missing(self) -> list[str]:
        """Required fields nothing was found for."""
        return [each.name for each in self.contract.fields if each.is_required and each.name not in self.proposal.found]

    @property
    def guesses(self) -> dict[str, Guess]:
        return {name: guess(self.contract.field(name), wire.texts) for name, wire in self.proposal.found.items()}


@dataclass
class SourceDraft:
    """A source file to be written: `tables` by header, datasets behind them."""

    registry: str
    origin: str
    """What it was drafted from, without anything secret."""
    extends: str | None = None
    tables: dict[str, dict[str, Any]] = field(default_factory=dict)
    datasets: list[DatasetDraft] = field(default_factory=list)
    guessed: set[str] = field(default_factory=set)
    """Keys (`rest.paging.cursor_param`) that nothing proves."""

    def text(self) -> str:
        """The file. Of the records it holds names of fields and codes of closed lists, never another value."""
        lines = [
            f"# {self.registry}: bản nháp từ · drafted from {self.origin}",
            "# Chỗ có # là việc còn lại; xem thử: · what is left to do stands behind #; to see what it would do:",
            f"#   doichieu sources check {self.registry}",
            f"extends = {_value(self.extends)}" if self.extends else f"registry = {_value(self.registry)}",
        ]
        for header, keys in self.tables.items():
            lines += ["", f"[{header}]", *self._keys(header, keys)] if keys else []
        for drafted in self.datasets:
            lines += ["", *_dataset(drafted)]
        return "\n".join(lines) + "\n"

    def _keys(self, header: str, keys: Mapping[str, Any]) -> Iterator[str]:
        for key, value in keys.items():
            remark = "  # đoán · guessed: look at it" if f"{header}.{key}" in self.guessed else ""
            yield f"{_key(key)} = {_value(value)}{remark or _EMPTY_REMARKS.get(f'{header}.{key}={value}', '')}"


_EMPTY_REMARKS = {
    "rest.incremental.param=": "  # parameter that asks for what changed since a moment; none: every pull is a full one",
    "rest.paging.limit_param=": "  # parameter for the page size, if the server has one",
}


def _dataset(drafted: DatasetDraft) -> Iterator[str]:
    contract, proposal = drafted.contract, drafted.proposal
    yield f"[datasets.{_key(contract.name)}]"
    yield from (f"# {remark}" for remark in drafted.remarks)
    yield from (f"{_key(key)} = {_value(value)}" for key, value in drafted.keys.items())
    yield from _left_over(drafted)
    yield ""
    yield f"[datasets.{_key(contract.name)}.fields]"
    guesses = drafted.guesses
    for each in contract.fields:
        if each.name in proposal.found:
            yield _mapped(each, proposal, guesses[each.name])
        elif each.is_required:
            yield _missing(each, contract)
    optional = [each.name for each in contract.fields if not each.is_required and each.name not in proposal.found]
    if optional:
        yield from _wrapped("# không tìm thấy, không bắt buộc · not found, not required: ", optional)


def _left_over(drafted: DatasetDraft) -> Iterator[str]:
    """Fields of the source that are drift until they are mapped or ignored; those beside a mapped one need neither."""
    known_by = _whole if drafted.is_flat else _topmost
    used = {known_by(wire.name) for wire in drafted.proposal.found.values()}
    names = dict.fromkeys(known_by(wire.name) for wire in drafted.proposal.left_over)
    fresh = [name for name in names if name not in used]
    if fresh:
        yield "# chưa ghép, chưa bỏ qua · neither mapped nor ignored yet: map each below, or take the # off"
        yield f"#ignore = {_value(fresh)}"
    nested = [wire.name for wire in drafted.proposal.left_over if known_by(wire.name) in used]
    if nested:
        yield from _wrapped("# không dùng · not used, beside fields that are: ", nested)


def _mapped(contract: Field, proposal: Proposal, found: Guess) -> str:
    wire = proposal.found[contract.name].name
    said: dict[str, Any] = {"from": wire}
    said |= {"split": found.split} if found.split else {}
    said |= {"parse": found.parse[0] if len(found.parse) == 1 else list(found.parse)} if found.parse else {}
    said |= {"recode": found.recode} if found.recode else {}
    remarks = [found.remark] if found.remark else []
    remarks += ["by its values, not its name"] if contract.name in proposal.by_value else []
    line = f"{contract.name} = {_value(wire if found.is_plain else said)}"
    return line + (f"  # {'; '.join(remarks)}" if remarks else "")


def _missing(contract: Field, dataset: Dataset) -> str:
    if contract.name == "updated_at":
        return (
            '#updated_at = "_pulled_at"  # bắt buộc · required: nothing in the source says when a record changed;'
            " _pulled_at, the moment of the pull, lands every record anew each time"
        )
    listed = f", one of {', '.join(contract.valid_values)}" if contract.valid_values else ""
    role = "part of the key; " if contract.name in dataset.key else ""
    wanted = f"{role}{contract.title_vi} ({contract.type}{listed})"
    return f'#{contract.name} = ""  # bắt buộc · required: {wanted}; name its field, or write {{ constant = "…" }}'


def _whole(name: str) -> str:
    return name


def _topmost(name: str) -> str:
    return re.split(r"(?<!\\)\.", name)[0].replace("\\.", ".")


def _wrapped(opening: str, names: list[str]) -> Iterator[str]:
    line = opening
    for number, name in enumerate(names):
        piece = name + (", " if number < len(names) - 1 else "")
        if len(line) + len(piece) > _WIDTH:
            yield line.rstrip()
            line = "#   "
        line += piece
    yield line


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else _value(name)


def _value(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case int():
            return str(value)
        case str():
            # JSON's escapes are TOML's too, once the one control character JSON leaves alone is written out.
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")
        case Mapping():
            return "{ " + ", ".join(f"{_key(name)} = {_value(each)}" for name, each in value.items()) + " }"
        case _:
            return "[" + ", ".join(_value(each) for each in value) + "]"
