"""`sources new`: a source file drafted from what an address, a file or a database shows."""

import base64
import itertools
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from common.errors import ConfigurationError, SourceError
from common.settings import RegistrySettings
from connectors.drafting_text import DatasetDraft, SourceDraft
from connectors.naming import Proposal, WireField, known_names, likeness, propose, squashed
from connectors.recognition import Recognised, recognise
from connectors.source import Database, Rest, Source, packaged_sources
from contracts.loader import Dataset, dataset, load_contracts

_SAMPLE = 200
_LIKE_ENOUGH = 0.15
_NAMED_BONUS = 0.3
_SECRET = re.compile(r"authorization|cookie|key|token|secret|password", re.IGNORECASE)
_SQLITE = b"SQLite format 3\x00"
_ROOTS = ((b"GIAMDINHHS", "hi-claims"), (b"GIAYBAOTU", "hi-claims"), (b"HSoThueDTu", "etax"))
_REGISTRY_OF = {"hi-claims": "health", "etax": "tax"}


@dataclass(frozen=True)
class Access:
    """What is shown to the service while it is looked at; none of it is written into the draft."""

    headers: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None
    password: str | None = None


async def draft_source(
    registry: str,
    given: str,
    *,
    datasets: Sequence[str] = (),
    access: Access | None = None,
    out: Path,
    clock: Callable[[], datetime],
) -> SourceDraft:
    """A draft for `registry` from `given`: an http(s) address, a database's address, or a file.

    `datasets` (none: whatever fits best) are those of the contract; paths in the draft are relative to `out`. Raises
    `ConfigurationError` for names nobody knows and where nobody can tell which dataset it is, `SourceError` where nothing
    can be read.
    """
    if registry not in load_contracts():
        raise ConfigurationError(
            f"there is no registry {registry}", where="NAME", remedy=f"choose one of: {', '.join(load_contracts())}"
        )
    wanted = [dataset(registry, name) for name in datasets]
    if given.startswith(("http://", "https://")):
        return await _from_service(registry, given, wanted, access or Access(), clock)
    if "://" in given:
        return _from_database(registry, given, wanted, access or Access())
    path = Path(given)
    try:
        with path.open("rb") as stream:
            is_sqlite = stream.read(len(_SQLITE)) == _SQLITE
            stream.seek(0)
            if not is_sqlite:
                return _from_file(registry, path, stream, wanted, out)
    except OSError as error:
        raise ConfigurationError(
            f"the file cannot be read: {error.strerror}",
            where=given,
            remedy="name a file, an http:// or https:// address, or a database's such as postgresql://host/name",
        ) from error
    draft = _from_database(registry, f"sqlite:///{path.resolve()}", wanted, Access())
    draft.tables["database"] = {"url": f"sqlite:///{_relative(path, out)}"}
    return draft


async def _from_service(
    registry: str, address: str, wanted: Sequence[Dataset], access: Access, clock: Callable[[], datetime]
) -> SourceDraft:
    from connectors.http import RegistryClient

    if ("{dataset}" in address and not wanted) or ("{dataset}" not in address and len(wanted) > 1):
        raise ConfigurationError(
            "one address delivers one dataset",
            where="--dataset",
            remedy="write {dataset} in the address where its name stands, and name each dataset with --dataset",
        )
    headers = {**access.headers, **_basic(access)}
    found: list[tuple[Dataset, DatasetDraft, Recognised]] = []
    chosen: Sequence[Dataset | None] = wanted or [None]
    for contract in chosen:
        asked = address.replace("{dataset}", contract.name) if contract is not None else address
        bare = asked.partition("?")[0]
        settings = RegistrySettings(base_url=bare, attempts=1)
        async with RegistryClient(settings, registry, clock=clock, rest=Rest(base_url=bare, headers=headers)) as client:
            answered, body = await client.fetch_body(asked)
        recognised = recognise(body, answered, asked)
        drafted = _fitted(registry, _json_fields(recognised.records), contract, bare.rpartition("/")[2])
        path = urlsplit(bare).path.rpartition("/")[2]
        if path != drafted.contract.name:
            drafted.keys["path"] = path
        found.append((drafted.contract, drafted, recognised))
    return _rest_draft(registry, address, found, access)


def _basic(access: Access) -> dict[str, str]:
    if access.user is None:
        return {}
    pair = base64.b64encode(f"{access.user}:{access.password or ''}".encode()).decode()
    return {"Authorization": f"Basic {pair}"}


def _rest_draft(
    registry: str, address: str, found: Sequence[tuple[Dataset, DatasetDraft, Recognised]], access: Access
) -> SourceDraft:
    first = found[0][2]
    base = address.partition("?")[0].rpartition("/")[0]
    secret_params = [name for name in first.params if _SECRET.search(name)]
    draft = SourceDraft(registry, address.partition("?")[0])
    draft.tables["rest"] = {"base_url": base}
    if first.page_size is not None:
        draft.tables["rest"]["page_size"] = first.page_size
    plain_headers = {name: value for name, value in access.headers.items() if not _SECRET.search(name)}
    plain_params = {name: value for name, value in first.params.items() if name not in secret_params}
    draft.tables["rest"] |= {"headers": plain_headers} if plain_headers else {}
    draft.tables["rest"] |= {"params": plain_params} if plain_params else {}
    draft.tables["rest.auth"] = _auth(registry, access, secret_params)
    for name, default in (("paging", Rest().paging), ("body", Rest().body), ("incremental", Rest().incremental)):
        said: dict[str, Any] = getattr(first, name)
        draft.tables[f"rest.{name}"] = {key: said[key] for key in said if said[key] != (getattr(default, key) or "")}
    draft.guessed |= {f"rest.paging.{key}" for key in first.guessed}
    for _, drafted, recognised in found:
        is_other = (recognised.body, recognised.paging) != (first.body, first.paging)
        drafted.remarks += ["its answers look otherwise than those of the first: compare them"] if is_other else []
        draft.datasets.append(drafted)
    return draft


def _auth(registry: str, access: Access, secret_params: Sequence[str]) -> dict[str, Any]:
    """How to say who we are, the secret itself left to the environment."""
    if access.user is not None:
        return {"kind": "basic", "user": access.user, "password": {"env": f"{registry.upper()}_PASSWORD"}}
    key = {"env": f"{registry.upper()}_KEY"}
    for name, value in access.headers.items():
        if _SECRET.search(name):
            scheme, _, rest = value.partition(" ")
            prefix = {"prefix": f"{scheme} "} if rest else {}
            return {"kind": "api_key", "header": name, **prefix, "key": key}
    return {"kind": "api_key", "param": secret_params[0], "key": key} if secret_params else {}


def _json_fields(records: Sequence[Mapping[str, Any]]) -> list[WireField]:
    """Every plain field, those of nested objects by their path."""
    texts: dict[str, list[str]] = {}
    for record in itertools.islice(records, _SAMPLE):
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


def _fitted(registry: str, fields: Sequence[WireField], contract: Dataset | None, called: str) -> DatasetDraft:
    """The fields mapped to `contract`, or to the dataset of the registry they look like most."""
    if contract is not None:
        return DatasetDraft(contract, propose(contract, fields))
    ranked = sorted(
        ((_fit(each, proposal := propose(each, fields), called), each, proposal) for each in _contracts(registry)),
        key=lambda ranking: -ranking[0],
    )
    best, chosen, proposal = ranked[0]
    if best < _LIKE_ENOUGH:
        raise ConfigurationError(
            f"nobody can tell which dataset of {registry} this is",
            where=called,
            remedy=f"name it with --dataset: {', '.join(each.name for each in _contracts(registry))}",
        )
    return DatasetDraft(chosen, proposal)


def _contracts(registry: str) -> list[Dataset]:
    return list(load_contracts()[registry].values())


def _fit(contract: Dataset, proposal: Proposal, called: str) -> float:
    is_named = squashed(contract.name) in squashed(called)
    return likeness(contract, proposal) + (_NAMED_BONUS if is_named else 0)


def _from_database(registry: str, url: str, wanted: Sequence[Dataset], access: Access) -> SourceDraft:
    import sqlalchemy as sa

    from connectors.sql_access import address_of, connected

    given = Database(url=url, user=access.user, password=access.password)
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
    if user := access.user or parsed.username:
        password = {"env": f"{registry.upper()}_PASSWORD"}
        draft.tables["database"] |= {"user": user, "password": password}
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

    from connectors.sql_values import text_table

    quoted = connection.dialect.identifier_preparer.quote(table)
    result = connection.execute(sa.text(f"select * from {quoted}").execution_options(stream_results=True))
    names, rows = list(result.keys()), result.fetchmany(_SAMPLE)
    result.close()
    texts = text_table(names, rows, moments=frozenset(), where=where)
    return [WireField(name, tuple(text for text in texts[name].to_pylist() if text)) for name in names]


def _matched(registry: str, tables: Mapping[str, list[WireField]], wanted: Sequence[Dataset]) -> list[DatasetDraft]:
    """Each dataset with the table that looks like it most; no table feeds two."""
    ranked = sorted(
        (
            (_fit(contract, proposal := propose(contract, fields), name), contract.name, name, proposal)
            for contract in wanted or _contracts(registry)
            for name, fields in tables.items()
        ),
        key=lambda ranking: -ranking[0],
    )
    found: dict[str, DatasetDraft] = {}
    taken: set[str] = set()
    for fit, name, table, proposal in ranked:
        if name in found or table in taken or (fit < _LIKE_ENOUGH and not wanted):
            continue
        drafted = found[name] = DatasetDraft(dataset(registry, name), proposal, {"table": table})
        taken.add(table)
        if changed := proposal.found.get("updated_at"):
            drafted.keys["changed"] = changed.name
    return [found[each.name] for each in wanted or _contracts(registry) if each.name in found]


def _from_file(registry: str, path: Path, stream: BinaryIO, wanted: Sequence[Dataset], out: Path) -> SourceDraft:
    from connectors.unpack import inner_files

    inner = next(iter(inner_files(stream, path.name, limit=2**30, scratch=Path(out).resolve().parent)))
    suffix = Path(inner.name).suffix
    draft = SourceDraft(registry, path.name)
    draft.tables["files"] = {
        "folder": _relative(path.resolve().parent, out),
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
        fields = _json_fields(found.records)
    else:
        draft.tables["files.format"] = {"name": "table"}
        fields = _table_fields(inner.stream, [contract] if contract else _contracts(registry))
    draft.datasets.append(_fitted(registry, fields, contract, path.stem))
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
    rows = piece.rows.slice(0, _SAMPLE)
    return [
        WireField(name, tuple(text for text in rows[name].to_pylist() if text))
        for name in rows.column_names
        if not name.startswith("_")
    ]


def _relative(path: Path, out: Path) -> str:
    """As the source file writes it: relative to itself where it lies near, whole where it lies elsewhere."""
    home, there = out.resolve().parent, path.resolve()
    near = os.path.commonpath([home, there]) in (str(home), str(home.parent))
    return Path(os.path.relpath(there, home)).as_posix() if near else str(there)
