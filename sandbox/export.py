"""The planted truth as files, and a configuration that points at the simulated registries."""

from pathlib import Path

import pyarrow.parquet as pq

from common.files import write_atomically
from common.settings import REGISTRIES
from sandbox.server import CLIENT_ID, CLIENT_SECRET
from sandbox.world.world import World


def write_truth(world: World, folder: Path) -> list[Path]:
    """Write every truth table as `folder/<table>.parquet`; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, table in sorted(world.truth.items()):
        path = folder / f"{name}.parquet"
        pq.write_table(table, path, compression="zstd")
        paths.append(path)
    return paths


def write_configuration(base_url: str, path: Path, data_dir: Path) -> None:
    """Write a `doichieu.toml` for the sandbox at `base_url`; its secret is literal, so it must be on loopback."""
    lines = ["# Simulated registries; made by `doichieu demo`.", f"data_dir = {_quoted(str(data_dir))}"]
    for registry in REGISTRIES:
        lines += [
            "",
            f"[registries.{registry}]",
            f"base_url = {_quoted(f'{base_url}/{registry}')}",
            f"token_url = {_quoted(f'{base_url}/oauth/token')}",
            f"client_id = {_quoted(CLIENT_ID)}",
            f"client_secret = {_quoted(CLIENT_SECRET)}",
        ]
    write_atomically(path, "\n".join(lines) + "\n")


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
