"""The pages on source files: the reference is of today, and the tutorial does what it says."""

import contextlib
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from pydantic import BaseModel

from connectors.onboarding.source_reference import described, reference, renewed
from connectors.source import Source, packaged_sources

TOP = Path(__file__).parents[2]
PAGE = TOP / "docs" / "sources.md"
TUTORIAL = TOP / "docs" / "tutorial-datasette.md"
SECONDS = 120


def test_the_reference_of_source_files_is_what_the_model_says() -> None:
    """`make docs` renews it."""
    text = PAGE.read_text(encoding="utf-8")
    assert text == renewed(text)


def models(model: Any = Source) -> Iterator[type[BaseModel]]:
    if isinstance(model, type) and issubclass(model, BaseModel):
        yield model
        for field in model.model_fields.values():
            yield from models(field.annotation)
    for inner in getattr(model, "__args__", ()):
        yield from models(inner)


@pytest.mark.parametrize("model", sorted(set(models()), key=lambda each: each.__name__), ids=lambda each: each.__name__)
def test_every_key_of_a_source_file_is_described(model: type[BaseModel]) -> None:
    if model.__module__ != "connectors.source":
        return
    page = reference()
    for name, field in model.model_fields.items():
        assert described(model, name)[-1] in ".)", f"{model.__name__}.{name} is no sentence"
        assert f"| `{field.alias or name}` |" in page or (model, name) == (Source, "path")


def test_every_packaged_source_stands_in_the_reference() -> None:
    assert [name for name in packaged_sources() if f"| `{name}` |" not in reference()] == []


def steps(text: str) -> list[tuple[str, str]]:
    """The blocks a reader types or writes, in order, each with its language."""
    return re.findall(r"^```(sh|toml)\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


class Reader:
    """Somebody who does what the tutorial says, in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self.environment = {**os.environ, "PATH": path, "PYTHONPATH": ""}
        self.servers: list[subprocess.Popen[bytes]] = []

    def write(self, block: str) -> None:
        named = re.match(r"# (\S+\.toml)\n", block)
        assert named, block
        path = self.folder / named[1]
        path.parent.mkdir(exist_ok=True)
        path.write_text(block, encoding="utf-8")

    def serve(self, command: str, port: int) -> None:
        log = (self.folder / "server.log").open("wb")
        with log:
            server = subprocess.Popen(
                ["bash", "-c", f"exec {command}"], cwd=self.folder, env=self.environment, stdout=log, stderr=log
            )
        self.servers.append(server)
        until = time.monotonic() + SECONDS
        while True:
            with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/-/versions.json"):
                return
            assert server.poll() is None, (self.folder / "server.log").read_text()
            assert time.monotonic() < until
            time.sleep(0.05)

    def run(self, block: str) -> str:
        done = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", block],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            encoding="utf-8",
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    found = Reader(tmp_path_factory.mktemp("tutorial"))
    try:
        yield found
    finally:
        for server in found.servers:
            server.terminate()
            server.wait(timeout=10)


@pytest.fixture(scope="module")
def outputs(reader: Reader) -> dict[str, str]:
    """The whole tutorial done as it stands, but for the port; output by command, the last one of each."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    said: dict[str, str] = {}
    for language, block in steps(TUTORIAL.read_text(encoding="utf-8").replace("8801", str(port))):
        if language == "toml":
            reader.write(block)
        elif block.startswith("datasette serve"):
            reader.serve(block.strip(), port)
        else:
            said[block.strip().splitlines()[-1]] = reader.run(block)
    return said


def landed(reader: Reader, dataset: str, columns: str, where: str = "true") -> list[tuple[Any, ...]]:
    files = reader.folder / "var" / "raw" / "tax" / dataset / "*" / "part-*.parquet"
    return duckdb.sql(f"select {columns} from read_parquet('{files}') where {where} order by all").fetchall()


@pytest.mark.slow
def test_a_registry_nobody_here_wrote_is_onboarded_by_the_tutorial_as_it_stands(
    reader: Reader, outputs: dict[str, str]
) -> None:
    assert landed(reader, "taxpayer", "count(*), count(distinct tax_code), min(tax_code), max(tax_code)") == [
        (251, 250, "0100000000", "0100000249")
    ]
    assert landed(reader, "revenue", "count(*), min(year), bool_and(revenue_vnd % 1000000 = 0)") == [(250, 2025, True)]
    assert {kind for (kind,) in landed(reader, "taxpayer", "distinct kind")} == {"organisation", "household_business"}
    assert landed(reader, "taxpayer", "status", "tax_code = '0100000007'")[-1] == ("suspended",)
    assert landed(reader, "taxpayer", "updated_at::varchar", "tax_code = '0100000000'")[0][0].startswith("2026-0")


@pytest.mark.slow
def test_the_tutorial_shows_what_its_reader_sees(outputs: dict[str, str]) -> None:
    drafted = next(text for command, text in outputs.items() if command.startswith("doichieu sources new"))
    assert "tax_code, name, kind, status, started_on, province_code, address, updated_at │ kind, status" in drafted
    refused = outputs["doichieu sources check tax || test $? = 2"]
    assert "recode.DN = '?': choose among organisation, branch, household_business, individual" in refused
    checked = outputs["doichieu sources check tax --rows 2"]
    assert re.search(r"tax\.taxpayer +│ trả lời · answers +│ +250 │ +100 │", checked)
    assert "đường Láng" not in checked
    changed = outputs["doichieu sources diff tax"]
    assert re.search(r"trường mới · new field +│ email", changed)
    assert re.search(r"mã lạ · unknown code +│ status +│ codes that lead nowhere: 09", changed)
