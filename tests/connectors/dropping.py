"""A folder where files are dropped, and short ways to pull from it and to look at what became of them."""

import asyncio
import gzip
import json
import os
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from common.settings import RegistrySettings, Settings
from common.values import Silent
from connectors.manifests import PullManifest, finished_pulls
from connectors.pull import PullOutcome, pull_registry

SOURCE = """
registry = "tax"
on_drift = "fail"

[files]
{files}

[files.format]
name = "ndjson"

[datasets.taxpayer]
ignore = ["nam", "doanh_thu"]
[datasets.taxpayer.fields]
tax_code = "mst"
name = "ten"
kind = {{ constant = "organisation" }}
status = {{ constant = "active" }}
province_code = {{ constant = "01" }}
address = "_file_name"
started_on = {{ constant = "2015-03-02" }}
updated_at = "_file_modified"
"""

REVENUE = """
[datasets.revenue]
ignore = ["ten"]
[datasets.revenue.fields]
tax_code = "mst"
year = "nam"
revenue_vnd = "doanh_thu"
updated_at = "_file_modified"
"""


@dataclass
class Drop:
    """An agency's folder and the data folder of whoever pulls from it."""

    folder: Path
    home: Path
    files: Mapping[str, Any] = field(default_factory=dict)
    more: str = ""
    """Further TOML: datasets beside `taxpayer`, an SFTP server."""

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.home.mkdir(parents=True, exist_ok=True)

    @property
    def settings(self) -> Settings:
        keys = {"settle_seconds": 0, "pattern": "*.ndjson", **self.files}
        if "[files.sftp]" not in self.more:
            keys["folder"] = str(self.folder)
        lines = "\n".join(f"{key} = {json.dumps(value)}" for key, value in keys.items())
        source = self.home / "tax.toml"
        source.write_text(SOURCE.format(files=lines) + self.more, encoding="utf-8")
        access = RegistrySettings(source=source, attempts=4, retry_wait_max_seconds=0.05, timeout_seconds=10)
        return Settings(data_dir=self.home / "var", registries={"tax": access})

    def pull(self, *datasets: str) -> PullOutcome:
        """Pull now (`taxpayer` unless others are named) and return the first outcome."""
        return self.pull_with(self.settings, *datasets)

    def pull_with(self, settings: Settings, *datasets: str) -> PullOutcome:
        named = datasets or ("taxpayer",)
        pulled = pull_registry(settings, "tax", datasets=named, clock=lambda: datetime.now(UTC), progress=Silent())
        return asyncio.run(pulled)[0]

    def put(self, name: str, *records: Mapping[str, Any], age: float = 3600.0) -> Path:
        return self.put_bytes(name, lines_of(records), age=age)

    def put_bytes(self, name: str, content: bytes, *, age: float = 3600.0) -> Path:
        path = self.folder / name
        path.write_bytes(content)
        os.utime(path, (time.time() - age, time.time() - age))
        return path

    def landed(self, columns: str = "tax_code", dataset: str = "taxpayer") -> list[tuple[Any, ...]]:
        """Rows of every pull in force, in order of pull and delivery."""
        folder = self.settings.data.pulls("tax", dataset)
        pulls = sorted(folder.glob("*/manifest.json"))
        files = [str(path) for pull in pulls for path in pull.parent.glob("part-*.parquet")]
        rows = f"select * from read_parquet({files}, filename = true) order by filename, _seq"
        return duckdb.sql(f"select {columns} from ({rows})").fetchall() if files else []

    def manifests(self, dataset: str = "taxpayer") -> list[PullManifest]:
        return finished_pulls(self.settings.data, "tax", dataset)

    @property
    def archive(self) -> Path:
        return self.settings.data.root / "archive" / "tax"

    def index(self) -> list[dict[str, Any]]:
        path = self.archive / "index.jsonl"
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []

    def waiting(self) -> list[str]:
        """Files still in the inbox, temporary ones included."""
        return sorted(path.name for path in self.folder.iterdir() if path.is_file())

    def claimed(self) -> list[Path]:
        return sorted(path for path in self.folder.glob(".doichieu/claimed/*/*"))

    def refused(self) -> list[str]:
        return sorted(path.name for path in self.folder.glob(".doichieu/refused/*"))


def company(number: int, **changes: Any) -> dict[str, Any]:
    return {"mst": f"{number:010}", "ten": f"Công ty TNHH Số {number}", "nam": 2025, "doanh_thu": number, **changes}


def lines_of(records: Iterable[Mapping[str, Any]]) -> bytes:
    return b"".join(json.dumps(record, ensure_ascii=False).encode() + b"\n" for record in records)


def packed(*records: Mapping[str, Any]) -> bytes:
    return gzip.compress(lines_of(records))
