"""`sources list|check`: what is configured, landed, fresh, and reachable."""

from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import typer

from cli.frame import DEFAULT_CONFIG, AsJson, ConfigFile, answer, example, now, plain, settings_from, table
from common.settings import Settings
from common.values import VIETNAM, today_in_vietnam

if TYPE_CHECKING:
    from connectors.manifests import PullManifest
    from contracts.loader import Dataset


def register(app: typer.Typer) -> None:
    sources = typer.Typer(help="Các nguồn dữ liệu · The registries.", no_args_is_help=True)
    sources.command("list", epilog=example("doichieu sources list"))(list_sources)
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
