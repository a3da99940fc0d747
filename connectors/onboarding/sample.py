"""A few records of one dataset, taken through mapping and contract as a pull would take them, and nothing kept."""

import json
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.values import today_in_vietnam
from connectors.drift import NO_DRIFT, Drift, RecordScanner, drift_of
from connectors.landing import Landing, connection_in, missing_fields, sql_text
from connectors.mapping import Mapping as FieldMapping
from connectors.parsing import quoted
from connectors.quarantine import QuarantineFile
from connectors.rest.envelope import Page
from connectors.source import FILE_FIELDS, PULLED_AT, FieldSource, OnDrift
from connectors.walk import Walk

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class SeenRecord:
    """One record as the contract would see it: every field as text. It holds a person's data: mask before showing."""

    values: Mapping[str, str | None]
    reasons: tuple[str, ...] = ()
    """Why it would be set aside; empty: it would be landed."""


@dataclass(frozen=True)
class Look:
    """What a pull would make of the sample."""

    rows: int = 0
    left_out: int = 0
    """Records that are none of this dataset (`only`)."""
    records: tuple[SeenRecord, ...] = ()
    """The first ones, in order of delivery."""
    reasons: Mapping[str, int] = field(default_factory=dict)
    """Reason → records of the sample that would be set aside for it."""
    set_aside: int = 0
    drift: Drift = NO_DRIFT
    undelivered: tuple[str, ...] = ()
    """Mapped fields that no record of the sample carries, those of required fields left out: these are drift."""
    filled: Mapping[str, int] = field(default_factory=dict)
    """Contract field → records of the sample that fill it."""
    odd_codes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Contract field with a closed list → codes of the source that lead to none of its values."""


NOTHING_SEEN = Look()


def look_at(rows: "bytes | pa.Table", mapping: FieldMapping, *, on_drift: OnDrift, now: datetime, shown: int) -> Look:
    """Map and judge `rows` (a JSON array, or a table of texts); the first `shown` records come back."""
    with tempfile.TemporaryDirectory(prefix="doichieu-") as scratch:
        return _Sample(rows, mapping, Path(scratch), on_drift, now).look(shown)


class _Sample:
    def __init__(
        self, rows: "bytes | pa.Table", mapping: FieldMapping, folder: Path, on_drift: OnDrift, now: datetime
    ) -> None:
        self._mapping, self._folder, self._now = mapping, folder, now
        scanner = RecordScanner(mapping, sets_aside=on_drift == "quarantine")
        self._walk = Walk(folder / "pages", scanner)
        if isinstance(rows, bytes):
            self._page = self._walk.save(Page(rows, None, None), asked=None)
        else:
            self._page = self._walk.save_table(rows, asked=None, next_cursor=None)

    def look(self, shown: int) -> Look:
        landing = Landing(
            self._walk, self._mapping, self._folder, started_at=self._now, today=today_in_vietnam(self._now)
        )
        landing.offer(self._page)
        with QuarantineFile(self._folder / "quarantine.parquet", pull="") as quarantine:
            landed = landing.finish(quarantine)
        reasons = self._reasons() if quarantine.rows else {}
        seen = self._seen(reasons)
        missing = missing_fields(self._walk, self._mapping, landed)
        return Look(
            rows=self._page.found.rows,
            left_out=landed.rows_left_out,
            records=tuple(seen[:shown]),
            reasons=Counter(reason for found in reasons.values() for reason in found),
            set_aside=quarantine.rows,
            drift=drift_of(self._mapping.contract, [self._page.found], rows=self._page.found.rows, missing=missing),
            undelivered=tuple(name for name in self._undelivered() if name not in missing),
            filled={
                name: sum(bool((record.values[name] or "").strip()) for record in seen)
                for name in self._mapping.contract.names
            },
            odd_codes=self._odd_codes(reasons),
        )

    def _reasons(self) -> dict[int, tuple[str, ...]]:
        """Position in the page → why the record would be set aside."""
        with connection_in(self._folder) as connection:
            path = sql_text(self._folder / "quarantine.parquet")
            found = connection.execute(f"select row - 1, reasons from read_parquet({path})").fetchall()
        return {position: tuple(reasons) for position, reasons in found}

    def _seen(self, reasons: Mapping[int, tuple[str, ...]]) -> list[SeenRecord]:
        """Every record of this dataset through the mapping, in order of delivery."""
        names, mapping = self._mapping.contract.names, self._mapping
        projection = mapping.projection(pulled_at=self._now.isoformat())[:-1]
        wire = f"select *, row_number() over () - 1 as _seq from {self._read()}"
        with connection_in(self._folder) as connection:
            found = connection.execute(
                f"select _seq, {', '.join(projection)} from ({wire}) where {mapping.kept()} order by _seq"
            ).fetchall()
        return [
            SeenRecord(dict(zip(names, values, strict=True)), reasons.get(position, ())) for position, *values in found
        ]

    def _read(self) -> str:
        # After landing: a record that DuckDB cannot take has been set aside by then.
        path = sql_text(self._walk.readable_rows_file(1))
        if self._walk.is_table:
            return f"read_parquet({path})"
        columns = ", ".join(f"{quoted(name)}: 'varchar'" for name in self._mapping.wire_names)
        size = max(self._page.bytes, 2**20) + 1
        return f"read_json({path}, format = 'array', columns = {{{columns}}}, maximum_object_size = {size})"

    def _undelivered(self) -> list[str]:
        if self._mapping.is_identity or not self._page.found.rows:
            return []
        ours = (PULLED_AT, *FILE_FIELDS)
        mapped = [name for name in self._mapping.wire_names if name not in ours and not name.startswith("_")]
        if self._walk.is_table:
            return [name for name in mapped if name in self._page.found.absent]
        delivered = {name for record in self._delivered() for name in record}
        return [name for name in mapped if name not in delivered]

    def _delivered(self) -> Iterator[Mapping[str, Any]]:
        for text in self._walk.delivered_records(1):
            try:
                record = json.loads(text)
            except ValueError:
                record = None
            yield record if isinstance(record, dict) else {}

    def _odd_codes(self, reasons: Mapping[int, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        listed = {each.name for each in self._mapping.contract.fields if each.valid_values}
        odd: dict[str, Counter[str]] = {}
        records = list(self._delivered()) if reasons else []
        for position, found in reasons.items():
            for reason in found:
                name, _, said = reason.partition(": ")
                if name in listed and said.startswith("not one of"):
                    texts = (text_at(records[position], read) for read in self._reads(name))
                    odd.setdefault(name, Counter()).update(filter(None, texts))
        return {name: codes for name, counted in odd.items() if (codes := speakable_codes(counted))}

    def _reads(self, name: str) -> tuple[str, ...]:
        if self._mapping.is_identity:
            return (name,)
        fields: Iterable[Mapping[str, FieldSource]] = self._mapping.variants.values()
        return tuple(read for each in fields if name in each for read in each[name].reads)


def text_at(record: Mapping[str, Any], name: str) -> str | None:
    """The text of a source's field; a dot leads into a nested object unless a field has that very name."""
    found: Any = record
    if name in record:
        found = record[name]
    else:
        for step in name.split("."):
            found = found.get(step) if isinstance(found, Mapping) else None
    if found is None or isinstance(found, list | Mapping):
        return None
    return str(found).lower() if isinstance(found, bool) else str(found)


_CODES_MAX = 12
_CODE_LENGTH_MAX = 40


def speakable_codes(counted: Mapping[str, int]) -> tuple[str, ...]:
    """Codes that may be written down: few, short, each met again and again, nothing like a person's number or name.

    Empty where the values may be anything else: a field that was mapped wrongly may hold names.
    """
    codes = [code for code in counted if code.strip()]
    is_tiny = all(len(code) <= 3 for code in codes)
    is_repeated = sum(counted.values()) >= 2 * len(codes)
    if len(codes) > _CODES_MAX or not (is_tiny or is_repeated) or any(map(_may_be_personal, codes)):
        return ()
    return tuple(sorted(codes))


def _may_be_personal(code: str) -> bool:
    """Long, a number of six digits or more, or several words that all begin like a name."""
    words = code.split()
    is_name = len(words) > 1 and all(word[:1].isupper() for word in words)
    return len(code) > _CODE_LENGTH_MAX or sum(map(str.isdigit, code)) >= 6 or is_name
