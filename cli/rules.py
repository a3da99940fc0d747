"""`rules list|show`: the rule book, as the live snapshot applied it, or as the files stand before the first run."""

from typing import Annotated, Any

import typer

from cli.frame import (
    DEFAULT_CONFIG,
    AsJson,
    ConfigFile,
    answer,
    example,
    plain,
    settings_from,
    table,
)
from cli.waiting import add_waiting
from common.errors import ConfigurationError
from common.settings import Settings

_SHOWN = (
    "rule",
    "rule_version",
    "title_vi",
    "title_en",
    "subject",
    "law",
    "reason_vi",
    "reason_en",
    "innocent_vi",
    "innocent_en",
    "inputs",
    "params",
    "skipped_reason",
)


def register(app: typer.Typer) -> None:
    rules = typer.Typer(help="Bộ quy tắc · The rule book.", no_args_is_help=True)
    rules.command("list", epilog=example("doichieu rules list"))(list_rules)
    rules.command("show", epilog=example("doichieu rules show CD03"))(show_rule)
    add_waiting(
        rules,
        "backtest",
        "rules backtest",
        "Thử quy tắc trên các bản đã công bố · Run a rule over past snapshots.",
        "doichieu rules backtest CD03 --from 2026-01-01",
    )
    app.add_typer(rules, name="rules", epilog=example("doichieu rules list"))


def list_rules(config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Mọi quy tắc, điều luật, và số dấu hiệu hiện có · Every rule, its law, and its flags today."""
    settings = settings_from(config)
    rules, snapshot = _rule_book(settings)
    counted = _flags_by_rule(settings) if snapshot else {}
    rows = [
        (
            rule["rule"],
            f"{rule['title_vi']}\n{rule['title_en']}",
            rule["subject"],
            rule["law"],
            counted.get(rule["rule"], 0) if snapshot else None,
            rule["skipped_reason"],
        )
        for rule in rules
    ]
    columns = (
        "Mã\nRule",
        "Tên\nTitle",
        "Đối tượng\nSubject",
        "Điều luật\nLaw",
        "Dấu hiệu\nFlags",
        "Bỏ qua vì\nSkipped",
    )
    answer(
        {"snapshot": snapshot, "rules": [{**rule, "flags": counted.get(rule["rule"], 0)} for rule in rules]},
        table(f"Bộ quy tắc · Rule book ({snapshot or 'chưa công bố · nothing published yet'})", columns, rows),
        as_json=as_json,
    )


def show_rule(
    rule: Annotated[str, typer.Argument(metavar="RULE", help="Mã quy tắc · Rule code, e.g. CD03.")],
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Một quy tắc: điều luật, câu lý do, dữ liệu vào, giải thích vô can · One rule in full."""
    rules, snapshot = _rule_book(settings_from(config))
    found = next((one for one in rules if one["rule"] == rule.upper()), None)
    if found is None:
        known = ", ".join(one["rule"] for one in rules)
        raise ConfigurationError(f"there is no rule {rule!r}", remedy=f"choose one of: {known}")
    innocent = zip(found["innocent_vi"], found["innocent_en"], strict=True)
    rows = [
        ("Tên · Title", f"{found['title_vi']} · {found['title_en']}"),
        ("Bản · Version", found["rule_version"]),
        ("Đối tượng · Subject", found["subject"]),
        ("Điều luật · Law", found["law"]),
        ("Câu lý do", found["reason_vi"]),
        ("Reason", found["reason_en"]),
        ("Dữ liệu vào · Inputs", "\n".join(found["inputs"])),
        ("Tham số · Parameters", "\n".join(found["params"])),
        ("Vô can khi · Innocent if", "\n".join(f"{vi} · {en}" for vi, en in innocent)),
        *([("Bỏ qua vì · Skipped", found["skipped_reason"])] if found["skipped_reason"] else []),
    ]
    answer(
        {"snapshot": snapshot, **found},
        table(found["rule"], ("", ""), rows),
        plain("Kết quả là dấu hiệu cần xác minh · Results are signs to verify."),
        as_json=as_json,
    )


def _rule_book(settings: Settings) -> tuple[list[dict[str, Any]], str | None]:
    """The rules of the live snapshot with its name, or those of the rule files with None."""
    from query.snapshot import reading

    if not settings.data.current.is_dir():
        return _rules_of_files(), None
    with reading(settings) as opened:
        rows = opened.connection.execute(f"select {', '.join(_SHOWN)} from main.rule order by rule").fetchall()
        rules = [dict(zip(_SHOWN, row, strict=True)) for row in rows]
        listed = ("innocent_vi", "innocent_en", "inputs", "params")
        return [{**rule, **{name: rule[name] or [] for name in listed}} for rule in rules], opened.snapshot.name


def _rules_of_files() -> list[dict[str, Any]]:
    from warehouse.rule_book import load_rules

    return [
        {
            "rule": rule.rule,
            "rule_version": rule.version,
            "title_vi": rule.title_vi,
            "title_en": rule.title_en,
            "subject": rule.subject,
            "law": rule.law,
            "reason_vi": rule.reason_vi,
            "reason_en": rule.reason_en,
            "innocent_vi": list(rule.innocent_vi),
            "innocent_en": list(rule.innocent_en),
            "inputs": list(rule.inputs),
            "params": list(rule.law_values),
            "skipped_reason": None,
        }
        for rule in load_rules()
    ]


def _flags_by_rule(settings: Settings) -> dict[str, int]:
    from query.snapshot import reading

    with reading(settings) as opened:
        counted = "select rule, count(*) from main.flag where change <> 'cleared' group by rule"
        return dict(opened.connection.execute(counted).fetchall())
