"""Quarantine: a record that breaks its contract, whole, with where it stood and every reason."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from common.files import sha256_of
from connectors.manifests import LandedFile

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq


@dataclass(frozen=True)
class BadRecord:
    """One record set aside. `page` and `row` count from 1, as the registry delivered them."""

    record_key: str | None
    updated_at: datetime | None
    record: bytes
    reasons: tuple[str, ...]
    page: int
    row: int
    mapped: str | None = None
    """The record as the contract would have it, JSON of texts, where the source has words of its own."""


class QuarantineFile:
    """Writes the quarantine of one pull in pieces; a pull without bad records leaves no file."""

    def __init__(self, path: Path, *, pull: str) -> None:
        self._path, self._pull = path, pull
        self._writer: pq.ParquetWriter | None = None
        self.rows = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.close()

    def add(self, records: Iterable[BadRecord]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        rows = [
            {
                "record_key": bad.record_key,
                "updated_at": bad.updated_at,
                # Bytes that are no UTF-8 are shown as \\xNN: a Parquet text cannot hold them.
                "record": bad.record.decode("utf-8", "backslashreplace"),
                "reasons": list(bad.reasons),
                "page": bad.page,
                "row": bad.row,
                "pull": self._pull,
                "mapped": bad.mapped,
            }
            for bad in records
        ]
        if not rows:
            return
        schema = _schema()
        if self._writer is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = pq.ParquetWriter(self._path, schema, compression="zstd")
        self._writer.write_table(pa.Table.from_pylist(rows, schema=schema))
        self.rows += len(rows)

    def landed(self, *, name: str) -> LandedFile | None:
        """The closed file as its manifest names it; None where nothing was set aside."""
        return LandedFile(name, self.rows, sha256_of(self._path)) if self.rows else None


def _schema() -> "pa.Schema":
    import pyarrow as pa

    columns: list[tuple[str, pa.DataType]] = [
        ("record_key", pa.string()),
        ("updated_at", pa.timestamp("us", tz="UTC")),
        ("record", pa.string()),
        ("reasons", pa.list_(pa.string())),
        ("page", pa.int32()),
        ("row", pa.int32()),
        ("pull", pa.string()),
        ("mapped", pa.string()),
    ]
    return pa.schema(columns)
