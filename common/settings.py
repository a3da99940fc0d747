"""`doichieu.toml`, read once into a frozen object and passed in. The only module that reads the environment."""

import ipaddress
import os
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from common.errors import ConfigurationError
from common.files import DataFolder

RegistryName = Literal["investment", "tax", "labour", "health", "insurance", "welfare", "reference"]
REGISTRIES: tuple[RegistryName, ...] = (
    "investment",
    "tax",
    "labour",
    "health",
    "insurance",
    "welfare",
    "reference",
)


def _web_address(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be an http:// or https:// address")
    return value.rstrip("/")


WebAddress = Annotated[str, AfterValidator(_web_address)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SecretPlace(_Frozen):
    """Where a secret is kept: `{ env = "NAME" }` or `{ file = "/path" }`."""

    env: str | None = None
    file: Path | None = None

    @model_validator(mode="after")
    def _one_place(self) -> "SecretPlace":
        if (self.env is None) == (self.file is None):
            raise ValueError('give exactly one of { env = "NAME" } and { file = "/path" }')
        return self

    def read(self, key: str) -> str:
        """The secret's text; `key` is the setting that names it.

        Raises `ConfigurationError` when the named variable or file is not there.
        """
        if self.env is not None:
            value = os.environ.get(self.env)
            if not value:
                raise ConfigurationError(
                    f"environment variable {self.env} is not set",
                    where=key,
                    remedy=f"export {self.env}=… before the run, or name a file",
                )
            return value
        assert self.file is not None
        try:
            return self.file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ConfigurationError(
                f"the secret file cannot be read: {error.strerror}",
                where=f"{key} = {self.file}",
                remedy="create the file, or correct its path or permissions",
            ) from error


class RegistrySettings(_Frozen):
    """How to reach one registry: the default wire profile at `base_url`, or whatever `source` says."""

    base_url: WebAddress | None = None
    token_url: WebAddress | None = None
    client_id: str | None = None
    client_secret: str | SecretPlace | None = None
    source: Path | None = None
    datasets: tuple[str, ...] | None = None
    """Only these datasets are offered; None asks for every dataset of the contract."""
    page_size: int = Field(default=500, ge=1, le=100_000)
    concurrency: int = Field(default=4, ge=1, le=64)
    """Datasets of this registry pulled side by side."""
    timeout_seconds: float = Field(default=30.0, gt=0)
    attempts: int = Field(default=8, ge=1, le=50)
    """Tries of one idempotent request before the registry counts as down."""
    retry_wait_max_seconds: float = Field(default=60.0, ge=0)
    overlap_minutes: int = Field(default=60, ge=0)
    """The next incremental pull starts this long before the last high-water mark: late commits are not missed."""
    full_every_days: int | None = Field(default=None, ge=1)
    """A full pull once the last one is this old: only a full delivery shows what was deleted without a tombstone."""
    withdrawn_percent: float = Field(default=20.0, ge=0, le=100)
    """A full delivery that lacks a larger share of what is held is not taken as deletions; the report says so."""

    @model_validator(mode="after")
    def _secret_is_kept_outside(self) -> "RegistrySettings":
        if self.base_url is None and self.source is None:
            raise ValueError("give base_url, or a source file in source")
        address = self.base_url or self.token_url or ""
        if isinstance(self.client_secret, str) and not is_loopback(address):
            raise ValueError(
                "client_secret: a literal secret is refused outside loopback; "
                'write { env = "NAME" } or { file = "/path" }'
            )
        if (self.token_url is None) != (self.client_id is None):
            raise ValueError("token_url and client_id go together")
        return self

    def secret(self, *, registry: str) -> str | None:
        """The client secret's text.

        Raises `ConfigurationError` when the named variable or file is not there.
        """
        place = self.client_secret
        return place if place is None or isinstance(place, str) else place.read(f"registries.{registry}.client_secret")


class CheckSettings(_Frozen):
    """Thresholds of one dataset (`[checks."registry.dataset"]`); `[checks.default]` serves the others."""

    quarantine_percent: float = Field(default=20.0, ge=0, le=100)
    quarantine_rows: int = Field(default=100, ge=0)
    """Quarantine blocks when BOTH the percentage and the row count are exceeded."""
    freshness_days: int | None = Field(default=None, ge=0)
    """None: the contract's own freshness promise."""
    volume_drop_percent: float = Field(default=50.0, ge=0, le=100)
    """Warn when a full delivery has fallen by more than this against the last one."""
    block: tuple[str, ...] = ()
    """Checks that warn by default and shall block here."""
    warn: tuple[str, ...] = ()
    """Checks that block by default and shall only warn here."""

    def is_too_much(self, set_aside: int, of: int) -> bool:
        """Whether so many records set aside, of so many, block a publication."""
        return set_aside > self.quarantine_rows and set_aside * 100 > self.quarantine_percent * of


class ScheduleSettings(_Frozen):
    nightly: str = "0 1 * * *"
    """Cron expression, local to `timezone`."""
    timezone: str = "Asia/Ho_Chi_Minh"
    prefect_api_url: WebAddress | None = None
    """An existing Prefect server; None starts one on loopback."""


class BuildSettings(_Frozen):
    memory_limit: str = "4GB"
    threads: int = Field(default=2, ge=1)


class Settings(_Frozen):
    """The whole configuration. `path` is the file it came from; relative paths in it are relative to that file."""

    path: Path = Path("doichieu.toml")
    data_dir: Path = Path("var")
    registries: dict[RegistryName, RegistrySettings] = Field(default_factory=dict)
    checks: dict[str, CheckSettings] = Field(default_factory=dict)
    purposes: dict[str, str] = Field(default_factory=dict)
    """Purpose code → legal basis. Where given, unmasking takes one of these codes and nothing else."""
    schedule: ScheduleSettings = ScheduleSettings()
    build: BuildSettings = BuildSettings()
    identity_key: SecretPlace | None = None
    """Encrypts the names and numbers of published snapshots at rest."""

    def identity_secret(self) -> str | None:
        return None if self.identity_key is None else self.identity_key.read("identity_key")

    @property
    def data(self) -> DataFolder:
        return DataFolder(self.data_dir)

    def checks_for(self, registry: str, dataset: str) -> CheckSettings:
        default = self.checks.get("default", CheckSettings())
        return self.checks.get(f"{registry}.{dataset}", default)


def load_settings(path: Path) -> Settings:
    """Read `doichieu.toml`.

    Raises `ConfigurationError` naming file, key and remedy for a missing file, broken TOML,
    an unknown key, a wrong value, or a literal secret outside loopback.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"the configuration cannot be read: {error.strerror}",
            where=str(path),
            remedy="run `doichieu init` to write one here, or name it with --config FILE",
        ) from error
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"not valid TOML: {error}", where=str(path), remedy="correct that line") from error
    home = path.resolve().parent
    raw["data_dir"] = home / raw.get("data_dir", "var")
    try:
        settings = Settings.model_validate({**raw, "path": path.resolve()})
    except ValidationError as error:
        raise _configuration_error(error, path) from error
    return settings.model_copy(update={"registries": _with_absolute_sources(settings, home)})


def _with_absolute_sources(settings: Settings, home: Path) -> dict[RegistryName, RegistrySettings]:
    return {
        name: registry if registry.source is None else registry.model_copy(update={"source": home / registry.source})
        for name, registry in settings.registries.items()
    }


def _configuration_error(error: ValidationError, path: Path) -> ConfigurationError:
    lines = []
    remedy = "correct the value; `doichieu init` writes a commented example"
    for problem in error.errors():
        key = ".".join(str(part) for part in problem["loc"] if part not in ("str", "SecretPlace", "[key]"))
        if problem["type"] == "extra_forbidden":
            lines.append(f"{key}: unknown key")
            remedy = "remove or rename the key; `doichieu init` writes every key there is, commented"
        elif problem["type"] == "literal_error" and key.startswith("registries."):
            lines.append(f"{key}: not a registry; the registries are {', '.join(REGISTRIES)}")
        else:
            lines.append(f"{key}: {problem['msg'].removeprefix('Value error, ')}")
    return ConfigurationError("; ".join(dict.fromkeys(lines)), where=str(path), remedy=remedy)


def is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def prepare_environment(data: DataFolder, *, prefect_api_url: str | None = None) -> None:
    """Set what Prefect and great-expectations read from the environment; call before either is imported.

    Nobody is telephoned from a closed network, and Prefect's own files stay inside the data folder.
    `prefect_api_url` names the Prefect server to speak to; None leaves it to the environment, or to a temporary one.
    """
    defaults: dict[str, Any] = {
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
        "PREFECT_HOME": str(data.root / "prefect"),
        "PREFECT_LOGGING_LEVEL": "WARNING",
        # A library's message may quote a record: logs stay on this machine.
        "PREFECT_LOGGING_TO_API_ENABLED": "false",
        "GX_ANALYTICS_ENABLED": "false",
    }
    for name, value in defaults.items():
        os.environ.setdefault(name, value)
    if prefect_api_url is not None:
        os.environ["PREFECT_API_URL"] = prefect_api_url


def user_name() -> str:
    """Who is at the keyboard, for the audit log."""
    import getpass

    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
