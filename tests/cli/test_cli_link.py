"""`link judge|explain|diff` on the example snapshot."""

import shutil
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
from command_line import Doichieu
from example_snapshot import SNAPSHOT

BENEFIT, DEATH = "insurance.benefit:BEN-1", "health.death:D-1"
LATER = "20260702T010000000000Z"


@pytest.fixture
def later(home: Path) -> str:
    """A second snapshot in which records moved between persons."""
    published = home / "var" / "published"
    shutil.copytree(published / SNAPSHOT, published / LATER)
    with duckdb.connect(str(published / SNAPSHOT / "warehouse.duckdb")) as connection:
        connection.execute("insert into link values ('tax', 'payroll', 'T1', 'self', 'p2', 'alone', null),"
                           " ('tax', 'payroll', 'T2', 'self', 'p3', 'alone', null)")  # fmt: skip
    with duckdb.connect(str(published / LATER / "warehouse.duckdb")) as connection:
        connection.execute("update link set person_key = 'p9' where record_key = 'D-1'")
        connection.execute("insert into link values ('tax', 'payroll', 'T1', 'self', 'p1', 'judged', null),"
                           " ('tax', 'payroll', 'T3', 'self', 'p4', 'alone', null)")  # fmt: skip
    return LATER


def test_a_judgement_is_kept_with_who_and_why_and_stands_in_the_audit_log(home: Path, doichieu: Doichieu) -> None:
    answered = doichieu("link", "judge", DEATH, BENEFIT, "--different", "--why", " hai giấy khai sinh ", "--json")
    assert answered.code == 0
    made = answered.json
    assert (made["kind"], made["why"], made["snapshot"]) == ("different", "hai giấy khai sinh", SNAPSHOT)
    assert (made["a"]["record_key"], made["b"]["record_key"]) == ("D-1", "BEN-1")
    assert (made["person_key_a"], made["person_key_b"]) == ("p1", "p1")
    (kept,) = (home / "var" / "judgements").iterdir()
    assert pq.read_table(kept).to_pylist()[0]["judgement_id"] == made["judgement_id"]
    (log,) = (home / "var" / "audit").glob("2*.jsonl")
    assert made["judgement_id"] in log.read_text(encoding="utf-8")
    assert doichieu("audit", "verify", "--json").json["unbroken"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([BENEFIT, BENEFIT, "--same", "--why", "x"], "both are the same record"),
        ([BENEFIT, "health.death:D-9", "--same", "--why", "x"], "knows no person"),
        ([BENEFIT, DEATH, "--same", "--why", " "], "needs its reason"),
        ([BENEFIT, DEATH, "--why", "x"], "either --same or --different"),
        ([BENEFIT, DEATH, "--same", "--different", "--why", "x"], "either --same or --different"),
        ([BENEFIT, DEATH, "--same"], "--why"),
    ],
)
def test_a_judgement_that_says_too_little_is_refused(
    given: list[str], said: str, home: Path, doichieu: Doichieu
) -> None:
    answered = doichieu("link", "judge", *given)
    assert answered.code == 2
    assert said in answered.err
    assert not (home / "var" / "judgements").exists()


def test_two_records_are_explained_masked_attribute_by_attribute(home: Path, doichieu: Doichieu) -> None:
    answered = doichieu("link", "explain", BENEFIT, DEATH, "--json")
    assert answered.code == 0
    found = answered.json
    assert found["is_one_person"]
    assert found["why"]["en"] == "the same checked citizen id"
    assert {one["what"]["en"]: (one["a"], one["b"], one["verdict"]["en"]) for one in found["comparisons"]} == {
        "name": ("N.T.Á.", "N.T.A.", "agrees without tone marks"),
        "birth date": ("1980", "1980", "day and month swapped"),
        "sex": ("F", None, "absent"),
        "citizen id": ("*********234 (đáng tin · trusted)", "*********234 (đáng tin · trusted)", "agrees"),
        "social insurance number": ("*******678 (đáng tin · trusted)", None, "absent"),
        "old 9-digit id": (
            "******789 (số điền cho có · placeholder)",
            "******789 (số điền cho có · placeholder)",
            "the same number, which identifies nobody",
        ),
    }
    assert "066180001234" not in answered.out
    assert "Nguyễn Thị" not in answered.out
    (log,) = (home / "var" / "audit").glob("2*.jsonl")
    assert "insurance.benefit:BEN-1:self" in log.read_text(encoding="utf-8")


def test_an_explanation_for_people_says_what_was_judged(home: Path, doichieu: Doichieu) -> None:
    doichieu("link", "judge", DEATH, BENEFIT, "--same", "--why", "đã xem trích lục")
    told = doichieu("link", "explain", BENEFIT, DEATH).out
    assert "Hiện nay · Today: một người · one person – cùng số định danh cá nhân đã kiểm tra" in told
    assert "đã xem trích lục" in told


def test_a_snapshot_of_an_earlier_version_says_that_it_cannot_explain_links(home: Path, doichieu: Doichieu) -> None:
    with duckdb.connect(str(home / "var" / "published" / SNAPSHOT / "identity.duckdb")) as connection:
        connection.execute("drop table mention")
    answered = doichieu("link", "explain", BENEFIT, DEATH, "--json")
    assert answered.code == 2
    assert "before links could be explained" in answered.json["error"]["what"]


def test_persons_that_merged_split_came_and_went_are_counted_and_listed(later: str, doichieu: Doichieu) -> None:
    found = doichieu("link", "diff", SNAPSHOT, later, "--json").json
    assert found["counts"] == {"merged": 1, "split": 1, "new": 1, "gone": 1}
    assert [(one["kind"], one["before"], one["after"], one["records"]) for one in found["listed"]] == [
        ("merged", ["p1", "p2"], ["p1"], 2),
        ("split", ["p1"], ["p1", "p9"], 2),
        ("new", [], ["p4"], 1),
        ("gone", ["p3"], [], 1),
    ]
    short = doichieu("link", "diff", SNAPSHOT, later, "--limit", "1", "--json").json
    assert short["counts"] == found["counts"]
    assert len(short["listed"]) == 1
    assert "nhập · merged" in doichieu("link", "diff", SNAPSHOT, later).out


def test_a_snapshot_compared_with_itself_has_no_changes(home: Path, doichieu: Doichieu) -> None:
    found = doichieu("link", "diff", SNAPSHOT, SNAPSHOT, "--json").json
    assert set(found["counts"].values()) == {0}


def test_a_diff_with_an_unknown_snapshot_names_those_there_are(home: Path, doichieu: Doichieu) -> None:
    answered = doichieu("link", "diff", "nope", SNAPSHOT)
    assert answered.code == 2
    assert SNAPSHOT in answered.err
