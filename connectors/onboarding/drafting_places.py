"""Drafts from what lies in a file or a database."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from common.errors import ConfigurationError, SourceError
from connectors.onboarding.drafting_text import DatasetDraft, SourceDraft
from connectors.onboarding.fitting import LIKE_ENOUGH, SAMPLE, contracts_of, fit, fitted, json_fields
from connectors.onboarding.naming import WireField, known_names, propose
from connectors.onboarding.recognition import recognise
from connectors.source import Database, Source, packaged_sources
from contracts.loader import Dataset, dataset

_ROOTS = ((b"GIAMDINHHS", "hi-claims"), (b"GIAYBAOTU", "hi-claims"), (b"HSoThueDTu", "etax"))
_REGISTRY_OF = {"hi-claims": "health", "etax": "tax"}


def from_database(
    registry: str, url: str, wanted: Sequence[Dataset], user: str | None, password: str | None
) -> SourceDraft:
    """Every table that looks like a dataset, or the likeliest for each of `wanted`."""
    import sqlalchemy as sa

    from connectors.databases.sql_access import address_of, connected

    given = Database(url=url, user=user, password=password)
    source = Source(registry=registry, database=given, datasets={})  # type: ignore[arg-type]
    address = address_of(source, timeout_seconds=30.0)
    with connected(address) as connection:
        inspector = sa.inspect(connection)
        names = [*inspector.get_table_names(), *inspector.get_view_names()]
        tables = {name: _columns(connection, name, address.shown) for name in names}
    if not tables:
        raise SourceError(
            "the database shows no table or view", where=address.shown, remedy="ask for the right to read"
        )
    draft = SourceDraft(registry, address.shown)
    parsed = sa.make_url(url)
    draft.tables["database"] = {"url": address.shown}
    if user := user or parsed.username:
        draft.tables["database"] |= {"user": user, "password": {"env": f"{registry.upper()}_PASSWORD"}}
    draft.datasets = _matched(registry, tables, wanted)
    if not draft.datasets:
        raise ConfigurationError(
            f"no table looks like a dataset of {registry}",
            where=address.shown,
            remedy=f"name the datasets with --dataset; the tables are: {', '.join(tables)}",
        )
    return draft


def _columns(connection: Any, table: str, where: str) -> list[WireField]:
    import sqlalchemy as sa

    from connectors.databases.sql_values import text_table

    quoted = connection.dialect.identifier_preparer.quote(table)
    result = connection.execute(sa.text(f"select * from {quoted}").execution_options(stream_results=True))
    names, rows = list(result.keys()), result.fetchmany(SAMPLE)
    result.close()
    texts = text_table(names, rows, moments=frozenset(), where=where)
    return [WireField(name, tuple(text for text in texts[name].to_pylist() if text)) for name in names]


def _matched(registry: str, tables: Mapping[str, list[WireField]], wanted: Sequence[Dataset]) -> list[DatasetDraft]:
    """Each dataset with the table that looks like it most; no table feeds two."""
    ranked = sorted(
        (
            (fit(contract, proposal := propose(contract, fields), name), contract.name, name, proposal)
            for contract in wanted or contracts_of(registry)
            for name, fields in tables.items()
        ),
        key=lambda ranking: -ranking[0],
    )
    found: dict[str, DatasetDraft] = {}
    taken: set[str] = set()
    for likeness, name, table, proposal in ranked:
        if name in found or table in taken or (likeness < LIKE_ENOUGH and not wanted):
            continue
        drafted = found[name] = DatasetDraft(dataset(registry, name), proposal, {"table": table})
        taken.add(table)
        if changed := proposal.found.get("updated_at"):
            drafted.keys["changed"] = changed.name
    return [found[each.name] for each in wanted or contracts_of(registry) if each.name in found]


def from_file(registry: str, path: Path, stream: BinaryIO, wanted: Sequence[Dataset], out: Path) -> SourceDraft:
    """The folder of the file, and what it holds; paths are relative to `out`."""
    from connectors.files.unpack import inner_files

    inner = next(iter(inner_files(stream, path.name, limit=2**30, scratch=Path(out).resolve().parent)))
    suffix = Path(inner.name).suffix
    draft = SourceDraft(registry, path.name)
    draft.tables["files"] = {
        "folder": written_path(path.resolve().parent, out),
        "pattern": f"*{suffix}" if suffix else "*",
    }
    inner.stream.seek(0)
    first = inner.stream.read(4096).replace(b"\0", b"")
    inner.stream.seek(0)
    if first.lstrip(b"\xef\xbb\xbf\xff\xfe \r\n\t").startswith(b"<"):
        return _from_xml(draft, first, path)
    if len(wanted) > 1:
        raise ConfigurationError("a file of this kind holds one dataset", where="--dataset", remedy="name one")
    contract = wanted[0] if wanted else None
    if first.lstrip(b"\xef\xbb\xbf \r\n\t").startswith((b"{", b"[")):
        found = recognise(inner.stream.read(), {}, path.name)
        draft.tables["files.format"] = {"name": found.body.get("format", "json")}
        fields, kind = json_fields(found.records), found.body.get("records")
    else:
        draft.tables["files.format"] = {"name": "table"}
        fields, kind = _table_fields(inner.stream, [contract] if contract else contracts_of(registry)), None
    drafted = fitted(registry, fields, contract, path.stem)
    drafted.keys |= {"record": kind} if kind else {}
    draft.datasets.append(drafted)
    return draft


def _from_xml(draft: SourceDraft, first: bytes, path: Path) -> SourceDraft:
    packaged = next((name for root, name in _ROOTS if root in first and name in packaged_sources()), None)
    if packaged is None:
        raise SourceError(
            "this XML is neither a health-insurance envelope nor a tax return",
            where=str(path),
            remedy="the packaged formats are " + " and ".join(sorted({name for _, name in _ROOTS})),
        )
    if _REGISTRY_OF[packaged] != draft.registry:
        raise ConfigurationError(
            f"files of this kind are of the registry {_REGISTRY_OF[packaged]}",
            where=str(path),
            remedy=f"doichieu sources new {_REGISTRY_OF[packaged]} --from {path.name}",
        )
    draft.extends = packaged
    del draft.tables["files"]["pattern"]
    return draft


def _table_fields(stream: BinaryIO, contracts: Sequence[Dataset]) -> list[WireField]:
    from connectors.formats.table import read_table
    from connectors.source import Format

    pieces = read_table(stream, Format(name="table"), {None: known_names(contracts)})
    piece = next(iter(pieces))
    rows = piece.rows.slice(0, SAMPLE)
    return [
        WireField(name, tuple(text for text in rows[name].to_pylist() if text))
        for name in rows.column_names
        if not name.startswith("_")
    ]


def written_path(path: Path, out: Path) -> str:
    """As the source file writes it: relative to itself where it lies near, whole where it lies elsewhere."""
    home, there = out.resolve().parent, path.resolve()
    near = os.path.commonpath([home, there]) in (str(home), str(home.parent))
    return Path(os.path.relpath(there, home)).as_posix() if near else str(there)
