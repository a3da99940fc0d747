"""The law's numbers through time: one value, or an explicit unknown, on every day, each with its reference."""

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

import law.loader
from common.errors import ConfigurationError
from law.loader import FOREVER, LawEntry, LawValue, load_law

LAW = load_law()
MONTHS = [date(year, month, 1) for year in range(2014, 2028) for month in range(1, 13)]
NUMBERS = {name for name in LAW if LAW[name].unit not in ("true or false", "MM-DD") and not name.endswith("_order")}

every_value = pytest.mark.parametrize("value", LAW.values(), ids=list(LAW))


def in_force(name: str, day: date) -> LawEntry:
    (entry,) = [entry for entry in LAW[name].entries if entry.valid_from <= day <= entry.valid_to]
    return entry


@every_value
def test_entries_follow_each_other_without_gap_or_overlap(value: LawValue) -> None:
    for earlier, later in zip(value.entries, value.entries[1:], strict=False):
        assert earlier.valid_to + timedelta(days=1) == later.valid_from
    assert value.entries[-1].valid_to == FOREVER


@every_value
def test_exactly_one_entry_applies_on_the_first_day_of_every_month(value: LawValue) -> None:
    applying = {day: [entry for entry in value.entries if entry.valid_from <= day <= entry.valid_to] for day in MONTHS}
    assert {day: len(entries) for day, entries in applying.items() if len(entries) != 1} == {}


@every_value
def test_every_entry_has_its_reference_and_either_a_value_or_a_reason_why_not(value: LawValue) -> None:
    for entry in value.entries:
        assert entry.reference.strip()
        assert (entry.value is None) != (entry.unknown is None)
        assert (entry.value or entry.unknown or "").strip()


@every_value
def test_a_value_that_is_not_verified_says_what_is_not(value: LawValue) -> None:
    assert all(entry.is_verified or entry.note or entry.unknown for entry in value.entries)


@every_value
def test_every_value_speaks_both_languages_and_has_a_unit(value: LawValue) -> None:
    assert value.title_vi.strip()
    assert value.title_en.strip()
    assert value.unit.strip()


@pytest.mark.parametrize("name", sorted(NUMBERS))
def test_numbers_are_exact_decimals(name: str) -> None:
    values = [entry.value for entry in LAW[name].entries if entry.value is not None]
    assert all(Decimal(value) > 0 for value in values)


# what the articles say, read off by hand
KNOWN: list[tuple[str, date, str | None]] = [
    ("late_interest_daily_rate", date(2025, 6, 30), None),
    ("late_interest_daily_rate", date(2025, 7, 1), "0.0003"),
    ("late_evasion_days", date(2026, 1, 1), "60"),
    ("late_evasion_needs_reminder", date(2026, 1, 1), "true"),
    ("late_allocation_order", date(2026, 1, 1), "hi,ui,oai,si"),
    ("registration_days", date(2025, 7, 1), "30"),
    ("registration_grace_days", date(2025, 7, 1), "60"),
    ("payroll_year_closes", date(2025, 12, 31), "03-31"),
    ("reference_level", date(2024, 6, 30), "1800000"),
    ("reference_level", date(2024, 7, 1), "2340000"),
    ("reference_level", date(2026, 7, 1), "2530000"),
    ("foreigner_contract_months", date(2018, 11, 30), None),
    ("foreigner_contract_months", date(2018, 12, 1), "12"),
]


@pytest.mark.parametrize(("name", "day", "value"), KNOWN, ids=[f"{row[0]} on {row[1]}" for row in KNOWN])
def test_a_value_on_a_day(name: str, day: date, value: str | None) -> None:
    assert in_force(name, day).value == value


def test_a_share_is_less_than_one_and_is_written_as_text() -> None:
    rate = in_force("late_interest_daily_rate", date(2026, 1, 1)).value
    assert isinstance(rate, str)
    assert Decimal(rate) * 90 * 100_000_000 == 2_700_000


# -- what the loader refuses ------------------------------------------------------------------------------------------

Read = Callable[[dict[str, str]], object]


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Read:
    """Load a folder of law files given as name → entries."""

    def load(texts: dict[str, str]) -> object:
        for name, text in texts.items():
            (tmp_path / name).write_text(text, encoding="utf-8")
        monkeypatch.setattr(law.loader, "files", lambda package: tmp_path)
        return law.loader.load_law.__wrapped__()

    return load


HEAD = '[rate]\ntitle_vi = "Mức"\ntitle_en = "Rate"\nunit = "share"\n'


def entry(start: str, *lines: str) -> str:
    return "\n".join(["[[rate.entry]]", f"from = {start}", 'reference = "Đ1"', "verified = true", *lines]) + "\n"


def test_entries_in_order_are_read_and_the_last_one_lasts(read: Read) -> None:
    found = read({"a.toml": HEAD + entry("2014-01-01", 'unknown = "not found"') + entry("2020-01-01", 'value = "2"')})
    assert isinstance(found, dict)
    assert [(one.valid_from, one.valid_to, one.value, one.unknown) for one in found["rate"].entries] == [
        (date(2014, 1, 1), date(2019, 12, 31), None, "not found"),
        (date(2020, 1, 1), FOREVER, "2", None),
    ]


REFUSED = {
    "entries out of order": (
        HEAD + entry("2020-01-01", 'value = "2"') + entry("2014-01-01", 'value = "1"'),
        "entries must be in order",
    ),
    "two entries from one day": (
        HEAD + entry("2020-01-01", 'value = "2"') + entry("2020-01-01", 'value = "1"'),
        "each day once",
    ),
    "a value that is also unknown": (
        HEAD + entry("2020-01-01", 'value = "2"', 'unknown = "?"'),
        "give `value` or `unknown`",
    ),
    "neither a value nor unknown": (HEAD + entry("2020-01-01"), "give `value` or `unknown`"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_the_loader_refuses(what: str, read: Read) -> None:
    text, said = REFUSED[what]
    with pytest.raises(ConfigurationError, match=said) as refused:
        read({"rates.toml": text})
    assert refused.value.where == "law/rates.toml"


def test_the_loader_refuses_one_name_in_two_files(read: Read) -> None:
    once = HEAD + entry("2014-01-01", 'value = "1"')
    with pytest.raises(ConfigurationError, match="rate is given twice") as refused:
        read({"a.toml": once, "b.toml": once})
    assert refused.value.where == "law/b.toml"
