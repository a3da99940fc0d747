"""`explain`: the dossier of one finding, for the terminal."""

import re
from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.frame import DEFAULT_CONFIG, AsJson, ConfigFile, answer, cell, example, now, plain, settings_from, table
from common.settings import user_name

if TYPE_CHECKING:
    from rich.console import RenderableType

    from query.explain import Evidence, Explanation

MOST_SIDE_BY_SIDE, MOST_LISTED = 4, 40
_DECIMAL = re.compile(r"\d+\.\d+")
_STEP_HEADINGS = {
    "fund": "Quỹ\nFund",
    "amount_vnd": "Số tiền\nAmount (đ)",
    "deadline_on": "Hạn đóng\nDeadline",
    "settled_on": "Ngày nộp\nPaid on",
    "settled_by": "Chứng từ\nPaid by",
    "days_late": "Ngày chậm\nDays late",
    "interest_days": "Ngày tính lãi\nInterest days",
    "rate": "Tỷ lệ/ngày\nRate a day",
    "interest": "Lãi\nInterest (đ)",
}


def register(app: typer.Typer) -> None:
    app.command(epilog=example("doichieu explain F3f2a9c0d1b4e5a6"))(explain)


def explain(
    finding: Annotated[str, typer.Argument(metavar="FINDING", help="Mã việc hoặc mã dấu hiệu · A finding or flag id.")],
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Căn cứ của một việc, bằng lời · The evidence of one finding in words. Writes a line to the audit log."""
    from query.explain import explain as explain_finding
    from query.identity import Reader
    from query.snapshot import reading

    with reading(settings_from(config)) as opened:
        found = explain_finding(opened, Reader(user_name(), now()), finding)
    answer(found.as_json(), *_dossier(found), as_json=as_json)


def _dossier(found: "Explanation") -> list["RenderableType"]:
    from rich.panel import Panel
    from rich.text import Text

    return [
        Panel(
            Text(f"{found.reason.vi}\n\n{found.reason.en}"),
            title=Text(f"{found.rule} {found.title}"),
            subtitle=Text(str(found.notice)),
        ),
        _facts_table(found),
        *_steps_table(found),
        *_parameters_table(found),
        *(_evidence_tables(found.evidence)),
        *_bullets("Giải thích vô can cần loại trừ · Innocent explanations to rule out", found.innocent),
        *_bullets("Nguồn đã cũ · Stale sources", found.stale_sources),
        *_bullets("Điểm còn ngờ · Doubts", found.doubts),
        *(
            [plain(f"Cùng dấu hiệu · Same flag: {', '.join(found.other_findings[:20])}")]
            if found.other_findings
            else []
        ),
    ]


def _facts_table(found: "Explanation") -> "RenderableType":
    seen = f"{cell(found.first_seen)} – {cell(found.last_seen)}"
    rows = [
        ("Mã · Finding", found.finding_id),
        ("Dấu hiệu · Flag", found.flag_id),
        ("Điều luật · Law", found.law),
        ("Quy tắc, bản · Rule, version", f"{found.rule}, {found.rule_version}"),
        ("Tình trạng · Status", found.status),
        ("Mức · Grade", found.grade),
        ("Đối tượng · Subject", found.subject),
        *((f"  {name}", value) for name, value in found.subject_keys.items()),
        ("Việc · Item", found.item),
        ("Từ – đến · From – to", f"{cell(found.from_date)} – {cell(found.to_date)}"),
        ("Gốc · Principal (đ)", cell(found.principal_vnd)),
        ("Lãi · Interest (đ)", cell(found.interest_vnd)),
        ("Số ngày chậm · Days late", cell(found.days_late)),
        ("Thấy lần đầu – lần cuối · Seen", seen),
        ("Thay đổi · Change", found.change),
        ("Bản công bố · Snapshot", f"{found.snapshot} ({cell(found.as_of)})"),
    ]
    return table("", ("", ""), rows)


def _steps_table(found: "Explanation") -> list["RenderableType"]:
    title = "Tính tiền từng bước · The money, step by step"
    if not found.steps:
        return []
    if not all(isinstance(step, dict) for step in found.steps):
        return _bullets(title, found.steps)
    names = list(dict.fromkeys(name for step in found.steps for name in step))
    headings = [_STEP_HEADINGS.get(name, name) for name in names]
    return [table(title, headings, [[_dated(step.get(name)) for name in names] for step in found.steps])]


def _parameters_table(found: "Explanation") -> list["RenderableType"]:
    """The values of the law that were in force for this finding."""
    rows = [
        (name, *(value.get(part) for part in ("value", "from", "reference", "verified")))
        if isinstance(value, dict)
        else (name, value, None, None, None)
        for name, value in found.params.items()
    ]
    columns = ("Tham số\nParameter", "Giá trị\nValue", "Từ\nFrom", "Căn cứ\nReference", "Đã xác minh\nVerified")
    title = "Trị số pháp luật theo ngày · Dated values of the law"
    return [table(title, columns, [[_dated(value) for value in row] for row in rows])] if rows else []


def _dated(value: Any) -> Any:
    """The text of a day or of an exact decimal, as people write it: 31/08/2025 · 1.189.513,836."""
    if not isinstance(value, str):
        return value
    if _DECIMAL.fullmatch(value):
        whole, _, fraction = value.partition(".")
        fraction = fraction.rstrip("0")
        return cell(int(whole)) + (f",{fraction}" if fraction else "")
    try:
        return date.fromisoformat(value)
    except ValueError:
        return value


def _evidence_tables(evidence: list["Evidence"]) -> list["RenderableType"]:
    """The cited records, dataset by dataset; fields that no record of a dataset fills are left out."""
    tables: list[RenderableType] = []
    for kind in dict.fromkeys((cited.registry, cited.dataset) for cited in evidence):
        cited = [one for one in evidence if (one.registry, one.dataset) == kind]
        title = f"Bản ghi · Records: {'.'.join(kind)} – {cited[0].title_vi} ({len(cited)})"
        tables.append(
            _side_by_side(title, cited) if len(cited) <= MOST_SIDE_BY_SIDE else _one_below_another(title, cited)
        )
        if len(cited) > MOST_LISTED:
            tables.append(plain(f"… và · and {len(cited) - MOST_LISTED} bản ghi nữa · more: --json"))
    return tables


def _side_by_side(title: str, cited: Sequence["Evidence"]) -> "RenderableType":
    """One column a record, so that differences stand beside each other."""
    rows: list[Sequence[Any]] = [
        ("(pull)", *(one.pull for one in cited)),
        *([("(linked by)", *(one.linked_by or "" for one in cited))] if any(one.linked_by for one in cited) else []),
        *((name, *(_recorded(one, name) for one in cited)) for name in _filled(cited)),
    ]
    if not all(one.record for one in cited):
        rows.append(("", *("" if one.record else "không giữ bản sao · no copy kept" for one in cited)))
    return table(title, ("", *(one.record_key for one in cited)), rows)


def _one_below_another(title: str, cited: Sequence["Evidence"]) -> "RenderableType":
    names = [name for name in _filled(cited) if name != "updated_at"]
    rows = [[one.record_key, *(_recorded(one, name) for name in names)] for one in cited[:MOST_LISTED]]
    return table(title, ["", *names], rows, right=[name for name in names if name.endswith("_vnd")])


def _filled(cited: Sequence["Evidence"]) -> list[str]:
    filled = [name for one in cited for name, value in (one.record or {}).items() if value is not None]
    return list(dict.fromkeys(filled))


def _recorded(one: "Evidence", name: str) -> Any:
    """A value as it was recorded: only money is dotted, a year or a count is not."""
    value = (one.record or {}).get(name)
    return value if name.endswith("_vnd") or value is None else str(value)


def _bullets(title: str, lines: Sequence[Any]) -> list["RenderableType"]:
    return [plain(f"{title}:\n" + "\n".join(f"  • {line}" for line in lines))] if lines else []
