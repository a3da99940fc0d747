"""Every dataset keeps its contract: a walker, so that a new dataset or field is covered without new test code."""

import duckdb
import pyarrow as pa
import pytest

from contracts.loader import Dataset, all_datasets
from contracts.predicates import key_expression, reasons_expression
from sandbox.delivery import Delivery
from sandbox.world import World

pytestmark = pytest.mark.parametrize("found", all_datasets(), ids=lambda found: found.full_name)


def raw_text(world: World, found: Dataset, con: duckdb.DuckDBPyConnection) -> None:
    """The table `raw`: every contract field as VARCHAR, as the wire delivers it."""
    texts = Delivery(world).page(found, 0, world.tables[found.full_name].num_rows + 5)
    con.register("texts", pa.table({"record": texts}))
    fields = ", ".join(f"record->>'$.{name}' as \"{name}\"" for name in found.names)
    con.execute(f"create table raw as select {fields}, record from texts")


def test_the_table_has_exactly_the_contract_s_fields_and_types(world: World, found: Dataset) -> None:
    assert world.tables[found.full_name].schema.equals(found.arrow_schema())


def test_every_delivered_record_keeps_the_contract_except_the_planted_broken_one(world: World, found: Dataset) -> None:
    with duckdb.connect() as con:
        raw_text(world, found, con)
        reasons = reasons_expression(found, today=world.as_of)
        bad = con.execute(f"select {key_expression(found)}, {reasons} from raw where len({reasons}) > 0").fetchall()
    planted = [(broken.record_key, [broken.reason]) for broken in world.broken if broken.dataset == found.full_name]
    assert bad == planted


def test_keys_are_unique_and_every_dataset_has_records(world: World, found: Dataset) -> None:
    table = world.tables[found.full_name]
    assert table.num_rows > 0
    assert table.group_by(list(found.key)).aggregate([]).num_rows == table.num_rows


def test_nothing_was_updated_after_the_day_and_records_come_in_order(world: World, found: Dataset) -> None:
    table = world.tables[found.full_name]
    if "updated_at" not in found.names:
        return
    rows = table.select(["updated_at", *found.key]).to_pylist()
    order = [tuple(row.values()) for row in rows]
    assert order == sorted(order)
    assert order[-1][0] < world.moment
