"""Against the simulated registries with every fault they know: what is landed equals what the registry holds."""

import asyncio
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import duckdb
import pytest

from common.settings import RegistrySettings, Settings
from common.values import Silent
from connectors.pull import PullOutcome, pull_registry
from contracts.loader import load_contracts
from sandbox.faults import Level
from sandbox.server import serving
from sandbox.world.world import World, advance, generate


@pytest.fixture(scope="module")
def world() -> World:
    return generate(1500, 7, date(2026, 6, 30))


CASES: list[tuple[str, Level]] = [(registry, "harsh") for registry in load_contracts()]
CASES += [("tax", "none"), ("tax", "mild"), ("insurance", "mild")]


def pull(world: World, registry: str, data_dir: Path, level: Level) -> list[PullOutcome]:
    with serving(world, faults=level, seed=3, left_out=["tax.revenue"]) as url:
        access = RegistrySettings(
            base_url=f"{url}/{registry}",
            token_url=f"{url}/oauth/token",
            client_id="doichieu",
            client_secret="sandbox",
            retry_wait_max_seconds=0.05,
        )
        settings = Settings.model_validate({"data_dir": data_dir, "registries": {registry: access}})
        return asyncio.run(pull_registry(settings, registry, clock=lambda: world.moment, progress=Silent()))


def differences(world: World, registry: str, data_dir: Path) -> Iterator[tuple[str, int]]:
    """Dataset and number of rows that only one side has, for every dataset that differs."""
    for name, contract in load_contracts()[registry].items():
        files = [str(path) for path in (data_dir / "raw" / registry / name).glob("*/part-*.parquet")]
        if not files:
            continue
        with duckdb.connect() as connection:
            connection.register("held", world.tables[contract.full_name])
            columns = ", ".join(f'"{field.name}"::{field.duckdb_type} as "{field.name}"' for field in contract.fields)
            changed = "" if contract.is_fetched_whole else "updated_at desc, "
            newest = f"""select * from read_parquet({files}, filename = true)
                         qualify row_number() over (
                             partition by _record_key order by {changed}filename desc, _seq desc) = 1"""
            connection.execute(f"create table landed as select {columns} from ({newest})")
            connection.execute(f"create table source as select {columns} from held")
            (apart,) = connection.execute(
                "select (select count(*) from (from landed except from source))"
                " + (select count(*) from (from source except from landed))"
            ).fetchone() or (-1,)
        if apart:
            yield name, apart


@pytest.mark.parametrize(("registry", "level"), CASES)
def test_what_is_landed_equals_what_the_registry_holds_today_and_tomorrow(
    registry: str, level: Level, world: World, tmp_path: Path
) -> None:
    first = pull(world, registry, tmp_path, level)
    assert {outcome.status for outcome in first} <= {"landed", "not_offered"}
    is_spoiled = registry in ("insurance", "tax", "health") and level != "none"
    assert sum(outcome.rows_quarantined for outcome in first) > 0 or not is_spoiled
    assert list(differences(world, registry, tmp_path)) == []
    tomorrow = advance(world, 1)
    second = pull(tomorrow, registry, tmp_path, level)
    assert list(differences(tomorrow, registry, tmp_path)) == []
    assert [outcome.warnings for outcome in (*first, *second) if outcome.warnings] == []
    if registry != "reference":
        assert sum(outcome.rows_received for outcome in second) < sum(outcome.rows_received for outcome in first) / 10
