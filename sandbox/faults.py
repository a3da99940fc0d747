"""What goes wrong between agencies: how often, how long, and records that break the contract."""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Literal

from contracts.loader import Dataset, Field, all_datasets
from sandbox.world.play import Broken
from sandbox.world.world import World, malformed_table

Level = Literal["none", "mild", "harsh"]
Fault = Literal["too_many", "unavailable", "slow", "truncated", "reset", "doubled"]

_MOST_IN_A_ROW = 3
"""A client that keeps trying gets through: one address fails at most this often in a row."""


@dataclass(frozen=True)
class FaultLevel:
    """Shares of requests that fail in each way; `token_seconds`: how long an access token lives."""

    too_many: float = 0.0
    unavailable: float = 0.0
    slow: float = 0.0
    truncated: float = 0.0
    reset: float = 0.0
    doubled: float = 0.0
    slow_seconds: float = 0.0
    retry_after: int = 1
    token_seconds: float = 300.0
    malformed: float = 0.0
    """Records that break the contract, beside every thousand good ones."""


LEVELS: dict[Level, FaultLevel] = {
    "none": FaultLevel(),
    "mild": FaultLevel(0.01, 0.01, 0.02, 0.01, 0.01, 0.02, slow_seconds=0.3, token_seconds=20.0, malformed=0.0005),
    "harsh": FaultLevel(0.06, 0.05, 0.05, 0.05, 0.04, 0.06, slow_seconds=1.0, token_seconds=4.0, malformed=0.005),
}


class Dice:
    """Decides, request by request, what goes wrong. Seeded; not thread-safe, the server asks from one thread."""

    def __init__(self, level: FaultLevel, seed: int) -> None:
        self._level, self._random = level, random.Random(seed)
        self._failed: Counter[str] = Counter()

    def roll(self, address: str) -> Fault | None:
        draw = self._random.random()
        kinds: tuple[Fault, ...] = ("too_many", "unavailable", "slow", "truncated", "reset", "doubled")
        for kind in kinds:
            draw -= getattr(self._level, kind)
            if draw < 0:
                if kind in ("slow", "doubled"):
                    return kind
                self._failed[address] += 1
                return kind if self._failed[address] <= _MOST_IN_A_ROW else None
        self._failed.pop(address, None)
        return None


def spoil(world: World, share: float, seed: int) -> World:
    """The same world with extra records that break the contract, `share` of each dataset's size.

    They are copies of real records under keys of their own, so that setting them aside changes nothing else;
    `truth["malformed"]` names them and the reason.
    """
    if share <= 0:
        return world
    dice = random.Random(seed)
    added = [broken for found in all_datasets() for broken in _spoiled(world, found, share, dice)]
    everything = [*world.broken, *added]
    truth = {**world.truth, "malformed": malformed_table(everything)}
    return replace(world, broken=tuple(everything), truth=truth)


def _spoiled(world: World, found: Dataset, share: float, dice: random.Random) -> Iterator[Broken]:
    table = world.tables[found.full_name]
    if "updated_at" not in found.names or table.num_rows == 0:
        return
    for turn in range(int(table.num_rows * share) + (1 if table.num_rows > 300 else 0)):
        record: dict[str, Any] = table.slice(dice.randrange(table.num_rows), 1).to_pylist()[0]
        moment = record.pop("updated_at").replace(tzinfo=None) + timedelta(seconds=1)
        if record.get("deleted"):
            continue
        key = f"HONG-{found.name}-{turn}"
        record = {name: value for name, value in record.items() if value is not None} | {found.key[0]: key}
        field, value = dice.choice(list(_wrong_values(found)))
        if value is None:
            record.pop(field.name, None)
        else:
            record[field.name] = value
        told = None if field.name == found.key[0] else key if len(found.key) == 1 else f"{key}|{record[found.key[1]]}"
        reason = f"{field.name}: missing" if value is None else f"{field.name}: not what the contract says"
        yield Broken(found.full_name, told, moment, _plain(record), reason)


def _wrong_values(found: Dataset) -> Iterator[tuple[Field, Any]]:
    """(field, a value that breaks it); None: the field is left out."""
    for field in found.fields:
        if field.name in ("updated_at", "deleted") or (len(found.key) > 1 and field.name in found.key):
            continue
        if field.is_required:
            yield field, None
        if field.valid_values:
            yield field, "khác"
        elif field.type == "vnd":
            yield field, "1.234.567đ"
        elif field.type == "date":
            yield field, "2025-02-30"
        elif field.type == "month":
            yield field, "2025-13"
        elif field.type == "partial_date":
            yield field, "1980-02-31"
        elif field.type == "bool":
            yield field, "có"


def _plain(record: dict[str, Any]) -> dict[str, Any]:
    from decimal import Decimal

    return {name: str(value) if isinstance(value, Decimal) else value for name, value in record.items()}
