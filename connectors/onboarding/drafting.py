"""`sources new`: a source file drafted from what an address, a file or a database shows."""

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from common.errors import ConfigurationError
from common.settings import RegistrySettings
from connectors.onboarding.drafting_places import from_database, from_file, written_path
from connectors.onboarding.drafting_text import DatasetDraft, SourceDraft
from connectors.onboarding.fitting import fitted, json_fields
from connectors.onboarding.recognition import Recognised, recognise
from connectors.source import Rest
from contracts.loader import Dataset, dataset, load_contracts

_SECRET = re.compile(r"authorization|cookie|key|token|secret|password", re.IGNORECASE)
_SQLITE = b"SQLite format 3\x00"


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
        user, password = (access.user, access.password) if access else (None, None)
        return from_database(registry, given, wanted, user, password)
    path = Path(given)
    try:
        with path.open("rb") as stream:
            is_sqlite = stream.read(len(_SQLITE)) == _SQLITE
            stream.seek(0)
            if not is_sqlite:
                return from_file(registry, path, stream, wanted, out)
    except OSError as error:
        raise ConfigurationError(
            f"the file cannot be read: {error.strerror}",
            where=given,
            remedy="name a file, an http:// or https:// address, or a database's such as postgresql://host/name",
        ) from error
    draft = from_database(registry, f"sqlite:///{path.resolve()}", wanted, None, None)
    draft.tables["database"] = {"url": f"sqlite:///{written_path(path, out)}"}
    return draft


async def _from_service(
    registry: str, address: str, wanted: Sequence[Dataset], access: Access, clock: Callable[[], datetime]
) -> SourceDraft:
    from connectors.rest.http import RegistryClient

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
        drafted = fitted(registry, json_fields(recognised.records), contract, bare.rpartition("/")[2])
        drafted.is_flat = False
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
