"""The rule book: every rule file with its header, and whether today's sources let it run."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from common.errors import ConfigurationError
from warehouse.model import Model, load_models
from warehouse.raw import SourceState

_REQUIRED = (
    "rule", "title_vi", "title_en", "subject", "law", "uses", "needs", "inputs", "innocent", "reason_vi", "reason_en",
)  # fmt: skip


@dataclass(frozen=True)
class Innocent:
    """An innocent explanation, and the document that would show it."""

    vi: str
    en: str
    document: str


@dataclass(frozen=True)
class Rule:
    """One rule of the catalogue: what it says, on what article, and what it must have to run."""

    rule: str
    version: str
    """Fingerprint of the rule's file and of the marts it reads."""
    title_vi: str
    title_en: str
    subject: str
    law: str
    uses: tuple[str, ...]
    needs: tuple[str, ...]
    """Datasets without which, or on which empty, the rule would accuse out of nothing."""
    needs_landed: tuple[str, ...]
    """Datasets that must have been delivered, though they may be empty."""
    needs_any: tuple[str, ...]
    """At least one of these must have rows."""
    inputs: tuple[str, ...]
    law_values: tuple[str, ...]
    """Dated values of the law the rule itself or a mart it reads rests on."""
    sources: tuple[str, ...]
    """Every dataset the rule rests on, who-is-who left out."""
    innocent: tuple[Innocent, ...]
    reason_vi: str
    reason_en: str
    model: Model

    @property
    def innocent_vi(self) -> tuple[str, ...]:
        return tuple(f"{found.vi} — giấy tờ: {found.document}" for found in self.innocent)

    @property
    def innocent_en(self) -> tuple[str, ...]:
        return tuple(f"{found.en} — document: {found.document}" for found in self.innocent)

    def skipped_reason(self, sources: Mapping[str, SourceState]) -> str | None:
        """Why the rule cannot run on these sources; None where it can."""
        absent = [name for name in (*self.needs, *self.needs_landed) if not sources[name].is_available]
        if absent:
            return f"not available: {', '.join(absent)}"
        empty = [name for name in self.needs if sources[name].rows_ever == 0]
        if empty:
            return f"empty: {', '.join(empty)}"
        if self.needs_any and not any(sources[name].rows_ever for name in self.needs_any):
            return f"none of these has rows: {', '.join(self.needs_any)}"
        return None

    def source_doubts(
        self, sources: Mapping[str, SourceState], failed_checks: Mapping[str, Sequence[str]]
    ) -> list[str]:
        """What every finding of this rule must say of its sources: what it had to do without, what failed a check."""
        missing = [f"not_available:{name}" for name in self.sources if not sources[name].is_available]
        empty = [f"source_empty:{name}" for name in self.needs_landed if sources[name].rows_ever == 0]
        failed = [f"failed_check:{name} {check}" for name in self.sources for check in failed_checks.get(name, ())]
        return sorted(missing + empty + failed)


@cache
def load_rules() -> tuple[Rule, ...]:
    """Every rule file, by code.

    Raises `ConfigurationError` where a header lacks what a rule must say.
    """
    everything = {model.name: model for layer in ("staging", "marts", "rules") for model in load_models(layer)}
    return tuple(_rule(model, everything) for model in load_models("rules"))


def _rule(model: Model, everything: Mapping[str, Model]) -> Rule:
    header = model.header
    missing = [name for name in _REQUIRED if name not in header]
    if missing:
        raise ConfigurationError(f"the header lacks {', '.join(missing)}", where=f"warehouse/rules/{model.name}")
    reached = _reached(model, everything)
    return Rule(
        rule=header["rule"],
        version=_version(model, [everything[name] for name in reached if name.startswith("marts.")]),
        title_vi=header["title_vi"],
        title_en=header["title_en"],
        subject=header["subject"],
        law="; ".join(_citation(act) for act in header["law"]),
        uses=model.uses,
        needs=tuple(header["needs"]),
        needs_landed=tuple(header.get("needs_landed", ())),
        needs_any=tuple(header.get("needs_any", ())),
        inputs=tuple(header["inputs"]),
        law_values=tuple(name.removeprefix("law.") for name in reached if name.startswith("law.")),
        sources=tuple(
            sorted(
                _dataset_name(name) for name in reached if name.startswith("staging.") and name != "staging.set_aside"
            )
        ),
        innocent=tuple(Innocent(found["vi"], found["en"], found["document"]) for found in header["innocent"]),
        reason_vi=header["reason_vi"],
        reason_en=header["reason_en"],
        model=model,
    )


def _reached(model: Model, everything: Mapping[str, Model]) -> list[str]:
    """Every table the rule rests on, through the marts it reads; who is who is left out."""
    reached: set[str] = set()
    waiting: list[str] = list(model.uses)
    while waiting:
        name = waiting.pop()
        if name not in reached and not name.startswith("linkage."):
            reached.add(name)
            waiting.extend(everything[name].uses if name in everything else ())
    return sorted(reached)


def _version(model: Model, marts: Sequence[Model]) -> str:
    """Fingerprint of the rule's file and of the marts whose arithmetic it repeats."""
    text = f"{sorted(model.header.items(), key=lambda item: str(item[0]))}\n{model.sql}"
    return hashlib.sha256("\n".join([text, *(mart.sql for mart in marts)]).encode()).hexdigest()[:12]


def _citation(act: Mapping[str, str]) -> str:
    article = str(act["article"])
    return f"{act['act']} Đ{article}" if article[:1].isdigit() else f"{act['act']} ({article})"


def _dataset_name(staging_table: str) -> str:
    registry, _, dataset = staging_table.removeprefix("staging.").partition("_")
    return f"{registry}.{dataset}"


def stale_registries(rule: Rule, stale: Sequence[str]) -> list[str]:
    """The registries the rule rests on that could not be read this time."""
    return sorted({name.partition(".")[0] for name in rule.sources if name in stale})
