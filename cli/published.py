"""Verbs about what has been published: `report`, `rollback`, `audit verify`."""

from pathlib import Path
from typing import Annotated, Any

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
)
from common.errors import ConfigurationError, Exit
from common.files import DataFolder, hold_lock, read_json
from common.settings import user_name


def register(app: typer.Typer) -> None:
    app.command(epilog=example("doichieu report latest --open"))(report)
    app.command(epilog=example("doichieu rollback"))(rollback)
    audit = typer.Typer(help="Nhật ký tra cứu · The audit log.", no_args_is_help=True)
    audit.command("verify", epilog=example("doichieu audit verify"))(verify_audit)
    app.add_typer(audit, name="audit", epilog=example("doichieu audit verify"))


def report(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Mã lượt chạy, hoặc latest · A run, or latest.")] = "latest",
    open_it: Annotated[bool, typer.Option("--open", help="Mở trong trình duyệt · Open in the browser.")] = False,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Báo cáo của một lượt chạy: chất lượng dữ liệu, nguồn, dấu hiệu · The report of a run."""
    folder = _report_folder(settings_from(config).data, run)
    page = folder / "index.html"
    record = folder / "report.json"
    answer(
        {"run": folder.name, "page": page, "record": record, "report": _recorded(record)},
        plain(f"Báo cáo · Report {folder.name}\n  {page}\n  {record}"),
        as_json=as_json,
    )
    if open_it:
        import webbrowser

        webbrowser.open(page.resolve().as_uri())


def rollback(
    snapshot: Annotated[
        str | None, typer.Argument(metavar="SNAPSHOT", help="Mặc định: bản trước · Default: the one before.")
    ] = None,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Quay về một bản đã công bố trước đó · Make an earlier published snapshot the live one again."""
    from query import audit
    from query.snapshot import find_snapshot
    from warehouse.publish import rollback as roll_back

    settings = settings_from(config)
    with hold_lock(settings.data_dir, holder={"verb": "rollback", "who": user_name()}):
        before = find_snapshot(settings.data).name
        live = roll_back(settings.data, snapshot)
        details = {"what": "rollback", "from": before, "snapshot": live}
        audit.append(settings.data, action="rollback", who=user_name(), at=now(), details=details)
    answer(
        {"snapshot": live, "before": before},
        plain(f"Bản đang dùng · The live snapshot: {live} (trước đó · before: {before})"),
        as_json=as_json,
    )


def verify_audit(config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Kiểm tra nhật ký có bị xoá hay sửa dòng nào · Find a removed or altered line of the audit log."""
    from query.audit import verify

    found = verify(settings_from(config).data)
    verdict = "nguyên vẹn · unbroken" if not found.problems else "BỊ SỬA HOẶC MẤT DÒNG · BROKEN"
    lines = [f"Nhật ký · Audit log: {found.lines} dòng · lines, {found.files} tệp · files: {verdict}"]
    answer(
        {"lines": found.lines, "files": found.files, "unbroken": not found.problems, "problems": found.problems},
        plain("\n".join(lines + [f"  • {problem}" for problem in found.problems])),
        as_json=as_json,
    )
    if found.problems:
        raise typer.Exit(Exit.BLOCKED)


def _report_folder(data: DataFolder, run: str) -> Path:
    written = sorted(page.parent for page in data.reports.glob("*/index.html"))
    if not written:
        raise ConfigurationError(
            "no run has written a report yet", where=str(data.reports), remedy="run `doichieu run`"
        )
    if run == "latest":
        return written[-1]
    for folder in written:
        if folder.name == run:
            return folder
    recent = ", ".join(folder.name for folder in written[-5:])
    raise ConfigurationError(
        f"there is no report of run {run!r}", where=str(data.reports), remedy=f"choose latest or one of: {recent}"
    )


def _recorded(record: Path) -> Any:
    return read_json(record) if record.exists() else None
