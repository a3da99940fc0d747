"""A server that hands out files and does nothing else, so that what is measured is whoever asks it.

`python -m benchmarks.static_server FOLDER PORT [LATENCY_MS]`: every request is answered with FOLDER/<cursor>.
"""

import asyncio
import sys
from pathlib import Path
from urllib.parse import parse_qs, urlsplit


async def _serve(folder: Path, port: int, latency_seconds: float) -> None:
    is_gzipped = (folder / "0").read_bytes()[:2] == b"\x1f\x8b"

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                target = head.split(b" ", 2)[1].decode()
                query = parse_qs(urlsplit(target).query)
                body = (folder / query.get("cursor", ["0"])[0]).read_bytes()
                encoding = "Content-Encoding: gzip\r\n" if is_gzipped else ""
                if latency_seconds:
                    await asyncio.sleep(latency_seconds)
                writer.write(
                    f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{encoding}"
                    f"Content-Length: {len(body)}\r\n\r\n".encode()
                )
                writer.write(body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3] if len(sys.argv) > 3 else 0) / 1000))
