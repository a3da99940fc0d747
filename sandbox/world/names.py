"""Vietnamese personal and company names with their real frequencies, and the spellings one name is found in.

Frequencies of family names follow published surveys (Nguyễn about 38 %); given names differ by sex and generation.
"""

import unicodedata
from collections.abc import Iterator, Mapping
from functools import cache

import pyarrow as pa

from sandbox.world.places import BIRTH_PROVINCES

SLOTS = 1000
"""A weighted list becomes a lookup table of this many slots: one uniform draw finds a part by a join."""

FAMILIES = {
    "Nguyễn": 384, "Trần": 121, "Lê": 95, "Phạm": 70, "Hoàng": 29, "Huỳnh": 22, "Phan": 45, "Vũ": 22, "Võ": 17,
    "Đặng": 21, "Bùi": 20, "Đỗ": 14, "Hồ": 13, "Ngô": 13, "Dương": 10, "Lý": 5, "Đinh": 9, "Đoàn": 8, "Lương": 7,
    "Trịnh": 8, "Mai": 7, "Tô": 4, "Trương": 12, "Đào": 7, "Cao": 6, "Hà": 5, "Tạ": 4, "Lưu": 4, "Thái": 3, "Quách": 2,
    "Châu": 2, "Vương": 3, "Tống": 2, "Nông": 2, "Lò": 2, "Vi": 1, "Thạch": 1,
}  # fmt: skip
MIDDLES = {
    "M": {"Văn": 330, "Đức": 90, "Hữu": 80, "Minh": 80, "Quang": 70, "Công": 60, "Xuân": 50, "Đình": 60, "Quốc": 60,
          "Thanh": 50, "Ngọc": 40, "Duy": 30},
    "F": {"Thị": 420, "Thị Thu": 60, "Thị Ngọc": 50, "Thị Thanh": 60, "Ngọc": 80, "Thu": 50, "Thùy": 40, "Thanh": 60,
          "Kim": 40, "Bích": 30, "Mỹ": 50, "Phương": 30, "Diễm": 30},
}  # fmt: skip
GIVENS = {
    "M1": "Hùng Dũng Thắng Hải Sơn Bình Long Thành Tâm Chiến Minh Lợi Phúc Hòa Quý Cường Khánh Tài Đông Nam Tân Thủy",
    "M2": "Tuấn Anh Tú Hưng Hiếu Trung Kiên Huy Nam Linh Phong Thịnh Việt Toàn Vinh Đạt Hoàng Lâm Quân Tùng Hòa Vũ",
    "M3": "Bảo Khang Khôi Minh Phúc Gia Đăng Nguyên Khoa Nhật Thiên An Kiệt Quân Huy Duy Phát Long Tuệ",
    "F1": "Lan Hoa Hồng Mai Cúc Đào Liên Nga Thủy Hà Hạnh Tuyết Loan Phượng Thoa Sáu Bảy Hòa Xuân Thúy Lý Quý",
    "F2": "Hương Trang Linh Thảo Hiền Ngân Yến Dung Vân Nhung Giang Thúy Huyền Hằng Quỳnh Tâm Thu Oanh My Phương",
    "F3": "Vy Nhi Ngọc Châu Hân Anh Trâm Khánh My Thư Uyên Nhiên Diệp Mai Chi Tường Vân Ngân Quyên",
}
ETHNIC = {
    "M": ("Y Bhiông Y Thông Y Nguyên Y Wơn Y Duk Y Mạnh Y Siêm Y Rin", "Niê Kđoh Êban Mlô Ayŭn Kbuôr Byă Ktla"),
    "F": ("H'Yim H'Ban H'Lan H'Mai H'Nga H'Lim H'Djuôn H'Wê", "Kđoh Niê Êban Mlô Ayŭn Kbuôr Byă Ktla"),
}
FOREIGN = {
    "KR": "KIM MIN JUN;PARK SEO YEON;LEE DO HYUN;CHOI JI WOO;JUNG HA EUN",
    "JP": "TANAKA HIROSHI;SATO YUKI;SUZUKI KENJI;WATANABE AYA",
    "CHN": "WANG WEI;LI NA;ZHANG MIN;CHEN JIE;LIU YANG",
    "TW": "LIN CHIA HAO;HUANG MEI LING",
    "GB": "JOHN SMITH;EMMA BROWN",
}
COMPANY_WORDS = (
    "Hoàng Gia", "Minh Phát", "Tân Tiến", "Đại Thành", "An Khang", "Phú Thịnh", "Việt Hưng", "Trường Sơn", "Hải Long",
    "Đông Á", "Thiên Phú", "Nam Việt", "Cao Nguyên", "Ban Mê", "Tây Nguyên Xanh", "Sông Cấm", "Cát Bà", "Đình Vũ",
    "Hồng Bàng", "Lạch Tray", "Ea Kao", "Buôn Hồ", "Krông Ana", "Thái Bình Dương", "Kim Sơn", "Ngọc Linh",
    "Hưng Thịnh", "Quang Minh", "Bảo Tín", "Thuận Phát",
)  # fmt: skip
TRADES = (
    "May mặc", "Xây dựng", "Cà phê", "Thương mại", "Vận tải", "Cơ khí", "Chế biến gỗ", "Thủy sản", "Du lịch",
    "Công nghệ", "Nông sản", "Bao bì", "Da giày", "Điện tử", "Logistics", "Dược phẩm", "Nội thất", "Nhựa", "In ấn",
    "Thực phẩm",
)  # fmt: skip

_TONE_PLACES = {"òa": "oà", "óa": "oá", "ọa": "oạ", "úy": "uý", "ùy": "uỳ", "ủy": "uỷ"}
_I_FOR_Y = {"Lý": "Lí", "Quý": "Quí", "Mỹ": "Mĩ", "Vy": "Vi", "My": "Mi"}


def spread(weights: Mapping[str, int]) -> list[str]:
    """The parts repeated by their weight, over exactly `SLOTS` slots."""
    slots: list[str] = []
    total, taken = sum(weights.values()), 0
    for part, weight in weights.items():
        taken += weight
        slots += [part] * (SLOTS * taken // total - len(slots))
    return slots


@cache
def decomposed(text: str) -> str:
    """NFD, as some systems deliver it."""
    return unicodedata.normalize("NFD", text)


@cache
def without_tones(text: str) -> str:
    """Typed on a keyboard without Vietnamese: no tone, no đ, no horn."""
    bare = "".join(char for char in unicodedata.normalize("NFD", text) if not unicodedata.combining(char))
    return bare.replace("đ", "d").replace("Đ", "D")


@cache
def respelled(text: str) -> str:
    """The other accepted spelling: tone on the second vowel, i for y; the same text where there is none."""
    for old, new in {**_TONE_PLACES, **_I_FOR_Y}.items():
        text = text.replace(old, new)
    return text


def name_parts() -> pa.Table:
    """Lookup table (kind, slot, text, nfd, plain, variant); kinds: family, M/F, M1..F3, ethnic, foreign."""
    rows = list(_part_rows())
    texts = [text for _, _, text in rows]
    return pa.table(
        {
            "kind": [kind for kind, _, _ in rows],
            "slot": pa.array([slot for _, slot, _ in rows], pa.int32()),
            "text": texts,
            "nfd": [decomposed(text) for text in texts],
            "plain": [without_tones(text) for text in texts],
            "variant": [respelled(text) for text in texts],
        }
    )


def _part_rows() -> Iterator[tuple[str, int, str]]:
    lists: dict[str, list[str]] = {"family": spread(FAMILIES), "birth province": spread(BIRTH_PROVINCES)}
    lists |= {f"middle {sex}": spread(weights) for sex, weights in MIDDLES.items()}
    lists |= {f"given {kind}": spread(dict.fromkeys(text.split(), 1)) for kind, text in GIVENS.items()}
    for sex, (firsts, clans) in ETHNIC.items():
        words = firsts.replace("Y ", "Y_").split()
        lists[f"first {sex}"] = spread(dict.fromkeys((word.replace("_", " ") for word in words), 1))
        lists[f"clan {sex}"] = spread(dict.fromkeys(clans.split(), 1))
    for nationality, names in FOREIGN.items():
        lists[f"foreign {nationality}"] = spread(dict.fromkeys(names.split(";"), 1))
    for kind, slots in lists.items():
        yield from ((kind, slot, text) for slot, text in enumerate(slots))
