"""Verbs that read the lists of a published snapshot: `flags`, `export`."""

from collections.abc import Sequence
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
from common.errors import ConfigurationError
from common.settings import user_name

if TYPE_CHECKING:
    from rich.console import RenderableType

Rule = Annotated[str | None, typer.Option(metavar="R", help="Mã quy tắc · Rule code, e.g. CD03.")]
Province = Annotated[str | None, typer.Option(metavar="P", help="Mã tỉnh của đơn vị · Province code of the employer.")]
Status = Annotated[str | None, typer.Option(metavar="S", help="late, evasion, excused, suspected, lead.")]
Change = Annotated[str | None, typer.Option(metavar="C", help="new, standing, worse, eased, cleared.")]

_CHOICES = {
    "status": ("late", "evasion", "excused", "suspected", "lead"),
    "change": ("new", "standing", "worse", "eased", "cleared"),
}


def register(app: typer.Typer) -> None:
    app.command(
        epilog=example("doichieu flags --rule CD03 --limit 10", "doichieu flags --province 66 --change new --json")
    )(flags)
    app.command(
        epilog=example(
            "doichieu export findings --out findings.parquet",
            "doichieu export flags --out flags.xlsx --unmasked --purpose thanh-tra-2026-07",
        )
    )(export)


def flags(
    rule: Rule = None,
    province: Province = None,
    status: Status = None,
    change: Change = None,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="Số dòng nhiều nhất · At most so many.")] = 20,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Danh sách dấu hiệu, lớn nhất trước · The flags of the live snapshot, largest first."""
    from query.identity import Reader
    from query.lists import Filter, open_list
    from query.snapshot import reading

    _check_choice("status", status)
    _check_choice("change", change)
    chosen = Filter(rule=rule, province=province, status=status, change=change, limit=limit)
    with reading(settings_from(config)) as opened:
        listing = open_list(opened, Reader(user_name(), now()), "flags", chosen, order="largest", keeps_names=True)
        rows = [row for batch in listing.batches for row in batch.to_pylist()]
        snapshot = opened.snapshot
    counted = f"{cell(len(rows))} / {cell(listing.matching)} · {snapshot.name} · {cell(snapshot.as_of)}"
    answer(
        {
            "snapshot": snapshot.name,
            "as_of": snapshot.as_of,
            "filter": chosen.given,
            "total": listing.matching,
            "flags": [{name: value for name, value in row.items() if name != "_name"} for row in rows],
        },
        flag_table(f"Dấu hiệu cần xác minh · Flags to verify ({counted})", rows),
        plain("`doichieu explain MÃ` cho biết căn cứ · `doichieu explain ID` shows the evidence."),
        as_json=as_json,
    )


def flag_table(title: str, rows: Sequence[dict[str, Any]]) -> "RenderableType":
    """Flags for the terminal; persons as the list gives them (masked)."""
    from query.words import CHANGES, STATUSES, in_words

    columns = ("Mã\nID", "Quy tắc\nRule", "Đối tượng\nSubject", "Tình trạng\nStatus", "Mức\nGrade")
    amounts = ("Số việc\nFindings", "Gốc (đồng)\nPrincipal", "Lãi (đồng)\nInterest", "Từ\nSince", "Thay đổi\nChange")
    return table(
        title,
        columns + amounts,
        [
            (
                row["flag_id"],
                row["rule"],
                _subject(row),
                in_words(row["status"], STATUSES),
                row["grade"],
                row["findings"],
                row["principal_vnd"],
                row["interest_vnd"],
                row["oldest_from"],
                in_words(row["change"], CHANGES),
            )
            for row in rows
        ],
        right=amounts[:3],
    )


def _subject(row: dict[str, Any]) -> str:
    employer = " ".join(part for part in (row["employer_tax_code"], row.get("_name")) if part)
    person = " ".join(part for part in (row["full_name"], row["citizen_id"] or row["si_number"]) if part)
    codes = [row[name] for name in ("unit_code", "facility_code", "doctor_code", "office_code") if row[name]]
    return " · ".join([part for part in (employer, person) if part] + codes) or row["person_key"] or row["employer_key"]


def export(
    table_name: Annotated[
        str, typer.Argument(metavar="TABLE", help="findings, flags, links, employers, indicators.", show_default=False)
    ],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Tệp ghi ra · The file to write.")],
    file_format: Annotated[
        str | None, typer.Option("--format", metavar="F", help="parquet, csv, xlsx, jsonl; else the file's ending.")
    ] = None,
    unmasked: Annotated[bool, typer.Option("--unmasked", help="Không che · Names and numbers in full.")] = False,
    purpose: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Mục đích · A code of [purposes], or words where none is set.")
    ] = None,
    rule: Rule = None,
    province: Province = None,
    status: Status = None,
    change: Change = None,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Xuất nguyên vẹn một danh sách · Write a whole list to a file, with FILE.manifest.json beside it."""
    from query.export import export as write_export
    from query.identity import reader_for
    from query.lists import Filter
    from query.snapshot import reading

    _check_choice("status", status)
    _check_choice("change", change)
    settings = settings_from(config)
    reader = reader_for(settings, who=user_name(), at=now(), is_unmasked=unmasked, purpose=purpose)
    chosen = Filter(rule=rule, province=province, status=status, change=change)
    task = f"export {table_name}"
    with reading(settings) as opened, progress() as bars:
        done = 0

        def on_rows(rows: int, total: int) -> None:
            nonlocal done
            bars.advance(task, rows - done, total)
            done = rows

        bars.start(task, None)
        manifest = write_export(opened, reader, table_name, out, asked=file_format, chosen=chosen, on_rows=on_rows)
        bars.finish(task)
    shown = "đã che · masked" if manifest.masked else f"không che · unmasked ({manifest.purpose})"
    answer(
        {"out": out, "manifest": f"{out}.manifest.json", "rows": manifest.rows, "sha256": manifest.sha256}
        | {"table": manifest.table, "format": manifest.format, "snapshot": manifest.snapshot}
        | {"masked": manifest.masked, "purpose": manifest.purpose, "filter": manifest.filter},
        plain(f"{out}: {cell(manifest.rows)} dòng · rows, {shown}\n  SHA-256 {manifest.sha256}\n  {out}.manifest.json"),
        as_json=as_json,
    )


def _check_choice(option: str, value: str | None) -> None:
    if value is not None and value not in _CHOICES[option]:
        raise ConfigurationError(
            f"--{option} {value!r} is not known", remedy=f"choose one of: {', '.join(_CHOICES[option])}"
        )
