"""`sources new|diff`: drafting a source file, and what a source delivers otherwise than last time."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.frame import DEFAULT_CONFIG, AsJson, ConfigFile, answer, now, plain, settings_from, table
from cli.init import source_notes
from common.errors import ConfigurationError, Exit
from common.files import write_atomically
from common.settings import REGISTRIES
from common.values import VIETNAM

if TYPE_CHECKING:
    from connectors.onboarding.contract_diff import DatasetDiff
    from connectors.onboarding.drafting_text import DatasetDraft

_CHANGES = {
    "new_field": "trường mới · new field",
    "vanished_field": "trường mất · vanished field",
    "emptied_field": "trường bỏ trống · emptied field",
    "changed_type": "kiểu khác · changed type",
    "new_code": "mã lạ · unknown code",
    "set_aside": "sẽ tách riêng · set aside",
    "mapping": "tệp nguồn đổi · mapping changed",
    "contract": "hợp đồng đổi · contract changed",
    "source": "tệp nguồn đổi · source file changed",
}


def new_source(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Tên nguồn · Registry, e.g. tax.", show_default=False)],
    given: Annotated[
        str,
        typer.Option("--from", metavar="URL|FILE", help="Địa chỉ, tệp hoặc CSDL · Address, file or database."),
    ],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Mặc định · Default: sources/NAME.toml.")
    ] = None,
    dataset: Annotated[
        list[str] | None,
        typer.Option("--dataset", metavar="D", help="Tập dữ liệu, lặp lại được · Dataset; repeatable."),
    ] = None,
    header: Annotated[
        list[str] | None, typer.Option("--header", metavar="'K: V'", help="Gửi kèm · Sent along; repeatable.")
    ] = None,
    user: Annotated[
        str | None, typer.Option("--user", metavar="NAME", help="Tên đăng nhập; hỏi mật khẩu · Asks for the password.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Ghi đè · Overwrite the file if it exists.")] = False,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Nháp tệp nguồn từ những gì tìm thấy · Draft a source file from what is found.

    Không ghi giá trị nào của bản ghi, không ghi mật khẩu; chỉ tên trường và mã của danh mục.
    Neither values of records nor secrets are written: names of fields, and codes of closed lists.
    """
    from connectors.onboarding.drafting import Access, draft_source

    path = out or config.parent / "sources" / f"{name}.toml"
    if path.exists() and not force and not _is_untouched(path, name):
        raise ConfigurationError(
            "the file exists already and is left as it is",
            where=str(path),
            remedy="name another place with --out FILE, or overwrite it with --force",
        )
    access = Access(headers=_headers(header or []), user=user, password=_password(user))
    draft = asyncio.run(draft_source(name, given, datasets=dataset or (), access=access, out=path, clock=now))
    write_atomically(path, draft.text())
    found = [_drafted(each) for each in draft.datasets]
    rows = [(f"{name}.{each['dataset']}", *(each[key] for key in _DRAFT_KEYS)) for each in found]
    columns = (
        "Tập dữ liệu\nDataset",
        "Đã ghép\nMapped",
        "Phải chọn mã\nCodes to choose",
        "Bắt buộc còn thiếu\nRequired, missing",
        "Chưa ghép\nNot mapped yet",
    )
    answer(
        {"written": str(path), "registry": name, "extends": draft.extends, "datasets": found},
        plain(f"Đã ghi · Written: {path}" + (f' (extends = "{draft.extends}")' if draft.extends else "")),
        *([table("", columns, rows)] if rows else []),
        plain(
            f"Tiếp theo · Next: sửa các chỗ có # · mend what stands behind #; in {config}:\n"
            f'  [registries.{name}]\n  source = "{_from_config(path, config)}"\n'
            f"rồi · then: doichieu sources check {name}"
        ),
        as_json=as_json,
    )


_DRAFT_KEYS = ("mapped", "to_choose", "missing", "not_mapped")


def _drafted(drafted: "DatasetDraft") -> dict[str, Any]:
    from connectors.onboarding.guessing import UNDECIDED

    guesses = drafted.guesses.items()
    return {
        "dataset": drafted.contract.name,
        "mapped": list(drafted.proposal.found),
        "to_choose": [name for name, guess in guesses if UNDECIDED in guess.recode.values()],
        "missing": drafted.missing,
        "not_mapped": [field.name for field in drafted.proposal.left_over],
    }


def _is_untouched(path: Path, name: str) -> bool:
    """Whether the file is what `init` wrote: nothing of anybody's is lost with it."""
    return name in REGISTRIES and path.read_text(encoding="utf-8") == source_notes(name)


def _headers(given: list[str]) -> dict[str, str]:
    found = {}
    for text in given:
        key, colon, value = text.partition(":")
        if not colon or not key.strip():
            raise ConfigurationError(
                "a header is a name, a colon and a value", where="--header", remedy="write --header 'X-API-Key: …'"
            )
        found[key.strip()] = value.strip()
    return found


def _password(user: str | None) -> str | None:
    return None if user is None else str(typer.prompt("Mật khẩu · Password", hide_input=True, err=True))


def _from_config(path: Path, config: Path) -> Path:
    home = config.resolve().parent
    there = path.resolve()
    return there.relative_to(home) if there.is_relative_to(home) else there


def diff_source(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Tên nguồn, mặc định tất cả · By default every registry.")
    ] = None,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> int:
    """Nguồn thay đổi gì từ lần lấy trước · What has changed since the last pull: fields, types, codes, mapping.

    Là báo cáo: mã thoát 0 cả khi có lệch, 3 khi một nguồn không đọc được.
    A report: exit code 0 also where something has changed, 3 where a source cannot be read.
    """
    settings = settings_from(config)
    if name is None and not settings.registries:
        raise ConfigurationError(
            "no registry is configured", where=str(settings.path), remedy="add a section [registries.NAME]"
        )
    from connectors.onboarding.contract_diff import diff_registry

    names = [name] if name is not None else list(settings.registries)
    diffs = [diff for each in names for diff in asyncio.run(diff_registry(settings, each, clock=now))]
    code = Exit.SOURCE if any(diff.check.status == "failed" for diff in diffs) else Exit.DONE
    rows = [row for diff in diffs for row in _lines(diff)]
    columns = ("Tập dữ liệu\nDataset", "Thay đổi\nChange", "Trường\nField", "Chi tiết\nDetail", "Từ lần trước\nNew")
    same = [f"{diff.check.registry}.{diff.check.dataset}" for diff in diffs if _is_same(diff)]
    answer(
        {"datasets": [_differing(diff) for diff in diffs], "exit_code": int(code)},
        *([table("Khác lần lấy trước · Changed since the last pull", columns, rows)] if rows else []),
        *([plain(f"Không đổi · unchanged: {', '.join(same)}")] if same else []),
        as_json=as_json,
    )
    return code


def _is_same(diff: "DatasetDiff") -> bool:
    return not diff.changes and diff.check.status == "answers" and diff.pulled_at is not None


def _lines(diff: "DatasetDiff") -> list[tuple[Any, ...]]:
    name = f"{diff.check.registry}.{diff.check.dataset}"
    lines: list[tuple[Any, ...]] = [
        (name, _CHANGES[change.kind], change.field, change.said, change.is_new) for change in diff.changes
    ]
    if diff.check.status == "failed":
        lines.append((name, "LỖI · FAILED", None, diff.check.error, None))
    elif diff.pulled_at is None and diff.check.status != "not_offered":
        lines.append((name, "chưa lấy · never pulled", None, "nothing to compare with but the mapping", None))
    return lines


def _differing(diff: "DatasetDiff") -> dict[str, Any]:
    return {
        "dataset": f"{diff.check.registry}.{diff.check.dataset}",
        "status": diff.check.status,
        "last_pull": diff.check.last_pull,
        "pulled_at": diff.pulled_at.astimezone(VIETNAM) if diff.pulled_at else None,
        "changes": list(diff.changes),
        "error": diff.check.error,
    }
