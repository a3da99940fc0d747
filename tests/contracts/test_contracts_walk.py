"""Every contract file keeps what every later layer counts on."""

import unicodedata
from importlib.resources import files
from pathlib import Path

import pyarrow as pa
import pytest

from common.errors import ConfigurationError
from common.settings import REGISTRIES
from contracts.loader import Dataset, all_datasets, dataset, load_contracts, odcs_problems, read_contract
from contracts.reference import reference_page

CONTRACTS = sorted(Path(str(files("contracts"))).glob("*.yaml"))
PAGE = Path(__file__).parents[2] / "docs" / "contract-reference.md"
DATASETS = all_datasets()

every_dataset = pytest.mark.parametrize("contract", DATASETS, ids=lambda found: found.full_name)


@pytest.mark.parametrize("path", CONTRACTS, ids=lambda path: path.stem)
def test_a_contract_file_is_valid_odcs(path: Path) -> None:
    assert odcs_problems(path) == []


def test_there_is_one_contract_file_for_each_registry_and_it_is_named_after_it() -> None:
    assert {path.stem for path in CONTRACTS} == set(REGISTRIES) == set(load_contracts())


@every_dataset
def test_every_dataset_has_a_key_whose_fields_are_required(contract: Dataset) -> None:
    assert contract.key
    assert all(contract.field(name).is_required for name in contract.key)


@every_dataset
def test_every_dataset_says_when_a_record_changed_unless_it_is_fetched_whole(contract: Dataset) -> None:
    has_updated_at = "updated_at" in contract.names
    assert has_updated_at != contract.is_fetched_whole
    if has_updated_at:
        assert contract.field("updated_at").is_required
        assert contract.field("updated_at").type == "timestamp"
        assert not contract.field("deleted").is_required
        assert contract.field("deleted").type == "bool"


@every_dataset
def test_field_names_are_unique(contract: Dataset) -> None:
    assert len(set(contract.names)) == len(contract.names)


@every_dataset
def test_closed_lists_hold_each_value_once(contract: Dataset) -> None:
    for field in contract.fields:
        assert len(set(field.valid_values)) == len(field.valid_values), field.name
        assert "" not in field.valid_values, field.name


@every_dataset
def test_every_dataset_and_field_speaks_both_languages(contract: Dataset) -> None:
    for text in (contract.title_vi, contract.description, contract.grain):
        assert text.strip()
    for field in contract.fields:
        assert field.title_vi.strip(), field.name
        assert field.description.strip(), field.name
        assert unicodedata.is_normalized("NFC", field.title_vi), field.name


@every_dataset
def test_the_event_date_is_a_field_of_the_dataset_that_says_a_day(contract: Dataset) -> None:
    if contract.event_date is not None:
        assert contract.field(contract.event_date).type in ("date", "timestamp", "month")


@every_dataset
def test_money_is_classed_as_money_or_open_to_all(contract: Dataset) -> None:
    # A unit's dues and an enterprise's capital are no person's money.
    assert {field.personal for field in contract.fields if field.type == "vnd"} <= {"money", "none"}


@every_dataset
def test_whatever_names_a_person_is_classed_as_identity(contract: Dataset) -> None:
    named = {"full_name", "birth_date", "sex", "citizen_id", "old_id", "si_number", "passport_no", "hi_card"}
    assert {field.personal for field in contract.fields if field.name in named} <= {"identity"}


@every_dataset
def test_birth_dates_are_never_in_the_future(contract: Dataset) -> None:
    assert all(field.is_never_future for field in contract.fields if field.name == "birth_date")


@every_dataset
def test_the_landed_columns_are_the_fields_in_their_order(contract: Dataset) -> None:
    schema = contract.arrow_schema()
    assert tuple(schema.names) == contract.names
    assert not any(pa.types.is_floating(kind) for kind in schema.types)


def test_an_unknown_dataset_is_refused_with_the_ones_there_are() -> None:
    with pytest.raises(ConfigurationError, match=r"no dataset tax\.salary") as refused:
        dataset("tax", "salary")
    assert "tax.payroll" in refused.value.remedy
    with pytest.raises(ConfigurationError) as refused:
        dataset("police", "payroll")
    assert "insurance" in refused.value.remedy


def test_a_type_nobody_knows_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tax.yaml"
    path.write_text(CONTRACTS[-2].read_text("utf-8").replace("physicalType: vnd", "physicalType: money"), "utf-8")
    with pytest.raises(ConfigurationError, match="unknown physicalType 'money'") as refused:
        read_contract(path)
    assert refused.value.where == "income_vnd"


def test_an_unknown_key_in_a_contract_file_is_a_departure_from_odcs(tmp_path: Path) -> None:
    path = tmp_path / "tax.yaml"
    text = CONTRACTS[-2].read_text("utf-8").replace("required: true", "mandatory: true", 1)
    path.write_text(text, "utf-8")
    assert any("'mandatory' was unexpected" in problem for problem in odcs_problems(path))


def test_the_reference_page_is_as_new_as_the_contracts() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference_page(), "run `make docs`"


@every_dataset
def test_the_reference_page_shows_every_field(contract: Dataset) -> None:
    section = reference_page().split(f"## {contract.full_name}\n")[1].split("\n## ")[0]
    assert [line.split("`")[1] for line in section.splitlines() if line.startswith("| `")] == list(contract.names)
