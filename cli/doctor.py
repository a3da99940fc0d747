"""`doctor`: looks at everything a run needs, and says how to mend what is wrong."""

import asyncio
import importlib.metadata
import platform
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

import typer

from cli.frame import (
    DEFAULT_CONFIG,
    AsJson,
    ConfigFile,
    answer,
    cell,
    example,
    now,
    settings_from,
    table,
)
from common.errors import DoiChieuError, Exit
from common.files import DataFolder
from common.settings import Settings
from common.values import VIETNAM

_PINNED = ("duckdb", "prefect", "great-expectations", "fastapi", "sqlalchemy")
_GIGABYTE = 1024**3
_LEAST_FREE, _COMFORTABLE_FREE = 1 * _GIGABYTE, 10 * _GIGABYTE


@dataclass(frozen=True)
class Finding:
    """One line of the doctor: what was looked at, what it said, how to mend it."""

    topic: str
    verdict: Literal["ok", "warn", "fail"]
    said: str
    mend: str = ""
    exit_code: Exit = Exit.USAGE
    """What a failure of this kind means to the shell."""


def register(app: typer.Typer) -> None:
    app.command(epilog=example("doichieu doctor", "doichieu doctor --config /etc/doichieu/doichieu.toml --json"))(
        doctor
    )


def doctor(config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> int:
    """Kiểm tra cấu hình, kết nối, đĩa, phiên bản và cách sửa · Check everything a run needs."""
    findings = [*_versions(), *_clock()]
    try:
        settings = settings_from(config)
    except DoiChieuError as error:
        findings.append(Finding("cấu hình · configuration", "fail", f"{error.what} [{error.where}]", error.remedy))
    else:
        findings.append(Finding("cấu hình · configuration", "ok", str(settings.path)))
        findings += [*_data_folder(settings.data), *_published(settings), *_secrets(settings)]
        findings += asyncio.run(_reach(settings))
    code = _exit_code(findings)
    marks = {"ok": "✓", "warn": "! cảnh báo", "fail": "✗ LỖI"}
    answer(
        {"findings": [asdict(found) for found in findings], "exit_code": int(code)},
        table(
            "Khám hệ thống · Doctor",
            ("", "Mục\nTopic", "Kết quả\nResult", "Cách sửa\nHow to mend"),
            [(marks[found.verdict], found.topic, found.said, found.mend) for found in findings],
        ),
        as_json=as_json,
    )
    return code


def _exit_code(findings: list[Finding]) -> Exit:
    """A wrong configuration outranks a registry that is down: it must be mended first."""
    failed = {found.exit_code for found in findings if found.verdict == "fail"}
    return Exit.USAGE if Exit.USAGE in failed else next(iter(failed), Exit.DONE)


def _versions() -> Iterator[Finding]:
    from packaging.requirements import Requirement

    yield Finding("Python", "ok", platform.python_version())
    wanted = {found.name: found for found in map(Requirement, importlib.metadata.requires("doichieu") or [])}
    for name in _PINNED:
        pin = wanted[name].specifier
        try:
            installed = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            yield Finding(name, "fail", "không có · not installed", "run `make .venv`: it installs requirements.lock")
            continue
        fits = pin.contains(installed, prereleases=True)
        said = f"{installed} (cần · wanted {pin})"
        yield Finding(name, "ok", said) if fits else Finding(name, "fail", said, "run `make .venv` again")


def _clock() -> Iterator[Finding]:
    import duckdb

    said = f"{now().astimezone(VIETNAM):%d/%m/%Y %H:%M} Asia/Ho_Chi_Minh"
    with duckdb.connect() as connection:
        connection.execute("set timezone = 'Asia/Ho_Chi_Minh'")
        row = connection.execute(
            "select timestamptz '2026-01-01 00:00:00+00' = timestamp '2026-01-01 07:00:00'"
        ).fetchone()
    if row == (True,):
        yield Finding("giờ · clock", "ok", said)
    else:
        yield Finding("giờ · clock", "fail", f"{said}; DuckDB tính lệch · disagrees", "install the package tzdata")


def _data_folder(data: DataFolder) -> Iterator[Finding]:
    topic = "thư mục dữ liệu · data folder"
    try:
        data.root.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=data.root):
            pass
    except OSError as error:
        yield Finding(
            topic, "fail", f"{data.root}: {error.strerror}", "correct data_dir, or allow this user to write there"
        )
        return
    yield Finding(topic, "ok", str(data.root))
    free = shutil.disk_usage(data.root).free
    said = f"còn · free {free / _GIGABYTE:.1f} GB"
    if free < _LEAST_FREE:
        yield Finding("đĩa · disk", "fail", said, "free space: a run builds beside what is published")
    elif free < _COMFORTABLE_FREE:
        yield Finding("đĩa · disk", "warn", said, "a build of many registries may need more; free space soon")
    else:
        yield Finding("đĩa · disk", "ok", said)


def _published(settings: Settings) -> Iterator[Finding]:
    from query.audit import verify
    from query.snapshot import reading

    topic = "bản công bố · snapshot"
    if not settings.data.current.is_dir():
        yield Finding(topic, "ok", "chưa có · none yet")
    else:
        try:
            with reading(settings) as opened:
                snapshot = opened.snapshot
            yield Finding(topic, "ok", f"{snapshot.name} ({cell(snapshot.as_of)})")
            if datetime.fromisoformat(snapshot.manifest["created_at"]) > now():
                yield Finding("giờ · clock", "warn", "bản công bố ở tương lai · it lies in the future", "set the clock")
        except DoiChieuError as error:
            yield Finding(topic, "fail", error.what, error.remedy, Exit.FAULT)
    problems = verify(settings.data).problems
    if problems:
        yield Finding(
            "nhật ký · audit log", "fail", problems[0], "see `doichieu audit verify`; keep the files as they are"
        )


def _secrets(settings: Settings) -> Iterator[Finding]:
    if not settings.registries:
        mend = f"add a section [registries.…] to {Path(settings.path).name}"
        yield Finding("nguồn · registries", "warn", "chưa khai báo nguồn nào · none configured", mend)
    for name, registry in settings.registries.items():
        topic = f"{name}: mật khẩu · secret"
        try:
            secret = registry.secret(registry=name)
        except DoiChieuError as error:
            yield Finding(topic, "fail", f"{error.what} [{error.where}]", error.remedy)
        else:
            yield Finding(topic, "ok", "không cần · none asked" if secret is None else "có · present")


async def _reach(settings: Settings) -> list[Finding]:
    """Every registry asked at once: a host that does not answer keeps nobody waiting but itself."""
    return list(await asyncio.gather(*(_reached(settings, name) for name in settings.registries)))


async def _reached(settings: Settings, registry: str) -> Finding:
    from connectors.onboarding.check import check_registry

    topic = f"{registry}: kết nối · reach"
    try:
        checks = await check_registry(settings, registry, clock=now)
    except DoiChieuError as error:
        return Finding(topic, "fail", f"{error.what} [{error.where}]", error.remedy, Exit(error.exit_code))
    failed = [check for check in checks if check.status == "failed"]
    if failed:
        said, _, mend = (failed[0].error or "").partition("\n  → ")
        return Finding(topic, "fail", f"{len(failed)}/{len(checks)}: {said}", mend, Exit.SOURCE)
    drifted = [f"{check.dataset}: {check.drift}" for check in checks if check.drift]
    if drifted:
        return Finding(
            topic, "warn", "; ".join(drifted), "ask the agency, or map the field: `doichieu sources check` shows where"
        )
    offered = sum(check.status in ("answers", "empty") for check in checks)
    return Finding(topic, "ok", f"{offered}/{len(checks)} tập dữ liệu · datasets")
