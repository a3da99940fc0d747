import json
import signal
import socket
import subprocess
import urllib.request
from pathlib import Path

import pyarrow.parquet as pq
from command_line import COMMAND, Doichieu

SMALL = ("--persons", "500", "--seed", "3", "--as-of", "2026-06-30")


def test_the_registries_answer_until_they_are_stopped_and_what_is_printed_reaches_them(
    tmp_path: Path, doichieu: Doichieu
) -> None:
    command = [COMMAND, "sandbox", "serve", *SMALL, "--port", "0", "--json"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, encoding="utf-8") as served:
        assert served.stdout is not None
        said = json.loads(served.stdout.readline())
        form = b"grant_type=client_credentials&client_id=doichieu&client_secret=sandbox"
        with urllib.request.urlopen(said["token_url"], data=form, timeout=30) as answered:
            assert json.load(answered)["access_token"]
        (tmp_path / "doichieu.toml").write_text(
            f'[registries.tax]\nbase_url = "{said["base_url"]}/tax"\ntoken_url = "{said["token_url"]}"\n'
            'client_id = "doichieu"\nclient_secret = "sandbox"\n',
            encoding="utf-8",
        )
        checked = doichieu("sources", "check", "tax", "--json")
        doctored = doichieu("doctor", "--json")
        served.send_signal(signal.SIGINT)
        assert served.wait(timeout=30) == 0
        assert served.stdout.read() == ""
    assert checked.code == 0
    assert {found["status"] for found in checked.json["datasets"]} == {"answers"}
    (reached,) = [found for found in doctored.json["findings"] if found["topic"].startswith("tax: kết nối")]
    assert reached["verdict"] == "ok"


def test_a_port_that_is_taken_is_a_usage_error(doichieu: Doichieu) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        answered = doichieu("sandbox", "serve", *SMALL, "--port", port, "--json")
    assert answered.code == 2
    assert answered.json["error"]["where"] == f"--port {port}"


def test_the_planted_truth_is_written_as_parquet(tmp_path: Path, doichieu: Doichieu) -> None:
    answered = doichieu("sandbox", "truth", *SMALL, "--out", "truth", "--json")
    assert answered.code == 0
    assert {"cases.parquet", "persons.parquet", "records.parquet"} <= set(answered.json["files"])
    cases = pq.read_table(tmp_path / "truth" / "cases.parquet").to_pylist()
    assert {case["kind"] for case in cases} == {"positive", "lookalike"}
