"""The one place that attaches `identity.duckdb`. Unmasked reading is written to the audit log before a name is seen."""

from dataclasses import dataclass
from datetime import datetime

from common.errors import ConfigurationError
from common.settings import Settings
from query import audit
from query.masking import MASKED_MACROS, PLAIN_MACROS
from query.snapshot import Reading, attach

LONGEST_PURPOSE = 500


@dataclass(frozen=True)
class Reader:
    """Who reads, when, and whether names and numbers are shown, then for which purpose."""

    who: str
    at: datetime
    purpose: str | None = None

    @property
    def is_masked(self) -> bool:
        return self.purpose is None


def reader_for(settings: Settings, *, who: str, at: datetime, is_unmasked: bool, purpose: str | None) -> Reader:
    """Who may see what: unmasked only for a stated purpose, a known code where codes are configured.

    Raises `ConfigurationError` for a missing, unknown or superfluous purpose.
    """
    purpose = (purpose or "").strip() or None
    if not is_unmasked:
        if purpose:
            raise ConfigurationError("--purpose means nothing without --unmasked", remedy="add --unmasked, or drop it")
        return Reader(who, at)
    known = ", ".join(settings.purposes)
    if purpose is None:
        remedy = f"add --purpose with one of: {known}" if known else "add --purpose with the reason in words"
        raise ConfigurationError("--unmasked needs a purpose", remedy=remedy)
    if settings.purposes and purpose not in settings.purposes:
        raise ConfigurationError(
            f"{purpose!r} is not a purpose",
            where=f"{settings.path} [purposes]",
            remedy=f"choose one of: {known}; or add it there with its legal basis",
        )
    if len(purpose) > LONGEST_PURPOSE:
        raise ConfigurationError(f"the purpose is longer than {LONGEST_PURPOSE} characters", remedy="shorten it")
    return Reader(who, at, purpose)


def attach_identity(opened: Reading) -> None:
    """Make `identity.*`, `shown_name()` and `shown_number()` usable on the connection; both macros mask."""
    attach(opened.connection, opened.snapshot.identity, "identity", key=_key(opened))
    opened.connection.execute(MASKED_MACROS)


def _key(opened: Reading) -> str | None:
    if not opened.snapshot.manifest.get("is_identity_encrypted", False):
        return None
    key = opened.settings.identity_secret()
    if key is None:
        raise ConfigurationError(
            "the snapshot's names are encrypted and no key is configured",
            where=f"{opened.settings.path} identity_key",
            remedy='name the key the snapshot was published with: identity_key = { env = "NAME" }',
        )
    return key


def unmask(opened: Reading, reader: Reader, *, what: str, rows: int) -> None:
    """From here on `shown_name()` and `shown_number()` show everything, if the reader stated a purpose.

    `what` and `rows` say for the log what is about to be shown. Raises `DoiChieuError` where the log cannot be
    written: then everything stays masked.
    """
    if reader.is_masked:
        return
    details = {"purpose": reader.purpose, "what": what, "rows": rows, "snapshot": opened.snapshot.name}
    audit.append(opened.data, action="unmask", who=reader.who, at=reader.at, details=details)
    opened.connection.execute(PLAIN_MACROS)
