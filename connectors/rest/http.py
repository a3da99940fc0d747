"""A registry over HTTP: one client per registry, idempotent reads retried, errors that say what to do."""

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from datetime import datetime
from types import TracebackType
from typing import Self

import httpx
import stamina
import stamina.instrumentation
from aiolimiter import AsyncLimiter

from common.errors import SourceError
from common.settings import RegistrySettings
from connectors.rest.ahead import Ahead
from connectors.rest.answer import Answer, Found, found_in
from connectors.rest.bodies import Opened
from connectors.rest.credentials import Shown, bare_address, client_context, credentials_of, sendable
from connectors.rest.envelope import BrokenBody, Page
from connectors.rest.inflate import BODY_BYTES_MAX, Swollen
from connectors.rest.oauth import TokenAnswer
from connectors.rest.paging import COUNTED_KINDS, Position, UnknownState, address_of, address_of_number, page_of
from connectors.rest.reading import Question, reading_of, with_query
from connectors.rest.refusals import (
    BUSY,
    Refused,
    TryAgain,
    Unreachable,
    problem_text,
    remedy_for,
    retry_after,
    root_of,
    untrusted,
    wait_before_next,
)
from connectors.source import DatasetSource, Rest, access_of

__all__ = ["Refused", "RegistryClient", "Unreachable"]

_FIRST_WAIT_SECONDS = 0.2
_IN_A_THREAD_BYTES = 64 * 2**10
_HEADERS = {"Accept": "application/json", "Accept-Encoding": "gzip", "User-Agent": "doichieu"}


class RegistryClient:
    """Reads pages of one registry. Use as an async context manager.

    `rest` is what the source file says of it; None: the default wire profile.
    Raises `ConfigurationError` on construction where a secret or certificate cannot be found.
    """

    def __init__(
        self,
        settings: RegistrySettings,
        registry: str,
        *,
        clock: Callable[[], datetime],
        attempts: int | None = None,
        rest: Rest | None = None,
    ) -> None:
        self._settings = settings if rest is None else access_of(settings, rest)
        self._rest, self._registry, self._clock = rest, registry, clock
        self._attempts = attempts or self._settings.attempts
        self._busy = BUSY.union(rest.retry_statuses if rest else ())
        self._base_url = bare_address(self._settings.base_url)
        self._credentials = credentials_of(self._settings, rest, registry=registry, post=self._post)
        self._headers = (
            {name: sendable(text, f"[rest.headers] {name}") for name, text in rest.headers.items()} if rest else {}
        )
        rate = rest.requests_per_second if rest else None
        self._pace = AsyncLimiter(1, 1 / rate) if rate else contextlib.nullcontext()
        # stamina's own hooks write a warning line per retry to stderr, in the middle of progress bars;
        # httpx notes every address it asks, and with it a key that travels in the query.
        stamina.instrumentation.set_on_retry_hooks(())
        logging.getLogger("httpx").setLevel(logging.WARNING)
        self._http = _http_client(self._settings, rest)

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.__aexit__(kind, error, trace)

    async def fetch_page(
        self,
        dataset: str,
        *,
        limit: int,
        updated_since: datetime | None = None,
        cursor: str | None = None,
        of: DatasetSource | None = None,
    ) -> Page:
        """One page of the dataset; asked again while the fault may pass.

        `cursor` is the `next_cursor` of the page before, `of` what the source file says of the dataset.
        Raises `Unreachable`, `Refused` (with the status) or another `SourceError` once the tries are used up.
        """
        question = self._question(dataset, limit, updated_since, of)
        with _other_paging(question):
            address = address_of(question, cursor)
        try:
            return self._page(question, cursor, await self._find(question, address, is_first=cursor is None))
        except Refused as error:
            return self._end_or_raise(question, cursor, error)

    async def pages(
        self,
        dataset: str,
        *,
        limit: int,
        updated_since: datetime | None = None,
        start: str | None = None,
        of: DatasetSource | None = None,
    ) -> AsyncGenerator[tuple[str | None, Page], None]:
        """Every page from `start` on (None: the first), each with the cursor it was asked by, in order.

        With paging by page number or offset up to `prefetch` pages are on their way at a time. Close the iterator
        (`contextlib.aclosing`) to call off what is on its way. Raises what `fetch_page` raises.
        """
        question = self._question(dataset, limit, updated_since, of)
        paging = question.reading.paging
        is_ahead = paging.kind in COUNTED_KINDS and paging.prefetch > 1
        state, is_finished = start, False
        async with Ahead(lambda number: self._find_number(question, number)) as ahead:
            while not is_finished:
                if is_ahead:
                    page = await self._take(question, state, ahead)
                else:
                    page = await self.fetch_page(dataset, limit=limit, updated_since=updated_since, cursor=state, of=of)
                yield state, page
                state, is_finished = page.next_cursor, page.next_cursor is None

    async def fetch_body(self, address: str) -> tuple[Mapping[str, str], bytes]:
        """Headers and plain body of an address, whatever its shape, asked once: for a look at an unknown service.

        Raises `Unreachable`, `Refused` or another `SourceError`.
        """
        where = address.partition("?")[0]
        try:
            answer, shown = await self._get(address, where)
            if answer.status != 200:
                raise self._refusal(answer, where, None, shown)
            return answer.headers, answer.plain(where)
        except TryAgain as fault:
            raise fault.error from fault
        except BrokenBody as fault:
            raise SourceError("the answer breaks off or is damaged", where=where, remedy="try again") from fault

    async def _take(self, question: Question, state: str | None, ahead: Ahead[Found]) -> Page:
        with _other_paging(question):
            position = Position.read(state)
        try:
            found = await ahead.take(position.number(question.reading), position.ahead(question))
            return self._page(question, state, found)
        except Refused as error:
            return self._end_or_raise(question, state, error)

    async def _find_number(self, question: Question, number: int) -> Found:
        is_first = number == Position().number(question.reading)
        return await self._find(question, address_of_number(question, number), is_first=is_first)

    def _question(self, dataset: str, limit: int, updated_since: datetime | None, of: DatasetSource | None) -> Question:
        return reading_of(self._rest, self._base_url, dataset, of).ask(updated_since, limit=limit)

    def _page(self, question: Question, state: str | None, found: Found) -> Page:
        unsaid = tuple(self._credentials.params)
        return page_of(found.opened, question, state=state, links=found.links, unsaid=unsaid)

    def _end_or_raise(self, question: Question, state: str | None, error: Refused) -> Page:
        """A refusal behind the last page is the end of the walk."""
        is_counted = question.reading.paging.kind in COUNTED_KINDS
        if is_counted and Position.read(state).is_past_the_end(error.status, question.reading):
            return Page(b"[]", None, None)
        raise error

    async def _find(self, question: Question, address: str, *, is_first: bool) -> Found:
        longest = self._settings.retry_wait_max_seconds
        try:
            async for attempt in stamina.retry_context(
                on=wait_before_next,
                attempts=self._attempts,
                timeout=None,
                wait_initial=min(_FIRST_WAIT_SECONDS, longest),
                wait_max=longest,
                wait_jitter=min(_FIRST_WAIT_SECONDS, longest),
            ):
                with attempt:
                    return await self._read(question, address, is_first)
        except TryAgain as spent:
            raise spent.error from spent.__cause__
        raise AssertionError("unreachable: retry_context returns or raises")

    async def _read(self, question: Question, address: str, is_first: bool) -> Found:
        where = question.reading.address
        answer, shown = await self._get(address, where)
        if answer.status == 204 and (question.is_incremental or not is_first):
            return Found(Opened(b"[]", 0), {})
        if not answer.has_records:
            raise self._refusal(answer, where, question, shown)
        try:
            if len(answer.content) < _IN_A_THREAD_BYTES:
                return found_in(answer, question)
            return await asyncio.to_thread(found_in, answer, question)
        except BrokenBody as error:
            raise TryAgain(
                SourceError(
                    f"the answer breaks off or is damaged, on every try ({error})",
                    where=where,
                    remedy="tell the agency: status 200 with a body that is not whole; a smaller page_size may help",
                )
            ) from error

    async def _get(self, address: str, where: str) -> tuple[Answer, Shown]:
        common = self._headers
        shown = await self._credentials.show()
        answer = await self._send("GET", with_query(address, shown.params), {**common, **shown.headers}, where=where)
        if answer.status == 401 and self._credentials.renew(shown):
            shown = await self._credentials.show()
            address = with_query(address, shown.params)
            answer = await self._send("GET", address, {**common, **shown.headers}, where=where)
        return answer, shown

    async def _post(self, url: str, headers: dict[str, str], form: str) -> TokenAnswer:
        answer = await self._send("POST", url, headers, where=url, content=form)
        if answer.status in self._busy:
            raise self._refusal(answer, url)
        try:
            return TokenAnswer(answer.status, answer.plain(url))
        except BrokenBody as error:
            raise TryAgain(SourceError("the token endpoint's answer breaks off", where=url)) from error

    async def _send(
        self, method: str, url: str, headers: Mapping[str, str], *, where: str, content: str | None = None
    ) -> Answer:
        try:
            async with self._pace, self._http.stream(method, url, headers=headers, content=content) as response:
                return Answer(response.status_code, response.headers, await _whole(response, where))
        except httpx.InvalidURL as error:
            remedy = "tell the agency: the address of its next page is none"
            raise SourceError("the next page has an impossible address", where=where, remedy=remedy) from error
        except (httpx.RequestError, ssl.SSLError) as error:
            failure = untrusted(error, where)
            # Neither a wrong certificate nor a missing one comes right by itself.
            if failure is not None and failure.lasts:
                raise failure from error
            raise TryAgain(failure or _connection_error(error, where, self._settings, self._rest)) from error

    def _refusal(
        self, answer: Answer, where: str, question: Question | None = None, shown: Shown | None = None
    ) -> Exception:
        status = answer.status
        said = ""
        with contextlib.suppress(BrokenBody, SourceError):
            said = self._credentials.blotted(problem_text(answer.plain(where)), shown)
        is_described = self._rest is not None and question is not None
        path_key = f"[datasets.{question.reading.dataset}] path" if is_described and question else None
        remedy = remedy_for(status, registry=self._registry, credentials=self._credentials.remedy, path_key=path_key)
        error = Refused(f"the registry answers {status}{said}", status=status, where=where, remedy=remedy)
        # A fresh token may be refused once more where a gateway has not heard of it yet.
        if status not in self._busy and not (status == 401 and self._credentials.token is not None):
            return error
        wait = retry_after(answer.headers, self._clock())
        return TryAgain(error, None if wait is None else min(wait, self._settings.retry_wait_max_seconds))


def _http_client(settings: RegistrySettings, rest: Rest | None) -> httpx.AsyncClient:
    verify: ssl.SSLContext | bool = True
    if rest is not None and (rest.ca_file or rest.client_cert):
        verify = client_context(rest, httpx.create_ssl_context)
    proxy = rest.proxy if rest else None
    prefetch = rest.paging.prefetch if rest else 1
    return httpx.AsyncClient(
        # Whoever does not even take the connection will not take it later either; waiting for a turn is no fault.
        timeout=httpx.Timeout(settings.timeout_seconds, connect=min(10.0, settings.timeout_seconds), pool=None),
        headers=_HEADERS,
        limits=httpx.Limits(max_connections=settings.concurrency * prefetch + 1),
        verify=verify,
        proxy=proxy,
        # A machine's proxy cannot reach the machine's own loopback.
        mounts={} if proxy else {"all://127.0.0.1": None, "all://localhost": None, "all://[::1]": None},
    )


async def _whole(response: httpx.Response, where: str) -> bytes:
    """The body as it comes over the wire: httpx itself takes half a gzip stream for a whole one."""
    parts: list[bytes] = []
    size = 0
    async for part in response.aiter_raw():
        parts.append(part)
        size += len(part)
        if size > BODY_BYTES_MAX:
            raise Swollen(
                f"the answer is larger than {BODY_BYTES_MAX // 2**20} MiB",
                where=where,
                remedy="ask for smaller pages, or have the agency deliver files",
            )
    return b"".join(parts)


@contextlib.contextmanager
def _other_paging(question: Question) -> Iterator[None]:
    """A walk begun under another kind of paging has to begin again, like one whose cursor the registry forgot."""
    try:
        yield
    except UnknownState:
        raise Refused(
            "the walk was begun under another kind of paging",
            status=410,
            where=question.reading.address,
            remedy="pull again: the dataset is read from its first page",
        ) from None


def _connection_error(
    error: httpx.RequestError | ssl.SSLError, where: str, settings: RegistrySettings, rest: Rest | None
) -> SourceError:
    if isinstance(error, httpx.ConnectTimeout):
        return Unreachable("no answer in time", where=where, remedy="check the network, or raise timeout_seconds")
    if isinstance(error, httpx.TimeoutException):
        # A host that takes the connection but is slow with one answer may be quick with the next dataset.
        said = f"no answer within {settings.timeout_seconds:g} seconds"
        return SourceError(said, where=where, remedy="check the network, or raise timeout_seconds")
    proxy = rest.proxy if rest else None
    if isinstance(error, httpx.ProxyError):
        return Unreachable("the proxy refuses to connect", where=where, remedy="check [rest] proxy with its keeper")
    behind = " of the proxy ([rest] proxy)" if proxy else " in base_url"
    if root_of(error, socket.gaierror) is not None:
        remedy = f"check the address{behind}, and the name server"
        return Unreachable("the host name is not known", where=where, remedy=remedy)
    if isinstance(error, httpx.ConnectError):
        remedy = f"check that the registry is up, the port{behind}, and the firewall"
        return Unreachable("nobody listens there: the connection is refused", where=where, remedy=remedy)
    return SourceError(
        "the connection breaks while the answer is read, on every try",
        where=where,
        remedy=f"check the network and the registry's gateway; a smaller page_size may help{_about_certificates(where, rest)}",
    )


def _about_certificates(where: str, rest: Rest | None) -> str:
    """Whoever is refused for its certificate may see no more than a closed connection: the reason is lost in the reset."""
    if not where.startswith("https://") or rest is None:
        return ""
    if rest.client_cert is None:
        return "; if the registry asks for a client certificate, name it in [rest] client_cert"
    return "; or the registry refuses our certificate ([rest] client_cert)"
