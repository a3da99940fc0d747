"""`quarantine ls|show|replay|waive|feedback`: records set aside, looked at, taken up again, accepted, sent back."""

from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.frame import (
    DEFAULT_CONFIG,
    AsJson,
    ConfigFile,
    answer,
    cell,
    example,
    now,
    plain,
    progress,
    settings_from,
    table,
)
from cli.quarantine_lists import Key, OneDataset, Target, in_vietnamese, list_aside, one_dataset, show
from common.settings import Settings, user_name

if TYPE_CHECKING:
    from rich.console import RenderableType

    from connectors.replay import Replayed
    from contracts.waivers import Waiver


def register(app: typer.Typer) -> None:
    verbs = typer.Typer(help="Bản ghi để riêng · Records set aside.", no_args_is_help=True)
    verbs.command("ls", epilog=example("doichieu quarantine ls", "doichieu quarantine ls tax --json"))(list_aside)
    verbs.command(
        "show",
        epilog=example(
            "doichieu quarantine show tax.payroll --reason missing --limit 3",
            "doichieu quarantine show tax.payroll --key L-17 --unmasked --purpose thanh-tra-2026-07",
        ),
    )(show)
    verbs.command("replay", epilog=example("doichieu quarantine replay tax.payroll"))(replay)
    verbs.command(
        "waive",
        epilog=example(
            'doichieu quarantine waive tax.payroll --reason "full_name: missing" --until 2026-12-31 --why "CV 12/CT-TTHT"'
        ),
    )(waive)
    verbs.command("feedback", epilog=example("doichieu quarantine feedback tax --out tax.xlsx"))(feedback)
    app.add_typer(verbs, name="quarantine", epilog=example("doichieu quarantine ls"))


def replay(
    target: Target = None,
    pull: Annotated[str | None, typer.Option(metavar="PULL", help="Chỉ của lần lấy này · Of this pull alone.")] = None,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Đọc lại sau khi sửa ánh xạ; bản ghi đạt được đưa vào · Re-read after a fix; what is now good is landed."""
    from flows.quarantining import replay_quarantine

    with progress() as drawn:
        found = replay_quarantine(settings_from(config), target, pull=pull, clock=now, progress=drawn)
    rows = [(each.dataset, each.considered, each.landed, each.overtaken, each.remaining) for each in found]
    columns = (
        "Tập dữ liệu\nDataset",
        "Đã đọc lại\nRe-read",
        "Đưa vào\nLanded",
        "Đã có bản mới\nOvertaken",
        "Còn lại\nRemaining",
    )
    reasons = [(each.dataset, reason, records) for each in found for reason, records in each.reasons]
    answer(
        {"datasets": [_replayed(each) for each in found]},
        table("Đọc lại bản ghi để riêng · Replay", columns, rows)
        if rows
        else plain("Không có bản ghi nào để đọc lại · Nothing to replay."),
        *_still_bad(reasons),
        as_json=as_json,
    )


def _still_bad(reasons: list[tuple[str, str, int]]) -> "list[RenderableType]":
    if not reasons:
        return []
    rows = [(name, f"{in_vietnamese(reason, one_dataset(name))}\n{reason}", count) for name, reason, count in reasons]
    columns = ("Tập dữ liệu\nDataset", "Lý do\nReason", "Bản ghi\nRecords")
    return [table("Vì sao còn lại · Why the rest remains", columns, rows)]


def _replayed(each: "Replayed") -> dict[str, Any]:
    return {**asdict(each), "reasons": [{"reason": reason, "records": records} for reason, records in each.reasons]}


def waive(
    dataset_name: OneDataset,
    until: Annotated[
        datetime,
        typer.Option(formats=["%Y-%m-%d"], metavar="DATE", help="Ngày cuối còn hiệu lực · The last day it counts."),
    ],
    why: Annotated[str, typer.Option(metavar="TEXT", help="Vì sao, không nêu tên ai · Why, naming nobody.")],
    reason: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="Một lý do, kể cả bản ghi đến sau · One reason; later records too."),
    ] = None,
    key: Key = None,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Tạm chấp nhận đến một ngày, không tính vào ngưỡng chặn · Accept until a day: not counted towards the threshold."""
    from connectors.waivers import give_waiver

    settings = settings_from(config)
    contract = one_dataset(dataset_name)
    given = give_waiver(
        settings,
        contract,
        reason=reason,
        key=key,
        until=until.date(),
        why=why,
        who=user_name(),
        at=now(),
        before_writing=lambda waiver: _audit(settings, waiver),
    )
    later = given.reason is not None and given.key is None
    scope = (
        "cả bản ghi đến sau chỉ có lý do này · later records with this reason alone too"
        if later
        else "không gồm bản ghi đến sau · no later records"
    )
    answer(
        {**asdict(given), "covers_later_records": later},
        plain(
            f"{contract.full_name}: {cell(given.records)} bản ghi tạm chấp nhận đến hết ngày {cell(given.until)}"
            " · records waived, that day included"
        ),
        plain(f"  {given.reason or given.key or 'tất cả · all'}; {scope}"),
        as_json=as_json,
    )


def _audit(settings: Settings, waiver: "Waiver") -> None:
    from query import audit

    kept = asdict(waiver)
    details = {name: _plain(value) for name, value in kept.items() if name not in ("who", "given_at")}
    audit.append(settings.data, action="waive", who=waiver.who, at=waiver.given_at, details=details)


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def feedback(
    registry: Annotated[str, typer.Argument(metavar="REGISTRY", help="Ví dụ tax · e.g. tax.", show_default=False)],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Tệp .xlsx hoặc .csv · An .xlsx or .csv file.")],
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Tệp phản hồi cho cơ quan nguồn: bản ghi cần sửa · An agency's own bad records, for sending back."""
    from flows.quarantining import feedback_file

    rows = feedback_file(settings_from(config), registry, out)
    answer(
        {"registry": registry, "out": out, "records": rows},
        plain(f"{out}: {cell(rows)} bản ghi cần sửa · records to correct"),
        as_json=as_json,
    )
