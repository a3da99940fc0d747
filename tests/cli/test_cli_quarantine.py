"""`doichieu quarantine`, on records that were really pulled from an agency's file and broke their contract."""

import asyncio
import csv
import functools
import json
import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import python_calamine
from command_line import Doichieu, run_in

from common.files import DataFolder, hold_lock
from common.settings import load_settings
from common.values import Silent
from connectors.pull import pull_registry
from contracts.loader import dataset
from contracts.reasons import in_vietnamese
from expectations.feedback import HEADINGS, write_feedback
from query.audit import verify
from query.masking import mask_delivered

CONFIGURATION = """
data_dir = "var"
[registries.labour]
source = "labour.toml"
[checks."labour.workforce"]
quarantine_percent = 20.0
quarantine_rows = 2
"""
SOURCE = """
registry = "labour"
on_drift = "evolve"
[files]
folder = "inbox"
pattern = "*.ndjson"
settle_seconds = 0
[files.format]
name = "ndjson"
[datasets.workforce.fields]
line_id = "ma_dong"
tax_code = "mst"
period = { constant = "2026-H1" }
full_name = "ho_ten"
birth_date = { from = "ngay_sinh", parse = "dd/mm/yyyy" }
sex = { from = "gioi_tinh", recode = { "0" = "F", "1" = "M" } }
citizen_id = "cccd"
contract = { from = "loai_hd", recode = { K = "indefinite" } }
contract_from = { from = "tu_ngay", parse = "dd/mm/yyyy" }
wage_vnd = { from = "luong", parse = "1.234.567" }
updated_at = "_file_modified"
"""
GOOD = {
    "ma_dong": "D1",
    "mst": "0101234567",
    "ho_ten": "Trần Thị Bích",
    "ngay_sinh": "31/12/1985",
    "gioi_tinh": "0",
    "cccd": "066185001234",
    "loai_hd": "K",
    "tu_ngay": "01/02/2025",
    "luong": "8.000.000",
    "ghi_chu": "con bà Lê Thị Hoa",
}
BAD = [
    {**GOOD, "ma_dong": "D2", "loai_hd": "X"},
    {**GOOD, "ma_dong": "D3", "loai_hd": "X", "luong": "tám triệu"},
    {**GOOD, "ma_dong": "D4", "ho_ten": ""},
    {**GOOD, "ma_dong": ""},
]
SECRETS = ("Bích", "066185001234", "31/12", "12/1985", "Hoa")
TODAY = datetime.now(UTC).date()
DATASET = "labour.workforce"


@pytest.fixture(scope="session")
def pulled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("agency")
    (home / "doichieu.toml").write_text(CONFIGURATION, encoding="utf-8")
    (home / "labour.toml").write_text(SOURCE, encoding="utf-8")
    (home / "inbox").mkdir()
    lines = [json.dumps(record, ensure_ascii=False) for record in [GOOD, *BAD]]
    (home / "inbox" / "ky-1.ndjson").write_text("\n".join(lines), encoding="utf-8")
    settings = load_settings(home / "doichieu.toml")
    clock = functools.partial(datetime.now, UTC)
    pulling = pull_registry(settings, "labour", datasets=["workforce"], clock=clock, progress=Silent())
    (outcome,) = asyncio.run(pulling)
    assert (outcome.rows_landed, outcome.rows_quarantined) == (1, 4)
    return home


@pytest.fixture
def home(tmp_path: Path, pulled: Path) -> Path:
    shutil.copytree(pulled, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.fixture
def quarantine(home: Path) -> Doichieu:
    return functools.partial(run_in, home, "quarantine")


def mend(home: Path, before: str = "{ K =", after: str = '{ X = "fixed", K =') -> None:
    path = home / "labour.toml"
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after), encoding="utf-8")


def audited(home: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for path in (home / "var" / "audit").glob("*.jsonl") for line in path.open()]
    assert verify(DataFolder(home / "var")).problems == []
    return lines


def test_ls_counts_by_dataset_and_reason_and_says_whether_it_would_block(quarantine: Doichieu) -> None:
    (found,) = quarantine("ls", "--json").json["datasets"]
    counted = {name: found[name] for name in ("dataset", "records", "waived", "in_force", "percent", "is_over")}
    assert counted == {
        "dataset": DATASET, "records": 4, "waived": 0, "in_force": 1, "percent": 80.0, "is_over": True,
    }  # fmt: skip
    assert {group["reason"]: group["records"] for group in found["reasons"]} == {
        "contract: not one of K": 2,
        "full_name: missing": 1,
        "line_id: missing": 1,
        "wage_vnd: not written as 1.234.567": 1,
    }
    shown = quarantine("ls", "labour").out
    assert "VƯỢT · OVER" in shown
    assert "không thuộc danh mục: K" in shown
    assert quarantine("ls", "tax", "--json").json == {"datasets": [], "records": 0, "waived": 0}


def test_show_masks_who_it_is_about_and_says_where_it_stood_and_why(home: Path, quarantine: Doichieu) -> None:
    answered = quarantine("show", DATASET, "--key", "D3", "--json")
    (record,) = answered.json["records"]
    assert record["record"] | {"_place": "", "_file_modified": "", "_file_received": ""} == {
        "ma_dong": "D3",
        "mst": "0101234567",
        "ho_ten": "T.T.B.",
        "ngay_sinh": "1985",
        "gioi_tinh": "0",
        "cccd": "*********234",
        "loai_hd": "X",
        "tu_ngay": "01/02/2025",
        "luong": "aaa aaaaa",
        "ghi_chu": "***",
        "_file_name": "ky-1.ndjson",
        "_place": "",
        "_file_modified": "",
        "_file_received": "",
    }
    assert record["reasons"] == ["contract: not one of K", "wage_vnd: not written as 1.234.567"]
    assert (record["file"], record["page"], record["row"]) == ("ky-1.ndjson", 1, 3)
    for shown in (answered, quarantine("show", DATASET), quarantine("ls"), quarantine("show", DATASET, "--limit", "1")):
        assert shown.code == 0
        assert not [secret for secret in SECRETS if secret in shown.out + shown.err]
    assert "ky-1.ndjson" in quarantine("show", DATASET, "--reason", "full_name").out
    assert {(line["action"], line["masked"]) for line in audited(home)} == {("look", True)}


def test_show_finds_records_by_part_of_a_reason(quarantine: Doichieu) -> None:
    assert quarantine("show", DATASET, "--reason", "MISSING", "--json").json["matching"] == 2
    assert quarantine("show", DATASET, "--reason", "luong", "--json").json["records"] == []
    assert len(quarantine("show", DATASET, "--limit", "3", "--json").json["records"]) == 3


def test_a_record_is_shown_unmasked_for_a_purpose_and_that_is_logged_first(home: Path, quarantine: Doichieu) -> None:
    refused = quarantine("show", DATASET, "--unmasked")
    assert (refused.code, refused.out) == (2, "")
    assert not (home / "var" / "audit").exists()
    answered = quarantine("show", DATASET, "--key", "D2", "--unmasked", "--purpose", "sửa ánh xạ")
    assert "Trần Thị Bích" in answered.out
    (line,) = audited(home)
    assert (line["action"], line["purpose"], line["rows"], line["what"]) == (
        "unmask", "sửa ánh xạ", 1, f"quarantine {DATASET}",
    )  # fmt: skip
    assert "Bích" not in json.dumps(line, ensure_ascii=False)


def test_nothing_is_shown_unmasked_where_the_log_cannot_be_written(home: Path, quarantine: Doichieu) -> None:
    (home / "var" / "audit").write_text("not a folder")
    answered = quarantine("show", DATASET, "--unmasked", "--purpose", "x")
    assert answered.code == 4
    assert "Bích" not in answered.out + answered.err


def test_replay_lands_what_a_mended_mapping_reads_and_tells_why_the_rest_stays(
    home: Path, quarantine: Doichieu
) -> None:
    mend(home)
    (done,) = quarantine("replay", DATASET, "--json").json["datasets"]
    assert (done["considered"], done["landed"], done["overtaken"], done["remaining"]) == (4, 1, 0, 3)
    assert {each["reason"] for each in done["reasons"]} == {
        "full_name: missing",
        "line_id: missing",
        "wage_vnd: not written as 1.234.567",
    }
    assert "Vì sao còn lại" in quarantine("replay").out
    assert quarantine("ls", "--json").json["records"] == 3


def test_a_replay_is_refused_while_another_process_writes(home: Path, quarantine: Doichieu) -> None:
    with hold_lock(home / "var", holder={"doing": "run"}):
        refused = quarantine("replay")
    assert refused.code == 2
    assert "in use" in refused.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["replay", "tax.payrol"], "there is no dataset"),
        (["replay", "--pull", "20200101T000000000000Z"], "no pull"),
        (["show", "labour"], "is no dataset"),
        (["ls", "police"], "there is no registry"),
        (["feedback", "labour", "--out", "labour.pdf"], ".xlsx or .csv"),
        (["feedback", "labour", "--out", "nowhere/labour.csv"], "existing folder"),
        (["show", DATASET, "--purpose", "x"], "without --unmasked"),
    ],
    ids=lambda found: " ".join(found) if isinstance(found, list) else "",
)
def test_what_does_not_exist_exits_2_and_says_what_does(quarantine: Doichieu, arguments: list[str], says: str) -> None:
    answered = quarantine(*arguments)
    assert answered.code == 2
    assert says in answered.err


def test_a_waiver_is_listed_apart_keeps_a_run_from_being_blocked_and_is_audited(
    home: Path, quarantine: Doichieu
) -> None:
    until = (TODAY + timedelta(days=30)).isoformat()
    given = quarantine("waive", DATASET, "--reason", "contract", "--until", until, "--why", "CV 12/SLĐ", "--json").json
    assert (given["reason"], given["records"], given["covers_later_records"]) == ("contract: not one of K", 2, True)
    (found,) = quarantine("ls", "--json").json["datasets"]
    assert (found["records"], found["waived"], found["is_over"]) == (4, 2, False)
    (record,) = quarantine("show", DATASET, "--key", "D2", "--json").json["records"]
    assert record["waived_until"] == until
    line = audited(home)[0]
    assert (line["action"], line["until"], line["why"], line["records"]) == ("waive", until, "CV 12/SLĐ", 2)


@pytest.mark.parametrize(
    ("until", "says"), [(date(2020, 1, 1), "is past"), (TODAY + timedelta(days=400), "more than a year ahead")]
)
def test_a_waiver_for_a_bad_day_is_refused_and_leaves_no_trace(
    home: Path, quarantine: Doichieu, until: date, says: str
) -> None:
    refused = quarantine("waive", DATASET, "--until", until.isoformat(), "--why", "x")
    assert refused.code == 2
    assert says in refused.err
    assert not (home / "var" / "quarantine" / "waivers.jsonl").exists()
    assert not (home / "var" / "audit").exists()


def test_the_feedback_file_lists_an_agencys_bad_records_and_nothing_personal(home: Path, quarantine: Doichieu) -> None:
    for name in ("labour.csv", "labour.xlsx"):
        assert quarantine("feedback", "labour", "--out", name, "--json").json["records"] == 4
    with (home / "labour.csv").open(encoding="utf-8-sig", newline="") as file:
        heading, *rows = csv.reader(file)
    assert tuple(heading) == HEADINGS
    told = {row[heading.index("Mã bản ghi")]: row for row in rows}
    assert set(told) == {"D2", "D3", "D4", ""}
    assert told["D4"][heading.index("Lý do")] == "Họ và tên (full_name): thiếu"
    assert told["D4"][heading.index("Lý do (tiếng Anh)")] == "full_name: missing"
    assert told["D4"][heading.index("Tệp")] == "ky-1.ndjson"
    assert told["D4"][heading.index("Dòng")] == "4"
    workbook = python_calamine.CalamineWorkbook.from_path(str(home / "labour.xlsx"))
    cells = [[str(cell) for cell in row] for row in workbook.get_sheet_by_index(0).to_python()]
    assert [row[2] for row in cells[1:]] == [row[2] for row in rows]
    text = json.dumps([rows, cells], ensure_ascii=False)
    assert not [secret for secret in (*SECRETS, "8.000.000") if secret in text]


def test_a_key_that_looks_like_a_formula_stays_text(home: Path, quarantine: Doichieu) -> None:
    path = home / "inbox" / "ky-2.ndjson"
    formula = '=HYPERLINK("http://127.0.0.1/","x")'
    path.write_text(json.dumps({**GOOD, "ma_dong": formula, "ho_ten": ""}), encoding="utf-8")
    settings = load_settings(home / "doichieu.toml")
    pulling = pull_registry(
        settings, "labour", datasets=["workforce"], clock=functools.partial(datetime.now, UTC), progress=Silent()
    )
    asyncio.run(pulling)
    for name in ("labour.csv", "labour.xlsx"):
        assert quarantine("feedback", "labour", "--out", name).code == 0
    assert f'"\'{formula.replace(chr(34), chr(34) * 2)}"' in (home / "labour.csv").read_text(encoding="utf-8-sig")
    rows = python_calamine.CalamineWorkbook.from_path(str(home / "labour.xlsx")).get_sheet_by_index(0).to_python()
    assert formula in [row[2] for row in rows]


def test_a_run_writes_the_feedback_files_of_registries_with_bad_records_only(home: Path) -> None:
    data = DataFolder(home / "var")
    assert write_feedback(data, "r1") == ["labour"]
    assert sorted(path.name for path in (data.report("r1") / "feedback").iterdir()) == ["labour.csv", "labour.xlsx"]
    first = (data.report("r1") / "feedback" / "labour.xlsx").read_bytes()
    write_feedback(data, "r2")
    assert (data.report("r2") / "feedback" / "labour.xlsx").read_bytes() == first, "the same records, the same file"


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("sex: not one of M, F", "Giới tính (sex): không thuộc danh mục: M, F"),
        ("contract_from: not a date YYYY-MM-DD", "không phải ngày viết theo YYYY-MM-DD"),
        ("wage_vnd: not a whole number of dong", "không phải số tiền nguyên đồng"),
        ("birth_date: in the future", "ở tương lai"),
        ("luong_moi: neither mapped nor ignored", "luong_moi: trường lạ, tệp nguồn chưa khai"),
        ("record: not an object but string", "Bản ghi: không phải một đối tượng JSON"),
        ("record: the row ends early", "Bản ghi: không đọc được (the row ends early)"),
        ("birth_date: not written as dd/mm/yyyy or yyyy", "không viết theo mẫu dd/mm/yyyy hoặc yyyy"),
    ],
)
def test_reasons_are_told_in_vietnamese(reason: str, words: str) -> None:
    assert words in in_vietnamese(reason, dataset("labour", "workforce"))


MASKED: list[tuple[str, Any, Any]] = [
    ("a date that does not exist shows its shape", {"from_date": "31/02/2025x"}, {"from_date": "99/99/9999a"}),
    ("a birth date shows its year alone", {"birth_date": "31/12/1985"}, {"birth_date": "1985"}),
    ("a compact birth date shows its shape alone", {"birth_date": "19851231"}, {"birth_date": "99999999"}),
    ("a name where an amount belongs shows its shape", {"amount_vnd": "Lê Na"}, {"amount_vnd": "aa aa"}),
    ("an amount is shown", {"amount_vnd": 3500000}, {"amount_vnd": "3500000"}),
    ("a name where a code belongs shows its shape", {"unit_code": "Lê Na"}, {"unit_code": "aa aa"}),
    ("a field nobody described is hidden", {"ghi_chu": "con bà Hoa"}, {"ghi_chu": "***"}),
    ("a short code in it is not", {"loai": "1"}, {"loai": "1"}),
    ("what lies deeper is hidden too", {"nguoi": {"ten": "Lê Na"}}, {"nguoi": {"ten": "***"}}),
    ("a list is hidden member by member", {"ten": ["Lê Na", "A"]}, {"ten": ["***", "A"]}),
    ("a number used as a name is hidden", {"079203001234": 1}, {"***": "1"}),
    ("an account shows its last three digits", {"bank_account": "0011223344"}, {"bank_account": "*******344"}),
    ("the key is shown, as everywhere", {"benefit_id": "BEN-1"}, {"benefit_id": "BEN-1"}),
    ("what is no object is hidden whole", "Lê Na", "***"),
]


@pytest.mark.parametrize(("record", "shown"), [case[1:] for case in MASKED], ids=[case[0] for case in MASKED])
def test_a_broken_record_hides_whatever_it_may_hold(record: Any, shown: Any) -> None:
    assert mask_delivered(dataset("insurance", "benefit"), record) == shown


def test_a_nested_field_of_the_source_is_masked_as_the_field_it_feeds() -> None:
    fed = {"nguoi.ho\\.ten": ("full_name",), "nguoi.so": ("citizen_id", "si_number"), "ma": ("benefit_id", "unit_code")}
    record = {"nguoi": {"ho.ten": "Lê Na", "so": "066185001234", "khac": "Lê Na"}, "ma": "B1", "full_name": "Lê Na"}
    shown = mask_delivered(dataset("insurance", "benefit"), record, fed)
    assert shown == {
        "nguoi": {"ho.ten": "L.N.", "so": "*********234", "khac": "***"},
        "ma": "B1",
        "full_name": "***",
    }
