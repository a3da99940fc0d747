"""`link judge|explain|diff`: who is who – a person's word on it, what it rests on, how it moved between snapshots."""

from typing import TYPE_CHECKING, Annotated

import typer

from cli.frame import DEFAULT_CONFIG, AsJson, ConfigFile, answer, example, now, plain, settings_from, table
from cli.waiting import add_waiting
from common.errors import ConfigurationError
from common.settings import user_name

if TYPE_CHECKING:
    from query.judgements import Judgement

_RECORD_HELP = "registry.dataset:record_key[:role]"
RecordA = Annotated[str, typer.Argument(metavar="A", help=f"Bản ghi thứ nhất · The one record: {_RECORD_HELP}.")]
RecordB = Annotated[str, typer.Argument(metavar="B", help=f"Bản ghi thứ hai · The other record: {_RECORD_HELP}.")]
_PAIR = "insurance.participation:Q-000123 health.death:TB-000456"
_KINDS = {"same": "một người · one person", "different": "hai người · two people"}


def register(app: typer.Typer) -> None:
    link = typer.Typer(help="Liên kết danh tính · Who is who.", no_args_is_help=True)
    link.command("judge", epilog=example(f'doichieu link judge {_PAIR} --different --why "hai số căn cước khác nhau"'))(
        judge
    )
    link.command("explain", epilog=example(f"doichieu link explain {_PAIR}"))(explain)
    link.command("diff", epilog=example("doichieu link diff 20260701T010000000000Z 20260702T010000000000Z"))(diff)
    add_waiting(
        link,
        "review",
        "link review",
        "Hàng chờ các cặp còn ngờ · The queue of doubtful pairs.",
        "doichieu link review",
    )
    app.add_typer(link, name="link", epilog=example(f"doichieu link explain {_PAIR}"))


def judge(
    a: RecordA,
    b: RecordB,
    why: Annotated[
        str,
        typer.Option("--why", metavar="TEXT", help="Căn cứ, không ghi tên hay số của ai · What it rests on; no names."),
    ],
    same: Annotated[bool, typer.Option("--same", help="Hai bản ghi là của một người · One person.")] = False,
    different: Annotated[bool, typer.Option("--different", help="Là của hai người · Two people.")] = False,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Xác nhận hai bản ghi là một hay hai người; lần chạy sau tuân theo · Say whether two records are one person.

    It is written to the audit log, holds in every later run, and is replaced by a later judgement on the same records.
    """
    from query.identity import Reader
    from query.judgements import judge as keep_judgement
    from query.snapshot import reading

    if same == different:
        raise ConfigurationError("say either --same or --different", remedy="`doichieu link judge --help`")
    kind = "same" if same else "different"
    with reading(settings_from(config)) as opened:
        made = keep_judgement(opened, Reader(user_name(), now()), a=a, b=b, kind=kind, why=why)
    told = f"{made.judgement_id}: {made.a} – {made.b}: {_KINDS[kind]}\nCó hiệu lực từ lần chạy sau · Holds from the next run on."
    answer(made.as_json(), plain(told), as_json=as_json)


def explain(a: RecordA, b: RecordB, config: ConfigFile = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Hai bản ghi: khớp gì, khác gì, thiếu gì, vì sao là một hay hai người · Two records compared. Goes to the audit log."""
    from query.identity import Reader
    from query.pairs import explain_pair
    from query.snapshot import reading

    with reading(settings_from(config)) as opened:
        found = explain_pair(opened, Reader(user_name(), now()), a, b)
    rows = [
        *((str(row.what), row.a, row.b, str(row.verdict)) for row in found.comparisons),
        ("người · person", found.person_key_a, found.person_key_b, ""),
        ("liên kết nhờ · linked by", str(found.linked_by_a), str(found.linked_by_b), ""),
    ]
    verdict = _KINDS["same" if found.is_one_person else "different"]
    answer(
        found.as_json(),
        table(f"Bản công bố · Snapshot {found.snapshot}", ("", str(found.a), str(found.b), "So sánh\nVerdict"), rows),
        plain(f"Hiện nay · Today: {verdict} – {found.why}"),
        *([plain("\n".join(_told(made) for made in found.judgements))] if found.judgements else []),
        as_json=as_json,
    )


def diff(
    earlier: Annotated[str, typer.Argument(metavar="RUN1", help="Bản trước · The earlier snapshot.")],
    later: Annotated[str, typer.Argument(metavar="RUN2", help="Bản sau · The later snapshot.")],
    limit: Annotated[int, typer.Option("--limit", min=0, help="Số dòng liệt kê · Rows listed.")] = 100,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Ai được nhập, tách, mới có, không còn giữa hai bản công bố · Persons merged, split, new, gone."""
    from query.identity_changes import compare_persons
    from query.snapshot import reading

    with reading(settings_from(config), later) as opened:
        found = compare_persons(opened, earlier, limit=limit)
    words = {"merged": "nhập · merged", "split": "tách · split", "new": "mới · new", "gone": "không còn · gone"}
    counts = [(words[kind], count) for kind, count in found.counts.items()]
    rows = [(words[one.kind], one.before, one.after, one.records) for one in found.listed]
    answer(
        found.as_json(),
        table(f"{found.earlier} → {found.later}", ("", "Người\nPersons"), counts),
        *([table("", ("", "Trước\nBefore", "Sau\nAfter", "Bản ghi\nRecords"), rows)] if rows else []),
        as_json=as_json,
    )


def _told(made: "Judgement") -> str:
    return f"{made.judged_at:%d/%m/%Y} {made.judged_by}: {_KINDS[made.kind]} – {made.why}"
