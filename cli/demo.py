"""`doichieu demo`: simulated registries on loopback, the nightly flow over real HTTP, and what came of it.

The simulated world moves one day at each demo, up to today; so a second demo pulls only what changed.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.frame import AsJson, cell, example, now, plain, progress, table
from cli.reading import flag_table
from cli.running import tell
from common.errors import ConfigurationError
from common.files import read_json, write_json
from common.settings import Settings, load_settings, user_name
from common.values import Progress, today_in_vietnam

if TYPE_CHECKING:
    from rich.console import RenderableType

    from flows.record import RunOutcome

DEMO_CONFIG = Path("var/demo/doichieu.toml")
LARGEST = 10
MOST_DAYS = 30


class Faults(StrEnum):
    none = "none"
    mild = "mild"
    harsh = "harsh"


@dataclass(frozen=True)
class World:
    """Which simulated world lives in a demo's folder, and the day its books stand at."""

    persons: int
    seed: int
    first_day: date
    day: date


def register(app: typer.Typer) -> None:
    app.command(epilog=example("doichieu demo", "doichieu demo --persons 2000 --seed 7 --faults harsh"))(demo)


def demo(
    persons: Annotated[int, typer.Option(min=500, metavar="N", help="Số người · People in the world.")] = 20_000,
    seed: Annotated[int, typer.Option(metavar="S", help="Hạt giống · The same seed makes the same world.")] = 1,
    faults: Annotated[Faults, typer.Option(help="Lỗi mạng giả lập · Simulated faults.")] = Faults.mild,
    config: Annotated[
        Path, typer.Option("--config", metavar="FILE", help="Tệp cấu hình của bản thử · Where the demo's is written.")
    ] = DEMO_CONFIG,
    as_json: AsJson = False,
) -> int:
    """Chạy thử toàn bộ với cơ quan giả lập · The whole nightly flow on simulated registries, nothing to set up."""
    world = _world_of_today(config, persons, seed)
    with progress() as drawn, _simulated(world, faults, config, drawn) as settings:
        from flows.start import run_nightly

        outcome = run_nightly(
            settings, as_of=world.day, clock=now, progress=drawn, truth=_truth(config) / "records.parquet"
        )
    is_first = world.day == world.first_day
    registries = _by_registry(outcome, settings)
    flags = _largest_flags(settings) if outcome.published else []
    shown = [_registry_table(registries, is_first=is_first)]
    if flags:
        shown.append(flag_table(f"{LARGEST} dấu hiệu lớn nhất · the {LARGEST} largest flags", flags))
    shown.append(plain("\n".join([*_accuracy(outcome), *_closing(world, config, flags)])))
    return tell(outcome, *shown, as_json=as_json, registries=registries, largest_flags=flags)


def _world_of_today(config: Path, persons: int, seed: int) -> World:
    """The world in the demo's folder a day on, or a new one whose books were closed yesterday.

    Raises `ConfigurationError` where the folder holds another world or somebody's own configuration.
    """
    note = _note(config)
    today = today_in_vietnam(now())
    if not note.exists():
        if config.exists():
            raise ConfigurationError(
                "this configuration was not written by a demo",
                where=str(config),
                remedy="name another file with --config: the demo writes its own",
            )
        return World(persons, seed, today - timedelta(days=1), today - timedelta(days=1))
    said = read_json(note)
    if (said["persons"], said["seed"]) != (persons, seed):
        raise ConfigurationError(
            f"this folder holds the demo of {said['persons']} persons, seed {said['seed']}",
            where=str(config.parent),
            remedy=f"remove the folder to start anew, or give --config var/demo-{seed}/doichieu.toml",
        )
    last = date.fromisoformat(said["day"])
    first = date.fromisoformat(said["first_day"])
    if not said["is_finished"]:  # that demo was stopped on its way: the same day again
        return World(persons, seed, first, last)
    # The simulated world ends a month after its first day.
    newest = min(today, first + timedelta(days=MOST_DAYS))
    return World(persons, seed, first, max(last, min(last + timedelta(days=1), newest)))


@contextmanager
def _simulated(world: World, faults: Faults, config: Path, drawn: Progress) -> Iterator[Settings]:
    """The simulated registries answer on loopback while the block runs; yields the settings that reach them."""
    from sandbox.export import write_configuration, write_truth
    from sandbox.server import serving
    from sandbox.world import advance, generate

    task = "Dựng thế giới giả lập · simulated world"
    drawn.start(task, None)
    population = advance(generate(world.persons, world.seed, world.first_day), (world.day - world.first_day).days)
    drawn.advance(task, world.persons, world.persons)
    drawn.finish(task)
    with serving(population, faults=faults.value, seed=world.seed) as base_url:
        config.parent.mkdir(parents=True, exist_ok=True)
        _write_note(config, world, is_finished=False)
        write_configuration(base_url, config, config.resolve().parent / "data")
        write_truth(population, _truth(config))
        yield load_settings(config)
    _write_note(config, world, is_finished=True)


def _write_note(config: Path, world: World, *, is_finished: bool) -> None:
    days = {"first_day": world.first_day.isoformat(), "day": world.day.isoformat()}
    write_json(_note(config), {**asdict(world), **days, "is_finished": is_finished})


def _note(config: Path) -> Path:
    return config.with_name("demo.json")


def _truth(config: Path) -> Path:
    """Where a demo writes what is really so in its world; no run reads it but to measure itself."""
    return config.with_name("truth")


def _by_registry(outcome: "RunOutcome", settings: Settings) -> list[dict[str, Any]]:
    linked = _linked(settings) if outcome.published else {}
    found: dict[str, dict[str, Any]] = {}
    for source in outcome.sources:
        registry = found.setdefault(
            source["registry"],
            {
                "registry": source["registry"],
                "received": 0,
                "landed": 0,
                "set_aside": 0,
                "linked": linked.get(source["registry"]),
            },
        )
        registry["received"] += source["rows_received"]
        registry["landed"] += source["rows_landed"]
        registry["set_aside"] += source["rows_quarantined"]
    return list(found.values())


def _linked(settings: Settings) -> dict[str, int]:
    """Records about a person that share that person with another record, by registry."""
    from query.snapshot import reading

    with reading(settings) as opened:
        rows = opened.connection.execute(
            "select registry, count(distinct dataset || ' ' || record_key) from link where method <> 'alone' group by 1"
        ).fetchall()
    return dict(rows)


def _largest_flags(settings: Settings) -> list[dict[str, Any]]:
    from query.identity import Reader
    from query.lists import Filter, open_list
    from query.snapshot import reading

    with reading(settings) as opened:
        chosen = Filter(limit=LARGEST)
        listing = open_list(opened, Reader(user_name(), now()), "flags", chosen, order="largest", keeps_names=True)
        return [row for batch in listing.batches for row in batch.to_pylist()]


def _registry_table(registries: Sequence[dict[str, Any]], *, is_first: bool) -> "RenderableType":
    title = "Lần đầu: lấy toàn bộ · first demo: everything" if is_first else "Chỉ lấy phần đã đổi · only what changed"
    columns = (
        "Cơ quan · registry",
        "Nhận · in",
        "Mới hoặc đổi · new or changed",
        "Tách riêng · set aside",
        "Đã liên kết · linked",
    )
    return table(title, columns, [list(found.values()) for found in registries])


def _accuracy(outcome: "RunOutcome") -> list[str]:
    """One line on the links of the whole world; none where nothing was linked."""
    from expectations.figures import share

    found = next((row for row in outcome.linkage.get("accuracy", []) if row["dataset"] is None), None)
    if found is None:
        return []
    wrong, missed = found["linked_pairs"] - found["correct_pairs"], found["true_pairs"] - found["correct_pairs"]
    return [
        f"Liên kết so với sự thật đã cài · links against the planted truth: {cell(found['true_pairs'])} cặp · pairs,"
        f" {cell(wrong)} nối nhầm · wrongly linked, {cell(missed)} bỏ sót · missed."
        f" Precision {share(found['precision'])}, recall {share(found['recall'])}"
    ]


def _closing(world: World, config: Path, flags: Sequence[dict[str, Any]]) -> list[str]:
    about_flags = [f"explain {flags[0]['flag_id']}", "export flags --out flags.xlsx"] if flags else []
    return [
        f"Sổ sách tới ngày {cell(world.day)} · books as of that day; the next demo moves one day on, up to today.",
        "Tiếp theo · next:",
        *(f"  doichieu {verb} --config {config}" for verb in [*about_flags, "report latest --open"]),
    ]
