"""What the reasons against a record say in Vietnamese. They name a field and what was expected of it, never a value."""

import re
from collections.abc import Callable

from contracts.loader import Dataset

_KINDS: dict[str, str] = {
    "missing": "thiếu",
    "in the future": "ở tương lai",
    "not text": "không phải một văn bản",
    "not a whole number": "không phải số nguyên",
    "not a whole number of dong": "không phải số tiền nguyên đồng",
    "not a decimal number": "không phải số thập phân",
    "not true or false": "không phải true hoặc false",
    "not a date YYYY-MM-DD": "không phải ngày viết theo YYYY-MM-DD",
    "not a month YYYY-MM": "không phải tháng viết theo YYYY-MM",
    "not a date YYYY, YYYY-MM or YYYY-MM-DD": "không phải ngày viết theo YYYY, YYYY-MM hoặc YYYY-MM-DD",
    "not a time with date and offset": "không phải thời điểm có ngày, giờ và múi giờ",
    "not a period as the contract writes it": "không phải kỳ viết theo hợp đồng dữ liệu",
    "neither mapped nor ignored": "trường lạ, tệp nguồn chưa khai",
    "not readable as JSON text": "không đọc được theo JSON",
    "names a field twice": "một trường được ghi hai lần",
}
_PATTERNS: tuple[tuple[str, Callable[[str], str]], ...] = (
    (r"not one of (.+)", lambda listed: f"không thuộc danh mục: {listed}"),
    (r"not written as (.+)", lambda ways: f"không viết theo mẫu {ways.replace(' or ', ' hoặc ')}"),
    (r"not an object but (.+)", lambda _: "không phải một đối tượng JSON"),
    (r"not (.+)", lambda expected: f"không đúng yêu cầu ({expected})"),
)


def in_vietnamese(reason: str, dataset: Dataset) -> str:
    """`tax_code: missing` → `Mã số thuế (tax_code): thiếu`."""
    name, _, said = reason.partition(": ")
    if name == "record":
        return f"Bản ghi: {_said(said) or f'không đọc được ({said})'}"
    titles = {field.name: field.title_vi for field in dataset.fields}
    label = f"{titles[name]} ({name})" if name in titles else name
    return f"{label}: {_said(said) or said}"


def _said(said: str) -> str | None:
    if said in _KINDS:
        return _KINDS[said]
    for pattern, words in _PATTERNS:
        if found := re.fullmatch(pattern, said):
            return words(found[1])
    return None
