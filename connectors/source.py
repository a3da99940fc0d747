"""Source files: how a registry is reached, and how its fields become those of the contract.

One TOML file per registry, named by `registries.<name>.source`. Whatever it leaves out is the default wire profile.
"""

import os
import tomllib
from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from common.errors import ConfigurationError
from common.settings import RegistryName, RegistrySettings, SecretPlace, Settings, WebAddress, is_loopback
from connectors.parsing import is_way_of_writing
from contracts.loader import Dataset, load_contracts
from contracts.loader import Field as ContractField

Name = Annotated[str | None, BeforeValidator(lambda given: given or None)]
"""TOML has no null: an empty text stands for none."""
OnDrift = Literal["fail", "quarantine", "evolve"]
Via = Literal["rest", "files", "database"]
Secret = str | SecretPlace

PULLED_AT = "_pulled_at"
"""Stands for the moment the pull began, where a source does not say when a record changed."""
FILE_FIELDS = ("_file_name", "_file_modified", "_file_received")
"""What a record that came in a file may be mapped from besides the file's own fields."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class FieldSource(_Frozen):
    """Where one contract field comes from: `"ho_ten"`, or a table for anything more than another name."""

    from_: tuple[str, ...] = Field(default=(), alias="from")
    """Field of the source; of several, the first that is not empty. In JSON a dot leads into a nested object."""
    join: tuple[str, ...] = ()
    """Fields of the source put together with `separator`, in place of `from`; empty where one of them is. `=unit_code`
    stands for a field of the contract as this mapping makes it, so that a key does not follow how a date was written."""
    separator: str = "-"
    """Text between the parts that `join` puts together."""
    constant: str | None = None
    """The same text for every record, in place of `from`."""
    null_values: tuple[str, ...] = ()
    """Texts that mean "not known" here, such as `-` or `0000`."""
    split: str | None = None
    """The value is a list with this separator: `a;b;c`."""
    take: Literal["first", "last", "longest"] | int = "first"
    """Which member of the list; a number counts from 1."""
    parse: tuple[str, ...] = ()
    """How the source writes it, several tried in turn: dates and times by pattern (`dd/mm/yyyy`, `yyyymmdd`,
    `yyyymmddHHMM`, `mm/yyyy`), `epoch_seconds`, `epoch_milliseconds`, money and numbers by example
    (`1.234.567`, `1,234,567`, `1.234,5`), `number` (a plain number with any decimals)."""
    recode: dict[str, str] = Field(default_factory=dict)
    """Codes of the source → values of the contract, such as `{ "0" = "F", "1" = "M" }`; applied after `parse`."""
    otherwise: Literal["refuse", "keep", "null"] = "refuse"
    """What becomes of a value that `recode` does not list: the record is set aside, the value stays, or is dropped."""
    digest: bool = False
    """Only a digest (SHA-256, 24 digits) of the value is taken: for a key made of a person's number."""
    default: str | None = None
    """Taken where the source has nothing; a value that cannot be read is refused all the same."""

    @model_validator(mode="before")
    @classmethod
    def _short_forms(cls, given: Any) -> Any:
        if isinstance(given, str):
            return {"from": (given,)}
        if not isinstance(given, Mapping):
            raise ValueError('write a field of the source ("ho_ten") or a table ({ from = "ho_ten", … })')
        plain = dict(given)
        for key in ("from", "join", "parse", "null_values"):
            if isinstance(plain.get(key), str):
                plain[key] = (plain[key],)
        for key in ("constant", "default"):
            if isinstance(plain.get(key), bool):
                plain[key] = str(plain[key]).lower()
            elif isinstance(plain.get(key), int):
                plain[key] = str(plain[key])
        return plain

    @model_validator(mode="after")
    def _one_origin(self) -> "FieldSource":
        if sum(map(bool, (self.from_, self.join, self.constant is not None))) != 1:
            raise ValueError("give exactly one of from, join and constant")
        for way in self.parse:
            if not is_way_of_writing(way):
                raise ValueError(
                    f"parse = {way!r} is not known: write a date pattern of yyyy mm dd HH MM SS, epoch_seconds, "
                    "epoch_milliseconds, number, or an amount as an example (1.234.567)"
                )
        return self

    @property
    def reads(self) -> tuple[str, ...]:
        """The source's fields this one is made of."""
        return self.from_ or tuple(name for name in self.join if not name.startswith("="))

    @property
    def made_of(self) -> tuple[str, ...]:
        """The contract's fields this one is put together from."""
        return tuple(name[1:] for name in self.join if name.startswith("="))


class Paging(_Frozen):
    """How a REST source hands out its pages."""

    kind: Literal["cursor", "page", "offset", "link", "next_url", "none"] = "cursor"
    """A text of the body that is sent back (`cursor`), a page number (`page`), the number of the first record
    (`offset`), the Link header of RFC 8288 (`link`), an address in the body (`next_url`), or everything at once (`none`)."""
    limit_param: Name = "limit"
    """Query parameter for the page size; the size itself is `page_size`. Empty: the server decides."""
    cursor_param: str = "cursor"
    """Query parameter that sends the cursor back (`cursor`)."""
    cursor_path: str = "next_cursor"
    """Where the body names the next cursor (`cursor`) or the next address (`next_url`), as a path with dots."""
    page_param: str = "page"
    """Query parameter for the page number (`page`)."""
    first_page: int = 1
    """Number of the first page (`page`): 1 or 0."""
    offset_param: str = "offset"
    """Query parameter for the number of records to pass over (`offset`)."""
    total_path: Name = "total"
    """Where the body says how many records there are in all, as a path with dots; looked for in vain it does no harm."""
    total_header: str | None = None
    """Response header that says how many records there are in all, such as `X-Total-Count`."""
    prefetch: int = Field(default=1, ge=1, le=32)
    """Pages asked for at the same time (`page` and `offset` only)."""


class Body(_Frozen):
    """What an answer's body looks like."""

    format: Literal["json", "ndjson", "csv"] = "json"
    """One JSON document, one JSON object per line, or CSV with a line of names."""
    records: str = "data"
    """Path to the records, with dots; empty: the body itself is the list."""
    shape: Literal["objects", "columns_rows"] = "objects"
    """Each record an object with names, or a list of values whose names stand once at `columns`."""
    columns: str = "columns"
    """Path to the column names (`columns_rows`)."""
    delimiter: str = ","
    """Character between two values of a CSV body."""
    encoding: str = "utf-8"
    """Encoding of the body; a byte order mark is taken off."""


class Incremental(_Frozen):
    """How a REST source is asked for what changed; without a parameter every pull is a full one."""

    param: Name = "updated_since"
    """Query parameter that asks for what changed since a moment, inclusive. Empty: every pull is a full one."""
    format: str = "iso"
    """How that moment is written: `iso` (2026-06-30T17:00:00Z), `epoch_seconds`, `epoch_milliseconds`, or a pattern such
    as `yyyymmddHHMM`, in Vietnam's time."""


class Auth(_Frozen):
    """How the source knows us. A client certificate is named in `[rest]` and goes with any of these."""

    kind: Literal["none", "oauth2", "api_key", "basic"] = "none"
    """OAuth 2.0 client credentials, a key in a header or parameter, user and password, or nothing."""
    token_url: WebAddress | None = None
    """Where tokens are given out (`oauth2`)."""
    client_id: str | None = None
    """Our name at the token endpoint (`oauth2`)."""
    client_secret: Secret | None = None
    """Our secret there: `{ env = "NAME" }` or `{ file = "/path" }`; a literal is refused outside loopback."""
    scope: str | None = None
    """Scope asked for with the token (`oauth2`)."""
    header: str = "X-API-Key"
    """Header that carries the API key."""
    param: str | None = None
    """Query parameter that carries the API key, in place of the header."""
    prefix: str = ""
    """Text before the API key, such as `Bearer `."""
    key: Secret | None = None
    """The API key: `{ env = "NAME" }` or `{ file = "/path" }`."""
    user: str | None = None
    """User name (`basic`)."""
    password: Secret | None = None
    """Password (`basic`): `{ env = "NAME" }` or `{ file = "/path" }`."""

    @model_validator(mode="after")
    def _complete(self) -> "Auth":
        needed = {"oauth2": ("token_url", "client_id"), "api_key": ("key",), "basic": ("user", "password"), "none": ()}
        missing = [name for name in needed[self.kind] if getattr(self, name) is None]
        if missing:
            raise ValueError(f"kind = {self.kind!r} needs {' and '.join(missing)}")
        return self


class Rest(_Frozen):
    """`[rest]`: a registry that answers over HTTP. What is left out is taken from `[registries.<name>]`."""

    base_url: WebAddress | None = None
    """Address of the registry; datasets lie at `{base_url}/{path}`."""
    auth: Auth | None = None
    """How the source knows us; without it `token_url`, `client_id` and `client_secret` of `[registries.<name>]`."""
    headers: dict[str, str] = Field(default_factory=dict)
    """Headers sent with every request; secrets belong into `[rest.auth]`."""
    params: dict[str, str] = Field(default_factory=dict)
    """Query parameters sent with every request."""
    client_cert: Path | None = None
    """PEM file for mutual TLS; with `client_key` where the key lies in a file of its own."""
    client_key: Path | None = None
    """PEM file of the certificate's private key."""
    ca_file: Path | None = None
    """PEM file of the agency's certification authority."""
    proxy: WebAddress | None = None
    """Proxy on the way to the registry."""
    requests_per_second: float | None = Field(default=None, gt=0)
    """Never ask faster than this, all datasets together."""
    concurrency: int | None = Field(default=None, ge=1, le=64)
    """Datasets pulled side by side."""
    timeout_seconds: float | None = Field(default=None, gt=0)
    """How long to wait for one answer."""
    attempts: int | None = Field(default=None, ge=1, le=50)
    """Tries of one request before the registry counts as down."""
    retry_wait_max_seconds: float | None = Field(default=None, ge=0)
    """Longest wait between two tries."""
    retry_statuses: tuple[int, ...] = ()
    """HTTP statuses that may pass, besides 408, 425, 429, 500, 502, 503 and 504."""
    page_size: int | None = Field(default=None, ge=1, le=100_000)
    """Records asked for per page."""
    paging: Paging = Paging()
    """How pages follow each other."""
    body: Body = Body()
    """What an answer holds."""
    incremental: Incremental = Incremental()
    """How to ask for what changed."""


class Sftp(_Frozen):
    """`[files.sftp]`: a folder on an SFTP server."""

    host: str
    """Name or address of the server."""
    port: int = 22
    """Its port."""
    user: str
    """User name there."""
    password: Secret | None = None
    """Password: `{ env = "NAME" }` or `{ file = "/path" }`; with `private_key`, that of the key."""
    private_key: Path | None = None
    """OpenSSH private key."""
    known_hosts: Path
    """OpenSSH known_hosts file: a server nobody vouched for is not spoken to."""
    folder: str = "."
    """Folder on the server."""


class Format(_Frozen):
    """`[files.format]`: what is inside the files."""

    name: Literal["claims_xml", "tax_xml", "table", "c12", "json", "ndjson"]
    """Health-insurance claims, HTKK/eTax returns, a table (XLSX, ODS, CSV), C12-TS statements, a JSON list, or JSON
    lines."""
    encoding: str | None = None
    """Encoding of text files; left out: recognised. `tcvn3` and `vni` name the two older Vietnamese encodings."""
    delimiter: str | None = None
    """Character between two values of a CSV file; left out: recognised."""
    sheet: str | None = None
    """Sheet of a workbook, by name or pattern; left out: the first that has the header."""
    capture: dict[str, str] = Field(default_factory=dict)
    """Name → regular expression with one group, looked for in the cells above the header (`Kỳ báo cáo: (\\S+)`);
    a record is mapped from it as `_capture.<name>`."""


class FileTypes(_Frozen):
    """What `[files]` and `[datasets.<name>]` may both say."""

    pattern: tuple[str, ...] | None = None
    """File names taken, as glob patterns; compressed files (`.gz`, `.zip`) are taken under the inner name too."""
    format: Format | None = None
    """What is inside the files."""

    @model_validator(mode="before")
    @classmethod
    def _one_pattern(cls, given: Any) -> Any:
        if isinstance(given, Mapping) and isinstance(given.get("pattern"), str):
            return {**given, "pattern": (given["pattern"],)}
        return given


class Files(FileTypes):
    """`[files]`: files dropped in a folder or on an SFTP server."""

    folder: Path | None = None
    """Folder where the agency drops its files, relative to the source file."""
    sftp: Sftp | None = None
    """The folder of an SFTP server, in place of `folder`."""
    manifest: Literal["none", "sha256", "json"] = "none"
    """How the agency says that a file is complete: nothing, `NAME.sha256` beside it, or `*.manifest.json` with
    `{"files": [{"name", "bytes", "sha256"}]}`."""
    settle_seconds: float = Field(default=60.0, ge=0)
    """Without a manifest a file is left alone until it has not changed for this long."""
    max_unpacked_bytes: int = Field(default=8 * 2**30, gt=0)
    """A compressed file that unpacks to more than this, or to more than 200 times its size, is refused."""

    @model_validator(mode="after")
    def _one_place(self) -> "Files":
        if self.folder is not None and self.sftp is not None:
            raise ValueError("give one of folder and [files.sftp]")
        return self


class Database(_Frozen):
    """`[database]`: tables or views of a database."""

    url: str
    """`postgresql://host:5432/name`, read by DuckDB's own extension; any other address SQLAlchemy knows."""
    user: str | None = None
    """User name at the database."""
    password: Secret | None = None
    """Password: `{ env = "NAME" }` or `{ file = "/path" }`."""
    fetch_rows: int = Field(default=30_000, ge=1)
    """Rows per piece (a durable checkpoint)."""
    connections: int = Field(default=2, ge=1, le=16)
    """Ranges read side by side."""


class DatasetSource(FileTypes):
    """`[datasets.<name>]`: one dataset of the contract."""

    via: Via | None = None
    """Which of [rest], [files], [database]; needed only where a source file has more than one."""
    on_drift: OnDrift | None = None
    """As at the top of the file, for this dataset alone."""
    fields: dict[str, FieldSource] | None = None
    """Contract field → where it comes from; left out: the source uses the contract's own names."""
    ignore: tuple[str, ...] = ()
    """Fields of the source that are knowingly not used; `*` and `?` as in file names."""
    only: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Field of the source → the values that make a record one of this dataset; others are not received."""
    whole_by: tuple[str, ...] = ()
    """Contract fields that name a statement which is always delivered whole, such as `["tax_code", "year"]`: records of
    an older statement that the newest one lacks are withdrawn. Every record carries its statement's `updated_at`."""
    path: str | None = None
    """Path behind `base_url`; left out: the dataset's name."""
    params: dict[str, str] = Field(default_factory=dict)
    """Query parameters, besides those of `[rest]`."""
    paging: Paging | None = None
    """What is said otherwise than in `[rest.paging]`, key by key."""
    body: Body | None = None
    """What is said otherwise than in `[rest.body]`, key by key."""
    incremental: Incremental | None = None
    """What is said otherwise than in `[rest.incremental]`, key by key."""
    record: str | None = None
    """Which kind of record inside the files (`XML1`, `05-1/BK`, a sheet)."""
    records: dict[str, dict[str, FieldSource]] = Field(default_factory=dict)
    """Several kinds of record that feed this dataset: kind → its fields, laid over `fields`."""
    table: str | None = None
    """Table or view, with its schema where it has one."""
    query: str | None = None
    """A select in place of `table`."""
    changed: str | None = None
    """Column that says when a row changed; left out: every pull is a full one."""
    range_column: str | None = None
    """Whole-number or date column by which the table is read in ranges side by side."""


class Source(_Frozen):
    """A whole source file, checked against the contract of its registry."""

    registry: RegistryName
    """Which registry this is: a section name of the contract."""
    description: str | None = None
    """For people: which agency, which system, whom to ask."""
    on_drift: OnDrift = "fail"
    """A field neither mapped nor ignored, or a mapped field no record has: the dataset is not landed (`fail`), records
    that carry it are set aside (`quarantine`), or they are landed and the report names the field (`evolve`)."""
    rest: Rest | None = None
    """A registry that answers over HTTP."""
    files: Files | None = None
    """Files dropped in a folder or on an SFTP server."""
    database: Database | None = None
    """Tables or views of a database."""
    datasets: dict[str, DatasetSource]
    """The datasets the source has, by the contract's names; one left out is recorded as not offered."""
    path: Path | None = None
    """The file this was read from."""

    @model_validator(mode="after")
    def _keeps_the_contract(self) -> "Source":
        known = load_contracts()[self.registry]
        unknown = [name for name in self.datasets if name not in known]
        if unknown:
            raise ValueError(f"datasets.{unknown[0]}: the contract of {self.registry} has {', '.join(known)}")
        left_to_do = [
            problem
            for name, found in self.datasets.items()
            for problem in _problems(known[name], found, self.via_of(name))
        ]
        if left_to_do:
            raise ValueError("; ".join(left_to_do))
        return self

    def via_of(self, dataset: str) -> Via:
        given: list[Via] = [via for via in ("rest", "files", "database") if getattr(self, via) is not None]
        via = self.datasets[dataset].via
        if via is not None and via in given:
            return via
        if via is None and len(given) == 1:
            return given[0]
        if not given:
            raise ValueError("the source has none of [rest], [files] and [database]")
        raise ValueError(f"datasets.{dataset}.via: choose one of {', '.join(given)}")

    def drift_policy(self, dataset: str) -> OnDrift:
        return self.datasets[dataset].on_drift or self.on_drift

    @cached_property
    def is_default_profile(self) -> bool:
        return self.path is None


def _problems(contract: Dataset, found: DatasetSource, via: Via) -> Iterator[str]:
    """Everything that is left to do in one dataset's part of the file, each named by its key."""
    where = f"datasets.{contract.name}"
    if via == "database" and (found.table is None) == (found.query is None):
        yield f"{where}: give exactly one of table and query"
    strange = [name for name in found.whole_by if name not in contract.names or name == "updated_at"]
    if strange or (found.whole_by and not contract.can_be_withdrawn):
        raise ValueError(f"{where}.whole_by: name fields of a contract that has updated_at and deleted")
    if found.record is not None and found.records:
        yield f"{where}: give one of record and records"
    if found.fields is not None and not found.records:
        yield from _problems_of_fields(contract, found.fields, f"{where}.fields")
    for kind, fields in found.records.items():
        yield from _problems_of_fields(contract, {**(found.fields or {}), **fields}, f"{where}.records.{kind}")


def _problems_of_fields(contract: Dataset, fields: Mapping[str, FieldSource], where: str) -> Iterator[str]:
    unknown = [name for name in fields if name not in contract.names]
    if unknown:
        yield f"{where}.{unknown[0]}: the contract has {', '.join(contract.names)}"
    missing = [each.name for each in contract.fields if each.is_required and each.name not in fields]
    if missing:
        yield (
            f"{where}: the contract requires {', '.join(missing)}; map each, or give it a constant"
            + (f' (updated_at may be from = "{PULLED_AT}")' if "updated_at" in missing else "")
        )
    for name in contract.names:
        if name in fields:
            for part in fields[name].made_of:
                if part not in fields or fields[part].made_of:
                    yield f"{where}.{name}.join: ={part} is no field that is mapped here from the source's own"
            yield from _problems_of_values(contract.field(name), fields[name], f"{where}.{name}")


def _problems_of_values(field: ContractField, how: FieldSource, where: str) -> Iterator[str]:
    """What `recode`, `constant` and `default` give must be values of the contract's closed list."""
    given = {f"recode.{code}": value for code, value in how.recode.items()}
    given |= {key: value for key in ("constant", "default") if (value := getattr(how, key)) is not None}
    listed = field.valid_values or (("true", "false") if field.type == "bool" else ())
    wrong = [f"{key} = {value!r}" for key, value in given.items() if listed and value not in listed]
    if wrong:
        yield f"{where}: {', '.join(wrong)}: choose among {', '.join(listed)}"


def source_of(settings: Settings, registry: str) -> Source:
    """How the registry is reached: its source file, or the default wire profile where it names none.

    Raises `ConfigurationError` naming file, key and remedy.
    """
    access = settings.registries[registry]  # type: ignore[index]
    if access.source is not None:
        return load_source(access.source, registry)
    everything = {name: DatasetSource() for name in load_contracts()[registry]}
    return Source(registry=registry, on_drift="evolve", rest=Rest(), datasets=everything)  # type: ignore[arg-type]


def load_source(path: Path, registry: str | None = None) -> Source:
    """Read a source file; `extends` starts from one that comes with the package (`connectors/sources/`).

    Relative paths in it are relative to the file. Raises `ConfigurationError` naming file, key and remedy.
    """
    given = _read_toml(path)
    if "extends" in given:
        given = _merged(_packaged(str(given.pop("extends")), path), given)
    if registry is not None and given.setdefault("registry", registry) != registry:
        raise ConfigurationError(
            f"the source file is one of {given['registry']}, not of {registry}",
            where=f"{path}: registry",
            remedy=f"name the right file in registries.{registry}.source",
        )
    given = _with_absolute_secrets(given, path.resolve().parent)
    try:
        source = Source.model_validate({**given, "path": path})
    except ValidationError as error:
        raise _source_error(error, path) from error
    return _with_absolute_paths(source, path.resolve().parent)


def packaged_sources() -> dict[str, str]:
    """Name → text of every source file that comes with the package."""
    found = sorted((each for each in files("connectors").joinpath("sources").iterdir()), key=lambda each: each.name)
    return {
        each.name.removesuffix(".toml"): each.read_text(encoding="utf-8")
        for each in found
        if each.name.endswith(".toml")
    }


def _packaged(name: str, path: Path) -> dict[str, Any]:
    known = packaged_sources()
    if name not in known:
        raise ConfigurationError(
            f"there is no packaged source {name}", where=f"{path}: extends", remedy=f"choose one of: {', '.join(known)}"
        )
    return tomllib.loads(known[name])


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` laid over `base`, table by table; a field's whole mapping is replaced, never mixed."""
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        both_tables = isinstance(value, Mapping) and isinstance(below, Mapping)
        is_mapping = both_tables and bool({"from", "join", "constant"} & value.keys())
        merged[key] = _merged(below, value) if both_tables and not is_mapping else value  # type: ignore[arg-type]
    return merged


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(
            f"the source file cannot be read: {error.strerror}",
            where=str(path),
            remedy="correct the path in registries.<name>.source, or draft one with `doichieu sources new`",
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"not valid TOML: {error}", where=str(path), remedy="correct that line") from error


def _source_error(error: ValidationError, path: Path) -> ConfigurationError:
    lines = []
    for problem in error.errors():
        key = ".".join(str(part) for part in problem["loc"] if part not in ("str", "SecretPlace", "[key]"))
        said = "unknown key" if problem["type"] == "extra_forbidden" else problem["msg"].removeprefix("Value error, ")
        lines.append(f"{key}: {said}" if key else said)
    return ConfigurationError(
        "; ".join(dict.fromkeys(lines)),
        where=str(path),
        remedy="correct the keys named; docs/sources.md describes every one of them",
    )


def _with_absolute_secrets(given: Any, home: Path) -> Any:
    """`{ file = "…" }` wherever a secret may stand; a path that is absolute stays."""
    if isinstance(given, Mapping):
        if set(given) == {"file"} and isinstance(given["file"], str):
            return {"file": str(home / given["file"])}
        return {key: _with_absolute_secrets(value, home) for key, value in given.items()}
    return given


def _with_absolute_paths(source: Source, home: Path) -> Source:
    updates: dict[str, Any] = {}
    for table, keys in (("rest", ("client_cert", "client_key", "ca_file")), ("files", ("folder",))):
        found = getattr(source, table)
        if found is not None:
            updates[table] = found.model_copy(
                update={key: _from(home, value) for key in keys if (value := getattr(found, key))}
            )
    if source.files is not None and source.files.sftp is not None:
        sftp = source.files.sftp
        changed = {key: _from(home, value) for key in ("private_key", "known_hosts") if (value := getattr(sftp, key))}
        updates["files"] = updates["files"].model_copy(update={"sftp": sftp.model_copy(update=changed)})
    return source.model_copy(update=updates)


def _from(home: Path, path: Path) -> Path:
    return Path(os.path.normpath(home / path))


def access_of(access: RegistrySettings, rest: Rest) -> RegistrySettings:
    """`[registries.<name>]` with what `[rest]` says otherwise.

    Raises `ConfigurationError` where neither names an address, or a literal secret would leave this machine.
    """
    said = {
        name: value
        for name in (
            "base_url",
            "concurrency",
            "timeout_seconds",
            "attempts",
            "retry_wait_max_seconds",
            "page_size",
        )
        if (value := getattr(rest, name)) is not None
    }
    both = access.model_copy(update=said)
    if both.base_url is None:
        raise ConfigurationError(
            "the address of the registry is not given",
            where="[rest] base_url",
            remedy="write base_url in the source file or in [registries.<name>]",
        )
    return both


def read_secret(secret: Secret | None, *, where: str, address: str) -> str | None:
    """The text of a secret; a literal one is refused unless `address` is on loopback."""
    if isinstance(secret, SecretPlace):
        return secret.read(where)
    if secret is not None and not is_loopback(address):
        raise ConfigurationError(
            "a literal secret is refused outside loopback", where=where, remedy='write { env = "NAME" } or { file = … }'
        )
    return secret
