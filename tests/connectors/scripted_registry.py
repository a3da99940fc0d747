"""A registry that speaks the default wire profile on a real socket and misbehaves exactly as a test scripts it."""

import asyncio
import base64
import gzip
import json
import socket
import threading
import time
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

Fault = Callable[[Request, bytes], Awaitable[Response | None]]
"""Gets the request and the body that would be sent; None lets the answer pass."""


@dataclass
class ScriptedRegistry:
    """`tables`: dataset → records. `faults`: dataset → what to do to its next answers, in order."""

    tables: dict[str, list[Any]] = field(default_factory=dict)
    faults: dict[str, deque[Fault | None]] = field(default_factory=lambda: defaultdict(deque))
    secret: str = "right"
    wants_token: bool = True
    takes_basic: bool = True
    token_seconds: float = 3600.0
    page_max: int = 10_000
    totals: dict[str, int | None] = field(default_factory=dict)
    """Instead of the true total."""
    seconds_per_page: float = 0.0
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    tokens_given: int = 0
    address: str = ""
    _valid: dict[str, float] = field(default_factory=dict)

    def fault(self, dataset: str, *faults: Fault | None) -> None:
        self.faults[dataset].extend(faults)

    def queries(self, dataset: str) -> list[dict[str, str]]:
        return [params for name, params in self.asked if name == dataset]

    def forget_tokens(self) -> None:
        self._valid.clear()

    async def token(self, request: Request) -> Response:
        form = dict(part.split("=", 1) for part in (await request.body()).decode().split("&"))
        given = form.get("client_secret")
        header = request.headers.get("Authorization", "")
        if header.startswith("Basic ") and self.takes_basic:
            given = base64.b64decode(header[6:]).decode().split(":", 1)[1]
        if form.get("grant_type") != "client_credentials" or given != self.secret:
            return JSONResponse({"error": "invalid_client"}, status_code=401)
        self.tokens_given += 1
        text = f"token-{self.tokens_given}"
        self._valid[text] = time.monotonic() + self.token_seconds
        return JSONResponse({"access_token": text, "token_type": "Bearer", "expires_in": 3600})

    async def page(self, request: Request) -> Response:
        dataset = request.path_params["dataset"]
        self.asked.append((dataset, dict(request.query_params)))
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if self.wants_token and self._valid.get(token, 0.0) < time.monotonic():
            return problem(401, "Unauthorized")
        if dataset not in self.tables:
            return problem(404, "Not Found")
        body = json.dumps(self._select(dataset, request), ensure_ascii=False).encode("utf-8", "surrogatepass")
        fault = self.faults[dataset].popleft() if self.faults[dataset] else None
        answer = await fault(request, body) if fault is not None else None
        await asyncio.sleep(self.seconds_per_page)
        return answer or gzipped(body)

    def _select(self, dataset: str, request: Request) -> dict[str, Any]:
        """Keyset paging in order of (`updated_at`, position); the cursor names the last record seen."""
        limit = min(int(request.query_params["limit"]), self.page_max)
        since = request.query_params.get("updated_since", "")
        ordered = sorted(enumerate(self.tables[dataset]), key=lambda pair: (changed_at(pair[1]), pair[0]))
        wanted = [(number, record) for number, record in ordered if instant(changed_at(record)) >= instant(since)]
        total = self.totals.get(dataset, len(wanted))
        if cursor := request.query_params.get("cursor"):
            after = json.loads(base64.urlsafe_b64decode(cursor))
            wanted = [pair for pair in wanted if [changed_at(pair[1]), pair[0]] > after]
        page, rest = wanted[:limit], wanted[limit:]
        last = [changed_at(page[-1][1]), page[-1][0]] if page else None
        following = base64.urlsafe_b64encode(json.dumps(last).encode()).decode() if rest else None
        return {"data": [record for _, record in page], "next_cursor": following, "total": total}


def changed_at(record: Any) -> str:
    return str(record.get("updated_at") or "") if isinstance(record, dict) else ""


def instant(text: str) -> str:
    """Tests write every time in UTC, so that text order is time order."""
    return text.replace("Z", "").replace("+00:00", "")[:19]


def gzipped(body: bytes) -> Response:
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    return Response(gzip.compress(body, 1), headers=headers)


def problem(status: int, title: str, **headers: str) -> Response:
    text = {"type": "about:blank", "title": title, "status": status, "detail": "seen by the gateway, 0123456789012"}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return JSONResponse(text, status_code=status, headers=named, media_type="application/problem+json")


def answers(status: int, title: str = "Busy", **headers: str) -> Fault:
    async def fault(request: Request, body: bytes) -> Response:
        return problem(status, title, **headers)

    return fault


def replies(change: Callable[[bytes], bytes]) -> Fault:
    """Status 200 with a changed body."""

    async def fault(request: Request, body: bytes) -> Response:
        return Response(change(body), media_type="application/json")

    return fault


class BreaksOff(Response):
    """Promises the whole body, sends half, and closes the connection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        half = bytes(self.body)[: len(self.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": False})


def breaks_off() -> Fault:
    async def fault(request: Request, body: bytes) -> Response:
        return BreaksOff(body, media_type="application/json")

    return fault


def meanwhile(act: Callable[[], None]) -> Fault:
    """Something happens at the registry while the page is on its way."""

    async def fault(request: Request, body: bytes) -> None:
        act()

    return fault


class Address:
    """One socket for a whole test session; each test puts its own registry behind it."""

    def __init__(self) -> None:
        self.registry = ScriptedRegistry()

    async def token(self, request: Request) -> Response:
        return await self.registry.token(request)

    async def page(self, request: Request) -> Response:
        return await self.registry.page(request)


@contextmanager
def serving() -> Iterator[tuple[Address, str]]:
    """Serve on a loopback socket until the block ends; yields who answers and at which URL."""
    address = Address()
    routes = [Route("/oauth/token", address.token, methods=["POST"]), Route("/{registry}/{dataset}", address.page)]
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(Starlette(routes=routes), log_level="critical", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.005)
    try:
        yield address, f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=5)
        listening.close()
