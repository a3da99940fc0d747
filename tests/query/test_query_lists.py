import json
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from example_snapshot import SNAPSHOT

from common.errors import ConfigurationError, DoiChieuError
from common.settings import Settings
from query.identity import Reader, reader_for
from query.lists import Filter, open_list, table_names
from query.snapshot import Reading, reading

TEXT, LIST, DATE, MONEY, COUNT = (
    pa.string(),
    pa.list_(pa.string()),
    pa.date32(),
    pa.int64(),
    pa.int32(),
)
PERCENT = pa.decimal128(9, 4)
SUBJECT = "employer_key employer_tax_code unit_code person_key full_name citizen_id si_number passport_no"
SUBJECT += " facility_code doctor_code office_code"
PUBLISHED: dict[str, list[tuple[str, Any]]] = {
    "findings": [
        ("finding_id flag_id rule rule_version status grade subject_kind", TEXT),
        (SUBJECT + " item", TEXT),
        ("from_date to_date", DATE),
        ("principal_vnd interest_vnd", MONEY),
        ("days_late", COUNT),
        ("law reason_vi reason_en", TEXT),
        ("stale_sources doubts", LIST),
        ("first_seen last_seen", DATE),
        ("change snapshot", TEXT),
    ],
    "flags": [
        ("flag_id rule status subject_kind", TEXT),
        (SUBJECT, TEXT),
        ("findings workers", COUNT),
        ("principal_vnd interest_vnd", MONEY),
        ("oldest_from", DATE),
        ("grade", TEXT),
        ("first_seen last_seen", DATE),
        ("change snapshot", TEXT),
    ],
    "links": [
        ("registry dataset record_key role person_key method", TEXT),
        ("score", pa.float64()),
        ("snapshot", TEXT),
    ],
    "employers": [
        ("employer_key tax_code", TEXT),
        ("unit_codes branch_codes project_codes", LIST),
        ("name snapshot", TEXT),
    ],
    "indicators": [
        ("area_code geography", TEXT),
        ("as_of", DATE),
        ("indicator", TEXT),
        ("numerator denominator", MONEY),
        ("percent target_percent", PERCENT),
        ("snapshot", TEXT),
    ],
}


def rows(
    opened: Reading,
    reader: Reader,
    table: str,
    chosen: Filter | None = None,
    **how: Any,
) -> list[dict[str, Any]]:
    listing = open_list(opened, reader, table, chosen, **how)
    found = pa.Table.from_batches(listing.batches, listing.schema).to_pylist()
    assert len(found) == listing.rows
    return found


@pytest.mark.parametrize("table", table_names())
def test_a_list_has_exactly_the_published_columns_in_order_with_their_types(
    opened: Reading, masked: Reader, table: str
) -> None:
    expected = [(name, kind) for names, kind in PUBLISHED[table] for name in names.split()]
    schema = open_list(opened, masked, table).schema
    assert list(zip(schema.names, schema.types, strict=True)) == expected


def test_rows_come_in_the_order_of_their_keys(opened: Reading, masked: Reader) -> None:
    assert [row["finding_id"] for row in rows(opened, masked, "findings")] == [
        "f1",
        "f2",
        "f3",
    ]
    assert [row["record_key"] for row in rows(opened, masked, "links")] == [
        "D-1",
        "BEN-1",
    ]


def test_people_are_masked_and_employers_are_not(opened: Reading, masked: Reader) -> None:
    person, employer, household = rows(opened, masked, "findings")
    assert [person[name] for name in ("full_name", "citizen_id", "si_number", "passport_no", "item")] == [
        "N.T.Á.",
        "*********234",
        "*******678",
        None,
        "BEN-1",
    ]
    assert person["reason_vi"] == "N.T.Á. hưởng 3.500.000 đồng từ 01/02/2026 dù đã mất ngày chưa rõ."
    assert (employer["employer_tax_code"], employer["unit_code"]) == (
        "0101234567",
        "TZ0001L",
    )
    assert household["employer_tax_code"] == "031080001234"
    assert household["reason_en"] == (
        "Hộ kinh doanh Trần Văn Bình (031080001234), unit unknown, lacks VND 999 of 04/2026, due 31 May 2026."
    )


def test_a_stated_purpose_shows_names_and_is_in_the_log_before_a_name_is_seen(
    opened: Reading, unmasked: Reader
) -> None:
    listing = open_list(opened, unmasked, "findings", Filter(rule="BG18"))
    (line,) = (opened.data.audit / "2026-07.jsonl").read_text(encoding="utf-8").splitlines()
    entry = json.loads(line)
    assert {name: entry[name] for name in ("action", "who", "purpose", "what", "rows", "snapshot")} == {
        "action": "unmask",
        "who": "lan",
        "purpose": "thanh-tra",
        "what": 'findings {"rule": "BG18"}',
        "rows": 1,
        "snapshot": SNAPSHOT,
    }
    (row,) = next(listing.batches).to_pylist()
    assert (row["full_name"], row["citizen_id"]) == ("Nguyễn Thị Ánh", "066180001234")
    assert row["reason_en"].startswith("Nguyễn Thị Ánh was paid VND 3,500,000 from 1 Feb 2026")


def test_nothing_is_shown_unmasked_when_the_log_cannot_be_written(opened: Reading, unmasked: Reader) -> None:
    opened.data.audit.write_text("a file where the folder should be")
    with pytest.raises(DoiChieuError, match="audit log"):
        open_list(opened, unmasked, "findings")
    assert opened.connection.execute("select shown_name('Lê Na')").fetchone() == ("L.N.",)


@pytest.mark.parametrize(
    ("table", "chosen", "keys"),
    [
        ("findings", Filter(), ["f1", "f2", "f3"]),
        ("findings", Filter(rule="CD02"), ["f2", "f3"]),
        ("findings", Filter(province="66"), ["f2"]),
        ("findings", Filter(status="suspected"), ["f1"]),
        ("findings", Filter(change="new"), ["f1", "f3"]),
        ("findings", Filter(change="new", province="31"), ["f3"]),
        ("findings", Filter(limit=2), ["f1", "f2"]),
        ("findings", Filter(rule="' or true --"), []),
        ("flags", Filter(change="cleared"), ["g4"]),
        ("flags", Filter(province="31"), ["g3", "g4"]),
        ("employers", Filter(province="31"), ["e2", "e3"]),
        ("indicators", Filter(province="66"), ["66"]),
    ],
)
def test_a_filter_leaves_exactly_its_rows(
    opened: Reading, masked: Reader, table: str, chosen: Filter, keys: list[str]
) -> None:
    found = rows(opened, masked, table, chosen)
    assert [next(iter(row.values())) for row in found] == keys


def test_a_limit_still_says_how_many_there_are(opened: Reading, masked: Reader) -> None:
    listing = open_list(opened, masked, "flags", Filter(limit=1))
    assert (listing.rows, listing.matching) == (1, 4)


def test_the_largest_flags_come_first_and_cleared_ones_last(opened: Reading, masked: Reader) -> None:
    assert [row["flag_id"] for row in rows(opened, masked, "flags", order="largest")] == ["g1", "g3", "g2", "g4"]


def test_a_filter_a_list_has_no_column_for_is_refused(opened: Reading, masked: Reader) -> None:
    with pytest.raises(ConfigurationError, match="links cannot be filtered by rule"):
        open_list(opened, masked, "links", Filter(rule="CD02"))


def test_an_unknown_list_is_refused_and_the_known_ones_are_named(opened: Reading, masked: Reader) -> None:
    with pytest.raises(ConfigurationError) as raised:
        open_list(opened, masked, "people")
    assert raised.value.remedy == "choose one of: employers, findings, flags, indicators, links"


@pytest.mark.parametrize("batch_rows", [1, 2, 1000])
def test_the_size_of_the_pieces_changes_nothing(settings: Settings, masked: Reader, batch_rows: int) -> None:
    with reading(settings) as opened:
        pieces = rows(opened, masked, "findings", batch_rows=batch_rows)
    with reading(settings) as opened:
        assert pieces == rows(opened, masked, "findings")


PURPOSES = {"thanh-tra": "Quyết định 1", "doi-chieu": "Quy chế 2"}


@pytest.mark.parametrize(
    ("configured", "is_unmasked", "purpose", "outcome"),
    [
        ({}, False, None, None),
        ({}, True, "kiểm tra định kỳ", "kiểm tra định kỳ"),
        ({}, True, None, "error"),
        ({}, True, "  ", "error"),
        ({}, True, "x" * 501, "error"),
        ({}, False, "kiểm tra", "error"),
        (PURPOSES, True, "thanh-tra", "thanh-tra"),
        (PURPOSES, True, "kiểm tra định kỳ", "error"),
        (PURPOSES, True, None, "error"),
        (PURPOSES, False, None, None),
    ],
)
def test_who_may_see_names(
    settings: Settings,
    configured: dict[str, str],
    is_unmasked: bool,
    purpose: str | None,
    outcome: str | None,
) -> None:
    settings = settings.model_copy(update={"purposes": configured})

    def ask() -> Reader:
        return reader_for(
            settings,
            who="lan",
            at=datetime(2026, 7, 1, tzinfo=UTC),
            is_unmasked=is_unmasked,
            purpose=purpose,
        )

    if outcome == "error":
        with pytest.raises(ConfigurationError) as raised:
            ask()
        assert all(code in raised.value.remedy for code in configured)
    else:
        reader = ask()
        assert (reader.purpose, reader.is_masked) == (outcome, not is_unmasked)
