"""Landing measured side by side: this service, what one writes first, and dlt, from the same local static server.

`python -m benchmarks.landing [--rows N] [--page-size N]`. Figures of one run are compared with each other only: machines
are shared and noisy.
"""

import argparse
import contextlib
import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.participation import write_pages

_DLT_SHARE = 20
"""dlt is asked for one row in so many: its pace does not change with the length of the pull."""


@dataclass(frozen=True)
class Measured:
    rows: int
    seconds: float
    cpu_seconds: float
    peak_mb: float

    @property
    def rows_per_second(self) -> float:
        return self.rows / self.seconds


@contextlib.contextmanager
def serving(folder: Path, *, latency_ms: int = 0) -> Iterator[str]:
    """The static server in a process of its own; yields the registry's address."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    command = [sys.executable, "-m", "benchmarks.static_server", str(folder), str(port), str(latency_ms)]
    with subprocess.Popen(command) as server:
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
                break
            time.sleep(0.05)
        try:
            yield f"http://127.0.0.1:{port}/insurance"
        finally:
            server.terminate()


def measure(contender: str, url: str, page_size: int) -> Measured:
    """One contender, one process, one empty folder."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "benchmarks.contenders", contender, url, f"{folder}/out", str(page_size)]
        said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return Measured(**json.loads(said.splitlines()[-1]))


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--rows", type=int, default=2_000_000)
    asked.add_argument("--page-size", type=int, default=5_000)
    asked.add_argument("--latency-page-size", type=int, default=25_000)
    given = asked.parse_args()
    with tempfile.TemporaryDirectory() as home:
        found = _measure_all(Path(home), given.rows, given.page_size, given.latency_page_size)
    naive = found["naive"].rows_per_second
    lines = ["| contender | rows | rows/s | × naive | CPU s per 1 M rows | peak MB |", "|---|---:|---:|---:|---:|---:|"]
    for name, each in found.items():
        lines.append(
            f"| {_TITLES[name]} | {each.rows:,} | {each.rows_per_second:,.0f} | {each.rows_per_second / naive:.2f}"
            f" | {each.cpu_seconds / each.rows * 1e6:.1f} | {each.peak_mb:.0f} |"
        )
    dlt = found["ours"].rows_per_second / found["dlt"].rows_per_second
    slower = found["ours, 50 ms"].seconds / found["ours, large pages"].seconds
    lines += ["", f"This service is {dlt:.1f} × dlt; with 50 ms of latency a pull takes {slower:.2f} × as long."]
    sys.stdout.write("\n".join(lines) + "\n")


_TITLES = {
    "download": "httpx, pages thrown away",
    "ours": "this service, with checks, quarantine and manifest",
    "naive": "naive: `response.json()`, `Table.from_pylist`",
    "dlt": "dlt REST source to Parquet",
    "ours, large pages": "this service, large pages",
    "ours, 50 ms": "this service, large pages, 50 ms of latency",
}


def _measure_all(home: Path, rows: int, page_size: int, latency_page_size: int) -> dict[str, Measured]:
    found: dict[str, Measured] = {}
    write_pages(home / "pages", rows=rows, rows_per_page=page_size)
    write_pages(home / "few", rows=max(page_size, rows // _DLT_SHARE), rows_per_page=page_size)
    with serving(home / "pages") as url:
        for name in ("download", "ours", "naive"):
            found[name] = _say(name, measure(name, url, page_size))
    with serving(home / "few") as url:
        found["dlt"] = _say("dlt", measure("dlt", url, page_size))
    write_pages(home / "large", rows=rows, rows_per_page=latency_page_size)
    for name, latency in (("ours, large pages", 0), ("ours, 50 ms", 50)):
        with serving(home / "large", latency_ms=latency) as url:
            found[name] = _say(name, measure("ours", url, latency_page_size))
    return found


def _say(name: str, found: Measured) -> Measured:
    sys.stderr.write(f"{name}: {found.rows_per_second:,.0f} rows/s, {found.peak_mb:.0f} MB\n")
    return found


if __name__ == "__main__":
    main()
