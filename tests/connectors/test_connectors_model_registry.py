"""Whatever a registry goes through, what is landed ends up as what it holds: random edits, paging, faults and kills."""

import base64
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pulling import pull
from scripted_registry import Address, ScriptedRegistry, answers, breaks_off, meanwhile, replies
from starlette.requests import Request

from common.settings import RegistrySettings, Settings
from common.values import Silent

START = datetime(2026, 6, 1, 3, 0, tzinfo=UTC)
PAGE = 4
# A failing example is short as it is; shrinking it would take minutes.
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
UNHURRIED = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]

PAGING = {
    "cursor": "",
    "next_url": 'paging = { kind = "next_url", cursor_path = "next_cursor" }',
    "page": 'paging = { kind = "page" }',
    "page, two at a time, unannounced": 'paging = { kind = "page", prefetch = 2, total_path = "nowhere" }',
    "offset": 'paging = { kind = "offset" }',
    "offset, three at a time": 'paging = { kind = "offset", prefetch = 3 }',
}


@dataclass
class ModelRegistry(ScriptedRegistry):
    """A taxpayer registry with a clock of its own, whose records are edited under the reader's hands."""

    now: datetime = START
    skew: timedelta = timedelta()
    paging: str = "cursor"
    by_key: bool = False
    """Pages come in order of the key; else in order of (`updated_at`, key)."""
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    born: int = 0

    def edit(self, how: str, place: int, minutes_late: int = 0) -> None:
        changed = (self.now + self.skew - timedelta(minutes=minutes_late)).isoformat().replace("+00:00", "Z")
        living = sorted(key for key, record in self.records.items() if not record.get("deleted"))
        if how == "insert" or not living:
            self.born += 1
            key = f"{self.born:010}"
            self.records[key] = _taxpayer(key, changed)
            return
        key = living[place % len(living)]
        # A late commit may be dated back, but never behind the version it follows.
        changed = max(changed, self.records[key]["updated_at"])
        match how:
            case "update":
                self.records[key] = {
                    **self.records[key],
                    "name": f"Công ty {self.born} {changed}",
                    "updated_at": changed,
                }
            case "break":
                self.records[key] = {**self.records[key], "kind": "?", "updated_at": changed}
            case "withdraw":
                self.records[key] = {"tax_code": key, "updated_at": changed, "deleted": True}
            case "erase":
                del self.records[key]
            case "rename":
                self.born += 1
                self.records[f"{self.born:010}"] = {
                    **self.records.pop(key), "tax_code": f"{self.born:010}", "updated_at": changed,
                }  # fmt: skip

    def _select(self, dataset: str, request: Request) -> dict[str, Any]:
        asked = request.query_params
        since = asked.get("updated_since", "")
        wanted = [record for record in self.records.values() if _moment(record) >= (_instant(since) if since else 0)]
        wanted.sort(key=lambda record: (record["tax_code"],) if self.by_key else (_moment(record), record["tax_code"]))
        total = len(wanted)
        if self.paging == "cursor":
            if after := asked.get("cursor"):
                last = tuple(json.loads(base64.urlsafe_b64decode(after)))
                wanted = [each for each in wanted if (_moment(each), each["tax_code"]) > last]
            page = wanted[:PAGE]
            last_seen = json.dumps([_moment(page[-1]), page[-1]["tax_code"]]) if page else ""
            following = base64.urlsafe_b64encode(last_seen.encode()).decode() if len(wanted) > PAGE else None
            return {"data": page, "next_cursor": following, "total": total}
        first = int(asked.get("offset", 0)) or (int(asked.get("page", 1)) - 1) * PAGE
        following = f"?limit={PAGE}&offset={first + PAGE}" + (f"&updated_since={since}" if since else "")
        has_more = self.paging == "next_url" and first + PAGE < total
        return {"data": wanted[first : first + PAGE], "next_cursor": following if has_more else None, "total": total}


def _taxpayer(key: str, changed: str) -> dict[str, Any]:
    return {
        "tax_code": key, "name": f"Công ty {key}", "kind": "organisation", "status": "active", "province_code": "01",
        "updated_at": changed,
    }  # fmt: skip


def _instant(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def _moment(record: dict[str, Any]) -> float:
    return _instant(record["updated_at"])


class Killed(BaseException):
    """The process ends here, whatever it was doing."""


class EndsAt(Silent):
    """Lets the pull go on for a number of steps."""

    def __init__(self, steps: int) -> None:
        self._left = steps

    def advance(self, step: str, done: int, total: int | None = None) -> None:
        self._left -= 1
        if self._left < 0:
            raise Killed


EDITS = st.tuples(
    st.sampled_from(["insert", "insert", "update", "update", "withdraw", "break"]),
    st.integers(0, 30),
    st.sampled_from([0, 0, 0, 25]),
)
ERASURES = st.tuples(st.sampled_from(["erase", "rename", "insert", "update"]), st.integers(0, 30), st.just(0))
FAULTS = st.sampled_from(["none", "none", "busy", "breaks off", "cut", "edits"])


@st.composite
def nights(draw: st.DrawFn, edits: st.SearchStrategy[Any]) -> list[dict[str, Any]]:
    """What happens each night: edits by day, then a pull with faults, edits under way, and perhaps a kill."""
    return [
        {
            "edits": draw(st.lists(edits, max_size=8)),
            "faults": draw(st.lists(FAULTS, max_size=5)),
            "meanwhile": draw(st.lists(edits, min_size=1, max_size=3)),
            "killed_at": draw(st.none() | st.integers(0, 4)),
        }
        for _ in range(draw(st.integers(1, 4)))
    ]


def _live_through(registry: ModelRegistry, found: Settings, each: dict[str, Any]) -> None:
    registry.now += timedelta(days=1)
    for edit in each["edits"]:
        registry.edit(*edit)

    def under_way() -> None:
        registry.now += timedelta(seconds=1)
        for edit in each["meanwhile"]:
            registry.edit(*edit)

    kinds = {
        "none": None,
        "busy": answers(503),
        "breaks off": breaks_off(),
        "cut": replies(lambda body: body[: len(body) * 2 // 3]),
        "edits": meanwhile(under_way),
    }
    registry.fault("taxpayer", *(kinds[name] for name in each["faults"]))
    try:
        progress = Silent() if each["killed_at"] is None else EndsAt(each["killed_at"])
        pull(found, "taxpayer", at=registry.now, progress=progress)
    except Killed:
        registry.now += timedelta(minutes=5)
        pull(found, "taxpayer", at=registry.now)
    registry.faults["taxpayer"].clear()


def _in_force(found: Settings) -> dict[str, str]:
    """Key → name of what is landed and not withdrawn, by the newest version of every key."""
    folder = found.data.pulls("tax", "taxpayer")
    parts = [str(part) for each in folder.glob("*/manifest.json") for part in each.parent.glob("part-*.parquet")]
    if not parts:
        return {}
    rows = duckdb.sql(
        f"""
        select tax_code, name from (
            select *, row_number() over (
                partition by _record_key order by updated_at desc, parse_filename(parse_dirpath(filename)) desc, _seq desc
            ) as place from read_parquet({parts}, filename = true, union_by_name = true)
        ) where place = 1 and deleted is not true
        """
    ).fetchall()
    return dict(rows)


def _held(registry: ModelRegistry) -> dict[str, str]:
    return {key: record["name"] for key, record in registry.records.items() if not record.get("deleted")}


def _reach(registry: ModelRegistry, folder: Path, paging: str) -> Settings:
    source = folder / "tax.toml"
    source.write_text(
        f'on_drift = "evolve"\n[rest]\npage_size = {PAGE}\n{PAGING[paging]}\n[datasets.taxpayer]\n', encoding="utf-8"
    )
    access = RegistrySettings.model_validate(
        {
            "base_url": f"{registry.address}/tax",
            "source": source,
            "attempts": 8,
            "retry_wait_max_seconds": 0.001,
            "withdrawn_percent": 100,
        }
    )
    return Settings(data_dir=folder / "var", registries={"tax": access})


def _begin(socket_of_a_registry: tuple[Address, str], paging: str, skew: int, by_key: bool) -> ModelRegistry:
    address, url = socket_of_a_registry
    kind = paging.partition(",")[0]
    registry = ModelRegistry(address=url, wants_token=False, skew=timedelta(minutes=skew), paging=kind, by_key=by_key)
    registry.tables["taxpayer"] = []
    for _ in range(9):
        registry.edit("insert", 0)
    address.registry = registry
    return registry


@pytest.mark.parametrize("paging", PAGING)
@given(lived=nights(EDITS), skew=st.sampled_from([0, -20, 20]), by_key=st.booleans())
@settings(max_examples=10, deadline=None, phases=PHASES, suppress_health_check=UNHURRIED)
def test_after_a_quiet_pull_what_is_landed_is_what_the_registry_holds(
    socket_of_a_registry: tuple[Address, str], paging: str, lived: list[dict[str, Any]], skew: int, by_key: bool
) -> None:
    registry = _begin(socket_of_a_registry, paging, skew, by_key and paging != "cursor")
    with TemporaryDirectory() as folder:
        found = _reach(registry, Path(folder), paging)
        for each in lived:
            _live_through(registry, found, each)
        registry.now += timedelta(days=1)
        pull(found, "taxpayer", at=registry.now)
        broken = {key for key, record in registry.records.items() if record.get("kind") == "?"}
        landed = {key: name for key, name in _in_force(found).items() if key not in broken}
        assert landed == {key: name for key, name in _held(registry).items() if key not in broken}


@pytest.mark.parametrize("paging", PAGING)
@given(lived=nights(ERASURES), by_key=st.booleans())
@settings(max_examples=6, deadline=None, phases=PHASES, suppress_health_check=UNHURRIED)
def test_after_a_full_pull_what_was_erased_or_renamed_without_a_word_is_gone(
    socket_of_a_registry: tuple[Address, str], paging: str, lived: list[dict[str, Any]], by_key: bool
) -> None:
    registry = _begin(socket_of_a_registry, paging, 0, by_key and paging != "cursor")
    with TemporaryDirectory() as folder:
        found = _reach(registry, Path(folder), paging)
        for each in lived:
            _live_through(registry, found, each)
        registry.edit("insert", 0)
        registry.now += timedelta(days=1)
        pull(found, "taxpayer", at=registry.now, full=True)
        assert _in_force(found) == _held(registry)
