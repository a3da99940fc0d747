"""Made-up `insurance.participation` records in pages of the default wire profile, about 500 bytes a record."""

import gzip
import json
import random
from pathlib import Path

from contracts.loader import dataset

_FAMILY = (
    "Nguyễn",
    "Trần",
    "Lê",
    "Phạm",
    "Hoàng",
    "Huỳnh",
    "Phan",
    "Vũ",
    "Võ",
    "Đặng",
    "Bùi",
    "Đỗ",
    "Hồ",
    "Ngô",
    "Dương",
)
_MIDDLE = ("Thị", "Văn", "Hồng", "Minh", "Ngọc", "Thanh", "Quốc", "Phương", "Hữu", "Đức")
_GIVEN = ("Nhung", "Đức", "Anh", "Hoa", "Hùng", "Lan", "Tuấn", "Linh", "Nam", "Thảo", "Trang", "Sơn", "Quỳnh", "Việt")


def write_pages(folder: Path, *, rows: int, rows_per_page: int, is_gzipped: bool = False) -> int:
    """Write the pages a static server hands out, named by their cursor; returns the bytes of all records."""
    folder.mkdir(parents=True, exist_ok=True)
    size, pages = 0, -(-rows // rows_per_page)
    for number in range(pages):
        first = number * rows_per_page
        records = [_record(place) for place in range(first, min(rows, first + rows_per_page))]
        following = str(number + 1) if number + 1 < pages else None
        body = json.dumps(
            {"data": records, "next_cursor": following, "total": rows}, ensure_ascii=False, separators=(",", ":")
        ).encode()
        size += len(body)
        (folder / str(number)).write_bytes(gzip.compress(body, 1) if is_gzipped else body)
    return size


def _record(place: int) -> dict[str, object]:
    chance = random.Random(place)
    day = f"{chance.randint(1, 12):02}-{chance.randint(1, 28):02}"
    record: dict[str, object] = {
        "spell_id": f"SP{place:010}",
        "si_number": f"{chance.randrange(10**10):010}",
        "full_name": f"{chance.choice(_FAMILY)} {chance.choice(_MIDDLE)} {chance.choice(_GIVEN)}",
        "birth_date": f"{chance.randint(1960, 2004)}-{day}",
        "sex": chance.choice("MF"),
        "citizen_id": f"0{chance.randrange(10**11):011}",
        "old_id": f"{chance.randrange(10**9):09}" if chance.random() < 0.3 else None,
        "person_tax_code": f"{chance.randrange(10**10):010}",
        "passport_no": None,
        "nationality": None,
        "unit_code": f"TA{chance.randrange(20_000):05}A",
        "kind": "compulsory",
        "from_month": f"{chance.randint(2015, 2025)}-{chance.randint(1, 12):02}",
        "to_month": None,
        "wage_vnd": chance.randrange(4_000_000, 40_000_000, 1000),
        "pays_si": True,
        "pays_hi": True,
        "pays_ui": chance.random() < 0.9,
        "absence": "none",
        "submitted_on": f"{chance.randint(2015, 2025)}-{day}",
        "updated_at": f"2025-{day}T{place // 3600 % 24:02}:{place // 60 % 60:02}:{place % 60:02}Z",
        "deleted": False,
    }
    assert set(record) == set(dataset("insurance", "participation").names)
    return record
