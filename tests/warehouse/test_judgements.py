"""What a person judged about who is who holds in every later build."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from common.errors import ConfigurationError
from common.files import DataFolder
from common.settings import BuildSettings, Settings
from common.values import Silent
from contracts.loader import dataset
from query import audit
from query.identity import Reader
from query.judgements import Judgement, judge
from query.pairs import Pair, explain_pair
from query.snapshot import reading
from tests.warehouse.given import NOW, land, read
from warehouse.build import BuildResult, build
from warehouse.inputs import BuildInputs, current_inputs, snapshot_inputs
from warehouse.publish import publish

AS_OF = date(2026, 1, 31)
AN = {"full_name": "Nguyễn Văn An", "birth_date": "1985-05-05", "sex": "M", "citizen_id": "001085000101"}
NAME_ONLY = {"full_name": "Nguyễn Văn An", "birth_date": "1985-05-05", "sex": "M"}


def deaths(*keys: str, **person: Any) -> list[dict[str, Any]]:
    return [{"notice_no": key, "died_on": date(2025, 1, 1), **person} for key in keys]


@dataclass
class Office:
    """A data folder that is delivered to, judged on and built."""

    root: Path
    clock: list[int] = field(default_factory=lambda: [0])

    @property
    def settings(self) -> Settings:
        return Settings(data_dir=self.root, build=BuildSettings(memory_limit="1GB"))

    def tick(self) -> int:
        self.clock[0] += 1
        return self.clock[0]

    def deliver(self, rows: Sequence[Mapping[str, Any]]) -> None:
        pull = f"20260101T0000000{self.tick():05d}Z"
        land(self.settings.data, dataset("health", "death"), rows, pull=pull, kind="incremental")

    def judge(self, a: str, b: str, kind: str) -> Judgement:
        reader = Reader("thanh.tra", NOW + timedelta(minutes=self.tick()))
        with reading(self.settings) as opened:
            return judge(opened, reader, a=f"health.death:{a}", b=f"health.death:{b}", kind=kind, why="xem hồ sơ gốc")

    def run(self, inputs: BuildInputs | None = None) -> BuildResult:
        run = f"202601{self.tick():02d}"
        wanted = inputs or current_inputs(self.settings.data, as_of=AS_OF, stale={})
        result = build(self.settings, run=run, inputs=wanted, progress=Silent())
        publish(self.settings, run=run, created_at=NOW)
        return result


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def links(result: BuildResult) -> dict[str, tuple[str, str]]:
    rows = read(result, "select record_key, person_key, method from linkage.person_link order by 1")
    return {row["record_key"]: (row["person_key"], row["method"]) for row in rows}


def are_one(result: BuildResult, *keys: str) -> bool:
    found = links(result)
    return len({found[key][0] for key in keys}) == 1


def test_records_judged_different_stay_apart_whatever_identifiers_say_and_whatever_comes(office: Office) -> None:
    office.deliver(deaths("d1", "d2", **AN))
    before = office.run()
    assert are_one(before, "d1", "d2")

    office.judge("d2", "d1", "different")
    apart = office.run()
    assert not are_one(apart, "d1", "d2")
    assert links(before)["d1"][0] in {key for key, _ in links(apart).values()}
    assert apart.linkage["judgements"] == {"different": 1}
    assert apart.linkage["contradictions"] == 1
    assert {row["is_exclusive"] for row in read(apart, "select is_exclusive from linkage.trusted_identifier")} == {
        False
    }

    # a record that comes later and sorts before both goes with one of them and does not bring them together
    office.deliver(deaths("d0", "d3", **AN))
    later = office.run()
    assert not are_one(later, "d1", "d2")
    assert {key: links(later)[key][0] for key in ("d1", "d2")} == {key: links(apart)[key][0] for key in ("d1", "d2")}


def test_records_judged_the_same_are_one_without_a_common_identifier(office: Office) -> None:
    office.deliver([*deaths("d1", "d2", **AN), *deaths("d3", **NAME_ONLY), *deaths("d4", full_name="Lê Thị Bé")])
    before = office.run()
    assert not are_one(before, "d1", "d3")

    office.judge("d1", "d3", "same")
    after = office.run()
    assert are_one(after, "d1", "d2", "d3")
    assert links(after)["d1"][0] == links(before)["d1"][0]
    assert {key: method for key, (_, method) in links(after).items()} == {
        "d1": "judged", "d2": "identifier", "d3": "judged", "d4": "alone",
    }  # fmt: skip


def test_a_judgement_does_not_make_one_person_of_two_citizen_ids_and_says_so(office: Office) -> None:
    office.deliver([*deaths("d1", **AN), *deaths("d2", **{**AN, "citizen_id": "001085000999"})])
    office.run()
    office.judge("d1", "d2", "same")
    result = office.run()
    assert not are_one(result, "d1", "d2")
    assert result.linkage["judgements"] == {"refused": 1}
    assert result.linkage["contradictions"] == 1


def test_a_judgement_that_others_forbid_through_a_third_record_is_refused(office: Office) -> None:
    office.deliver(deaths("d1", "d2", "d3", **NAME_ONLY))
    office.run()
    for a, b, kind in (("d1", "d2", "same"), ("d1", "d3", "different"), ("d2", "d3", "same")):
        office.judge(a, b, kind)
    result = office.run()
    assert are_one(result, "d1", "d2")
    assert not are_one(result, "d2", "d3")
    assert result.linkage["judgements"] == {"different": 1, "refused": 1, "same": 1}


def test_the_later_judgement_on_two_records_replaces_the_earlier_and_the_past_can_be_rebuilt(office: Office) -> None:
    office.deliver(deaths("d1", "d2", **NAME_ONLY))
    office.run()
    office.judge("d1", "d2", "same")
    joined = office.run()
    office.judge("d2", "d1", "different")
    parted = office.run()
    assert are_one(joined, "d1", "d2")
    assert not are_one(parted, "d1", "d2")

    again = office.run(snapshot_inputs(office.settings.data, joined.run))
    assert links(again) == links(joined)
    # the order in which files are named is the manifest's, not the disk's
    assert links(office.run(snapshot_inputs(office.settings.data, parted.run))) == links(parted)


def test_a_judgement_waits_for_a_record_that_is_gone_and_holds_again_when_it_returns(office: Office) -> None:
    office.deliver(deaths("d1", "d2", **AN))
    office.run()
    office.judge("d1", "d2", "different")
    office.deliver(deaths("d2", **AN, deleted=True, updated_at=NOW))
    without = office.run()
    assert without.linkage["judgements"] == {}
    office.deliver(deaths("d2", **AN, updated_at=NOW + timedelta(days=1)))
    assert not are_one(office.run(), "d1", "d2")


def test_a_build_that_lacks_a_judgement_it_was_to_read_does_not_go_on_without_it(office: Office) -> None:
    office.deliver(deaths("d1", "d2", **AN))
    office.run()
    office.judge("d1", "d2", "different")
    inputs = current_inputs(office.settings.data, as_of=AS_OF, stale={})
    (kept,) = office.settings.data.judgements.iterdir()
    kept.write_bytes(b"not parquet")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        office.run(inputs)
    kept.unlink()
    with pytest.raises(ConfigurationError, match="are gone"):
        office.run(inputs)


def test_a_judgement_is_in_the_audit_log_without_its_reason(office: Office) -> None:
    office.deliver(deaths("d1", "d2", **NAME_ONLY))
    office.run()
    made = office.judge("d2", "d1", "same")
    assert str(made.a) == "health.death:d1:self"
    (log,) = office.settings.data.audit.glob("2*.jsonl")
    logged = log.read_text(encoding="utf-8")
    assert made.judgement_id in logged
    assert made.why not in logged
    assert audit.verify(office.settings.data).problems == []


def explained(office: Office, a: str, b: str) -> Pair:
    with reading(office.settings) as opened:
        return explain_pair(opened, Reader("thanh.tra", NOW), f"health.death:{a}", f"health.death:{b}")


def test_a_published_pair_is_explained_by_what_made_or_parted_it(office: Office) -> None:
    other = {**AN, "citizen_id": "001085000999"}
    office.deliver([*deaths("d1", "d2", **AN), *deaths("d3", **NAME_ONLY), *deaths("d4", **other)])
    office.run()
    assert explained(office, "d1", "d2").why.en == "the same checked citizen id"
    assert explained(office, "d1", "d3").why.en == "no trusted number in common"
    assert explained(office, "d1", "d4").why.en == "they hold two different valid citizen ids"
    office.judge("d1", "d3", "same")
    office.judge("d1", "d2", "different")
    # a judgement is told at once and counts from the next run on
    assert explained(office, "d1", "d2").is_one_person
    assert [made.kind for made in explained(office, "d1", "d2").judgements] == ["different"]
    office.run()
    assert explained(office, "d1", "d2").why.en == "judged by a person to be two"
    assert explained(office, "d1", "d3").why.en == "judged by a person to be one"


@pytest.mark.parametrize(
    ("a", "b", "kind", "why", "said"),
    [
        ("health.death:d1", "health.death:d1:self", "same", "x", "both are the same record"),
        ("health.death:d1", "health.death:nope", "same", "x", "knows no person in this record"),
        ("nonsense", "health.death:d1", "same", "x", "knows no person in this record"),
        ("health.birth:b1", "health.death:d1", "same", "x", "names several people"),
        ("health.death:d1", "health.death:d2", "same", "  ", "needs its reason"),
        ("health.death:d1", "health.death:d2", "same", "x" * 1001, "longer than"),
        ("health.death:d1", "health.death:d2", "same", "CCCD 001085000101", "looks like a person's number"),
        ("health.death:d1", "health.death:d2", "perhaps", "x", "is no judgement"),
    ],
)
def test_bad_input_is_refused_and_nothing_is_written(
    judged_once: Office, a: str, b: str, kind: str, why: str, said: str
) -> None:
    kept = sorted(judged_once.settings.data.judgements.glob("*"))
    with reading(judged_once.settings) as opened, pytest.raises(ConfigurationError, match=said):
        judge(opened, Reader("thanh.tra", NOW), a=a, b=b, kind=kind, why=why)
    assert sorted(judged_once.settings.data.judgements.glob("*")) == kept


@pytest.fixture(scope="module")
def judged_once(tmp_path_factory: pytest.TempPathFactory) -> Office:
    office = Office(tmp_path_factory.mktemp("office"))
    land(
        DataFolder(office.root),
        dataset("health", "birth"),
        [{"birth_no": "b1", "mother_name": "Lê Thị Bé", "father_name": "Lê Văn Ba"}],
        pull="20260101T000000000000Z",
    )
    office.deliver(deaths("d1", "d2", **NAME_ONLY))
    office.run()
    return office
