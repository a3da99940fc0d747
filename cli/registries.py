"""`sources list|check`: what is configured, landed, fresh, and reachable."""

import asyncio
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
from common.errors import Exit
from common.settings import Settings
from common.values import VIETNAM, today_in_vietnam

if TYPE_CHECKING:
    from connectors.check import DatasetCheck
    from connectors.manifests import PullManifest
    from contracts.loader import Dataset


def register(app: typer.Typer) -> None:
    sources = typer.Typer(help="Các nguồn dữ liệu · The registries.", no_args_is_help=True)
    sources.command("list", epilog=example("doichieu sources list"))(list_sources)
    sources.command("check", epilog=example("doichieu sources check tax"))(check_source)
    app.add_typer(sources, name="sources", epilog=example("doichieu sources list"))


def list_sources(config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Mọi tập dữ liệu: lần lấy gần nhất, số dòng, độ mới · Every dataset: last pull, rows, freshness."""
    from contracts.loader import all_datasets

    settings = settings_from(config)
    sources = [_described(settings, contract, today_in_vietnam(now())) for contract in all_datasets()]
    columns = (
        "Tập dữ liệu\nDataset",
        "Địa chỉ\nAddress",
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
        "base_url",
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
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> int:
    """Thử lấy một trang của mỗi tập dữ liệu, không lưu gì · Ask every dataset for one page; nothing is landed."""
    from connectors.check import check_registry

    settings = settings_from(config)
    checks = asyncio.run(check_registry(settings, name, clock=now))
    code = Exit.SOURCE if any(check.status == "failed" for check in checks) else Exit.DONE
    said = {"answers": "trả lời · answers", "not_offered": "không cung cấp · not offered", "failed": "LỖI · FAILED"}
    rows = [
        (
            f"{check.registry}.{check.dataset}",
            said[check.status],
            check.total_announced,
            check.last_pull,
            check.error or str(check.drift),
        )
        for check in checks
    ]
    columns = (
        "Tập dữ liệu\nDataset",
        "Kết quả\nResult",
        "Tổng số\nTotal",
        "Lần lấy\nLast pull",
        "Lệch hợp đồng hoặc lỗi\nDrift or error",
    )
    answer(
        {"registry": name, "datasets": [_checked(check) for check in checks], "exit_code": int(code)},
        table(f"Nguồn · Source {name}", columns, rows),
        as_json=as_json,
    )
    return code


def _checked(check: "DatasetCheck") -> dict[str, Any]:
    return {
        "dataset": f"{check.registry}.{check.dataset}",
        "status": check.status,
        "rows_seen": check.rows_seen,
        "total_announced": check.total_announced,
        "drift": str(check.drift) or None,
        "last_pull": check.last_pull,
        "high_water_mark": check.high_water_mark,
        "error": check.error,
    }


def _described(settings: Settings, contract: "Dataset", today: date) -> dict[str, Any]:
    """One dataset as it stands; `landed` and `set_aside` are of its last pull."""
    from connectors.manifests import finished_pulls

    registry = next((found for name, found in settings.registries.items() if name == contract.registry), None)
    pulls = finished_pulls(settings.data, contract.registry, contract.name)
    last = pulls[-1] if pulls else None
    newest = last.high_water_mark if last else None
    return {
        "dataset": contract.full_name,
        "configured": registry is not None,
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
