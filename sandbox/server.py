"""The simulated registries as one ASGI application in the default wire profile, and a real server for it."""

import asyncio
import base64
import gzip
import json
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from common.values import VIETNAM
from contracts.loader import Dataset, load_contracts
from sandbox.delivery import Delivery
from sandbox.faults import LEVELS, Dice, FaultLevel, Level, spoil
from sandbox.world.world import World

CLIENT_ID, CLIENT_SECRET = "doichieu", "sandbox"
DEFAULT_LIMIT, MOST_PER_PAGE = 500, 5000


class Problem(Exception):
    """An RFC 9457 problem document to answer with."""

    def __init__(self, status: int, title: str, detail: str, **headers: str) -> None:
        super().__init__(title)
        self.status, self.title, self.detail = status, title, detail
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    def response(self) -> Response:
        body = {"type": "about:blank", "title": self.title, "status": self.status, "detail": self.detail}
        return JSONResponse(body, self.status, self.headers, media_type="application/problem+json")


class _CutOff(Response):
    """Promises the whole body, sends half, and hangs up."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": bytes(self.body)[: len(self.body) // 2], "more_body": True})
        # Give the half time to leave before the connection is dropped.
        await asyncio.sleep(0.01)


class Registries:
    """The handlers of one simulated world."""

    def __init__(
        self, world: World, level: FaultLevel, seed: int, left_out: Sequence[str], clock: Callable[[], float]
    ) -> None:
        self._delivery = Delivery(world)
        self._edition = world.moment.isoformat()
        self._level, self._dice, self._clock = level, Dice(level, seed), clock
        self._left_out = frozenset(left_out)
        self._tokens: dict[str, float] = {}

    async def token(self, request: Request) -> Response:
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        if form.get("grant_type") != "client_credentials":
            return JSONResponse({"error": "unsupported_grant_type"}, 400)
        if _credentials(request, form) != (CLIENT_ID, CLIENT_SECRET):
            return JSONResponse({"error": "invalid_client"}, 401, {"WWW-Authenticate": "Basic"})
        token = secrets.token_urlsafe(24)
        self._tokens[token] = self._clock() + self._level.token_seconds
        lifetime = max(1, int(self._level.token_seconds))
        body = {"access_token": token, "token_type": "Bearer", "expires_in": lifetime}
        return JSONResponse(body, headers={"Cache-Control": "no-store"})

    async def page(self, request: Request) -> Response:
        try:
            return await self._page(request)
        except Problem as problem:
            return problem.response()

    async def _page(self, request: Request) -> Response:
        self._authorise(request)
        found = self._dataset(request)
        fault = self._dice.roll(str(request.url))
        if fault == "too_many":
            raise Problem(429, "Too many requests", "Come back later.", Retry_After=str(self._level.retry_after))
        if fault == "unavailable":
            raise Problem(503, "Service unavailable", "Under maintenance.", Retry_After=str(self._level.retry_after))
        if fault == "slow":
            await asyncio.sleep(self._level.slow_seconds)
        text = await asyncio.to_thread(self._body, found, request, fault == "doubled")
        if fault == "truncated":
            text = text[: len(text) * 2 // 3]
        return _compressed(text, request, _CutOff if fault == "reset" else Response)

    def _authorise(self, request: Request) -> None:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or self._tokens.get(token, 0.0) <= self._clock():
            raise Problem(401, "Unauthorized", "The access token is missing or has expired.", WWW_Authenticate="Bearer")

    def _dataset(self, request: Request) -> Dataset:
        registry, name = request.path_params["registry"], request.path_params["dataset"]
        found = load_contracts().get(registry, {}).get(name)
        if found is None or found.full_name in self._left_out:
            raise Problem(404, "Not found", f"This registry offers no dataset {name}.")
        return found

    def _body(self, found: Dataset, request: Request, is_doubled: bool) -> str:
        name, query = found.full_name, request.query_params
        limit = min(_limit(query.get("limit")), MOST_PER_PAGE)
        first = self._delivery.position(name, _moment(query.get("updated_since")))
        start = self._place(query.get("cursor"), name, first)
        size = self._delivery.size(name)
        stop = min(start + limit, size)
        # A row told twice stands at the end of one page and again at the beginning of the next.
        texts = self._delivery.page(found, max(first, start - 1) if is_doubled else start, stop)
        cursor = json.dumps(self._cursor(name, stop)) if stop < size else "null"
        return f'{{"data":[{",".join(texts)}],"next_cursor":{cursor},"total":{size - first}}}'

    def _cursor(self, name: str, place: int) -> str:
        return base64.urlsafe_b64encode(json.dumps([self._edition, name, place]).encode()).decode().rstrip("=")

    def _place(self, cursor: str | None, name: str, first: int) -> int:
        if not cursor:
            return first
        try:
            edition, dataset, place = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        except ValueError:
            raise Problem(400, "Bad request", "The cursor is not one of ours.") from None
        if (edition, dataset) != (self._edition, name) or not isinstance(place, int):
            raise Problem(400, "Bad request", "The cursor has expired; begin again.")
        return place


def create_app(
    world: World,
    *,
    faults: Level = "none",
    seed: int = 0,
    left_out: Sequence[str] = (),
    malformed: float | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Starlette:
    """`POST /oauth/token` and `GET /{registry}/{dataset}`.

    `left_out`: datasets (`tax.revenue`) that answer 404. `malformed`: share of extra records that break the contract
    (default: what the fault level says); `sandbox.faults.spoil` with the same share and seed tells which.
    """
    level = LEVELS[faults]
    spoiled = spoil(world, level.malformed if malformed is None else malformed, seed)
    registries = Registries(spoiled, level, seed, left_out, clock)
    routes = [
        Route("/oauth/token", registries.token, methods=["POST"]),
        Route("/{registry}/{dataset}", registries.page, methods=["GET"]),
    ]
    return Starlette(routes=routes)


@contextmanager
def serving(world: World, *, host: str = "127.0.0.1", port: int = 0, **options: Any) -> Iterator[str]:
    """Run the registries on a real socket while the block runs; yields the base address (`port` 0: a free one).

    `options`: those of `create_app`. Raises `OSError` where the port is taken.
    """
    with socket.create_server((host, port)) as listener:
        config = uvicorn.Config(create_app(world, **options), log_level="critical", access_log=False, lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listener],), name="sandbox", daemon=True)
        thread.start()
        try:
            # The listener already takes connections: they wait until the server is up.
            yield f"http://{host}:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(timeout=10)


def _credentials(request: Request, form: dict[str, str]) -> tuple[str, str]:
    kind, _, value = request.headers.get("authorization", "").partition(" ")
    if kind.lower() == "basic":
        try:
            name, _, secret = base64.b64decode(value).decode().partition(":")
        except ValueError:
            return "", ""
        return name, secret
    return form.get("client_id", ""), form.get("client_secret", "")


def _limit(text: str | None) -> int:
    if text is None:
        return DEFAULT_LIMIT
    if not text.isdecimal() or int(text) == 0:
        raise Problem(400, "Bad request", "limit must be a whole number from 1 on.")
    return int(text)


def _moment(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        # A plus sign that was not escaped arrives as a space.
        moment = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
    except ValueError:
        raise Problem(400, "Bad request", "updated_since must be an ISO 8601 time.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=VIETNAM)


def _compressed(text: str, request: Request, kind: type[Response]) -> Response:
    headers = {"Vary": "Accept-Encoding"}
    body = text.encode()
    if "gzip" in request.headers.get("accept-encoding", ""):
        body, headers["Content-Encoding"] = gzip.compress(body, compresslevel=1), "gzip"
    return kind(body, headers=headers, media_type="application/json")
