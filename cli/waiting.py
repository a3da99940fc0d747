"""Verbs of the published command whose part is not built yet: they say so and exit 2."""

from collections.abc import Callable

import typer

from cli.frame import DEFAULT_CONFIG, AsJson, ConfigFile, example
from common.errors import NotBuiltYet

WAITING: dict[str, tuple[str, str]] = {
    "backfill": (
        "Chạy lại những ngày đã qua · Run past dates.",
        "doichieu backfill --from 2026-01-01 --to 2026-01-31 --dry-run",
    ),
    "serve": ("Cổng tra cứu cho thanh tra · The inspectors' portal.", "doichieu serve --port 8080"),
    "users": ("Tài khoản cổng tra cứu · Portal accounts: add, list, disable.", "doichieu users list"),
    "retention": ("Xoá dữ liệu hết thời hạn lưu · Delete what is past its retention.", "doichieu retention --dry-run"),
    "backup": ("Sao lưu thư mục dữ liệu · Back up the data folder.", "doichieu backup"),
    "restore": ("Khôi phục từ bản sao lưu · Restore a backup.", "doichieu restore"),
}
_ANYTHING = {"allow_extra_args": True, "ignore_unknown_options": True}


def register(app: typer.Typer) -> None:
    for verb, (help_text, usage) in WAITING.items():
        add_waiting(app, verb, verb, help_text, usage)


def add_waiting(app: typer.Typer, verb: str, spoken: str, help_text: str, usage: str) -> None:
    """Give `app` a verb that takes any arguments and refuses them all; `spoken` is how the user writes it."""
    app.command(
        verb, help=f"{help_text} (Chưa có · not built yet.)", epilog=example(usage), context_settings=_ANYTHING
    )(_refusal(spoken))


def _refusal(spoken: str) -> Callable[..., None]:
    def refuse(context: typer.Context, config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
        raise NotBuiltYet(
            f"`doichieu {spoken}` is not built yet", remedy="`doichieu --help` lists the verbs that work today"
        )

    return refuse
