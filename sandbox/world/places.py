"""Provinces and wards of the sandbox: codes of the statistics office that exist before and after 1 July 2025."""

from dataclasses import dataclass

import pyarrow as pa


@dataclass(frozen=True)
class Province:
    """`weight` is its share of people and employers, per thousand; `region` its minimum-wage region."""

    code: str
    name: str
    weight: int
    region: str
    first_ward: int
    wards: str


PROVINCES = (
    Province("66", "Đắk Lắk", 300, "III", 24117, "Buôn Ma Thuột;Tân An;Tân Lập;Thành Nhất;Ea Kao;Buôn Hồ;Krông Ana"),
    Province("31", "Hải Phòng", 300, "I", 11296, "Hồng Bàng;Ngô Quyền;Lê Chân;Hải An;Kiến An;Thủy Nguyên;Đồ Sơn"),
    Province("01", "Hà Nội", 100, "I", 10, "Hoàn Kiếm;Ba Đình;Cầu Giấy;Đống Đa;Hà Đông"),
    Province("79", "Thành phố Hồ Chí Minh", 110, "I", 26740, "Sài Gòn;Tân Định;Bến Thành;Bình Thạnh;Thủ Đức"),
    Province("48", "Đà Nẵng", 40, "II", 20194, "Hải Châu;Sơn Trà;Ngũ Hành Sơn;Liên Chiểu"),
    Province("75", "Đồng Nai", 60, "I", 25993, "Trấn Biên;Long Thành;Nhơn Trạch;Long Khánh"),
    Province("92", "Cần Thơ", 30, "II", 31117, "Ninh Kiều;Cái Răng;Bình Thủy;Ô Môn"),
    Province("38", "Thanh Hóa", 30, "II", 14764, "Hạc Thành;Sầm Sơn;Bỉm Sơn"),
    Province("40", "Nghệ An", 30, "II", 16663, "Thành Vinh;Vinh Phú;Cửa Lò"),
)
BIRTH_PROVINCES = {
    "066": 260, "031": 270, "001": 70, "079": 70, "030": 50, "034": 40, "036": 40, "038": 40, "040": 40, "042": 20,
    "049": 20, "051": 20, "052": 20, "054": 30, "048": 25, "075": 25, "092": 20, "091": 10, "068": 20, "064": 20,
}  # fmt: skip
"""Three-digit codes a citizen id begins with (birth registration), with their weights."""


def wards() -> pa.Table:
    """Lookup table (slot, province_code, province, region, ward_code, ward): one uniform draw finds a place."""
    rows = []
    for province in PROVINCES:
        names = province.wards.split(";")
        for slot in range(province.weight):
            turn = slot % len(names)
            code = f"{province.first_ward + 3 * turn:05d}"
            rows.append((province.code, province.name, province.region, code, names[turn]))
    columns = list(zip(*rows, strict=True))
    names = ["province_code", "province", "region", "ward_code", "ward"]
    slots = pa.array(range(len(rows)), pa.int32())
    return pa.table({"slot": slots, **{name: list(column) for name, column in zip(names, columns, strict=True)}})
