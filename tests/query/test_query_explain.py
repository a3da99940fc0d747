import json

import duckdb
import pytest

from common.errors import ConfigurationError
from common.settings import Settings
from query.explain import explain
from query.identity import Reader
from query.snapshot import Reading, reading
from query.words import CHANGES, GRADES, NOTICE, STATUSES, SUBJECTS


def test_a_finding_is_explained_with_everything_it_rests_on(opened: Reading, masked: Reader) -> None:
    found = explain(opened, masked, "f2")
    assert found.notice == NOTICE
    assert found.reason.vi.endswith("còn 12.345.678 đồng của tháng 04/2026, hạn 31/05/2026.")
    assert (found.rule, found.rule_version, found.law) == (
        "CD02",
        "v1",
        "41/2024/QH15 Đ38.1",
    )
    assert (found.status, found.grade, found.change) == (
        STATUSES["late"],
        GRADES["A"],
        CHANGES["standing"],
    )
    assert (found.principal_vnd, found.interest_vnd, found.days_late) == (
        12345678,
        4567,
        30,
    )
    assert found.steps[0]["rate"] == "0.0003"
    assert found.params["late_interest_daily_rate"]["value"] == "0.0003"
    assert [doubt.en for doubt in found.doubts] == ["This source is empty. (insurance.payment)", "a doubt of its own"]
    assert [source.en for source in found.stale_sources] == [
        "insurance (payment) – old data, newest record of 2026-06-01: no answer"
    ]
    assert [innocent.en for innocent in found.innocent] == ["paid to another unit"]
    assert [(cited.role, cited.record_key, cited.pull) for cited in found.evidence] == [("due", "C1", "pull1")]


def test_the_cited_records_are_masked_and_say_how_their_person_is_known(opened: Reading, masked: Reader) -> None:
    benefit, death = explain(opened, masked, "f1").evidence
    assert benefit.record is not None
    assert "_pull" not in benefit.record
    assert benefit.record["full_name"] == "N.T.Á."
    assert benefit.record["amount_vnd"] == 3_500_000
    assert death.linked_by is not None
    assert (death.linked_by.en, death.score) == (
        "agreement of several attributes",
        0.97,
    )


def test_no_name_or_number_of_a_person_is_anywhere_in_an_explanation(opened: Reading, unmasked: Reader) -> None:
    told = json.dumps(explain(opened, unmasked, "f1").as_json(), default=str, ensure_ascii=False)
    for secret in (
        "Nguyễn Thị Ánh",
        "066180001234",
        "6612345678",
        "1980-05-01",
        "0011223344",
    ):
        assert secret not in told


def test_a_flag_is_explained_by_its_gravest_finding_and_names_the_others(settings: Settings, masked: Reader) -> None:
    path = settings.data.current.resolve() / "warehouse.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("update finding set flag_id = 'g1' where finding_id = 'f3'")
    with reading(settings) as opened:
        found = explain(opened, masked, "g1")
        assert (found.finding_id, found.other_findings) == ("f2", ["f3"])
        assert explain(opened, masked, "f3").other_findings == ["f2"]


def test_a_record_the_snapshot_keeps_no_copy_of_is_still_cited(settings: Settings, masked: Reader) -> None:
    path = settings.data.current.resolve() / "identity.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("delete from record where record_key = 'C1'")
    with reading(settings) as opened:
        (cited,) = explain(opened, masked, "f2").evidence
    assert (cited.record_key, cited.record) == ("C1", None)


def test_an_unknown_finding_is_refused_and_the_reader_told_where_ids_come_from(opened: Reading, masked: Reader) -> None:
    with pytest.raises(ConfigurationError) as raised:
        explain(opened, masked, "nope")
    assert "doichieu flags" in raised.value.remedy


def test_every_look_is_in_the_log(opened: Reading, masked: Reader) -> None:
    explain(opened, masked, "g2")
    (line,) = (opened.data.audit / "2026-07.jsonl").read_text(encoding="utf-8").splitlines()
    entry = json.loads(line)
    assert (entry["action"], entry["what"], entry["who"]) == (
        "look",
        "finding f1",
        "lan",
    )


def test_every_kind_of_subject_and_status_of_the_lists_has_words() -> None:
    assert set(SUBJECTS) == {"employer", "person", "facility", "doctor", "agency"}
    assert set(STATUSES) == {"late", "evasion", "excused", "suspected", "lead"}
    assert set(CHANGES) == {"new", "standing", "worse", "eased", "cleared"}
