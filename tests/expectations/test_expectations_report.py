"""Verdicts over time, and the report of a run."""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from landed_records import AS_OF, RUN, land, record

from common.errors import ConfigurationError
from common.files import DataFolder
from common.settings import Settings
from expectations import figures
from expectations.checks import Check, Count, NoRows, Wording
from expectations.record import AccuracyFigures, LinkageFigures, RuleFigures, RunRecord, SourceFigures
from expectations.report import write_report
from expectations.verdicts import Bench, Verdict, moment_of, verdict_history, write_verdicts

RUNS = ("20260628T180000000000Z", "20260629T180000000000Z", RUN)
HOSTILE = "<script>alert('x')</script> & \"Công ty\" </style>"
CHECK = Check(
    suite="tax.payroll",
    name="not_null:full_name",
    level="block",
    question=NoRows("select 1", "tax_payroll"),
    expected="a value",
    wording=Wording("Có họ tên", "A name is given", "Nhận lại.", "pull again"),
)


@pytest.fixture
def data(tmp_path: Path) -> DataFolder:
    return DataFolder(tmp_path / "var")


def ruled(failing: int, *, run: str = RUN, check: Check = CHECK) -> Verdict:
    return Bench(run, Settings()).rule_on(check, Count(failing, 200))


def run_record(
    run: str = RUN, *, verdicts: Sequence[Verdict] = (), received: int = 100, published: bool = True
) -> RunRecord:
    return RunRecord(
        run=run,
        as_of=AS_OF,
        started_at=moment_of(run),
        finished_at=datetime(2026, 6, 30, 18, 2, 5, tzinfo=UTC),
        published=published,
        reason="nothing blocks",
        exit_code=0 if published else 1,
        snapshot=run if published else None,
        sources=[SourceFigures("tax", "payroll", "landed", "full", received, received - 3, 3, received)],
        verdicts=verdicts,
        linkage=LinkageFigures(300, 120, {"identifier": 280, "alone": 20}, {"placeholder": 7}, 1, 2, 0),
        flags=[
            RuleFigures("CD03", "Trốn đóng", "Evasion", 12, 40, 5, principal_vnd=1_234_567, interest_vnd=0),
            RuleFigures("BG15", "Thất nghiệp", "Unemployment", skipped_reason="labour.unemployment is not offered"),
        ],
        timings=[("pull", 61.0), ("build", 3.25)],
        versions={"law": "2026"},
    )


class Page(HTMLParser):
    """What a page shows and what it would fetch."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.links: list[str] = []
        self.tags: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in ("meta", "rect", "polyline"):
            self.open.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src", "action", "data", "srcset")]

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("rect", "polyline"):
            assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


def page_of(data: DataFolder, shown: RunRecord) -> Page:
    return Page(write_report(data, shown).read_text(encoding="utf-8"))


def test_how_right_the_links_are_is_shown_by_dataset_where_the_truth_is_known(data: DataFolder) -> None:
    plain = run_record()
    assert plain.linkage is not None
    measured = [
        AccuracyFigures(None, 300, 5000, 5100, 4999, 4999 / 5000, 4999 / 5100),
        AccuracyFigures("tax.payroll", 40, 0, 12, 0, None, 0.0),
    ]
    known = replace(plain, linkage=replace(plain.linkage, accuracy=measured))
    assert "tax.payroll 40 0 12 0 12 – 0,0000" in page_of(data, known).text
    assert "Tất cả overall 300 5.000 5.100 1 101 0,9998 0,9801" in page_of(data, known).text
    assert "known truth" not in page_of(data, plain).text


def test_a_share_is_never_rounded_up_to_a_whole() -> None:
    assert [figures.share(value) for value in (1.0, 0.99999, 0.9999, 0.57, None)] == [
        "1,0000",
        "0,9999",
        "0,9999",
        "0,5700",
        "–",
    ]


@pytest.mark.parametrize(("allowed", "failing", "passed"), [(0, 0, True), (0, 1, False), (1, 2, True), (1, 3, False)])
def test_a_check_passes_while_no_more_rows_fail_than_it_allows(allowed: float, failing: int, passed: bool) -> None:
    assert ruled(failing, check=replace(CHECK, allowed_percent=allowed)).passed == passed


def test_a_failed_verdict_says_what_where_and_what_to_do() -> None:
    verdict = ruled(3)
    assert verdict.blocks
    assert verdict.message == (
        "A name is given [tax.payroll not_null:full_name]: 3 of 200; expected a value → pull again"
    )
    assert verdict.message_vi == "Có họ tên [tax.payroll not_null:full_name] → Nhận lại."
    assert verdict.checked_at == datetime(2026, 6, 30, 18, tzinfo=UTC)


def test_verdicts_of_several_runs_are_one_table_in_order_of_time(data: DataFolder) -> None:
    assert verdict_history(data).num_rows == 0
    for run, failing in zip(reversed(RUNS), (3, 2, 1), strict=True):
        write_verdicts(data, run, [ruled(failing, run=run)])
    write_verdicts(data, RUN, [ruled(0)])
    history = verdict_history(data).select(["run", "check", "passed", "failing", "total"]).to_pylist()
    assert [tuple(row.values()) for row in history] == [
        (RUNS[0], "not_null:full_name", False, 1, 200),
        (RUNS[1], "not_null:full_name", False, 2, 200),
        (RUNS[2], "not_null:full_name", True, 0, 200),
    ]


def test_a_run_without_verdicts_leaves_an_empty_table_of_the_same_columns(data: DataFolder) -> None:
    write_verdicts(data, RUN, [])
    assert verdict_history(data).column_names[:6] == ["run", "checked_at", "suite", "check", "level", "passed"]


def test_a_run_whose_name_is_no_stamp_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="the moment it began"):
        ruled(0, run="tonight")


def test_the_report_says_first_whether_it_was_published_and_why_not(data: DataFolder) -> None:
    published = page_of(data, run_record(verdicts=[ruled(0)])).text
    assert "Đã công bố" in published
    assert "Mọi kiểm tra đều đạt" in published
    blocked = page_of(data, run_record(verdicts=[ruled(3)], published=False)).text
    assert "Không công bố" in blocked
    assert "1 kiểm tra chặn không đạt" in blocked
    assert blocked.index("Có họ tên") < blocked.index("bản ghi nhận về") < blocked.index("Nhận lại.")


def test_the_report_shows_sources_linkage_flags_and_timings_as_vietnamese_readers_write_them(data: DataFolder) -> None:
    text = page_of(data, run_record(received=20_500)).text
    for said in (
        "20.500 bản ghi nhận về",
        "Bảng kê quyết toán thuế",
        "120 (0 mới)",
        "CD03 Trốn đóng",
        "1.234.567",
        "BG15 Thất nghiệp labour.unemployment is not offered",
        "pull 1 ph 01 s",
        "build 3,2 s",
    ):
        assert said in text, said


def test_the_page_fetches_nothing_and_runs_nothing(data: DataFolder) -> None:
    page = page_of(data, run_record(verdicts=[ruled(3)]))
    assert [link for link in page.links if not link.startswith("#")] == []
    assert not {"script", "link", "img", "iframe", "object"} & set(page.tags)
    source = (data.report(RUN) / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"https?://|@import|url\(", source)
    assert page.open == []


def test_names_that_would_break_the_page_are_only_text(data: DataFolder) -> None:
    hostile = replace(
        run_record(verdicts=[replace(ruled(3), observed=HOSTILE, suite=HOSTILE, message_vi=HOSTILE)]),
        reason=HOSTILE,
        paths={HOSTILE: HOSTILE},
        stale={HOSTILE: HOSTILE},
        sources=[replace(SourceFigures("tax", "payroll", "failed", error=HOSTILE), warnings=(HOSTILE,))],
        flags=[RuleFigures(HOSTILE, HOSTILE, HOSTILE, flags=1)],
    )
    page = page_of(data, hostile)
    assert "script" not in page.tags
    assert page.text.count("<script>alert('x')</script>") >= 8


def test_the_report_compares_with_earlier_runs(data: DataFolder) -> None:
    for run, received in zip(RUNS, (40, 70, 90), strict=True):
        page = page_of(data, run_record(run, received=received))
    assert "So với 2 lần chạy trước" in page.text
    assert "40 → 70 → 90" in page.text
    assert page.text.index(" 90") < page.text.index(" 70")


def test_an_earlier_report_that_cannot_be_read_is_named_and_stops_nothing(data: DataFolder) -> None:
    page_of(data, run_record(RUNS[0]))
    (data.report(RUNS[1])).mkdir()
    (data.report(RUNS[1]) / "report.json").write_text('{"run": ')
    text = page_of(data, run_record()).text
    assert f"Không đọc được báo cáo của: {RUNS[1]}" in text
    assert "So với 1 lần chạy trước" in text


def test_records_set_aside_are_counted_by_dataset_and_reason_without_their_values(data: DataFolder) -> None:
    aside: list[dict[str, Any]] = [
        {"record_key": f"k{number % 3}", "reasons": ["wage_vnd: missing", "sex: not one of M, F"]}
        for number in range(6)
    ]
    aside += [{"record_key": None, "reasons": ["spell_id: missing"]} for _ in range(2)]
    land(data, "insurance.participation", [record("insurance.participation")], aside=aside)
    page = page_of(data, run_record())
    report = json.loads((data.report(RUN) / "report.json").read_text(encoding="utf-8"))
    assert report["quarantine"] == [
        {"dataset": "insurance.participation", "reason": "sex: not one of M, F", "records": 3},
        {"dataset": "insurance.participation", "reason": "wage_vnd: missing", "records": 3},
        {"dataset": "insurance.participation", "reason": "spell_id: missing", "records": 2},
    ]
    assert "wage_vnd: missing" in page.text
    assert "Bí Mật" not in page.text + json.dumps(report, ensure_ascii=False)


def test_report_json_holds_every_figure_of_the_run(data: DataFolder) -> None:
    write_report(data, run_record(verdicts=[ruled(3)]))
    report = json.loads((data.report(RUN) / "report.json").read_text(encoding="utf-8"))
    assert report["as_of"] == "2026-06-30"
    assert report["sources"][0]["rows_quarantined"] == 3
    assert report["verdicts"][0]["check"] == "not_null:full_name"
    assert report["flags"][0]["principal_vnd"] == 1_234_567
    assert report["timings"] == [["pull", 61.0], ["build", 3.25]]


def test_a_run_that_pulled_and_built_nothing_still_has_a_report(data: DataFolder) -> None:
    bare = replace(run_record(published=False), sources=[], linkage=None, flags=[], timings=[], exit_code=4)
    text = page_of(data, bare).text
    assert "lỗi của phần mềm" in text
    assert "Lần chạy này không nhận dữ liệu" in text


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (figures.number(1234567), "1.234.567"),
        (figures.number(None), "–"),
        (figures.percent(1, 8), "12,5 %"),
        (figures.percent(1, 0), "–"),
        (figures.seconds(2.31), "2,3 s"),
        (figures.seconds(75.4), "1 ph 15 s"),
        (figures.day(date(2026, 6, 30)), "30/06/2026"),
        (figures.moment(datetime(2026, 6, 30, 18, tzinfo=UTC)), "01/07/2026 01:00"),
        (figures.sparkline([0, 10]), "3.0,19.0 85.0,3.0"),
        (figures.sparkline([]), ""),
    ],
)
def test_figures_read_as_in_vietnam(shown: str, expected: str) -> None:
    assert shown == expected
