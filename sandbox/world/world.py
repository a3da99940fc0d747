"""The whole simulated world: every dataset as it stands on a day, its timeline, and the truth about it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from contracts.loader import Dataset, all_datasets, dataset
from sandbox.world.benefit_cases import stage_benefits
from sandbox.world.benefits import register_benefits
from sandbox.world.books import build_dues, register_books
from sandbox.world.cast import Cast
from sandbox.world.changes import register_changes
from sandbox.world.death_cases import stage_deaths
from sandbox.world.employers import build_employers, register_employers
from sandbox.world.health import register_health
from sandbox.world.labour import register_labour
from sandbox.world.late_cases import stage_late
from sandbox.world.late_scenes import SCENES
from sandbox.world.payer_cases import stage_payers
from sandbox.world.people import build_people
from sandbox.world.play import Broken, Play
from sandbox.world.stage import HORIZON_DAYS, open_stage
from sandbox.world.tax import register_tax
from sandbox.world.truth import collect_truth
from sandbox.world.welfare import register_assistance, register_reference
from sandbox.world.work import build_work, register_participation
from sandbox.world.worker_cases import stage_workers


@dataclass(frozen=True)
class World:
    """`tables`: dataset (`tax.payroll`) → its newest records delivered before `moment`, contract fields only.

    `timeline` holds every version of every record, ordered by (updated_at, key), thirty days beyond `as_of`.
    `truth`: `persons`, `records`, `employers`, `cases` (what must be found on `as_of`), `malformed`.
    `broken`: records that break the contract, delivered among the others.
    """

    as_of: date
    seed: int
    moment: datetime
    tables: Mapping[str, pa.Table]
    timeline: Mapping[str, pa.Table]
    truth: Mapping[str, pa.Table]
    broken: tuple[Broken, ...]
    revised: frozenset[str]
    """Datasets in which some record has more than one version."""


def generate(persons: int, seed: int, as_of: date, dirt: float = 1.0, *, folder: Path | None = None) -> World:
    """Build a world of `persons` ordinary people (and the cast of the planted cases) as it stands when `as_of` begins.

    The same arguments give the same world, byte for byte. `dirt` scales how badly identities are written down;
    0 leaves them clean. History begins in January two years before `as_of`. A large world (above some 200,000 persons)
    wants a `folder`: it is built and kept there on disk, mapped into memory, instead of in memory.
    """
    cast = Cast(as_of)
    stage_late(cast, SCENES)
    stage_payers(cast)
    stage_workers(cast)
    stage_benefits(cast)
    stage_deaths(cast)
    with open_stage(seed, as_of, dirt, folder) as con:
        _build(con, persons, seed, cast)
        play = Play(con, as_of)
        for plant in cast.plants:
            plant(play)
        play.write()
        register_changes(con)
        timeline = {found.full_name: _collect(con, found, folder) for found in all_datasets()}
        revised = frozenset(found.full_name for found in all_datasets() if _is_revised(con, found))
        truth = {**collect_truth(con), "cases": play.case_table(), "malformed": malformed_table(play.broken)}
    start = datetime.combine(as_of, datetime.min.time(), UTC) - timedelta(hours=7)
    world = World(as_of, seed, start, {}, timeline, truth, tuple(play.broken), revised)
    return world_at(world, start)


def world_at(world: World, moment: datetime) -> World:
    """The same world as the registries held it at `moment` (aware), up to 60 days before and 30 after `as_of`."""
    tables = {name: _until(versions, moment) for name, versions in world.timeline.items()}
    tables |= {name: _newest(dataset(*name.split(".")), tables[name]) for name in sorted(world.revised)}
    return replace(world, moment=moment, tables=tables)


def advance(world: World, days: int) -> World:
    """The world `days` later: new records, corrections and withdrawals, as a second delivery brings them."""
    if not 0 <= days <= HORIZON_DAYS:
        raise ValueError(f"days must lie between 0 and {HORIZON_DAYS}")
    return world_at(world, world.moment + timedelta(days=days))


def malformed_table(broken: list[Broken]) -> pa.Table:
    columns = {
        "dataset": [found.dataset for found in broken],
        "record_key": pa.array([found.record_key for found in broken], pa.string()),
        "updated_at": pa.array([found.updated_at for found in broken], pa.timestamp("us")),
        "reason": [found.reason for found in broken],
    }
    return pa.table(columns)


def _build(con: duckdb.DuckDBPyConnection, persons: int, seed: int, cast: Cast) -> None:
    people, employers, jobs = cast.tables()
    rng = np.random.default_rng(seed)
    build_people(con, persons, people, rng)
    build_employers(con, persons, employers, rng)
    build_work(con, jobs)
    build_dues(con, cast.as_of)
    register_employers(con)
    register_participation(con)
    register_books(con)
    register_tax(con)
    register_labour(con)
    register_health(con)
    register_benefits(con)
    register_assistance(con)
    register_reference(con)


def _collect(con: duckdb.DuckDBPyConnection, found: Dataset, folder: Path | None) -> pa.Table:
    fields = ", ".join(f'"{name}"' for name in found.names)
    keys = ", ".join(f'"{name}"' for name in found.key)
    until, order = (
        ("where updated_at < getvariable('horizon')", "updated_at, ") if "updated_at" in found.names else ("", "")
    )
    query = f"select {fields} from {found.table} {until} order by {order}{keys}"
    if folder is None:
        return con.execute(query).to_arrow_table().cast(found.arrow_schema())
    path = folder / f"{found.full_name}.arrow"
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, found.arrow_schema()) as writer:
        for batch in con.execute(query).to_arrow_reader(100_000):
            writer.write_table(pa.Table.from_batches([batch]).cast(found.arrow_schema()))
    return pa.ipc.open_file(pa.memory_map(str(path))).read_all()


def _until(timeline: pa.Table, moment: datetime) -> pa.Table:
    if "updated_at" not in timeline.column_names:
        return timeline
    times = timeline["updated_at"].to_numpy()
    limit = np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), "us")
    return timeline.slice(0, int(np.searchsorted(times, limit, side="left")))


def _newest(found: Dataset, versions: pa.Table) -> pa.Table:
    """The last version of every key; the order stays."""
    keys = ", ".join(f'"{name}"' for name in found.key)
    numbered = versions.select(list(found.key)).append_column("place", pa.array(np.arange(versions.num_rows)))
    with duckdb.connect() as con:
        con.register("numbered", numbered)
        query = f"select max(place) as place from numbered group by {keys} order by place"
        last = con.execute(query).to_arrow_table()["place"]
    return versions.take(last)


def _is_revised(con: duckdb.DuckDBPyConnection, found: Dataset) -> bool:
    keys = ", ".join(f'"{name}"' for name in found.key)
    query = f"select count(*) > count(distinct ({keys})) from {found.table}"
    return bool(con.execute(query).fetchall()[0][0])
