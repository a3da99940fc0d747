"""One run's build: raw versions → staging → linkage → marts → rules → findings, in one file of its own."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import duckdb

from common.files import DataFolder, write_json
from common.settings import Settings
from common.values import Progress
from contracts.loader import Dataset, all_datasets
from warehouse.engine.duckdb import OUT_OF_ROOM, literal, no_room, open_build, run_model
from warehouse.findings import collect, settle
from warehouse.inputs import BuildInputs
from warehouse.law_tables import load_law_tables
from warehouse.linkage.employers import link_employers
from warehouse.linkage.persons import link_persons
from warehouse.model import Model, in_order, load_models
from warehouse.raw import SourceState, load_raw
from warehouse.rule_book import Rule, load_rules, stale_registries


@dataclass(frozen=True)
class BuildResult:
    """What a build made. `rules` holds one dictionary of figures per rule; `seconds` the time per step."""

    run: str
    path: Path
    inputs: BuildInputs
    seconds: dict[str, float]
    linkage: dict[str, Any]
    rules: list[dict[str, Any]]
    counts: dict[str, int]


@dataclass
class _Build:
    """The state of one build on its way through the layers."""

    connection: duckdb.DuckDBPyConnection
    data: DataFolder
    folder: Path
    inputs: BuildInputs
    progress: Progress
    seconds: dict[str, float] = field(default_factory=dict)
    sources: dict[str, SourceState] = field(default_factory=dict)
    linkage: dict[str, Any] = field(default_factory=dict)

    @property
    def parameters(self) -> Mapping[str, str]:
        return {"as_of": literal(self.inputs.as_of)}

    @property
    def previous_identity(self) -> Path | None:
        version = self.inputs.identity_version
        return None if version is None else self.data.identity / version

    def timed(self, step: str, work: Callable[[], object]) -> None:
        started = time.perf_counter()
        work()
        self.seconds[step] = round(time.perf_counter() - started, 3)
        self.progress.advance("Build the warehouse", 1)


def build(settings: Settings, *, run: str, inputs: BuildInputs, progress: Progress) -> BuildResult:
    """Build `builds/<run>/build.duckdb` from exactly `inputs`; nothing published is touched.

    Raises `ConfigurationError` where a model breaks its header's promise, `DoiChieuError` on a full disk or memory.
    """
    folder = settings.data.build(run)
    path = folder / "build.duckdb"
    path.unlink(missing_ok=True)
    rules = load_rules()
    connection = open_build(path, settings.build)
    try:
        made = _Build(connection, settings.data, folder, inputs, progress)
        steps = in_order([*_models(), *_PYTHON_MODELS])
        progress.start("Build the warehouse", len(all_datasets()) + len(steps) + len(rules) + 1)
        for found in all_datasets():
            made.timed(f"raw.{found.table}", partial(_load, made, found))
        load_law_tables(connection)
        for model in steps:
            made.timed(model.name, partial(_run, made, model))
        skipped = _run_rules(made, rules)
        result = _result(made, run, path, rules, skipped)
        connection.execute("checkpoint")
    except OUT_OF_ROOM as error:
        raise no_room(str(path)) from error
    finally:
        connection.close()
    progress.finish("Build the warehouse")
    write_json(folder / "build.json", {"run": run, "inputs": inputs.to_json(), "seconds": result.seconds,
                                       "linkage": result.linkage, "rules": result.rules, "counts": result.counts})  # fmt: skip
    return result


def _models() -> list[Model]:
    return [model for layer in ("staging", "linkage", "marts") for model in load_models(layer)]


# Tables that SQL alone cannot make; they stand in the same order of dependencies as the models.
_PYTHON_MODELS = [
    Model("linkage.person_link", {"uses": ["linkage.person_mention", "linkage.identifier"]}, ""),
    Model("linkage.contradiction", {"uses": ["linkage.person_link"]}, ""),
    Model("linkage.trusted_identifier", {"uses": ["linkage.person_link"]}, ""),
    Model("linkage.employer_key", {"uses": ["linkage.employer_code", "linkage.employer_edge"]}, ""),
]


def _load(made: _Build, found: Dataset) -> None:
    made.sources[found.full_name] = load_raw(made.connection, made.data, found, made.inputs)


def _run(made: _Build, model: Model) -> None:
    written = made.folder / "identity"
    if model.name == "linkage.person_link":
        judged = [made.data.judgements / name for name in made.inputs.judgements]
        figures = link_persons(made.connection, previous=made.previous_identity, written=written, judgements=judged)
        made.linkage.update(figures.to_json())
    elif model.name == "linkage.employer_key":
        keys = link_employers(made.connection, previous=made.previous_identity, written=written)
        made.linkage["employers"] = keys.kept + keys.new
    elif model.sql:
        run_model(made.connection, model, made.parameters)


def _run_rules(made: _Build, rules: tuple[Rule, ...]) -> dict[str, str]:
    """Run every rule its sources allow and settle the findings; returns rule → why it was skipped."""
    skipped = {rule.rule: reason for rule in rules if (reason := rule.skipped_reason(made.sources)) is not None}
    running = [rule for rule in rules if rule.rule not in skipped]
    for rule in running:
        made.timed(rule.model.name, partial(run_model, made.connection, rule.model, made.parameters))
    collect(
        made.connection,
        running,
        source_doubts={rule.rule: rule.source_doubts(made.sources, made.inputs.failed_checks) for rule in running},
        stale={rule.rule: stale_registries(rule, list(made.inputs.stale)) for rule in running},
    )
    previous = made.inputs.previous_snapshot
    warehouse = None if previous is None else made.data.snapshot(previous) / "warehouse.duckdb"
    made.timed("findings", lambda: settle(made.connection, running, as_of=made.inputs.as_of, previous=warehouse))
    _write_rule_table(made, rules, skipped)
    _write_source_table(made)
    return skipped


def _write_rule_table(made: _Build, rules: tuple[Rule, ...], skipped: Mapping[str, str]) -> None:
    made.connection.execute(
        "create or replace table findings.rule (rule varchar, rule_version varchar, title_vi varchar, title_en varchar,"
        " subject varchar, law varchar, reason_vi varchar, reason_en varchar, innocent_vi varchar[], innocent_en varchar[],"
        " inputs varchar[], params varchar[], file varchar, skipped_reason varchar)"
    )
    for rule in rules:
        made.connection.execute(
            "insert into findings.rule values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [rule.rule, rule.version, rule.title_vi, rule.title_en, rule.subject, rule.law, rule.reason_vi, rule.reason_en,
             list(rule.innocent_vi), list(rule.innocent_en), list(rule.inputs), list(rule.law_values),
             f"warehouse/rules/{rule.rule}.sql", skipped.get(rule.rule)],
        )  # fmt: skip


def _write_source_table(made: _Build) -> None:
    made.connection.execute(
        "create or replace table findings.source (registry varchar, dataset varchar, offered boolean, pulls integer,"
        " newest_pull varchar, newest_record_at timestamptz, is_stale boolean, stale_reason varchar)"
    )
    for name, state in made.sources.items():
        newest = "max(updated_at)" if "updated_at" in state.dataset.names else "cast(null as timestamptz)"
        made.connection.execute(
            f"insert into findings.source select ?, ?, ?, ?, ?, {newest}, ?, ? from raw.{state.dataset.table}",
            [state.dataset.registry, state.dataset.name, state.is_offered, len(state.pulls),
             state.pulls[-1] if state.pulls else None, name in made.inputs.stale, made.inputs.stale.get(name)],
        )  # fmt: skip


def _result(made: _Build, run: str, path: Path, rules: tuple[Rule, ...], skipped: Mapping[str, str]) -> BuildResult:
    figures = made.connection.execute("""
        select rule, count(*) filter (change <> 'cleared') as flags, sum(findings) as findings,
            count(*) filter (change = 'new') as new, count(*) filter (change = 'worse') as worse,
            count(*) filter (change = 'eased') as eased, count(*) filter (change = 'standing') as standing,
            count(*) filter (change = 'cleared') as cleared, sum(principal_vnd) as principal_vnd,
            sum(interest_vnd) as interest_vnd
        from findings.flag group by rule
    """)
    names = [column[0] for column in figures.description]
    by_rule = {row[0]: dict(zip(names, row, strict=True)) for row in figures.fetchall()}
    zero: dict[str, int | None] = dict.fromkeys(names[1:8], 0) | {"principal_vnd": None, "interest_vnd": None}
    listed = [
        {"title_vi": rule.title_vi, "title_en": rule.title_en, "skipped_reason": skipped.get(rule.rule), **zero}
        | {name: _whole(value) for name, value in by_rule.get(rule.rule, {}).items()}
        | {"rule": rule.rule}
        for rule in rules
    ]
    tables = ("findings.finding", "findings.flag", "findings.finding_evidence", "linkage.person_link", "marts.employer")
    counts = {name: _count(made.connection, name) for name in tables}
    return BuildResult(run, path, made.inputs, made.seconds, made.linkage, listed, counts)


def _whole(value: Any) -> Any:
    return value if value is None or isinstance(value, str) else int(value)


def _count(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    row = connection.execute(f"select count(*) from {table}").fetchone()
    assert row is not None
    return int(row[0])
