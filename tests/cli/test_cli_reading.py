import json
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
from command_line import Doichieu
from example_snapshot import SNAPSHOT, publish_example

SECRETS = ("Nguyễn Thị Ánh", "066180001234", "6612345678", "0011223344")


def test_flags_come_as_a_table_for_people(home: Path, doichieu: Doichieu) -> None:
    answered = doichieu("flags")
    assert answered.code == 0
    assert "12.345.678" in answered.out
    assert "N.T.Á. *********234" in answered.out
    assert "Hộ kinh doanh Trần Văn Bình" in answered.out


def test_flags_come_as_one_json_object_for_programs(home: Path, doichieu: Doichieu) -> None:
    answered = doichieu("flags", "--rule", "CD02", "--limit", "2", "--json")
    assert answered.code == 0
    assert answered.json["total"] == 3
    assert [flag["flag_id"] for flag in answered.json["flags"]] == ["g1", "g3"]
    assert answered.json["snapshot"] == SNAPSHOT


def test_a_status_that_does_not_exist_is_refused(home: Path, doichieu: Doichieu) -> None:
    answered = doichieu("flags", "--status", "guilty")
    assert answered.code == 2
    assert "late, evasion, excused, suspected, lead" in answered.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["flags"],
        ["flags", "--json"],
        ["explain", "f1"],
        ["explain", "g2", "--json"],
        ["rules", "list"],
        ["doctor"],
    ],
)
def test_nothing_that_only_reads_shows_a_person(home: Path, doichieu: Doichieu, arguments: list[str]) -> None:
    answered = doichieu(*arguments)
    assert answered.code == 0
    assert not [secret for secret in SECRETS if secret in answered.out + answered.err]


def test_explain_says_it_is_a_sign_and_shows_the_records_side_by_side(home: Path, doichieu: Doichieu) -> None:
    shown = doichieu("explain", "f1").out
    for part in (
        "Đây là dấu hiệu cần xác minh",
        "41/2024/QH15 Đ75.2.a",
        "BEN-1",
        "health.death – Giấy báo tử (1)",
        "3.500.000",
    ):
        assert part in shown


def test_an_unknown_finding_exits_2(home: Path, doichieu: Doichieu) -> None:
    assert doichieu("explain", "nope", "--json").json["exit_code"] == 2


def test_before_anything_is_published_a_reader_is_told_to_run(tmp_path: Path, doichieu: Doichieu) -> None:
    (tmp_path / "doichieu.toml").write_text('data_dir = "var"\n', encoding="utf-8")
    for arguments in (
        ["flags"],
        ["explain", "f1"],
        ["export", "flags", "--out", "f.csv"],
    ):
        answered = doichieu(*arguments)
        assert answered.code == 2
        assert "doichieu run" in answered.err


def test_an_export_stands_with_its_manifest_and_says_what_it_wrote(home: Path, doichieu: Doichieu) -> None:
    answered = doichieu("export", "findings", "--out", "f.parquet", "--json")
    assert answered.code == 0
    manifest = json.loads((home / "f.parquet.manifest.json").read_text(encoding="utf-8"))
    assert answered.json["sha256"] == manifest["sha256"]
    assert pq.read_table(home / "f.parquet").num_rows == answered.json["rows"] == 3
    assert doichieu("audit", "verify", "--json").json["lines"] == 1


@pytest.mark.parametrize(
    ("purposes", "options", "code"),
    [
        ("", ["--unmasked"], 2),
        ("", ["--unmasked", "--purpose", "kiểm tra"], 0),
        ("", ["--purpose", "kiểm tra"], 2),
        (
            '[purposes]\nthanh-tra = "QĐ 1"\n',
            ["--unmasked", "--purpose", "kiểm tra"],
            2,
        ),
        (
            '[purposes]\nthanh-tra = "QĐ 1"\n',
            ["--unmasked", "--purpose", "thanh-tra"],
            0,
        ),
    ],
)
def test_names_are_exported_for_a_known_purpose_only(
    home: Path, doichieu: Doichieu, purposes: str, options: list[str], code: int
) -> None:
    (home / "doichieu.toml").write_text(f'data_dir = "var"\n{purposes}', encoding="utf-8")
    assert doichieu("export", "findings", "--out", "f.jsonl", *options).code == code
    assert (home / "f.jsonl").exists() is (code == 0)
    if code == 0:
        assert "Nguyễn Thị Ánh" in (home / "f.jsonl").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["people", "--out", "f.csv"], "there is no list 'people'"),
        (["flags", "--out", "f.ods"], "'ods' is not a format"),
        (["flags", "--out", "nowhere/f.csv"], "cannot be written there"),
        (["links", "--out", "f.csv", "--rule", "CD02"], "cannot be filtered by rule"),
    ],
)
def test_an_export_that_cannot_be_made_exits_2(home: Path, doichieu: Doichieu, arguments: list[str], said: str) -> None:
    answered = doichieu("export", *arguments)
    assert answered.code == 2
    assert said in answered.err


def test_the_rule_book_of_the_snapshot_is_listed_with_its_flags(home: Path, doichieu: Doichieu) -> None:
    listed = doichieu("rules", "list", "--json").json
    assert {rule["rule"]: rule["flags"] for rule in listed["rules"]} == {
        "BG18": 1,
        "CD02": 2,
        "TD01": 0,
    }


def test_a_rule_is_shown_whole_and_an_unknown_one_refused(home: Path, doichieu: Doichieu) -> None:
    assert doichieu("rules", "show", "cd02", "--json").json["law"] == "41/2024/QH15 Đ38.1"
    assert doichieu("rules", "show", "XX99").code == 2


def test_a_tampered_audit_log_exits_1(home: Path, doichieu: Doichieu) -> None:
    for _ in range(2):
        doichieu("explain", "f1")
    (path,) = (home / "var" / "audit").glob("*.jsonl")
    path.write_text(
        path.read_text(encoding="utf-8").replace("finding f1", "finding f2"),
        encoding="utf-8",
    )
    answered = doichieu("audit", "verify", "--json")
    assert (answered.code, answered.json["unbroken"]) == (1, False)


def test_the_latest_report_is_found(home: Path, doichieu: Doichieu) -> None:
    assert doichieu("report").code == 2
    for run in ("20260701T010000000000Z", "20260702T010000000000Z"):
        folder = home / "var" / "reports" / run
        folder.mkdir(parents=True)
        (folder / "index.html").write_text("<p>", encoding="utf-8")
        (folder / "report.json").write_text("{}", encoding="utf-8")
    assert doichieu("report", "latest", "--json").json["run"] == "20260702T010000000000Z"
    assert doichieu("report", "20260701T010000000000Z", "--json").json["run"] == "20260701T010000000000Z"
    assert doichieu("report", "20260703T010000000000Z").code == 2


def test_many_records_stand_one_below_another(home: Path, doichieu: Doichieu) -> None:
    folder = (home / "var" / "published" / "current").resolve()
    with duckdb.connect(str(folder / "warehouse.duckdb")) as connection:
        connection.execute(
            "insert into finding_evidence select 'f2', i, 'due', 'insurance', 'charge', 'K' || i, 'pull1' from range(50) t(i)"
        )
    with duckdb.connect(str(folder / "identity.duckdb")) as connection:
        connection.execute(
            "insert into record select 'insurance', 'charge', 'K' || i, 'pull1', null,"
            """ '{"charge_id": "K' || i || '", "fund": "si", "due_vnd": 1234567}' from range(50) t(i)"""
        )
    shown = doichieu("explain", "f2").out
    assert "(51)" in shown
    assert shown.count("1.234.567") == 39
    assert "11 bản ghi nữa" in shown


def test_a_rollback_makes_the_snapshot_before_the_live_one_again(tmp_path: Path, doichieu: Doichieu) -> None:
    (tmp_path / "doichieu.toml").write_text('data_dir = "var"\n', encoding="utf-8")
    later = "20260702T010000000000Z"
    for name in (SNAPSHOT, later):
        publish_example(tmp_path, name)
    assert doichieu("flags", "--json").json["snapshot"] == later
    answered = doichieu("rollback", "--json")
    assert (answered.code, answered.json) == (0, {"snapshot": SNAPSHOT, "before": later})
    assert doichieu("flags", "--json").json["snapshot"] == SNAPSHOT
    assert doichieu("rollback").code == 2
    assert doichieu("rollback", later, "--json").json["snapshot"] == later
    actions = [
        json.loads(line)["action"] for path in (tmp_path / "var" / "audit").glob("*.jsonl") for line in path.open()
    ]
    assert actions == ["rollback", "rollback"]
