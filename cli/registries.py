"""`sources list|check`: what is configured, landed, fresh, reachable, and what a pull would make of it."""

import asyncio
from collections.abc import Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.frame import (
    DEFAULT_CONFIG,
    AsJson,
    ConfigFile,
    answer,
    example,
    now,
    plain,
    settings_from,
    table,
)
from cli.onboarding import diff_source, new_source
from common.errors import Exit
from common.settings import Settings
from common.values import VIETNAM, today_in_vietnam

if TYPE_CHECKING:
    from rich.console import RenderableType

    from connectors.manifests import PullManifest
    from connectors.onboarding.check import DatasetCheck
    from contracts.loader import Dataset

_SHOWN = 3
_STATUS = {
    "answers": "trả lời · answers",
    "empty": "không có gì · nothing there",
    "not_offered": "không cung cấp · not offered",
    "failed": "LỖI · FAILED",
}
_CHECK_COLUMNS = (
    "Tập dữ liệu\nDataset",
    "Kết quả\nResult",
    "Tổng số\nTotal",
    "Đã xem\nLooked at",
    "Bị tách riêng\nSet aside",
    "Lần lấy\nLast pull",
    "Lệch hợp đồng hoặc lỗi\nDrift or error",
)


def register(app: typer.Typer) -> None:
    sources = typer.Typer(help="Các nguồn dữ liệu · The registries.", no_args_is_help=True)
    sources.command("list", epilog=example("doichieu sources list"))(list_sources)
    sources.command(
        "check", epilog=example("doichieu sources check tax", "doichieu sources check tax --dataset payroll")
    )(check_source)
    sources.command("new", epilog=example("doichieu sources new tax --from https://lgsp.example.gov.vn/nnt.json"))(
        new_source
    )
    sources.command("diff", epilog=example("doichieu sources diff", "doichieu sources diff tax"))(diff_source)
    app.add_typer(sources, name="sources", epilog=example("doichieu sources list"))


def list_sources(config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Mọi tập dữ liệu: lần lấy gần nhất, số dòng, độ mới · Every dataset: last pull, rows, freshness."""
    from contracts.loader import all_datasets

    settings = settings_from(config)
    sources = [_described(settings, contract, today_in_vietnam(now())) for contract in all_datasets()]
    columns = (
        "Tập dữ liệu\nDataset",
        "Nguồn\nSource",
        "Lần lấy\nLast pull",
        "Kiểu\nKind",
        "Vào kho\nLanded",
        "Tách riêng\nSet aside",
        "Bản ghi mới nhất\nNewest record",
        "Độ mới\nFreshness",
        "Lệch\nDrift",
    )
    names = (
        "dataset",
        "source",
        "pulled_at",
        "kind",
        "landed",
        "set_aside",
        "newest_record_at",
        "freshness",
        "drift",
    )
    answer(
        {"sources": sources},
        table("Nguồn dữ liệu · Sources", columns, [[source[name] for name in names] for source in sources]),
        plain("`doichieu sources check TÊN` thử kết nối · `doichieu sources check NAME` tries the connection."),
        as_json=as_json,
    )


def check_source(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Tên nguồn · Registry, e.g. tax.", show_default=False)],
    dataset: Annotated[
        list[str] | None,
        typer.Option("--dataset", metavar="D", help="Chỉ tập này, lặp lại được · Only this one; repeatable."),
    ] = None,
    rows: Annotated[
        int, typer.Option("--rows", metavar="N", min=0, max=100, help="Số bản ghi in ra · Records shown.")
    ] = _SHOWN,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> int:
    """Xem vài bản ghi của mỗi tập qua hợp đồng, không lưu gì · Some records as the contract sees them; nothing is landed.

    REST: một trang; tệp: tệp đang chờ; CSDL: các dòng đầu. Tên, số và liên hệ được che.
    One page, the waiting files, or the first rows; names, numbers, contact and health data are masked.
    """
    from connectors.onboarding.check import check_registry

    settings = settings_from(config)
    checks = asyncio.run(check_registry(settings, name, clock=now, datasets=dataset, shown=rows))
    code = Exit.SOURCE if any(check.status == "failed" for check in checks) else Exit.DONE
    lines = [
        (
            f"{check.registry}.{check.dataset}",
            _STATUS[check.status],
            check.total_announced,
            check.rows_seen if check.status == "answers" else None,
            check.look.set_aside or None,
            check.last_pull,
            check.error or check.drift,
        )
        for check in checks
    ]
    details = [part for check in checks for part in _shown(check)]
    answer(
        {"registry": name, "datasets": [_checked(check) for check in checks], "exit_code": int(code)},
        table(f"Nguồn · Source {name}", _CHECK_COLUMNS, lines),
        *details,
        as_json=as_json,
    )
    return code


def _shown(check: "DatasetCheck") -> list["RenderableType"]:
    """The first records side by side, one line per field, and what would become of the whole sample."""
    title = f"{check.registry}.{check.dataset}"
    said = [*check.notes]
    if check.is_refused:
        said.append("lần lấy sẽ từ chối · a pull would refuse this: on_drift = fail")
    said += [f"{rows} × {reason}" for reason, rows in sorted(check.look.reasons.items(), key=lambda pair: -pair[1])]
    said += [f"{field}: mã lạ · unknown codes {', '.join(codes)}" for field, codes in check.look.odd_codes.items()]
    parts: list[RenderableType] = []
    if check.look.records:
        records = [_masked(check, record.values) for record in check.look.records]
        columns = ["Trường\nField", *(f"Bản ghi {number}\nRecord {number}" for number in range(1, len(records) + 1))]
        lines = [[field, *(record[field] for record in records)] for field in records[0]]
        if any(record.reasons for record in check.look.records):
            reasons = ("; ".join(record.reasons) or "vào kho · landed" for record in check.look.records)
            lines.append(["→", *reasons])
        parts.append(table(title, columns, lines))
    if said and check.status != "not_offered":
        heading = [] if check.look.records else [title]
        parts.append(plain("\n".join(heading + [f"  {line}" for line in said])))
    return parts


def _masked(check: "DatasetCheck", values: Mapping[str, str | None]) -> dict[str, Any]:
    """As findings show cited records, and health data blotted whole."""
    from contracts.loader import dataset
    from query.masking import HIDDEN, mask_record

    contract = dataset(check.registry, check.dataset)
    hidden = {field.name for field in contract.fields if field.personal == "health" and field.name not in contract.key}
    masked = mask_record(contract, values)
    return {name: HIDDEN if name in hidden and value is not None else value for name, value in masked.items()}


def _checked(check: "DatasetCheck") -> dict[str, Any]:
    return {
        "dataset": f"{check.registry}.{check.dataset}",
        "status": check.status,
        "via": check.via,
        "rows_seen": check.rows_seen,
        "total_announced": check.total_announced,
        "set_aside": check.look.set_aside,
        "reasons": dict(check.look.reasons),
        "unknown_codes": {field: list(codes) for field, codes in check.look.odd_codes.items()},
        "drift": check.drift or None,
        "would_be_refused": check.is_refused,
        "records": [
            {"values": _masked(check, record.values), "reasons": list(record.reasons)} for record in check.look.records
        ],
        "notes": list(check.notes),
        "last_pull": check.last_pull,
        "high_water_mark": check.high_water_mark,
        "error": check.error,
    }


def _described(settings: Settings, contract: "Dataset", today: date) -> dict[str, Any]:
    """One dataset as it stands; `landed` and `set_aside` are of its last pull."""
    from connectors.manifests import finished_pulls

    registry = next((found for name, found in settings.registries.items() if name == contract.registry), None)
    finished = finished_pulls(settings.data, contract.registry, contract.name)
    pulls = [pull for pull in finished if not pull.replay_of]
    last = pulls[-1] if pulls else None
    newest = last.high_water_mark if last else None
    return {
        "dataset": contract.full_name,
        "configured": registry is not None,
        "source": (str(registry.source) if registry.source else registry.base_url) if registry else None,
        "base_url": registry.base_url if registry else None,
        "pulls": len(pulls),
        "pulled_at": last.finished_at.astimezone(VIETNAM) if last else None,
        "kind": last.kind if last else None,
        "offered": last.offered if last else None,
        "landed": last.rows_landed if last else None,
        "set_aside": last.rows_quarantined if last else None,
        "newest_record_at": newest.astimezone(VIETNAM) if newest else None,
        "freshness": _freshness(settings, contract, last, newest, today),
        "drift": str(last.drift) or None if last else None,
    }


def _freshness(
    settings: Settings, contract: "Dataset", last: "PullManifest | None", newest: datetime | None, today: date
) -> str:
    if last is None:
        return "chưa lấy · never pulled"
    if not last.offered:
        return "không cung cấp · not offered"
    allowed = settings.checks_for(contract.registry, contract.name).freshness_days
    allowed = contract.freshness_days if allowed is None else allowed
    if newest is None or allowed is None:
        return "không xét · not judged"
    age = (today - newest.astimezone(VIETNAM).date()).days
    verdict = "mới · fresh" if age <= allowed else "CŨ · STALE"
    return f"{verdict} ({age}/{allowed} ngày · days)"
