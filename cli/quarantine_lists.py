"""`quarantine ls|show`: records set aside, counted and shown."""

import json
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.frame import DEFAULT_CONFIG, AsJson, ConfigFile, answer, cell, now, plain, settings_from, table
from common.errors import ConfigurationError
from common.settings import user_name
from common.values import VIETNAM, today_in_vietnam

if TYPE_CHECKING:
    from rich.console import RenderableType

    from connectors.workbench import AsideRecord, DatasetCount
    from contracts.loader import Dataset

Target = Annotated[
    str | None,
    typer.Argument(metavar="[REGISTRY[.DATASET]]", help="Mặc định: tất cả · Default: all.", show_default=False),
]
OneDataset = Annotated[
    str, typer.Argument(metavar="REGISTRY.DATASET", help="Ví dụ tax.payroll · e.g. tax.payroll.", show_default=False)
]
Key = Annotated[str | None, typer.Option(metavar="KEY", help="Mã bản ghi · The record's key.")]


def list_aside(target: Target = None, config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Bản ghi để riêng theo tập và lý do · Records set aside today, by dataset and reason, largest first."""
    from connectors.workbench import workbench
    from flows.quarantining import datasets_of

    settings = settings_from(config)
    today = today_in_vietnam(now())
    found = []
    for contract in datasets_of(target):
        with workbench(settings, contract) as bench:
            counted = bench.count(today)
        if counted is not None:
            found.append(counted)
    found.sort(key=lambda counted: (-counted.records, counted.dataset.full_name))
    totals = {"records": sum(each.records for each in found), "waived": sum(each.waived for each in found)}
    answer(
        {"datasets": [_counted(each) for each in found], **totals},
        *_listed(found, totals),
        as_json=as_json,
    )


def _listed(found: "list[DatasetCount]", totals: dict[str, int]) -> "list[RenderableType]":
    if not found:
        return [plain("Không có bản ghi nào bị để riêng · Nothing is set aside.")]
    datasets = [
        (
            each.dataset.full_name,
            each.records,
            each.waived,
            each.in_force,
            f"{each.percent:.1f} %".replace(".", ","),
            f"{each.limits.quarantine_percent:g} % và · and {cell(each.limits.quarantine_rows)}",
            "VƯỢT · OVER" if each.is_over else "dưới · under",
        )
        for each in found
    ]
    reasons = [
        (
            each.dataset.full_name,
            f"{in_vietnamese(group.reason, each.dataset)}\n{group.reason}",
            group.records,
            group.waived,
            _day_of(group.oldest_pull),
            _day_of(group.newest_pull),
        )
        for each in found
        for group in each.reasons
    ]
    counts = ("Bản ghi\nRecords", "Tạm chấp nhận\nWaived")
    share = ("Đang hiệu lực\nIn force", "Tỷ lệ\nShare", "Ngưỡng\nThreshold", "")
    when = ("Sớm nhất\nOldest pull", "Mới nhất\nNewest pull")
    said = f"{cell(totals['records'])} bản ghi · records, {cell(totals['waived'])} tạm chấp nhận · waived"
    return [
        table(f"Bản ghi để riêng · Records set aside ({said})", ("Tập dữ liệu\nDataset", *counts, *share), datasets),
        table("Theo lý do · By reason", ("Tập dữ liệu\nDataset", "Lý do\nReason", *counts, *when), reasons),
        plain(
            "`doichieu quarantine show TẬP` cho xem từng bản ghi · `doichieu quarantine show DATASET` shows the records."
        ),
    ]


def _counted(each: "DatasetCount") -> dict[str, Any]:
    return {
        "dataset": each.dataset.full_name,
        "records": each.records,
        "waived": each.waived,
        "in_force": each.in_force,
        "percent": round(each.percent, 3),
        "quarantine_percent": each.limits.quarantine_percent,
        "quarantine_rows": each.limits.quarantine_rows,
        "is_over": each.is_over,
        "reasons": [
            {**asdict(group), "reason_vi": in_vietnamese(group.reason, each.dataset)} for group in each.reasons
        ],
    }


def show(
    dataset_name: OneDataset,
    reason: Annotated[str | None, typer.Option(metavar="TEXT", help="Một phần của lý do · Part of a reason.")] = None,
    key: Key = None,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="Số bản ghi nhiều nhất · At most so many.")] = 10,
    unmasked: Annotated[bool, typer.Option("--unmasked", help="Không che · As delivered.")] = False,
    purpose: Annotated[
        str | None, typer.Option(metavar="CODE", help="Mục đích · A code of [purposes], or words where none is set.")
    ] = None,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Từng bản ghi để riêng, nơi đứng và mọi lý do, đã che · Records set aside: content (masked), place, reasons."""
    from connectors.workbench import fields_fed, workbench
    from query import audit
    from query.identity import reader_for

    settings = settings_from(config)
    contract = one_dataset(dataset_name)
    reader = reader_for(settings, who=user_name(), at=now(), is_unmasked=unmasked, purpose=purpose)
    with workbench(settings, contract) as bench:
        matching, records = bench.records(today_in_vietnam(reader.at), reason=reason, key=key, limit=limit)
    fed = fields_fed(settings, contract) if reader.is_masked else None
    # Written before anything is seen; where it cannot be written nothing is.
    details = {"what": f"quarantine {contract.full_name}", "rows": len(records), "masked": reader.is_masked}
    said = {} if reader.is_masked else {"purpose": reader.purpose}
    action = "look" if reader.is_masked else "unmask"
    audit.append(settings.data, action=action, who=reader.who, at=reader.at, details={**details, **said})
    shown = [_shown(contract, record, fed, is_masked=reader.is_masked) for record in records]
    title = f"{contract.full_name}: {cell(len(shown))} / {cell(matching)} bản ghi để riêng · records set aside"
    answer(
        {"dataset": contract.full_name, "matching": matching, "masked": reader.is_masked, "records": shown},
        plain(title),
        *(_drawn(number, each) for number, each in enumerate(shown, start=1)),
        as_json=as_json,
    )


def _shown(contract: "Dataset", record: "AsideRecord", fed: Any, *, is_masked: bool) -> dict[str, Any]:
    from query.masking import mask_delivered

    try:
        content: Any = json.loads(record.record)
    except ValueError:
        content = record.record
    own = content if isinstance(content, dict) else {}
    return {
        "record_key": record.record_key,
        "updated_at": record.updated_at,
        "pull": record.pull,
        "page": record.page,
        "row": record.row,
        "file": own.get("_file_name"),
        "place": own.get("_place"),
        "reasons": list(record.reasons),
        "reasons_vi": [in_vietnamese(reason, contract) for reason in record.reasons],
        "waived_until": record.waived_until,
        "record": mask_delivered(contract, content, fed) if is_masked else content,
    }


def _drawn(number: int, shown: dict[str, Any]) -> "RenderableType":
    where = f"trang · page {shown['page']}, dòng · row {shown['row']}"
    said = [f"{vi} · {en}" for vi, en in zip(shown["reasons_vi"], shown["reasons"], strict=True)]
    facts: list[tuple[str, Any]] = [("Lý do · Reasons", "\n".join(said))]
    facts.append(("Lần lấy · Pull", f"{shown['pull']} ({_day_of(shown['pull'])})"))
    facts.append(("Nơi đứng · Place", where))
    for heading, name in (("Tệp · File", "file"), ("Vị trí trong tệp · In the file", "place")):
        facts += [(heading, shown[name])] if shown[name] else []
    facts.append(("Cập nhật lúc · Updated at", shown["updated_at"] and shown["updated_at"].astimezone(VIETNAM)))
    facts += [("Tạm chấp nhận đến · Waived until", shown["waived_until"])] if shown["waived_until"] else []
    content = shown["record"] if isinstance(shown["record"], dict) else {"": shown["record"]}
    told = ("_file_name", "_place")
    facts += [(f"  {name}", _as_text(value)) for name, value in content.items() if name not in told]
    key = shown["record_key"] or "(không đọc được mã · no readable key)"
    return table(f"\n{number}. {key}", ("", ""), facts)


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def one_dataset(name: str) -> "Dataset":
    from contracts.loader import dataset

    registry, _, rest = name.partition(".")
    if not rest:
        raise ConfigurationError(f"{name} is no dataset", remedy="write REGISTRY.DATASET, for example tax.payroll")
    return dataset(registry, rest)


def in_vietnamese(reason: str, contract: "Dataset") -> str:
    from contracts import reasons

    return reasons.in_vietnamese(reason, contract)


def _day_of(pull: str) -> str:
    try:
        return cell(datetime.strptime(pull, "%Y%m%dT%H%M%S%f%z").astimezone(VIETNAM))
    except ValueError:
        return pull
