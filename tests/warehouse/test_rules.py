"""Every rule as tables: given registries, expected findings and nobody else. One YAML file per rule or family."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from common.files import DataFolder
from contracts.loader import dataset
from tests.warehouse.given import built, land, read, set_aside
from warehouse.rule_book import load_rules

CASES = sorted((Path(__file__).parent / "rules").glob("*.yaml"))


def case_of(path: Path) -> dict[str, Any]:
    case: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return case


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_the_rule_finds_the_guilty_and_nobody_else(path: Path, tmp_path: Path) -> None:
    case = case_of(path)
    landed = set(case["given"]) | set(case.get("set_aside", {}))
    for name, keys in case.get("set_aside", {}).items():
        if name not in case["given"]:
            land(DataFolder(tmp_path), dataset(*name.split(".")), [], pull="20250101T000000000000Z")
        set_aside(DataFolder(tmp_path), dataset(*name.split(".")), keys, pull="20250102T000000000000Z")
    needed = {name for rule in load_rules() for name in rule.sources} - landed
    result = built(tmp_path, case["given"], case["as_of"], empty=sorted(needed))
    found = read(
        result,
        """
        select finding.*, identifier.value as who from findings.finding
        left join (
            select person_key, citizen_id as value from linkage.person_citizen
        ) as identifier using (person_key)
        order by rule, item, status, who
        """,
    )
    expected = sorted(
        case["expected"], key=lambda row: (row["rule"], row["item"], row.get("status", ""), row.get("who", ""))
    )
    assert [_as_expected(row, wanted) for row, wanted in zip(found, expected, strict=False)] == expected, _named(found)
    assert len(found) == len(expected), _named(found)


def _as_expected(row: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    """The finding, cut down to the columns the case speaks of."""
    facts = json.loads(row["facts"])
    told = {name: row[name] for name in wanted if name not in ("facts", "doubts")}
    if "doubts" in wanted:
        told["doubts"] = [doubt for doubt in row["doubts"] if not doubt.startswith("source_empty")]
    if "facts" in wanted:
        told["facts"] = {name: _typed(facts[name], value) for name, value in wanted["facts"].items()}
    return told


def _typed(found: Any, like: Any) -> Any:
    return date.fromisoformat(found) if isinstance(like, date) else found


def _named(found: list[dict[str, Any]]) -> str:
    return "\n".join(
        f"{row['rule']} {row['item']} {row['status']} {row['grade']} {row['who']} {row['days_late']}" for row in found
    )
