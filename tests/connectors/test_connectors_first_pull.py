"""A first pull: what comes over the wire is what lies in the raw layer."""

import asyncio

import duckdb
import pyarrow.parquet as pq
from pulling import NOW, MakeSettings, landed, pull, taxpayer
from scripted_registry import ScriptedRegistry

from common.settings import Settings
from common.values import Silent
from connectors.manifests import finished_pulls
from connectors.pull import pull_registry
from contracts.loader import dataset


def test_every_record_lands_once_in_the_order_of_delivery(registry: ScriptedRegistry, settings: MakeSettings) -> None:
    registry.tables["taxpayer"] = [taxpayer(number) for number in range(47)]
    outcome = pull(settings(), "taxpayer")["taxpayer"]
    assert (outcome.status, outcome.pages, outcome.rows_received, outcome.rows_landed) == ("landed", 5, 47, 47)
    assert landed(settings(), "taxpayer", "tax_code, _record_key, _seq") == [
        (f"{number:010}", f"{number:010}", number) for number in range(47)
    ]


def test_a_landed_file_has_the_types_of_the_contract_and_two_bookkeeping_columns(
    registry: ScriptedRegistry, settings: MakeSettings
) -> None:
    registry.tables["taxpayer"] = [taxpayer(1)]
    outcome = pull(settings(), "taxpayer")["taxpayer"]
    folder = settings().data.pull("tax", "taxpayer", outcome.pull)
    schema = pq.read_schema(folder / "part-00000.parquet")
    contract = dataset("tax", "taxpayer")
    assert schema.names == [*contract.names, "_record_key", "_seq"]
    assert [schema.field(name).type for name in contract.names] == [field.type for field in contract.arrow_schema()]
    assert sorted(path.name for path in folder.iterdir()) == ["manifest.json", "part-00000.parquet"]


def test_the_manifest_says_what_was_asked_and_what_came(registry: ScriptedRegistry, settings: MakeSettings) -> None:
    registry.tables["taxpayer"] = [taxpayer(number) for number in range(12)]
    pull(settings(), "taxpayer")
    (manifest,) = finished_pulls(settings().data, "tax", "taxpayer")
    assert (manifest.kind, manifest.query.updated_since, manifest.query.limit) == ("full", None, 10)
    assert (manifest.rows_received, manifest.total_announced, manifest.pages) == (12, 12, 2)
    assert manifest.high_water_mark.isoformat() == "2026-06-01T00:11:00+00:00"
    assert [(part.file, part.rows) for part in manifest.parts] == [("part-00000.parquet", 12)]
    assert manifest.started_at == NOW


def test_an_empty_text_counts_as_null_and_every_other_text_stays_as_delivered(
    registry: ScriptedRegistry, settings: MakeSettings
) -> None:
    name = "  CÔNG  TY “Ánh\u00a0Dương” \\ 'x' "
    registry.tables["taxpayer"] = [taxpayer(1, name=name, address="", ward_code="   ", parent_tax_code="0" * 10)]
    pull(settings(), "taxpayer")
    assert landed(settings(), "taxpayer", "name, address, ward_code, parent_tax_code") == [
        (name, None, None, "0000000000")
    ]


def test_a_time_without_offset_is_read_as_vietnamese_time(registry: ScriptedRegistry, settings: MakeSettings) -> None:
    registry.tables["taxpayer"] = [taxpayer(1, updated_at="2026-06-02T07:00:00")]
    pull(settings(), "taxpayer")
    assert landed(settings(), "taxpayer", "epoch(updated_at) = epoch(timestamptz '2026-06-02T00:00:00Z')") == [(True,)]


def test_a_registry_without_a_token_address_is_read_without_a_token(
    registry: ScriptedRegistry, settings: MakeSettings
) -> None:
    registry.wants_token = False
    registry.tables["taxpayer"] = [taxpayer(1)]
    open_to_all = settings(token_url=None, client_id=None, client_secret=None)
    assert pull(open_to_all, "taxpayer")["taxpayer"].rows_landed == 1
    assert registry.tokens_given == 0


def test_a_dataset_without_updated_at_is_fetched_whole_every_time(
    registry: ScriptedRegistry, settings: MakeSettings
) -> None:
    row = {"area_code": "01", "geography": "after_2025_07", "year": 2025, "indicator": "si", "percent": "42.5"}
    registry.tables["target"] = [{**row, "source": "Nghị quyết"}]
    tax = settings(base_url=f"{registry.address}/reference").registries["tax"]
    reference = Settings(data_dir=settings().data_dir, registries={"reference": tax})
    for _ in range(2):
        (outcome,) = asyncio.run(
            pull_registry(reference, "reference", datasets=["target"], clock=lambda: NOW, progress=Silent())
        )
        assert (outcome.kind, outcome.rows_landed, outcome.rows_already_held) == ("full", 1, 0)
    files = str(settings().data.pulls("reference", "target") / "*/*.parquet")
    landed_twice = duckdb.sql(f"select percent::varchar, _record_key from read_parquet('{files}')").fetchall()
    assert landed_twice == [("42.500000", "01|after_2025_07|2025|si")] * 2
