"""Verbs that make the lists: pull, run, build, publish, schedule."""

import dataclasses
from collections.abc import Sequence
from datetime import date, datetime
from enum import StrEnum
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
    progress,
    settings_from,
    stderr_console,
    table,
)
from common.errors import ConfigurationError, Exit, NotBuiltYet
from common.values import VIETNAM

if TYPE_CHECKING:
    from rich.console import RenderableType

    from flows.record import RunOutcome

AsOf = Annotated[
    datetime | None,
    typer.Option(
        "--as-of",
        formats=["%Y-%m-%d"],
        metavar="DATE",
        help="Ngày chốt số liệu, mặc định hôm nay · The day the books are read as of, by default today in Viet Nam.",
    ),
]


class Engine(StrEnum):
    duckdb = "duckdb"
    spark = "spark"


def register(app: typer.Typer) -> None:
    app.command("pull", epilog=example("doichieu pull tax insurance.payment", "doichieu pull --full"))(pull)
    app.command("run", epilog=example("doichieu run", "doichieu run --as-of 2026-06-30 --no-pull"))(run)
    app.command("build", epilog=example("doichieu build --as-of 2026-06-30"))(build)
    app.command("publish", epilog=example("doichieu publish"))(publish)
    app.command("schedule", epilog=example("doichieu schedule --config /etc/doichieu/doichieu.toml"))(schedule)


def pull(
    targets: Annotated[
        list[str] | None,
        typer.Argument(metavar="[REGISTRY[.DATASET]]...", help="Mặc định mọi nguồn · By default every registry."),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(metavar="TS", help="Lấy bản ghi đổi từ lúc này · Records changed since, ISO 8601."),
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Lấy lại toàn bộ · Fetch everything again.")] = False,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> int:
    """Lấy bản ghi về, tiếp từ chỗ bị ngắt · Land records; resumes where an interrupted pull stopped."""
    if since is not None and full:
        raise ConfigurationError("--since and --full exclude each other", remedy="give one of them")
    from flows.start import run_pull, told

    with progress() as drawn:
        report = run_pull(
            settings_from(config), targets or [], since=_moment(since), full=full, clock=now, progress=drawn
        )
    outcomes = told(report)
    answer({"datasets": outcomes, "exit_code": int(report.exit_code)}, _pulled_table(outcomes), as_json=as_json)
    return report.exit_code


def run(
    as_of: AsOf = None,
    no_pull: Annotated[bool, typer.Option("--no-pull", help="Dùng dữ liệu đã có · Use what has been landed.")] = False,
    inputs: Annotated[
        str | None,
        typer.Option(metavar="SNAPSHOT", help="Dựng lại đúng từ đầu vào của bản này · Rebuild from its exact inputs."),
    ] = None,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> int:
    """Chạy cả quy trình đêm · The whole nightly flow: pull, check, build, check, publish, report."""
    if inputs is not None and as_of is not None:
        raise ConfigurationError("--inputs and --as-of exclude each other", remedy="the snapshot brings its own day")
    from flows.start import run_nightly

    with progress() as drawn:
        outcome = run_nightly(
            settings_from(config), as_of=_day(as_of), no_pull=no_pull, inputs=inputs, clock=now, progress=drawn
        )
    return tell(outcome, as_json=as_json)


def build(
    as_of: AsOf = None,
    engine: Annotated[Engine, typer.Option(help="Máy tính toán · The engine.")] = Engine.duckdb,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> int:
    """Dựng kho từ dữ liệu đã lấy, chưa công bố · Build from landed data; publishes nothing."""
    if engine is Engine.spark:
        raise NotBuiltYet("--engine spark is not built yet", remedy="leave --engine out to build with DuckDB")
    from flows.start import run_build

    with progress() as drawn:
        built = run_build(settings_from(config), as_of=_day(as_of), clock=now, progress=drawn)
    answer(
        {"run": built.run, "path": built.path, "rules": built.rules, "exit_code": 0},
        _rules_table(built.rules),
        plain(f"Đã dựng · built: {built.path}\nTiếp theo · next: doichieu publish --config {config}"),
        as_json=as_json,
    )
    return Exit.DONE


def publish(config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> int:
    """Kiểm tra bản dựng mới nhất rồi công bố · Check the newest build, then publish it."""
    from flows.start import run_publish

    with progress() as drawn:
        outcome = run_publish(settings_from(config), clock=now, progress=drawn)
    return tell(outcome, as_json=as_json)


def schedule(config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> int:
    """Chạy quy trình đêm theo lịch, tới khi bị dừng · Serve the nightly flow on its schedule until stopped."""
    from flows.schedule import serve_schedule

    settings = settings_from(config)
    console = stderr_console()
    serve_schedule(settings, say=lambda line: console.print(plain(line)))
    answer({"schedule": settings.schedule.nightly, "exit_code": 0}, as_json=as_json)
    return Exit.DONE


def tell(outcome: "RunOutcome", *shown: "RenderableType", as_json: bool, **more: Any) -> int:
    """Print what came of a run, for people or as JSON; returns its exit code."""
    described = {**dataclasses.asdict(outcome), "exit_code": int(outcome.exit_code), **more}
    headline = "ĐÃ CÔNG BỐ · published" if outcome.published else "CHƯA CÔNG BỐ · not published"
    paths = [f"Báo cáo · report: {outcome.report}"]
    if outcome.published:
        paths.insert(0, f"Kho đã công bố · published warehouse: {outcome.warehouse}")
    answer(
        described,
        _pulled_table(outcome.sources),
        _rules_table(outcome.flags),
        plain(f"{headline}: {outcome.reason}"),
        *shown,
        plain("\n".join(paths)),
        as_json=as_json,
    )
    return outcome.exit_code


def _pulled_table(outcomes: Sequence[dict[str, Any]]) -> "RenderableType":
    columns = [
        "Nguồn · source",
        "Kết quả · status",
        "Nhận · in",
        "Vào kho · landed",
        "Tách riêng · set aside",
        "Giây · s",
    ]
    rows = [
        [
            f"{found['registry']}.{found['dataset']}",
            found["status"] if not found["error"] else f"{found['status']}: {found['error']}",
            found["rows_received"],
            found["rows_landed"],
            found["rows_quarantined"],
            None if found["seconds"] is None else f"{found['seconds']:.1f}",
        ]
        for found in outcomes
    ]
    return table("Dữ liệu lấy về · records pulled", columns, rows, right=("Giây · s",))


def _rules_table(rules: Sequence[dict[str, Any]]) -> "RenderableType":
    columns = [
        "Quy tắc · rule",
        "",
        "Dấu hiệu · flags",
        "Mới · new",
        "Hết · cleared",
        "Gốc (đồng) · principal",
        "Bỏ qua · skipped",
    ]
    rows = [
        [
            found["rule"],
            found["title_vi"],
            found["flags"],
            found["new"],
            found["cleared"],
            found["principal_vnd"],
            found["skipped_reason"],
        ]
        for found in rules
    ]
    return table("Dấu hiệu cần xác minh · signs to verify", columns, rows)


def _day(given: datetime | None) -> date | None:
    return given.date() if given else None


def _moment(given: str | None) -> datetime | None:
    """ISO 8601; a time without offset is read in Vietnamese time, like every naive timestamp here."""
    if given is None:
        return None
    try:
        moment = datetime.fromisoformat(given)
    except ValueError:
        raise ConfigurationError(
            f"not a time: {given!r}", where="--since", remedy="write ISO 8601, for example 2026-06-30T00:00:00+07:00"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=VIETNAM)
