"""A registry of any shape on a real socket: a test says what each request is answered with."""

import asyncio
import json
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from common.settings import RegistrySettings
from connectors.rest.envelope import Page
from connectors.rest.http import RegistryClient
from connectors.source import DatasetSource, Rest

NOW = datetime(2026, 6, 30, 18, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Asked:
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    body: bytes = b""


@dataclass(frozen=True)
class Reply:
    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    length: int | None = None
    """Another Content-Length than the body's: the connection closes early."""
    chunks: bool = False
    """Chunked; with `length` the last chunk never comes."""
    is_unframed: bool = False
    """HTTP/1.0: nothing but the end of the connection says where the body ends."""


Answer = Callable[[Asked], Reply]


def as_json(found: Any, **more: Any) -> Reply:
    return Reply(json.dumps(found, ensure_ascii=False).encode(), headers={"Content-Type": "application/json"}, **more)


@dataclass
class OddRegistry:
    url: str
    asked: list[Asked] = field(default_factory=list)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    answer: Answer
    registry: OddRegistry

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        # A proxy is asked for a whole address.
        path = f"{parts.scheme}://{parts.netloc}{parts.path}" if parts.scheme else parts.path
        asked = Asked(path, query, dict(self.headers), body)
        self.registry.asked.append(asked)
        self._send(type(self).answer(asked))

    do_POST = do_GET  # noqa: N815 - the name http.server looks for

    def _send(self, reply: Reply) -> None:
        if reply.is_unframed:
            self.protocol_version = "HTTP/1.0"
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.chunks:
            self.send_header("Transfer-Encoding", "chunked")
        elif not reply.is_unframed and reply.status != 204:
            self.send_header("Content-Length", str(len(reply.body) if reply.length is None else reply.length))
        self.close_connection = reply.length is not None or reply.is_unframed
        self.end_headers()
        if reply.chunks:
            end = b"" if reply.length is not None else b"0\r\n\r\n"
            self.wfile.write(b"%x\r\n%s\r\n" % (len(reply.body), reply.body) + end)
        else:
            self.wfile.write(reply.body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def answering(answer: Answer, tls: ssl.SSLContext | None = None) -> Iterator[OddRegistry]:
    """Serve on loopback until the block ends."""
    registry = OddRegistry("")
    handler = type("Handler", (_Handler,), {"answer": staticmethod(answer), "registry": registry})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.handle_error = lambda request, address: None  # type: ignore[method-assign] # a refused handshake is meant
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    registry.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}/api"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield registry
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)


def client_of(url: str, rest: dict[str, Any] | None, *, attempts: int = 2, **access: Any) -> RegistryClient:
    settings = RegistrySettings(base_url=url, retry_wait_max_seconds=0.02, timeout_seconds=5, **access)
    described = None if rest is None else Rest.model_validate(rest)
    return RegistryClient(settings, "tax", clock=lambda: NOW, attempts=attempts, rest=described)


def read_pages(
    url: str,
    rest: dict[str, Any] | None = None,
    *,
    limit: int = 10,
    of: dict[str, Any] | None = None,
    start: str | None = None,
    since: datetime | None = None,
    pages_max: int = 50,
    **access: Any,
) -> list[tuple[str | None, Page]]:
    """Walk `taxpayer` from `start` to its end (or `pages_max` pages)."""

    async def walk() -> list[tuple[str | None, Page]]:
        found: list[tuple[str | None, Page]] = []
        dataset = None if of is None else DatasetSource.model_validate(of)
        async with client_of(url, rest, **access) as client:
            pages = client.pages("taxpayer", limit=limit, updated_since=since, start=start, of=dataset)
            async with aclosing(pages):
                async for asked, page in pages:
                    found.append((asked, page))
                    if len(found) == pages_max:
                        break
        return found

    return asyncio.run(walk())


def read_records(url: str, rest: dict[str, Any] | None = None, **how: Any) -> list[Any]:
    return [record for _, page in read_pages(url, rest, **how) for record in json.loads(page.rows)]
