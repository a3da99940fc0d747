from datetime import date
from decimal import Decimal

import pytest

from common.errors import DoiChieuError, Exit
from query.sentences import Language, parse_template, written


@pytest.mark.parametrize(
    ("name", "value", "vi", "en"),
    [
        ("principal_vnd", 1234567, "1.234.567 đồng", "VND 1,234,567"),
        ("principal_vnd", -1000, "-1.000 đồng", "VND -1,000"),
        ("principal_vnd", 0, "0 đồng", "VND 0"),
        ("principal_vnd", None, "chưa rõ", "unknown"),
        ("deadline", "2025-08-31", "31/08/2025", "31 Aug 2025"),
        ("deadline", date(2025, 8, 1), "01/08/2025", "1 Aug 2025"),
        ("month", "2025-08", "08/2025", "08/2025"),
        ("period", "2025-Q3", "2025-Q3", "2025-Q3"),
        ("year", 2025, "2025", "2025"),
        ("workers", 12, "12", "12"),
        ("percent", Decimal("37.5"), "37,5", "37.5"),
        ("is_late", True, "có", "yes"),
        ("months", ["2025-08", "2025-09"], "08/2025, 09/2025", "08/2025, 09/2025"),
        ("excuse_vi", "", "", ""),
        ("item", "2025-99", "2025-99", "2025-99"),
    ],
)
def test_a_fact_is_written_as_each_language_writes_it(name: str, value: object, vi: str, en: str) -> None:
    assert (written(name, value, "vi"), written(name, value, "en")) == (vi, en)


def test_a_sentence_holds_its_facts_and_says_which_are_unknown() -> None:
    template = parse_template("CD03", "{name} còn {principal_vnd} từ {from_date} {{sic}}.", "vi")
    facts = {
        "name": "Công ty A {b}",
        "principal_vnd": 5000,
        "from_date": None,
        "unused": 1,
    }
    assert template.render(facts) == "Công ty A {b} còn 5.000 đồng từ chưa rõ {sic}."


@pytest.mark.parametrize("text", ["{name", "{name!r}", "{name:>10}", "{facts[0]}", "{}", "{name.__class__}"])
def test_a_template_that_is_more_than_names_is_refused(text: str) -> None:
    with pytest.raises(DoiChieuError, match="rule CD03"):
        parse_template("CD03", text, "en")


@pytest.mark.parametrize("language", ["vi", "en"])
def test_a_placeholder_without_a_fact_is_a_fault_of_ours(language: Language) -> None:
    with pytest.raises(DoiChieuError, match=r"names \{workers\}") as raised:
        parse_template("CD03", "{workers}", language).render({"name": "A"})
    assert raised.value.exit_code == Exit.FAULT
