"""The report of a run: one HTML page that works without a network, and the same figures as JSON."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from common.errors import Exit
from common.files import DataFolder, write_atomically, write_json
from contracts.loader import dataset
from expectations import figures
from expectations.earlier import AsideReason, EarlierRun, aside_reasons, earlier_runs
from expectations.record import RunRecord, SourceFigures
from expectations.verdicts import Verdict

if TYPE_CHECKING:
    import jinja2

__all__ = ["RunRecord", "write_report"]

_EXIT_WORDS = {
    Exit.DONE: ("hoàn tất", "done"),
    Exit.BLOCKED: ("một kiểm tra chặn không đạt", "a blocking check failed"),
    Exit.USAGE: ("cấu hình hoặc cách gọi sai", "configuration or usage"),
    Exit.SOURCE: ("có nguồn không đọc được", "a source could not be read"),
    Exit.FAULT: ("lỗi của phần mềm", "a fault of ours"),
}


@dataclass(frozen=True)
class SourceRow:
    """One dataset as the page shows it: this run's figures beside those of earlier runs."""

    figures: SourceFigures
    title_vi: str
    history: tuple[int, ...]
    """Rows received by earlier runs that pulled it, oldest first, and by this one."""

    @property
    def before(self) -> int | None:
        return self.history[-2] if self.figures.status == "landed" and len(self.history) > 1 else None


@dataclass(frozen=True)
class FailedCheck:
    """A failed check taken apart for reading."""

    verdict: Verdict
    title_vi: str
    title_en: str
    remedy_vi: str
    remedy_en: str

    @property
    def is_count(self) -> bool:
        """Whether the counts say all there is to say."""
        return self.verdict.observed == f"{self.verdict.failing} of {self.verdict.total}"


def write_report(data: DataFolder, record: RunRecord) -> Path:
    """Write `reports/<run>/index.html` and `report.json`; returns the page's path.

    Earlier runs are read from their `report.json`, records set aside from the quarantine (reasons and counts alone).
    """
    earlier, unreadable = earlier_runs(data, record.run)
    aside = aside_reasons(data)
    folder = data.report(record.run)
    page = _environment().get_template("report.html.j2").render(_view(record, earlier, unreadable, aside))
    write_atomically(folder / "index.html", page)
    write_json(folder / "report.json", {**record.as_json(), "quarantine": [asdict(row) for row in aside]})
    return folder / "index.html"


def _view(
    record: RunRecord, earlier: Sequence[EarlierRun], unreadable: Sequence[str], aside: Sequence[AsideReason]
) -> dict[str, Any]:
    failed = [verdict for verdict in record.verdicts if not verdict.passed]
    failed.sort(key=lambda verdict: (verdict.level != "block", verdict.suite, verdict.check))
    passed = [verdict for verdict in record.verdicts if verdict.passed]
    return {
        "run": record,
        "exit_vi": _EXIT_WORDS[Exit(record.exit_code)][0],
        "exit_en": _EXIT_WORDS[Exit(record.exit_code)][1],
        "blocking": [_failed_check(verdict) for verdict in failed if verdict.blocks],
        "failed": [_failed_check(verdict) for verdict in failed],
        "passed": _by_suite([verdict for verdict in passed if not verdict.observed.startswith("not judged")]),
        "unjudged": [verdict for verdict in passed if verdict.observed.startswith("not judged")],
        "registries": _by_registry(record.sources, earlier),
        "stale": dict(record.stale) if isinstance(record.stale, Mapping) else dict.fromkeys(record.stale, ""),
        "aside": aside,
        "most_aside": max((row.records for row in aside), default=1),
        "earlier": earlier,
        "unreadable": unreadable,
        "trend_failed": [run.failed_checks for run in earlier] + [len(failed)],
        "trend_flags": [run.flags for run in earlier] + [sum(rule.flags for rule in record.flags)],
        "rules": sorted((rule for rule in record.flags if not rule.skipped_reason), key=lambda rule: rule.rule),
        "skipped": [rule for rule in record.flags if rule.skipped_reason],
        "totals": _totals(record),
        "slowest": max((seconds for _, seconds in record.timings), default=1.0) or 1.0,
        "levels": Counter(verdict.level for verdict in failed),
    }


def _by_registry(sources: Sequence[SourceFigures], earlier: Sequence[EarlierRun]) -> dict[str, list[SourceRow]]:
    ordered = sorted(sources, key=lambda source: (source.registry, source.dataset))
    return {
        registry: [_source_row(source, earlier) for source in group]
        for registry, group in groupby(ordered, key=lambda source: source.registry)
    }


def _source_row(source: SourceFigures, earlier: Sequence[EarlierRun]) -> SourceRow:
    history = [run.received[source.full_name] for run in earlier if source.full_name in run.received]
    if source.status == "landed":
        history.append(source.rows_received)
    return SourceRow(source, dataset(source.registry, source.dataset).title_vi, tuple(history))


def _totals(record: RunRecord) -> dict[str, int]:
    return {
        "received": sum(source.rows_received for source in record.sources),
        "landed": sum(source.rows_landed for source in record.sources),
        "aside": sum(source.rows_quarantined for source in record.sources),
        "flags": sum(rule.flags for rule in record.flags),
        "new": sum(rule.new for rule in record.flags),
        "cleared": sum(rule.cleared for rule in record.flags),
    }


def _failed_check(verdict: Verdict) -> FailedCheck:
    place = f" [{verdict.suite} {verdict.check}]"
    what_vi, _, remedy_vi = verdict.message_vi.partition(" → ")
    what_en, _, remedy_en = verdict.message.partition(" → ")
    return FailedCheck(verdict, what_vi.removesuffix(place), what_en.partition(place)[0], remedy_vi, remedy_en)


def _by_suite(verdicts: Sequence[Verdict]) -> dict[str, list[Verdict]]:
    ordered = sorted(verdicts, key=lambda verdict: (verdict.suite, verdict.check))
    return {suite: list(group) for suite, group in groupby(ordered, key=lambda verdict: verdict.suite)}


@cache
def _environment() -> "jinja2.Environment":
    import jinja2

    folder = files("expectations") / "templates"
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(lambda name: (folder / name).read_text(encoding="utf-8")),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "number": figures.number,
        "percent": figures.percent,
        "share": figures.share,
        "seconds": figures.seconds,
        "moment": figures.moment,
        "day": figures.day,
        "sparkline": figures.sparkline,
    }
    return environment
