"""Models and rules as SQL files: one file per table, a YAML header in the leading comment, `uses` for the order."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import sqlglot
import yaml
from sqlglot import exp

from common.errors import ConfigurationError

LAYERS = ("staging", "linkage", "marts", "rules")
_HEADER = re.compile(r"\A/\*---\n(.*?)\n---\*/\n", re.DOTALL)
_PARAMETER = re.compile(r"\$([a-z_]+)\b")


@dataclass(frozen=True)
class Model:
    """One SQL file. `columns` are the promised output columns and their types; empty means as computed."""

    name: str
    """Schema-qualified table, e.g. `marts.unit_month`; the file's folder and name."""
    header: Mapping[str, Any]
    sql: str

    @property
    def uses(self) -> tuple[str, ...]:
        return tuple(self.header.get("uses", ()))

    @property
    def columns(self) -> Mapping[str, str]:
        columns: Mapping[str, str] = self.header.get("columns", {})
        return columns

    @property
    def parameters(self) -> frozenset[str]:
        return frozenset(_PARAMETER.findall(self.sql))

    def bound(self, parameters: Mapping[str, str]) -> str:
        """The SQL with every `$parameter` replaced by its literal (given as SQL text)."""
        return _PARAMETER.sub(lambda found: parameters[found.group(1)], self.sql)

    def tables_named(self) -> frozenset[str]:
        """The schema-qualified tables the SQL really reads."""
        tree = sqlglot.parse_one(self.sql, read="duckdb")
        return frozenset(f"{table.db}.{table.name}" for table in tree.find_all(exp.Table) if table.db)


@cache
def load_models(layer: str) -> tuple[Model, ...]:
    """Every model of one folder, by file name."""
    folder = files("warehouse") / layer
    found = sorted((path for path in folder.iterdir() if path.name.endswith(".sql")), key=lambda path: path.name)
    return tuple(read_model(path, layer) for path in found)


def read_model(path: Traversable, layer: str) -> Model:
    """Parse one file. Raises `ConfigurationError` where the header is missing or not YAML."""
    text = path.read_text(encoding="utf-8")
    header = _HEADER.match(text)
    if header is None:
        raise ConfigurationError(
            "the file does not begin with a /*--- header ---*/", where=str(path), remedy="add grain and uses"
        )
    name = f"{layer}.{path.name.removesuffix('.sql')}"
    return Model(name=name, header=yaml.safe_load(header.group(1)), sql=text[header.end() :].strip().rstrip(";"))


def in_order(models: Iterable[Model]) -> list[Model]:
    """The models so that each comes after what it uses; ties by name, so that the order never changes by itself."""
    by_name = {model.name: model for model in models}
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for name in sorted(by_name):
        sorter.add(name, *(used for used in sorted(by_name[name].uses) if used in by_name))
    try:
        return [by_name[name] for name in sorter.static_order()]
    except CycleError as error:
        raise ConfigurationError(
            f"models use each other in a circle: {' → '.join(error.args[1])}", where="warehouse/"
        ) from error
