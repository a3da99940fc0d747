"""`sandbox serve|truth`: the simulated registries alone, and what was planted in them."""

import signal
import threading
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.frame import DEFAULT_CONFIG, AsJson, ConfigFile, answer, cell, example, now, plain, progress, table
from common.errors import ConfigurationError
from common.settings import REGISTRIES
from common.values import today_in_vietnam

if TYPE_CHECKING:
    from sandbox.world import World


class Faults(StrEnum):
    """How badly the simulated registries behave."""

    none = "none"
    mild = "mild"
    harsh = "harsh"


Persons = Annotated[int, typer.Option(min=500, metavar="N", help="Số người · People in the world.")]
Seed = Annotated[int, typer.Option(metavar="S", help="Hạt giống · The same seed makes the same world.")]
AsOf = Annotated[
    datetime | None,
    typer.Option("--as-of", formats=["%Y-%m-%d"], metavar="DATE", help="Ngày chốt sổ · The day the books stand at."),
]


def register(app: typer.Typer) -> None:
    sandbox = typer.Typer(help="Các cơ quan giả lập · The simulated registries.", no_args_is_help=True)
    sandbox.command("serve", epilog=example("doichieu sandbox serve --persons 2000 --port 8800 --faults mild"))(serve)
    sandbox.command("truth", epilog=example("doichieu sandbox truth --out truth --persons 2000"))(truth)
    app.add_typer(sandbox, name="sandbox", epilog=example("doichieu sandbox serve"))


def serve(
    persons: Persons = 20_000,
    seed: Seed = 1,
    port: Annotated[int, typer.Option(min=0, max=65_535, metavar="P", help="0: cổng trống · a free one.")] = 8800,
    faults: Annotated[Faults, typer.Option(help="Lỗi mạng giả lập · Simulated faults.")] = Faults.none,
    as_of: AsOf = None,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Mở các cơ quan giả lập trên máy này, tới khi bị dừng · Serve them on loopback until stopped (Ctrl-C)."""
    from sandbox.server import serving

    world = _world(persons, seed, as_of)
    stopped = threading.Event()
    for wanted in (signal.SIGINT, signal.SIGTERM):
        signal.signal(wanted, lambda number, frame: stopped.set())
    try:
        with serving(world, port=port, faults=faults.value, seed=seed) as base_url:
            answer(
                {"base_url": base_url, "token_url": f"{base_url}/oauth/token", "client_id": "doichieu"},
                plain(f"Đang phục vụ · Serving {base_url} – Ctrl-C để dừng · to stop\n\n{_settings_for(base_url)}"),
                as_json=as_json,
            )
            stopped.wait()
    except OSError as error:
        raise ConfigurationError(
            f"the port cannot be used: {error.strerror}",
            where=f"--port {port}",
            remedy="choose another, or 0 for a free one",
        ) from error


def truth(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Thư mục ghi ra · The folder to write.")],
    persons: Persons = 20_000,
    seed: Seed = 1,
    as_of: AsOf = None,
    config: ConfigFile = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Ghi những gì đã được cài sẵn, dạng Parquet · The planted truth as Parquet files."""
    from sandbox.export import write_truth

    written = write_truth(_world(persons, seed, as_of), out)
    answer(
        {"out": out, "files": [path.name for path in written]},
        table(f"Sự thật đã cài · Planted truth: {out}", ("Tệp\nFile", "KB"), [_sized(path) for path in written]),
        as_json=as_json,
    )


def _sized(path: Path) -> tuple[str, int]:
    return path.name, path.stat().st_size // 1024


def _world(persons: int, seed: int, as_of: datetime | None) -> "World":
    from sandbox.world import generate

    day: date = as_of.date() if as_of else today_in_vietnam(now())
    task = f"Thế giới giả lập · simulated world ({cell(persons)})"
    with progress() as drawn:
        drawn.start(task, None)
        world = generate(persons, seed, day)
        drawn.finish(task)
    return world


def _settings_for(base_url: str) -> str:
    """What to write into `doichieu.toml` to pull from here."""
    access = f'token_url = "{base_url}/oauth/token"\nclient_id = "doichieu"\nclient_secret = "sandbox"\n'
    return "\n".join(f'[registries.{name}]\nbase_url = "{base_url}/{name}"\n{access}' for name in REGISTRIES)
