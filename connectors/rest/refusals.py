"""What a registry says instead of records: its status and problem document, as an error with a remedy."""

import contextlib
import email.utils
import re
import ssl
from collections.abc import Mapping
from datetime import datetime

import msgspec

from common.errors import SourceError

BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})


class Unreachable(SourceError):
    """Nobody answers at the registry's address: its other datasets need not be tried."""


class Refused(SourceError):
    """The registry answers, but not with records. `status` is its HTTP status."""

    def __init__(self, what: str, *, status: int, where: str = "", remedy: str = "") -> None:
        super().__init__(what, where=where, remedy=remedy)
        self.status = status


class Untrusted(Unreachable):
    """No TLS connection. `lasts`: a certificate is wrong or missing, so that trying again is of no use."""

    def __init__(self, what: str, *, where: str, remedy: str, lasts: bool) -> None:
        super().__init__(what, where=where, remedy=remedy)
        self.lasts = lasts


class TryAgain(Exception):
    """A fault that may pass. `wait` is what the registry asked for, in seconds."""

    def __init__(self, error: SourceError, wait: float | None = None) -> None:
        super().__init__(error.what)
        self.error, self.wait = error, wait


def wait_before_next(error: Exception) -> bool | float:
    """For stamina: whether to try again, or after how many seconds."""
    if not isinstance(error, TryAgain):
        return False
    return True if error.wait is None else error.wait


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds the registry asks to wait: a number, or a date held against its own clock (RFC 9110, section 10.2.3)."""
    text = headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return float(text)
    with contextlib.suppress(ValueError, TypeError):
        until = email.utils.parsedate_to_datetime(text)
        theirs = headers.get("Date")
        since = email.utils.parsedate_to_datetime(theirs) if theirs else now
        return max(0.0, (until - since).total_seconds())
    return None


class _Problem(msgspec.Struct):
    title: str | None = None
    detail: str | None = None
    error: str | None = None
    message: str | None = None


def problem_text(content: bytes) -> str:
    """Title and detail of an RFC 9457 problem document (or `error` and `message`, as others write).

    Long numbers are blotted out: they may be a person's.
    """
    try:
        problem = msgspec.json.decode(content, type=_Problem)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    said = (problem.title, problem.detail) if problem.title or problem.detail else (problem.error, problem.message)
    text = ": ".join(part for part in said if part)
    return f" ({re.sub('[0-9]{6,}', '…', text)[:200]})" if text else ""


def remedy_for(status: int, *, registry: str, credentials: str, path_key: str | None) -> str:
    """What to do about a status. `credentials` and `path_key` name the keys that say who we are and what is asked."""
    if status == 401:
        return credentials
    if status == 403:
        return "ask the agency to let this client read the dataset"
    if status == 404 and path_key is not None:
        return f"check base_url and {path_key}"
    if status == 404:
        return f"check registries.{registry}.base_url, or leave the dataset out of registries.{registry}.datasets"
    if status == 407:
        return "the proxy wants a name and password: write them in [rest] proxy"
    if status in BUSY:
        return f"try later: the registry stayed busy for every one of registries.{registry}.attempts tries"
    if 300 <= status < 400:
        keys = f"registries.{registry}.base_url" + (f" or {path_key}" if path_key else "")
        return f"the registry has moved: write its new address in {keys}"
    return "ask the agency what this status means for this query"


def announced_total(header: str) -> int | None:
    """The total in a header: `3573`, or the end of a Content-Range (`0-24/3573`)."""
    text = header.rpartition("/")[2].strip()
    return int(text) if text.isdecimal() else None


def untrusted(error: Exception, where: str) -> Untrusted | None:
    """What keeps the TLS connection from coming about, if that is what failed."""
    tls = root_of(error, ssl.SSLError)
    if not isinstance(tls, ssl.SSLError):
        return None
    reason = tls.reason or "certificate refused"
    if isinstance(tls, ssl.SSLCertVerificationError):
        remedy = "check the registry's certificate; name the agency's CA file in [rest] ca_file, or in SSL_CERT_FILE"
        return Untrusted(f"no TLS connection: {reason}", where=where, remedy=remedy, lasts=True)
    # The server's alert: it wants a certificate, or does not like ours.
    is_about_ours = "ALERT" in reason and ("CERTIFICATE" in reason or "UNKNOWN_CA" in reason)
    if is_about_ours:
        remedy = "name the certificate the agency gave in [rest] client_cert and client_key"
        return Untrusted(f"the registry refuses our certificate: {reason}", where=where, remedy=remedy, lasts=True)
    remedy = "check that the address speaks TLS, and the registry's certificate"
    return Untrusted(f"no TLS connection: {reason}", where=where, remedy=remedy, lasts=False)


def root_of(error: BaseException, kind: type[BaseException]) -> BaseException | None:
    """The first cause of that kind; HTTP libraries wrap the operating system's own error."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, kind):
            return seen
        seen = seen.__cause__ or seen.__context__
    return None
