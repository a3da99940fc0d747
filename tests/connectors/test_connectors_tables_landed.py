"""The packaged mappings of lists and statements land what the contract promises."""

import asyncio
import os
from datetime import UTC, date, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import duckdb
import pytest
import workbooks as made

from common.settings import RegistrySettings, Settings
from common.values import Silent
from connectors.outcome import PullOutcome
from connectors.pull import pull_registry

NOW = datetime(2025, 7, 1, 2, tzinfo=UTC)


class Office:
    """A folder where workbooks are dropped, and what was landed of them."""

    def __init__(self, home: Path, registry: str, packaged: str) -> None:
        self._home, self._registry = home, registry
        (home / "inbox").mkdir()
        source = home / "source.toml"
        source.write_text(f'extends = "{packaged}"\n[files]\nfolder = "inbox"\nsettle_seconds = 0\n', encoding="utf-8")
        self.settings = Settings(data_dir=home / "var", registries={registry: RegistrySettings(source=source)})  # type: ignore[dict-item]

    def pull(self, name: str, content: bytes, *datasets: str) -> dict[str, PullOutcome]:
        path = self._home / "inbox" / name
        path.write_bytes(content)
        os.utime(path, (NOW.timestamp() - 3600, NOW.timestamp() - 3600))
        pulled = pull_registry(self.settings, self._registry, datasets=datasets, clock=lambda: NOW, progress=Silent())
        return {outcome.dataset: outcome for outcome in asyncio.run(pulled)}

    def landed(self, dataset: str) -> list[dict[str, Any]]:
        found = sorted(map(str, (self._home / "var").glob(f"raw/{self._registry}/{dataset}/*/part-*.parquet")))
        return duckdb.sql(f"from read_parquet({found}) order by all").to_arrow_table().to_pylist() if found else []

    def set_aside(self, dataset: str) -> list[list[str]]:
        found = sorted(map(str, (self._home / "var").glob(f"quarantine/{self._registry}/{dataset}/*.parquet")))
        return [row[0] for row in duckdb.sql(f"select reasons from read_parquet({found})").fetchall()] if found else []


def test_a_list_of_workers_lands_as_spells_and_a_row_that_only_ends_one_is_set_aside(tmp_path: Path) -> None:
    office = Office(tmp_path, "insurance", "d02-lt")
    grid, merges = made.d02_grid()
    office.pull("D02 thang 6.xlsx", made.xlsx(("D02", grid, merges)), "participation")
    first, second = office.landed("participation")
    assert {name: first[name] for name in ("spell_id", "full_name", "sex", "wage_vnd", "from_month", "absence")} == {
        # Unit, SI number and first month; a digest, because a key is shown to everybody.
        "spell_id": sha256(b"TZ0001A-0123456789-2025-06").hexdigest()[:24],
        "full_name": "Nguyễn Văn An",
        "sex": "M",
        "wage_vnd": 5_310_000,
        "from_month": "2025-06",
        "absence": "none",
    }
    assert first["birth_date"] == "1985-02-03"
    assert (second["birth_date"], second["wage_vnd"], second["pays_si"]) == ("1990", 12_500_000, True)
    assert second["from_month"] == "2025-06"
    (reasons,) = office.set_aside("participation")
    assert {reason.split(":")[0] for reason in reasons} == {"absence", "pays_si", "pays_hi", "pays_ui"}


def test_a_statement_lands_as_charges_payments_and_interest(tmp_path: Path) -> None:
    office = Office(tmp_path, "insurance", "c12-ts")
    content = made.xlsx(("Tháng 6", made.c12_grid(), ()))
    office.pull("C12-TS 062025.xlsx", content, "charge", "payment", "interest")
    charges = {row["fund"]: row for row in office.landed("charge")}
    assert {fund: row["due_vnd"] for fund, row in charges.items()} == {
        "si": 13_275_000,
        "hi": 2_389_500,
        "ui": 1_062_000,
        "oai": 265_500,
    }
    assert (charges["si"]["adjustment_vnd"], charges["hi"]["adjustment_vnd"]) == (-100_000, None)
    assert (charges["si"]["charge_id"], charges["si"]["month"]) == ("TZ0001A-06/2025-si", "2025-06")
    payments = [(row["payment_id"], row["paid_on"], row["amount_vnd"]) for row in office.landed("payment")]
    assert payments == [
        ("TZ0001A-123-10/06/2025", date(2025, 6, 10), 10_000_000),
        ("TZ0001A-45/NH-25/06/2025", date(2025, 6, 25), 8_000_000),
    ]
    ((interest,)) = office.landed("interest")
    assert (interest["interest_id"], interest["charged_vnd"]) == ("TZ0001A-06/2025", 11_880)
    assert office.set_aside("payment") == []


def changed(code: str, *cells: made.Cell) -> list[list[made.Cell]]:
    return [[code, *cells] if row[0] == code else list(row) for row in made.C12_ROWS]


def test_lines_written_under_their_section_without_its_letter_are_the_same(tmp_path: Path) -> None:
    office = Office(tmp_path, "insurance", "c12-ts")
    rows = [[str(row[0]).split(".", 1)[-1] if row[0] else None, *row[1:]] for row in made.C12_ROWS]
    office.pull("C12.xls", made.xls("T6", made.c12_grid(rows)), "charge", "payment", "interest")
    assert len(office.landed("charge")) == 4
    assert [row["charged_vnd"] for row in office.landed("interest")] == [11_880]
    assert len(office.landed("payment")) == 2


def test_an_amount_paid_without_its_vouchers_is_set_aside_not_lost(tmp_path: Path) -> None:
    office = Office(tmp_path, "insurance", "c12-ts")
    rows = [row for row in made.C12_ROWS if row[0] is not None]
    office.pull("C12.xlsx", made.xlsx(("T6", made.c12_grid(rows), ())), "payment")
    assert office.landed("payment") == []
    assert "no voucher" in str(office.set_aside("payment"))


@pytest.mark.parametrize("left_out", ["Mã đơn vị:", "Tháng 06 năm 2025"])
def test_a_statement_that_does_not_say_whose_it_is_or_of_when_lands_nothing(tmp_path: Path, left_out: str) -> None:
    office = Office(tmp_path, "insurance", "c12-ts")
    grid = [[None if cell == left_out else cell for cell in row] for row in made.c12_grid()]
    office.pull("C12.xlsx", made.xlsx(("T6", grid, ())), "charge")
    assert office.landed("charge") == []


def test_a_report_on_the_use_of_labour_lands_with_its_employer_and_half_year(tmp_path: Path) -> None:
    office = Office(tmp_path, "labour", "pli-01")
    header = ["STT", "Họ và tên", "Mã số BHXH", "Ngày, tháng, năm sinh", "Giới tính", "Số CCCD", "Mức lương", "Loại HĐLĐ",
              "Ngày bắt đầu HĐLĐ", "Ngày kết thúc HĐLĐ", "Thời điểm bắt đầu đóng BHXH"]  # fmt: skip
    grid = [
        ["BÁO CÁO TÌNH HÌNH SỬ DỤNG LAO ĐỘNG 6 tháng đầu năm 2025"],
        ["Mã số thuế: 0101234567"],
        header,
        [1, "Nguyễn Văn An", "0123456789", "03/02/1985", "Nam", "001085000001", 7_000_000, "Xác định thời hạn",
         date(2024, 1, 1), "31/12/2025", "01/2024"],
        [2, "Trần Thị Bình", "0123456790", 1990, "Nữ", "001190000002", "8.500.000", "Hợp đồng miệng", "01/02/2025"],
    ]  # fmt: skip
    office.pull("Bao cao PLI.xlsx", made.xlsx(("PLI", grid, ())), "workforce")
    (row,) = office.landed("workforce")
    assert (row["tax_code"], row["period"], row["contract"], row["sex"]) == ("0101234567", "2025-H1", "fixed", "M")
    assert (row["contract_from"], row["contract_to"]) == (date(2024, 1, 1), date(2025, 12, 31))
    assert (row["wage_vnd"], row["insured_from"]) == (7_000_000, "2024-01")
    ((reason,),) = office.set_aside("workforce")
    assert reason.startswith("contract:")


def test_a_list_of_enterprises_lands_with_its_closed_lists_recoded(tmp_path: Path) -> None:
    office = Office(tmp_path, "investment", "business-registry")
    header = ["STT", "Mã số doanh nghiệp", "Tên doanh nghiệp", "Loại hình doanh nghiệp", "Ngày đăng ký",
              "Tình trạng hoạt động", "Mã tỉnh", "Địa chỉ trụ sở", "Vốn điều lệ", "Người đại diện theo pháp luật"]  # fmt: skip
    rows = [
        [1, "0101234567", "TỔNG CÔNG TY MAY MẪU", "Công ty cổ phần", "15/03/2010", "Đang hoạt động", "01",
         "Số 1 phố Mẫu, Hà Nội", "10.000.000.000", "Lê Văn Cường"],
        [2, "0101234568", "Công ty TNHH Ví Dụ", "Công ty TNHH một thành viên", date(2015, 1, 2), "Đã giải thể", "79",
         "2 Mẫu; TP.HCM", 500_000_000, "Trần Thị Dung"],
    ]  # fmt: skip
    office.pull("Danh sach doanh nghiep.csv", _csv(header, *rows), "enterprise")
    first, second = office.landed("enterprise")
    assert (first["legal_form"], first["status"], first["registered_on"]) == ("jsc", "active", date(2010, 3, 15))
    assert (second["legal_form"], second["status"], second["charter_capital_vnd"]) == ("llc1", "dissolved", 500_000_000)
    assert (first["charter_capital_vnd"], first["province_code"]) == (10_000_000_000, "01")


def _csv(*rows: list[made.Cell]) -> bytes:
    lines = [";".join(f'"{cell}"' if ";" in str(cell) else str(cell) for cell in row) for row in rows]
    return "\n".join(lines).encode("utf-8-sig")
