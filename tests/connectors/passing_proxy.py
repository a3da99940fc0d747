"""A small HTTP proxy on loopback: forwards whole addresses, and tunnels what CONNECT asks for."""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass
class Proxy:
    url: str = ""
    status: bytes | None = None
    """Answers everything with this status line instead."""
    asked: list[str] = field(default_factory=list)
    """First lines of the requests that came through."""

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            line = head.split(b"\r\n", 1)[0].decode()
            self.asked.append(line)
            if self.status is not None:
                writer.write(b"HTTP/1.1 %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % self.status)
                await writer.drain()
            else:
                await self._pass(line, head, reader, writer)
        writer.close()

    async def _pass(self, line: str, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        method, target, _ = line.split(" ")
        parts = urlsplit(f"//{target}" if method == "CONNECT" else target)
        there, onward = await asyncio.open_connection(parts.hostname, parts.port)
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            local = target.split(parts.netloc, 1)[1]
            onward.write(head.replace(target.encode(), local.encode(), 1))
        await asyncio.gather(_pipe(reader, onward), _pipe(there, writer))


async def _pipe(source: asyncio.StreamReader, drain: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while part := await source.read(65536):
            drain.write(part)
            await drain.drain()
    drain.close()


@contextmanager
def proxying(status: bytes | None = None) -> Iterator[Proxy]:
    """Serve until the block ends."""
    proxy, loop = Proxy(status=status), asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(proxy.take, "127.0.0.1", 0))
    proxy.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=5)
