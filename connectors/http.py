"""The default wire profile over HTTP: one client per registry, idempotent reads retried, errors that say what to do."""

import contextlib
import email.utils
import re
import socket
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

import httpx
import msgspec
import stamina
import stamina.instrumentation

from common.errors import SourceError
from common.settings import RegistrySettings
from connectors.envelope import BrokenBody, Page, open_envelope
from connectors.oauth import AccessToken, TokenAnswer

_BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})
_FIRST_WAIT_SECONDS = 0.2


class Unreachable(SourceError):
    """Nobody answers at the registry's address: its other datasets need not be tried."""


class Refused(SourceError):
    """The registry answers, but not with records. `status` is its HTTP status."""

    def __init__(self, what: str, *, status: int, where: str = "", remedy: str = "") -> None:
        super().__init__(what, where=where, remedy=remedy)
        self.status = status


class _TryAgain(Exception):
    """A fault that may pass. `wait` is what the registry asked for, in seconds."""

    def __init__(self, error: SourceError, wait: float | None = None) -> None:
        super().__init__(error.what)
        self.error, self.wait = error, wait


class RegistryClient:
    """Reads pages of one registry. Use as an async context manager.

    Raises `ConfigurationError` on construction where the secret cannot be found.
    """

    def __init__(
        self,
        settings: RegistrySettings,
        registry: str,
        *,
        clock: Callable[[], datetime],
        attempts: int | None = None,
    ) -> None:
        self._settings, self._registry, self._clock = settings, registry, clock
        self._attempts = attempts or settings.attempts
        secret = settings.secret(registry=registry)
        self._token: AccessToken | None = None
        if settings.token_url is not None and settings.client_id is not None:
            self._token = AccessToken(
                registry=registry,
                url=settings.token_url,
                client_id=settings.client_id,
                secret=secret,
                post=self._post,
            )
        # stamina's own hooks write a warning line per retry to stderr, in the middle of progress bars.
        stamina.instrumentation.set_on_retry_hooks(())
        self._http = httpx.AsyncClient(
            # Whoever does not even take the connection will not take it later either.
            timeout=httpx.Timeout(settings.timeout_seconds, connect=min(10.0, settings.timeout_seconds)),
            headers={"Accept": "application/json", "Accept-Encoding": "gzip", "User-Agent": "doichieu"},
            limits=httpx.Limits(max_connections=settings.concurrency + 1),
            # A machine's proxy cannot reach the machine's own loopback.
            mounts={"all://127.0.0.1": None, "all://localhost": None, "all://[::1]": None},
        )

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.__aexit__(kind, error, trace)

    async def fetch_page(
        self, dataset: str, *, limit: int, updated_since: datetime | None = None, cursor: str | None = None
    ) -> Page:
        """One page of `{base_url}/{dataset}`; asked again while the fault may pass.

        Raises `Unreachable`, `Refused` (with the status) or another `SourceError` once the tries are used up.
        """
        params: dict[str, str] = {"limit": str(limit)}
        if updated_since is not None:
            # `Z`, not `+00:00`: servers that forget to decode a plus sign exist.
            params["updated_since"] = updated_since.astimezone(UTC).isoformat().replace("+00:00", "Z")
        if cursor is not None:
            params["cursor"] = cursor
        where = f"{self._settings.base_url}/{dataset}"
        longest = self._settings.retry_wait_max_seconds
        try:
            async for attempt in stamina.retry_context(
                on=_wait_before_next,
                attempts=self._attempts,
                timeout=None,
                wait_initial=min(_FIRST_WAIT_SECONDS, longest),
                wait_max=longest,
                wait_jitter=min(_FIRST_WAIT_SECONDS, longest),
            ):
                with attempt:
                    return await self._read_page(where, params)
        except _TryAgain as spent:
            raise spent.error from spent.__cause__
        raise AssertionError("unreachable: retry_context returns or raises")

    async def _read_page(self, where: str, params: dict[str, str]) -> Page:
        response = await self._get(where, params)
        if response.status_code != 200:
            raise self._refusal(response, where)
        try:
            return open_envelope(response.content, where=where)
        except BrokenBody as error:
            raise _TryAgain(
                SourceError(
                    "the answer breaks off or is damaged, on every try",
                    where=where,
                    remedy="tell the agency: status 200 with a body that is not whole; a smaller page_size may help",
                )
            ) from error

    async def _get(self, where: str, params: dict[str, str]) -> httpx.Response:
        if self._token is None:
            return await self._send("GET", where, params=params)
        token = await self._token.text()
        response = await self._send("GET", where, params=params, headers={"Authorization": f"Bearer {token}"})
        if response.status_code == 401:
            self._token.drop(token)
            token = await self._token.text()
            response = await self._send("GET", where, params=params, headers={"Authorization": f"Bearer {token}"})
        return response

    async def _post(self, url: str, headers: dict[str, str], form: str) -> TokenAnswer:
        response = await self._send("POST", url, headers=headers, content=form)
        if response.status_code in _BUSY:
            raise self._refusal(response, url)
        return TokenAnswer(response.status_code, response.content)

    async def _send(
        self,
        method: str,
        url: str,
        *,
        params: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
        content: str | None = None,
    ) -> httpx.Response:
        try:
            return await self._http.request(method, url, params=params, headers=headers, content=content)
        except httpx.RequestError as error:
            failure = _connection_error(error, url, self._settings.timeout_seconds)
            if _root(error, ssl.SSLCertVerificationError) is not None:
                raise failure from error
            raise _TryAgain(failure) from error

    def _refusal(self, response: httpx.Response, where: str) -> Exception:
        status = response.status_code
        said = _problem_text(response)
        error = Refused(
            f"the registry answers {status}{said}", status=status, where=where, remedy=_remedy(status, self._registry)
        )
        # A fresh token may be refused once more where a gateway has not heard of it yet.
        if status not in _BUSY and not (status == 401 and self._token is not None):
            return error
        wait = _retry_after(response, self._clock())
        return _TryAgain(error, None if wait is None else min(wait, self._settings.retry_wait_max_seconds))


def _wait_before_next(error: Exception) -> bool | float:
    if not isinstance(error, _TryAgain):
        return False
    return True if error.wait is None else error.wait


def _retry_after(response: httpx.Response, now: datetime) -> float | None:
    """Seconds the registry asks to wait: a number, or a date held against its own clock (RFC 9110, section 10.2.3)."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return float(text)
    with contextlib.suppress(ValueError, TypeError):
        until = email.utils.parsedate_to_datetime(text)
        theirs = response.headers.get("Date")
        since = email.utils.parsedate_to_datetime(theirs) if theirs else now
        return max(0.0, (until - since).total_seconds())
    return None


class _Problem(msgspec.Struct):
    title: str | None = None
    detail: str | None = None


def _problem_text(response: httpx.Response) -> str:
    """Title and detail of an RFC 9457 problem document, long numbers blotted out: they may be a person's."""
    try:
        problem = msgspec.json.decode(response.content, type=_Problem)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    text = ": ".join(part for part in (problem.title, problem.detail) if part)
    return f" ({re.sub('[0-9]{6,}', '…', text)[:200]})" if text else ""


def _remedy(status: int, registry: str) -> str:
    if status == 401:
        return f"check registries.{registry}.client_id and client_secret: a fresh token is refused as well"
    if status == 403:
        return "ask the agency to let this client read the dataset"
    if status == 404:
        return f"check registries.{registry}.base_url, or leave the dataset out of registries.{registry}.datasets"
    if status in _BUSY:
        return f"try later: the registry stayed busy for every one of registries.{registry}.attempts tries"
    if 300 <= status < 400:
        return f"the registry has moved: write its new address in registries.{registry}.base_url"
    return "ask the agency what this status means for this query"


def _connection_error(error: httpx.RequestError, url: str, timeout: float) -> SourceError:
    if isinstance(error, httpx.TimeoutException):
        # A host that takes the connection but is slow with one answer may be quick with the next dataset.
        kind = Unreachable if isinstance(error, httpx.ConnectTimeout) else SourceError
        return kind(
            "no answer in time" if kind is Unreachable else f"no answer within {timeout:g} seconds",
            where=url,
            remedy="check the network, or raise timeout_seconds",
        )
    if _root(error, socket.gaierror) is not None:
        return Unreachable(
            "the host name is not known", where=url, remedy="check the address in base_url, and the name server"
        )
    tls = _root(error, ssl.SSLError)
    if isinstance(tls, ssl.SSLError):
        return Unreachable(
            f"no TLS connection: {tls.reason or 'certificate refused'}",
            where=url,
            remedy="check the registry's certificate; name the agency's CA file in SSL_CERT_FILE",
        )
    if isinstance(error, httpx.ConnectError):
        return Unreachable(
            "nobody listens there: the connection is refused",
            where=url,
            remedy="check that the registry is up, its port in base_url, and the firewall",
        )
    return SourceError(
        "the connection breaks while the answer is read, on every try",
        where=url,
        remedy="check the network and the registry's gateway; a smaller page_size may help",
    )


def _root(error: BaseException, kind: type[BaseException]) -> BaseException | None:
    """The first cause of that kind; httpx and anyio wrap the operating system's own error."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, kind):
            return seen
        seen = seen.__cause__ or seen.__context__
    return None
