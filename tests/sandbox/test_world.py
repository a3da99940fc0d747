"""The same arguments give the same world; time reveals the rest of it."""

import hashlib
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from common.settings import REGISTRIES, load_settings
from sandbox.export import write_configuration, write_truth
from sandbox.faults import spoil
from sandbox.world import World, advance, generate, world_at


def digest(world: World) -> str:
    whole = hashlib.sha256()
    for tables in (world.timeline, world.tables, world.truth):
        for name, table in sorted(tables.items()):
            sink = pa.BufferOutputStream()
            pq.write_table(table, sink)
            whole.update(name.encode() + sink.getvalue().to_pybytes())
    return whole.hexdigest()


def test_the_same_arguments_give_identical_bytes_and_another_seed_gives_others() -> None:
    first, again, other = (digest(generate(300, seed, date(2026, 6, 29))) for seed in (7, 7, 8))
    assert first == again != other


def test_a_later_day_brings_new_records_corrections_closed_spells_and_withdrawals(world: World) -> None:
    later = advance(world, 30)
    grown = {name for name, table in later.tables.items() if table.num_rows > world.tables[name].num_rows}
    assert {"insurance.payment", "insurance.charge", "insurance.benefit", "health.visit"} <= grown
    before, after = (found.tables["health.visit"].to_pylist() for found in (world, later))
    known = {row["visit_id"]: row for row in before}
    changed = [row for row in after if row["visit_id"] in known and row != known[row["visit_id"]]]
    assert {row["deleted"] for row in changed} == {True, None}
    assert min(row["updated_at"] for row in changed) >= world.moment


def test_every_tombstone_carries_its_key_and_time_only(world: World) -> None:
    visits = advance(world, 30).tables["health.visit"].to_pylist()
    told = [{name for name, value in row.items() if value is not None} for row in visits if row["deleted"]]
    assert told[0] == {"visit_id", "updated_at", "deleted"}
    assert all(names == told[0] for names in told)


def test_yesterday_s_world_is_a_part_of_today_s(world: World) -> None:
    yesterday = world_at(world, world.moment - timedelta(days=1))
    rows = sum(table.num_rows for table in world.tables.values())
    assert 0 < rows - sum(table.num_rows for table in yesterday.tables.values()) < rows // 20


def test_the_world_cannot_be_taken_further_than_it_was_made(world: World) -> None:
    with pytest.raises(ValueError, match="between 0 and 30"):
        advance(world, 31)


def test_spoiled_records_are_extra_and_named_in_the_truth(world: World) -> None:
    spoiled = spoil(world, 0.01, seed=1)
    named = spoiled.truth["malformed"].num_rows
    assert named == len(spoiled.broken) > 100
    assert spoiled.tables is world.tables
    assert {broken.dataset for broken in spoiled.broken} >= {"insurance.charge", "tax.payroll", "health.visit"}


def test_truth_and_configuration_can_be_read_back(world: World, tmp_path: Path) -> None:
    paths = write_truth(world, tmp_path / "truth")
    assert [path.stem for path in paths] == ["cases", "employers", "malformed", "persons", "records"]
    assert pq.read_table(tmp_path / "truth" / "cases.parquet").equals(world.truth["cases"])
    write_configuration("http://127.0.0.1:8800", tmp_path / "doichieu.toml", tmp_path / "var")
    settings = load_settings(tmp_path / "doichieu.toml")
    assert tuple(settings.registries) == REGISTRIES
    assert settings.registries["tax"].secret(registry="tax") == "sandbox"
    assert settings.data_dir == tmp_path / "var"


def test_a_world_kept_on_disk_is_the_same_world(tmp_path: Path) -> None:
    on_disk = generate(300, 7, date(2026, 6, 29), folder=tmp_path)
    assert digest(on_disk) == digest(generate(300, 7, date(2026, 6, 29)))
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".arrow"] * len(on_disk.timeline)
