"""`doichieu sources check|new|diff` and the source files of `init`, as a shell sees them."""

import json
import threading
import tomllib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from command_line import Doichieu

from cli.init import source_notes
from common.settings import REGISTRIES
from connectors.source import load_source
from contracts.loader import load_contracts

PERSONS = [
    {
        "so_qd": f"QD-{number}",
        "ho_ten": ["Nguyễn Văn An", "Trần Thị Bình", "Lê Cường"][number % 3],
        "ngay_sinh": f"{13 + number}/02/1980",
        "gioi_tinh": number % 2,
        "so_cccd": f"00119901234{number}",
        "muc_huong": "1.234.567",
        "tu_ngay": "20260101",
        "den_ngay": "20260630",
        "tinh_trang": "DH",
        "cap_nhat": 1_775_000_000 + number,
    }
    for number in range(6)
]


class Service:
    """Whatever `body` is at the moment, at every path."""

    def __init__(self) -> None:
        self.body: Any = {"data": PERSONS}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                content = json.dumps(outer.body).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/ld"


@pytest.fixture
def service() -> Iterator[Service]:
    found = Service()
    thread = threading.Thread(target=found.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield found
    found.server.shutdown()
    found.server.server_close()


@pytest.fixture
def configured(tmp_path: Path) -> Path:
    text = '[registries.labour]\nsource = "sources/labour.toml"\nattempts = 1\nretry_wait_max_seconds = 0\n'
    (tmp_path / "doichieu.toml").write_text(text, encoding="utf-8")
    return tmp_path / "sources" / "labour.toml"


def settle(path: Path) -> None:
    """Choose the codes a draft leaves open."""
    text = path.read_text(encoding="utf-8")
    for code, value in (("0", "F"), ("1", "M"), ("DH", "receiving")):
        text = text.replace(f'{code}" = "?"', f'{code}" = "{value}"').replace(f'{code} = "?"', f'{code} = "{value}"')
    path.write_text(text, encoding="utf-8")


def test_a_draft_is_written_refused_settled_and_then_accepted(
    service: Service, configured: Path, doichieu: Doichieu
) -> None:
    drafted = doichieu("sources", "new", "labour", "--from", f"{service.url}/tctn", "--json")
    assert drafted.code == 0, drafted.err
    (found,) = drafted.json["datasets"]
    assert (found["dataset"], found["to_choose"], found["missing"]) == ("unemployment", ["sex", "status"], [])
    refused = doichieu("sources", "check", "labour")
    assert refused.code == 2
    assert "unemployment.fields.sex: recode.0 = '?', recode.1 = '?': choose among M, F" in refused.err
    assert str(configured) in refused.err
    settle(configured)
    accepted = doichieu("sources", "check", "labour", "--dataset", "unemployment", "--json")
    assert accepted.code == 0
    (checked,) = accepted.json["datasets"]
    assert (checked["status"], checked["rows_seen"], checked["set_aside"]) == ("answers", 6, 0)


def test_a_check_shows_records_masked_and_says_why_one_would_be_set_aside(
    service: Service, configured: Path, doichieu: Doichieu
) -> None:
    doichieu("sources", "new", "labour", "--from", f"{service.url}/tctn")
    settle(configured)
    service.body = {"data": [PERSONS[0], {**PERSONS[1], "ngay_sinh": "31/02/1980", "tinh_trang": "ZZ", "moi": 1}]}
    shown = doichieu("sources", "check", "labour", "--rows", "2")
    assert shown.code == 0
    for person in PERSONS[:2]:
        assert person["ho_ten"] not in shown.out
        assert person["so_cccd"] not in shown.out
    for visible in ("N.V.A.", "*********340", "QD-0", "1234567", "2026-01-01", "birth_date: not a date"):
        assert visible in shown.out, visible
    assert "status: mã lạ · unknown codes ZZ" in shown.out
    assert "new field moi" in shown.out
    assert "a pull would refuse this: on_drift = fail" in shown.out
    answered = doichieu("sources", "check", "labour", "--dataset", "unemployment", "--rows", "1", "--json").json
    (checked,) = answered["datasets"]
    assert [record["values"]["full_name"] for record in checked["records"]] == ["N.V.A."]
    assert checked["unknown_codes"] == {"status": ["ZZ"]}
    assert checked["would_be_refused"] is True


def test_a_draft_overwrites_nothing_but_what_init_wrote(service: Service, configured: Path, doichieu: Doichieu) -> None:
    configured.parent.mkdir()
    configured.write_text(source_notes("labour"), encoding="utf-8")
    address = f"{service.url}/tctn"
    assert doichieu("sources", "new", "labour", "--from", address).code == 0
    before = configured.read_text(encoding="utf-8")
    refused = doichieu("sources", "new", "labour", "--from", address)
    assert (refused.code, configured.read_text(encoding="utf-8")) == (2, before)
    assert "--force" in refused.err
    other = doichieu("sources", "new", "labour", "--from", address, "--out", "other.toml")
    assert other.code == 0
    assert doichieu("sources", "new", "labour", "--from", address, "--force").code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("nowhere", "--from", "x.json"), 2, "there is no registry nowhere"),
        (("tax", "--from", "no-such-file.json"), 2, "the file cannot be read"),
        (("tax", "--from", "http://127.0.0.1:9/nnt"), 3, "nobody listens there"),
        (("tax", "--from", "x.json", "--dataset", "visit"), 2, "there is no dataset tax.visit"),
        (("tax", "--from", "x.json", "--header", "no colon"), 2, "a header is a name, a colon and a value"),
    ],
)
def test_what_cannot_be_drafted_says_why_with_the_exit_code_of_its_kind(
    arguments: tuple[str, ...], code: int, said: str, doichieu: Doichieu
) -> None:
    answered = doichieu("sources", "new", *arguments)
    assert (answered.code, said in answered.err) == (code, True), answered.err


def test_a_difference_is_a_report_and_a_silent_source_is_not(
    service: Service, configured: Path, doichieu: Doichieu
) -> None:
    doichieu("sources", "new", "labour", "--from", f"{service.url}/tctn")
    settle(configured)
    service.body = {"data": [{**person, "moi": 1} for person in PERSONS]}
    told = doichieu("sources", "diff", "--json")
    assert told.code == 0
    found = {each["dataset"]: each for each in told.json["datasets"]}
    assert [(each["kind"], each["field"]) for each in found["labour.unemployment"]["changes"]] == [("new_field", "moi")]
    assert "trường mới · new field" in doichieu("sources", "diff", "labour").out
    service.body = {"message": "maintenance"}
    assert doichieu("sources", "diff", "labour").code == 3
    assert doichieu("sources", "check", "labour").code == 3


def test_a_difference_of_nothing_asks_for_a_registry(tmp_path: Path, doichieu: Doichieu) -> None:
    (tmp_path / "doichieu.toml").write_text("", encoding="utf-8")
    assert doichieu("sources", "diff").code == 2


def in_use(text: str, kept: str) -> str:
    """A fresh source file with one of its three ways taken into use."""
    lines, header = [], ""
    for line in text.splitlines():
        if line.startswith("# ") or not line.startswith("#"):
            continue
        if line.startswith("#["):
            header = line[2:].partition("]")[0].partition(".")[0]
        if header in ("", "datasets", kept):
            lines.append(line[1:])
    return "\n".join(line for line in lines if kept == "database" or not line.startswith("table = "))


@pytest.mark.parametrize("way", ["rest", "files", "database"])
@pytest.mark.parametrize("registry", REGISTRIES)
def test_every_example_in_a_fresh_source_file_can_be_taken_into_use(registry: str, way: str, tmp_path: Path) -> None:
    path = tmp_path / f"{registry}.toml"
    path.write_text(source_notes(registry), encoding="utf-8")
    assert tomllib.loads(path.read_text(encoding="utf-8")) == {}
    path.write_text(in_use(source_notes(registry), way), encoding="utf-8")
    source = load_source(path, registry)
    assert list(source.datasets) == list(load_contracts()[registry])
    assert {source.via_of(name) for name in source.datasets} == {way}
