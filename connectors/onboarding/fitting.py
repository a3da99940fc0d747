"""Which dataset of a registry some fields belong to."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from common.errors import ConfigurationError
from connectors.onboarding.drafting_text import DatasetDraft
from connectors.onboarding.naming import Proposal, WireField, likeness, propose, squashed
from contracts.loader import Dataset, load_contracts

SAMPLE = 200
"""Records a draft is made from."""
LIKE_ENOUGH = 0.15
_NAMED_BONUS = 0.3


def json_fields(records: Sequence[Mapping[str, Any]]) -> list[WireField]:
    """Every plain field, those of nested objects by their path."""
    texts: dict[str, list[str]] = {}
    for record in itertools.islice(records, SAMPLE):
        _gather(record, "", texts)
    return [WireField(name, tuple(found)) for name, found in texts.items()]


def _gather(record: Mapping[str, Any], path: str, texts: dict[str, list[str]]) -> None:
    for name, value in record.items():
        here = path + name.replace(".", "\\.")
        if isinstance(value, Mapping):
            _gather(value, f"{here}.", texts)
            continue
        found = texts.setdefault(here, [])
        if value is not None and not isinstance(value, list) and str(value).strip():
            found.append(str(value).lower() if isinstance(value, bool) else str(value))


def fitted(registry: str, fields: Sequence[WireField], contract: Dataset | None, called: str) -> DatasetDraft:
    """The fields mapped to `contract`, or to the dataset of the registry they look like most."""
    if contract is not None:
        return DatasetDraft(contract, propose(contract, fields))
    ranked = sorted(
        ((fit(each, proposal := propose(each, fields), called), each, proposal) for each in contracts_of(registry)),
        key=lambda ranking: -ranking[0],
    )
    best, chosen, proposal = ranked[0]
    if best < LIKE_ENOUGH:
        raise ConfigurationError(
            f"nobody can tell which dataset of {registry} this is",
            where=called,
            remedy=f"name it with --dataset: {', '.join(each.name for each in contracts_of(registry))}",
        )
    return DatasetDraft(chosen, proposal)


def contracts_of(registry: str) -> list[Dataset]:
    return list(load_contracts()[registry].values())


def fit(contract: Dataset, proposal: Proposal, called: str) -> float:
    is_named = squashed(contract.name) in squashed(called)
    return likeness(contract, proposal) + (_NAMED_BONUS if is_named else 0)
