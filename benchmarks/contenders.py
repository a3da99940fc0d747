"""What the landing is measured against: one way of pulling per process, which says what it took.

`python -m benchmarks.contenders ours|naive|download|dlt URL FOLDER PAGE_SIZE` prints one JSON object: rows, seconds,
CPU seconds of this process, peak memory in MB.
"""

import asyncio
import json
import resource
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path


def ours(url: str, folder: Path, page_size: int) -> int:
    """The whole of a pull: drift scan, durable pages, contract checks, quarantine, Parquet, manifest."""
    from common.settings import RegistrySettings, Settings
    from common.values import Silent
    from connectors.pull import pull_registry

    access = RegistrySettings(base_url=url, page_size=page_size, datasets=("participation",))
    settings = Settings(data_dir=folder, registries={"insurance": access})
    outcomes = asyncio.run(
        pull_registry(
            settings, "insurance", datasets=["participation"], clock=lambda: datetime.now(UTC), progress=Silent()
        )
    )
    (outcome,) = outcomes
    assert outcome.status == "landed", outcome.error
    assert not outcome.rows_quarantined
    return outcome.rows_landed


def naive(url: str, folder: Path, page_size: int) -> int:
    """What one writes first: `response.json()` and `Table.from_pylist`, page by page; nothing is checked."""
    import httpx
    import pyarrow as pa
    import pyarrow.parquet as pq

    cursor, rows = "0", 0
    writer: pq.ParquetWriter | None = None
    folder.mkdir(parents=True, exist_ok=True)
    with httpx.Client() as client:
        while cursor is not None:
            page = client.get(f"{url}/participation", params={"limit": page_size, "cursor": cursor}).json()
            table = pa.Table.from_pylist(page["data"], schema=writer.schema if writer else _plain_schema())
            writer = writer or pq.ParquetWriter(folder / "naive.parquet", table.schema, compression="zstd")
            writer.write_table(table)
            rows, cursor = rows + table.num_rows, page["next_cursor"]
    assert writer is not None
    writer.close()
    return rows


def download(url: str, folder: Path, page_size: int) -> int:
    """The pages read and thrown away: the most any client built on httpx could reach."""
    import httpx

    rows, number = 0, 0
    with httpx.Client() as client:
        while True:
            body = client.get(f"{url}/participation", params={"limit": page_size, "cursor": str(number)}).content
            rows += body.count(b'"spell_id"')
            if b'"next_cursor":null' in body[-200:]:
                return rows
            number += 1


def dlt(url: str, folder: Path, page_size: int) -> int:
    """dlt's REST source into Parquet files."""
    import dlt as library
    from dlt.sources.rest_api import rest_api_source

    source = rest_api_source(
        {
            "client": {
                "base_url": url,
                "paginator": {"type": "cursor", "cursor_path": "next_cursor", "cursor_param": "cursor"},
            },
            "resources": [
                {
                    "name": "participation",
                    "endpoint": {"path": "participation", "params": {"limit": page_size}, "data_selector": "data"},
                }
            ],
        }
    )
    pipeline = library.pipeline(
        "measured",
        pipelines_dir=str(folder / "state"),
        destination=library.destinations.filesystem(bucket_url=(folder / "out").resolve().as_uri()),
        dataset_name="measured",
    )
    pipeline.run(source, loader_file_format="parquet")
    return int(pipeline.last_trace.last_normalize_info.row_counts["participation"])


def _plain_schema() -> "object":
    import pyarrow as pa

    from contracts.loader import dataset

    kinds = {"vnd": pa.int64(), "int": pa.int64(), "bool": pa.bool_()}
    return pa.schema(
        [(each.name, kinds.get(each.type, pa.string())) for each in dataset("insurance", "participation").fields]
    )


CONTENDERS: dict[str, Callable[[str, Path, int], int]] = {
    "ours": ours,
    "naive": naive,
    "download": download,
    "dlt": dlt,
}


if __name__ == "__main__":
    name, url, folder, page_size = sys.argv[1:]
    began = time.perf_counter()
    rows = CONTENDERS[name](url, Path(folder), int(page_size))
    seconds = time.perf_counter() - began
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(
        json.dumps(
            {
                "rows": rows,
                "seconds": seconds,
                "cpu_seconds": used.ru_utime + used.ru_stime,
                "peak_mb": used.ru_maxrss / 1024,
            }
        )
    )
