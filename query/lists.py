"""The exported tables: one SQL file each in `tables/`, filtered, in a fixed order, streamed as Arrow batches.

The files' casts are the declared types. A column whose name begins with `_` serves filters and sentences only.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any, Literal, cast

import pyarrow as pa

from common.errors import ConfigurationError
from query.identity import Reader, attach_identity, unmask
from query.sentences import LANGUAGES, Template, parse_template
from query.snapshot import Reading

BATCH_ROWS = 50_000
LARGEST_FIRST = "change = 'cleared', principal_vnd desc nulls last, findings desc, flag_id"

_FILTER_COLUMNS = {
    "rule": "rule",
    "province": "_province_code",
    "status": "status",
    "change": "change",
    "finding": "finding_id",
}
# One decoder for all rows: making one costs more than a finding's facts.
_FACTS = json.JSONDecoder(parse_float=Decimal)
_OWN_FACTS = (
    "unit_code",
    "facility_code",
    "doctor_code",
    "office_code",
    "item",
    "from_date",
    "to_date",
    "principal_vnd",
    "interest_vnd",
    "days_late",
)


@dataclass(frozen=True)
class Filter:
    """Which rows of a list; None: all. `province` is the employer's (of an indicator: the area)."""

    rule: str | None = None
    province: str | None = None
    status: str | None = None
    change: str | None = None
    finding: str | None = None
    limit: int | None = None

    @property
    def given(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True)
class Listing:
    """A list ready to be read once: its schema and its batches. Rows are counted before anything is shown."""

    table: str
    schema: pa.Schema
    rows: int
    matching: int
    """Rows the filter leaves without its limit."""
    batches: Iterator[pa.RecordBatch]


def table_names() -> list[str]:
    return sorted(path.name.removesuffix(".sql") for path in (files("query") / "tables").iterdir())


def open_list(
    opened: Reading,
    reader: Reader,
    table: str,
    chosen: Filter | None = None,
    *,
    order: Literal["key", "largest"] = "key",
    keeps_names: bool = False,
    batch_rows: int = BATCH_ROWS,
) -> Listing:
    """Open one of `table_names()`.

    Columns, order and types are those of the published tables; persons are masked unless the reader states a purpose.
    `keeps_names` adds the employer's name as `_name`, for people reading a screen.
    Raises `ConfigurationError` for an unknown table or a filter the table has no column for.
    """
    chosen = chosen or Filter()
    text, ordered_by = _table(table)
    where, values = _conditions(table, chosen)
    attach_identity(opened)
    counted = opened.connection.execute(f"select count(*) from ({text}) where {where}", values).fetchone()
    assert counted is not None
    rows = int(counted[0]) if chosen.limit is None else min(int(counted[0]), chosen.limit)
    unmask(opened, reader, what=f"{table} {json.dumps(chosen.given, sort_keys=True)}", rows=rows)
    templates = _templates(opened)
    ranking = ordered_by if order == "key" else LARGEST_FIRST
    limit = "" if chosen.limit is None else f" limit {int(chosen.limit)}"
    query = f"select * from ({text}) where {where} order by {ranking}{limit}"
    stream = opened.connection.execute(query, values).to_arrow_reader(batch_rows)
    schema = _published(stream.schema, keeps_names=keeps_names)
    return Listing(table, schema, rows, int(counted[0]), (_finished(batch, schema, templates) for batch in stream))


def _conditions(table: str, chosen: Filter) -> tuple[str, list[Any]]:
    text, _ = _table(table)
    given = {name: value for name, value in chosen.given.items() if name != "limit"}
    for name in given:
        if f" as {_FILTER_COLUMNS[name]}" not in text:
            raise ConfigurationError(f"the list {table} cannot be filtered by {name}", remedy=f"drop --{name}")
    where = " and ".join(f"{_FILTER_COLUMNS[name]} = ?" for name in given) or "true"
    return where, list(given.values())


@cache
def _table(name: str) -> tuple[str, str]:
    """The SQL of a list and the columns that order it."""
    if name not in table_names():
        raise ConfigurationError(f"there is no list {name!r}", remedy=f"choose one of: {', '.join(table_names())}")
    text = (files("query") / "tables" / f"{name}.sql").read_text(encoding="utf-8")
    first, _, _ = text.partition("\n")
    return text, first.removeprefix("-- order: ")


def _templates(opened: Reading) -> dict[tuple[str, str], Template]:
    """Every rule's sentences, parsed, by rule and language."""
    rows = opened.connection.execute("select rule, reason_vi, reason_en from main.rule").fetchall()
    return {
        (rule, language): parse_template(rule, text, language)
        for rule, *texts in rows
        for language, text in zip(LANGUAGES, texts, strict=True)
        if text is not None
    }


def _published(schema: pa.Schema, *, keeps_names: bool) -> pa.Schema:
    # DuckDB calls the member of a list by a name of its own; readers expect Arrow's.
    texts = pa.list_(pa.string())
    return pa.schema(
        [
            pa.field(field.name, texts if pa.types.is_list(field.type) else field.type)
            for field in schema
            if not field.name.startswith("_") or (keeps_names and field.name == "_name")
        ]
    )


def _finished(
    batch: pa.RecordBatch, schema: pa.Schema, templates: Mapping[tuple[str, str], Template]
) -> pa.RecordBatch:
    columns = {name: batch.column(name) for name in schema.names}
    if "reason_vi" in columns:
        columns |= _reasons(batch, templates)
    return pa.record_batch([columns[field.name].cast(field.type) for field in schema], schema=schema)


def _reasons(batch: pa.RecordBatch, templates: Mapping[tuple[str, str], Template]) -> "dict[str, pa.Array[Any]]":
    # What a finding says of itself may stand in its sentence as well.
    own = [batch.column(column).to_pylist() for column in _OWN_FACTS]
    named = {"name": "_name", "tax_code": "employer_tax_code", "unit_name": "_unit_name", "person": "full_name"}
    resolved = zip(*(batch.column(column).to_pylist() for column in named.values()), strict=True)
    sentences: dict[str, list[str]] = {"reason_vi": [], "reason_en": []}
    rules, all_facts = (cast("list[str]", batch.column(column).to_pylist()) for column in ("rule", "_facts"))
    for rule, facts, itself, names in zip(rules, all_facts, zip(*own, strict=True), resolved, strict=True):
        everything = (
            dict(zip(_OWN_FACTS, itself, strict=True)) | read_facts(facts) | dict(zip(named, names, strict=True))
        )
        for language in LANGUAGES:
            sentences[f"reason_{language}"].append(templates[rule, language].render(everything))
    return {name: pa.array(texts, pa.string()) for name, texts in sentences.items()}


def read_facts(text: str | None) -> dict[str, Any]:
    """A finding's facts; decimals stay decimals."""
    return {} if text is None else _FACTS.decode(text)
