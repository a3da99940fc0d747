"""The data contracts as Python sees them: one `Dataset` per dataset, derived from the ODCS YAML files beside this module."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import yaml

from common.errors import ConfigurationError

if TYPE_CHECKING:
    import pyarrow as pa

FieldType = Literal["str", "int", "vnd", "decimal", "bool", "date", "month", "partial_date", "timestamp", "period"]
PersonalDataClass = Literal["identity", "contact", "health", "money", "none"]

DUCKDB_TYPES: dict[FieldType, str] = {
    "str": "VARCHAR",
    "int": "BIGINT",
    "vnd": "BIGINT",
    "decimal": "DECIMAL(18,6)",
    "bool": "BOOLEAN",
    "date": "DATE",
    "month": "VARCHAR",
    "partial_date": "VARCHAR",
    "timestamp": "TIMESTAMPTZ",
    "period": "VARCHAR",
}


@dataclass(frozen=True)
class Field:
    """One field of one dataset, as promised by the agency."""

    name: str
    type: FieldType
    is_required: bool
    personal: PersonalDataClass
    title_vi: str
    description: str
    valid_values: tuple[str, ...] = ()
    """Closed list as text; empty: any value."""
    pattern: str | None = None
    is_never_future: bool = False

    @property
    def duckdb_type(self) -> str:
        return DUCKDB_TYPES[self.type]


@dataclass(frozen=True)
class Dataset:
    """One dataset of one registry. `key` names the fields that are unique together."""

    registry: str
    name: str
    version: str
    title_vi: str
    description: str
    grain: str
    fields: tuple[Field, ...]
    key: tuple[str, ...]
    event_date: str | None
    """The field that says when the event happened; None: master data that always count."""
    is_offered_by_all: bool
    is_fetched_whole: bool
    freshness_days: int | None

    @property
    def full_name(self) -> str:
        return f"{self.registry}.{self.name}"

    @property
    def table(self) -> str:
        """The name of this source in every later layer."""
        return f"{self.registry}_{self.name}"

    @property
    def can_be_withdrawn(self) -> bool:
        """Its records have versions and tombstones; a dataset fetched whole each time needs neither."""
        return "deleted" in self.names and "updated_at" in self.names and not self.is_fetched_whole

    def field(self, name: str) -> Field:
        return next(field for field in self.fields if field.name == name)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(field.name for field in self.fields)

    def arrow_schema(self) -> "pa.Schema":
        """The schema of the landed Parquet files, bookkeeping columns excluded."""
        import pyarrow as pa

        types: dict[str, pa.DataType] = {
            "int": pa.int64(),
            "vnd": pa.int64(),
            "decimal": pa.decimal128(18, 6),
            "bool": pa.bool_(),
            "date": pa.date32(),
            "timestamp": pa.timestamp("us", tz="UTC"),
        }
        return pa.schema([(field.name, types.get(field.type, pa.string())) for field in self.fields])


@cache
def load_contracts() -> Mapping[str, Mapping[str, Dataset]]:
    """Every contract: registry → dataset name → `Dataset`."""
    documents = sorted((path for path in files("contracts").iterdir() if path.name.endswith(".yaml")), key=str)
    return dict(read_contract(Path(str(path))) for path in documents)


def dataset(registry: str, name: str) -> Dataset:
    """The contract of one dataset. Raises `ConfigurationError` for a name no contract knows."""
    try:
        return load_contracts()[registry][name]
    except KeyError:
        known = ", ".join(found.full_name for found in all_datasets() if found.registry == registry)
        raise ConfigurationError(
            f"there is no dataset {registry}.{name}",
            remedy=f"choose one of: {known or ', '.join(load_contracts())}",
        ) from None


def all_datasets() -> list[Dataset]:
    return [found for datasets in load_contracts().values() for found in datasets.values()]


def read_contract(path: Path) -> tuple[str, dict[str, Dataset]]:
    """Parse one ODCS file; returns its registry name and datasets.

    Raises `ConfigurationError` for a type this service does not know. `odcs_problems` checks the file against ODCS.
    """
    document = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    freshness = {sla["element"]: int(sla["value"]) for sla in document.get("slaProperties", [])}
    datasets = {
        schema["name"]: _dataset(schema, document, freshness.get(schema["name"])) for schema in document["schema"]
    }
    return document["name"], datasets


def odcs_problems(path: Path) -> list[str]:
    """Where a contract file departs from the Open Data Contract Standard; empty for a valid file."""
    # The model classes of open-data-contract-standard silently ignore unknown keys; its JSON schema does not.
    import jsonschema

    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    schema = json.loads((files("open_data_contract_standard") / "schema.json").read_text(encoding="utf-8"))
    validator = jsonschema.Draft201909Validator(schema)
    return [f"{'/'.join(map(str, error.absolute_path))}: {error.message}" for error in validator.iter_errors(document)]


def _dataset(schema: Mapping[str, Any], document: Mapping[str, Any], freshness_days: int | None) -> Dataset:
    properties = schema["properties"]
    custom = _custom(schema)
    keyed = [found for found in properties if found.get("primaryKey")]
    return Dataset(
        registry=document["name"],
        name=schema["name"],
        version=document["version"],
        title_vi=schema["businessName"],
        description=schema["description"],
        grain=schema["dataGranularityDescription"],
        fields=tuple(_field(found) for found in properties),
        key=tuple(found["name"] for found in sorted(keyed, key=lambda found: int(found["primaryKeyPosition"]))),
        event_date=custom.get("eventDate"),
        is_offered_by_all=custom.get("offered") != "some",
        is_fetched_whole=bool(custom.get("fetchedWhole")),
        freshness_days=freshness_days,
    )


def _field(found: Mapping[str, Any]) -> Field:
    if found["physicalType"] not in DUCKDB_TYPES:
        raise ConfigurationError(
            f"unknown physicalType {found['physicalType']!r}",
            where=found["name"],
            remedy=f"use one of {', '.join(DUCKDB_TYPES)}",
        )
    closed = [
        rule["arguments"]["validValues"] for rule in found.get("quality", []) if rule["metric"] == "invalidValues"
    ]
    return Field(
        name=found["name"],
        type=found["physicalType"],
        is_required=found["required"],
        personal=found["classification"],
        title_vi=found["businessName"],
        description=found["description"],
        valid_values=tuple(str(value) for values in closed for value in values),
        pattern=found.get("logicalTypeOptions", {}).get("pattern"),
        is_never_future=bool(_custom(found).get("notInFuture")),
    )


def _custom(element: Mapping[str, Any]) -> dict[str, Any]:
    return {entry["property"]: entry["value"] for entry in element.get("customProperties", [])}
