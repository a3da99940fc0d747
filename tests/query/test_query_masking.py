import duckdb
import pytest

from contracts.loader import all_datasets, dataset
from query.masking import MASKED_MACROS, PLAIN_MACROS, initials, last_three, mask_record

NAMES = [
    ("Nguyễn Văn An", "N.V.A."),
    ("đặng thị ánh", "Đ.T.Á."),
    ("  H'Yim   Kđoh ", "H.K."),
    ("Ánh Đào", "Á.Đ."),  # typed apart from its marks (NFD)
    ("Kim", "K."),
    ("", ""),
]
NUMBERS = [
    ("079203001234", "*********234"),
    ("6612345678", "*******678"),
    ("C1234567", "*****567"),
    ("1234", "*234"),
    ("123", "***"),
    ("7", "*"),
    ("", ""),
]


@pytest.mark.parametrize(("name", "shown"), NAMES)
def test_a_name_is_shown_as_its_initials_in_python_and_in_sql(name: str, shown: str) -> None:
    assert initials(name) == shown
    assert in_sql("shown_name", name) == shown


@pytest.mark.parametrize(("number", "shown"), NUMBERS)
def test_a_number_shows_its_last_three_digits_and_a_short_one_none(number: str, shown: str) -> None:
    assert last_three(number) == shown
    assert in_sql("shown_number", number) == shown


def test_an_absent_name_or_number_stays_absent() -> None:
    assert in_sql("shown_name", None) is None
    assert in_sql("shown_number", None) is None


def test_the_plain_macros_show_everything() -> None:
    with duckdb.connect() as connection:
        connection.execute(MASKED_MACROS + PLAIN_MACROS)
        assert connection.execute("select shown_name('Lê Na'), shown_number('0123456789')").fetchone() == (
            "Lê Na",
            "0123456789",
        )


def test_a_cited_record_hides_who_it_is_about_and_keeps_what_it_says() -> None:
    record = {
        "benefit_id": "BEN-1",
        "kind": "sickness",
        "full_name": "Nguyễn Văn An",
        "birth_date": "1980-05-01",
        "citizen_id": "066080001234",
        "deceased_citizen_id": None,
        "bank_account": "0011223344",
        "amount_vnd": 3_500_000,
        "from_date": "2026-02-01",
        "an_unknown_field": "Nguyễn Văn An",
    }
    assert mask_record(dataset("insurance", "benefit"), record) == {
        "benefit_id": "BEN-1",
        "kind": "sickness",
        "full_name": "N.V.A.",
        "birth_date": "1980",
        "citizen_id": "*********234",
        "deceased_citizen_id": None,
        "bank_account": "*******344",
        "amount_vnd": 3_500_000,
        "from_date": "2026-02-01",
        "an_unknown_field": "***",
    }


@pytest.mark.parametrize("contract", all_datasets(), ids=lambda contract: contract.full_name)
def test_no_name_number_or_address_of_any_dataset_survives_the_mask(contract) -> None:  # type: ignore[no-untyped-def]
    record = {field.name: "Secret 0123456789" for field in contract.fields}
    shown = mask_record(contract, record)
    speaking = {
        "sex",
        "nationality",
        "id_kind",
        "representative_title",
        "born_on",
        "child_birth_date",
    }
    for field in contract.fields:
        if field.personal in ("identity", "contact") and field.name not in {
            *contract.key,
            *speaking,
        }:
            assert "0123456" not in shown[field.name], field.name
            assert "Secret" not in shown[field.name], field.name
    assert {name: shown[name] for name in contract.key} == {name: record[name] for name in contract.key}


def in_sql(macro: str, text: str | None) -> str | None:
    with duckdb.connect() as connection:
        connection.execute(MASKED_MACROS)
        row = connection.execute(f"select {macro}($text::varchar)", {"text": text}).fetchone()
        assert row is not None
        return row[0]  # type: ignore[no-any-return]
