"""Writes a list whole to a file, with `FILE.manifest.json` beside it and a line in the audit log.

Parquet, CSV, XLSX or JSON Lines, in pieces of a fixed size, appearing under its name only when complete. The same
snapshot and the same filter give the same bytes: no clock, no writer's name and no random order enters the file.
"""

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, get_args

from common.errors import ConfigurationError, DoiChieuError
from common.files import sha256_of, sync_folder, write_json
from query import audit
from query.formats import WRITERS, Format
from query.identity import Reader
from query.lists import Filter, Listing, open_list
from query.snapshot import Reading


@dataclass(frozen=True)
class ExportManifest:
    """What `FILE.manifest.json` says."""

    table: str
    format: Format
    file: str
    rows: int
    sha256: str
    filter: dict[str, Any]
    snapshot: str
    as_of: date
    who: str
    at: datetime
    masked: bool
    purpose: str | None


def export_format(out: Path, asked: str | None) -> Format:
    """The format asked for, or else the one the file's ending names. Raises `ConfigurationError` for neither."""
    wanted = (asked or out.suffix.removeprefix(".")).lower()
    for known in get_args(Format):
        if wanted == known:
            return known  # type: ignore[no-any-return]
    raise ConfigurationError(
        f"{wanted!r} is not a format" if wanted else "the format is not known",
        where=str(out),
        remedy=f"give --format one of: {', '.join(get_args(Format))}; or let the file end in one",
    )


def export(
    opened: Reading,
    reader: Reader,
    table: str,
    out: Path,
    *,
    asked: str | None = None,
    chosen: Filter | None = None,
    on_rows: Callable[[int, int], None] = lambda done, total: None,
) -> ExportManifest:
    """Write one list to `out`; masked unless the reader states a purpose. `on_rows` hears how far it is.

    Raises `ConfigurationError` for an unknown list, filter, format or folder, `DoiChieuError` where the disk is full;
    then `out` is as it was.
    """
    chosen = chosen or Filter()
    shape = export_format(out, asked)
    if not out.parent.is_dir() or out.is_dir():
        raise ConfigurationError(
            "the file cannot be written there", where=str(out), remedy="name a file in an existing folder"
        )
    listing = open_list(opened, reader, table, chosen)
    rows, sha256 = _write(listing, shape, out, on_rows)
    manifest = ExportManifest(
        table=table,
        format=shape,
        file=out.name,
        rows=rows,
        sha256=sha256,
        filter=chosen.given,
        snapshot=opened.snapshot.name,
        as_of=opened.snapshot.as_of,
        who=reader.who,
        at=reader.at,
        masked=reader.is_masked,
        purpose=reader.purpose,
    )
    described = {**asdict(manifest), "as_of": manifest.as_of.isoformat(), "at": manifest.at.isoformat()}
    write_json(_manifest_path(out), described)
    details = {name: value for name, value in described.items() if name not in ("who", "at")}
    audit.append(opened.data, action="export", who=reader.who, at=reader.at, details=details)
    return manifest


def _write(listing: Listing, shape: Format, out: Path, on_rows: Callable[[int, int], None]) -> tuple[int, str]:
    """Write the rows under a draft's name, then rename; returns the rows written and the file's SHA-256."""
    draft = out.with_name(f".{out.name}.{os.getpid()}.tmp")
    rows = 0
    try:
        with WRITERS[shape](draft, listing.schema, listing.table) as write:
            for batch in listing.batches:
                write(batch)
                rows += batch.num_rows
                on_rows(rows, listing.rows)
        with draft.open("rb+") as file:
            os.fsync(file.fileno())
        sha256 = sha256_of(draft)
        # A manifest must never stand beside a file it does not describe.
        _manifest_path(out).unlink(missing_ok=True)
        draft.replace(out)
        sync_folder(out.parent)
    except OSError as error:
        raise DoiChieuError(
            f"the export could not be written: {error.strerror}",
            where=str(out),
            remedy="free space or choose another folder with --out; the file is as it was before",
        ) from error
    finally:
        draft.unlink(missing_ok=True)
    return rows, sha256


def _manifest_path(out: Path) -> Path:
    return out.with_name(f"{out.name}.manifest.json")
