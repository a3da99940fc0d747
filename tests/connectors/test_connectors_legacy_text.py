"""Text in TCVN3 and VNI is recognised by evidence, converted to the letter, and nothing else is touched."""

import io
import unicodedata
from collections.abc import Iterator

import pyarrow as pa
import pytest
import workbooks

from connectors.formats import UnreadableFile
from connectors.formats.legacy_text import LegacyText, decode_tcvn3, decode_vni, is_syllable, judge
from connectors.formats.table import read_table
from connectors.source import Format

SMALL = "aăâeêioôơuưy"
TONES = ("", "\u0300", "\u0301", "\u0303", "\u0309", "\u0323")
# Typed by hand from the makers' charts, independently of the table the code reads.
TCVN3 = {
    "a": "a µ ¸ · ¶ ¹", "ă": "¨ » ¾ ½ ¼ Æ", "â": "© Ç Ê É È Ë", "e": "e Ì Ð Ï Î Ñ", "ê": "ª Ò Õ Ô Ó Ö", "i": "i × Ý Ü Ø Þ",
    "o": "o ß ã â á ä", "ô": "« å è ç æ é", "ơ": "¬ ê í ì ë î", "u": "u ï ó ò ñ ô", "ư": "\u00ad õ ø ÷ ö ù", "y": "y ú ý ü û þ",
}  # fmt: skip
VNI = {
    "a": "a aø aù aõ aû aï", "ă": "aê aè aé aü aú aë", "â": "aâ aà aá aã aå aä", "e": "e eø eù eõ eû eï",
    "ê": "eâ eà eá eã eå eä", "i": "i ì í ó æ ò", "o": "o oø où oõ oû oï", "ô": "oâ oà oá oã oå oä",
    "ơ": "ô ôø ôù ôõ ôû ôï", "u": "u uø uù uõ uû uï", "ư": "ö öø öù öõ öû öï", "y": "y yø yù yõ yû î",
}  # fmt: skip
NAMES = (
    "Nguyễn Văn An", "Trần Thị Bích Ngọc", "Lê Hoàng Cường", "Phạm Thị Dung", "Huỳnh Quốc Tuấn", "Võ Đức Thuận", "Đặng Thị Ánh",
    "Bùi Xuân Phượng", "Đỗ Mỹ Linh", "Hồ Ngọc Hà", "Ngô Thế Vỹ", "Dương Quỳnh Như", "Lý Thu Thủy", "Vũ Khắc Tiệp", "Tạ Bảo Châu",
)  # fmt: skip


def letters() -> Iterator[tuple[str, str, int]]:
    for base in SMALL:
        for number, tone in enumerate(TONES):
            yield unicodedata.normalize("NFC", base + tone), base, number


def encoded(text: str, chart: dict[str, str], stroke: tuple[str, str]) -> str:
    small = {letter: chart[base].split(" ")[number] for letter, base, number in letters()} | {"đ": stroke[0]}
    if chart is TCVN3:
        large = dict(zip("ĂÂÊÔƠƯĐ", "¡¢£¤¥¦§", strict=True))
        return "".join(
            each if each.isascii() else large.get(each) or small.get(each) or small[each.lower()] for each in text
        )
    large = {letter.upper(): code.upper() for letter, code in small.items()}
    return "".join(small.get(each) or large.get(each, each) for each in text)


def tcvn3(text: str) -> str:
    return encoded(text, TCVN3, ("®", "§"))


def vni(text: str) -> str:
    return encoded(text, VNI, ("ñ", "Ñ"))


def test_every_small_letter_of_tcvn3_is_read_as_the_chart_has_it() -> None:
    found = {letter: decode_tcvn3(tcvn3(letter)) for letter, _, _ in letters()} | {"đ": decode_tcvn3("®")}
    assert found == {letter: letter for letter in found}
    assert len([letter for letter in found if not letter.isascii()]) == 67


def test_every_letter_of_vni_is_read_as_the_chart_has_it_in_both_cases() -> None:
    small = [letter for letter, _, _ in letters()] + ["đ"]
    both = [*small, *(letter.upper() for letter in small)]
    assert {letter: decode_vni(vni(letter)) for letter in both} == {letter: letter for letter in both}
    assert len({letter for letter in both if not letter.isascii()}) == 134


@pytest.mark.parametrize("letter", [letter for letter, _, _ in letters() if not letter.isascii()] + ["đ"])
def test_in_a_word_of_an_all_capital_font_small_codes_are_capitals(letter: str) -> None:
    """The fonts .VnTimeH show small codes large; there are no codes for capitals with a tone."""
    assert decode_tcvn3(f"NH{tcvn3(letter)}NG") == f"NH{letter.upper()}NG"


def test_the_capitals_tcvn3_has_are_read() -> None:
    assert decode_tcvn3("¡¢£¤¥¦§") == "ĂÂÊÔƠƯĐ"


@pytest.mark.parametrize("name", NAMES)
def test_a_name_survives_either_encoding_and_capitals(name: str) -> None:
    assert decode_vni(vni(name)) == name
    assert decode_vni(vni(name.upper())) == name.upper()
    assert (decode_tcvn3(tcvn3(name)) or "").casefold() == name.casefold()
    assert decode_tcvn3(tcvn3(name.upper())) == name.upper()


def test_a_name_of_one_capital_and_small_codes_is_in_title_case() -> None:
    assert decode_tcvn3("Lª Hµ") == "Lê Hà"
    assert decode_tcvn3("Vò") == "Vũ"


@pytest.mark.parametrize("name", NAMES)
def test_syllables_of_real_names_are_syllables(name: str) -> None:
    assert all(is_syllable(word) for word in name.split())
    assert judge(name).reading == "unicode"


@pytest.mark.parametrize(
    "word", ["NguyÔn", "Nguyeãn", "Loïc", "Müller", "Phan§", "bắc1", "Tuâ", "quôc", "Lờt", "Hoàngg", "Leõ"]
)
def test_what_no_vietnamese_mouth_can_say_is_no_syllable(word: str) -> None:
    assert not is_syllable(word)


def convert(*texts: str | None, declared: str | None = None) -> list[str | None]:
    table = pa.table({"Họ và tên": pa.array(texts, pa.string())})
    return LegacyText(declared).columns(table)["Họ và tên"].to_pylist()  # type: ignore[return-value]


@pytest.mark.parametrize("write", [tcvn3, vni], ids=["tcvn3", "vni"])
def test_a_column_in_an_older_encoding_becomes_unicode(write: object) -> None:
    given = [write(name) for name in NAMES]  # type: ignore[operator]
    assert [(text or "").casefold() for text in convert(*given)] == [name.casefold() for name in NAMES]
    assert all(unicodedata.is_normalized("NFC", text or "") for text in convert(*given))


def test_in_a_column_that_is_legacy_words_that_could_be_both_follow_it() -> None:
    assert convert(*(tcvn3(name) for name in NAMES), "Vò", "§¾k L¾k")[-2:] == ["Vũ", "Đắk Lắk"]


@pytest.mark.parametrize(
    "texts",
    [
        NAMES,
        ("Lê Tú", "Vò", "Hà", "Cà Ná"),
        ("Loïc Martin", "François Müller", "José García", "Zoë Brontë", "Søren Kjær", "Jürgen Weiß", "Chloé Noël"),
        ("Loïc",),
        ("Haïm", "Loïc"),
        ("NGUYEN VAN AN", "TRAN THI BINH", None, ""),
        ("«ABC»", "ABC® 25°C ±5 m²", "nº 5", "Công ty Máy® Việt", "½ ngày"),
        (*NAMES, "Loïc", "Haïm Cohen"),
    ],
    ids=["names", "doubtful", "foreigners", "one", "two", "ascii", "signs", "one among many"],
)
def test_unicode_foreign_names_ascii_and_signs_stay_as_they_are(texts: tuple[str | None, ...]) -> None:
    assert convert(*texts) == list(texts)


def test_a_single_cell_that_is_surely_legacy_is_converted_among_unicode_ones() -> None:
    found = convert(*(f"{name} {number}" for name in NAMES for number in range(3)), "NguyÔn V¨n An", "Lê Tú")
    assert found[-2:] == ["Nguyễn Văn An", "Lê Tú"]


def test_where_half_is_legacy_a_cell_that_could_be_both_is_refused_with_the_words_to_write() -> None:
    with pytest.raises(UnreadableFile) as caught:
        convert(*NAMES, *(tcvn3(name) for name in NAMES), "Lê Tú")
    assert caught.value.where == "Họ và tên"
    assert 'encoding = "tcvn3"' in caught.value.remedy
    assert "Lê Tú" not in str(caught.value)


def test_a_declared_encoding_decides_what_could_be_both() -> None:
    assert convert("Lê Na", declared="tcvn3") == ["Lờ Na"]
    assert convert("Leâ Hoà", declared="vni") == ["Lê Hồ"]


def test_doubtful_text_that_went_through_before_the_file_proved_legacy_is_refused_afterwards() -> None:
    text = LegacyText()
    text.columns(pa.table({"Họ và tên": ["Vò", "Lê Tú"]}))
    with pytest.raises(UnreadableFile):
        text.columns(pa.table({"Họ và tên": [tcvn3(name) for name in NAMES]}))


TABLE = Format(name="table")
WANTED = {None: ("Mã số BHXH", "Họ và tên", "Nơi làm việc")}


@pytest.mark.parametrize("write", [tcvn3, vni], ids=["tcvn3", "vni"])
def test_the_raw_bytes_of_a_csv_file_are_recognised_header_and_all(write: object) -> None:
    lines = [
        "Mã số BHXH;Họ và tên;Nơi làm việc",
        *(f"01234567{at:02};{name};Xưởng may" for at, name in enumerate(NAMES)),
    ]
    content = "\n".join(write(line) for line in lines).encode("latin-1")  # type: ignore[operator]
    (piece,) = read_table(io.BytesIO(content), TABLE, WANTED)
    assert piece.rows["Nơi làm việc"].to_pylist() == ["Xưởng may"] * len(NAMES)
    assert [name.casefold() for name in piece.rows["Họ và tên"].to_pylist()] == [name.casefold() for name in NAMES]


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_unicode_csv_is_read_with_or_without_a_mark(codec: str) -> None:
    lines = ["Mã số BHXH,Họ và tên,Nơi làm việc", *(f"01,{name},Xưởng" for name in NAMES)]
    (piece,) = read_table(io.BytesIO("\r\n".join(lines).encode(codec)), TABLE, WANTED)
    assert piece.rows["Họ và tên"].to_pylist() == list(NAMES)


def test_vietnamese_windows_text_is_recognised() -> None:
    def cp1258(text: str) -> bytes:
        return b"".join(_cp1258(letter) for letter in text)

    def _cp1258(letter: str) -> bytes:
        try:
            return letter.encode("cp1258")
        except UnicodeEncodeError:
            parts = unicodedata.normalize("NFD", letter)
            tone = next(part for part in parts if part in TONES[1:])
            rest = unicodedata.normalize("NFC", "".join(part for part in parts if part != tone))
            return rest.encode("cp1258") + tone.encode("cp1258")

    lines = ["Mã số BHXH,Họ và tên,Nơi làm việc", *(f"01,{name},Xưởng" for name in NAMES)]
    (piece,) = read_table(io.BytesIO(b"\n".join(map(cp1258, lines))), TABLE, WANTED)
    found = [unicodedata.normalize("NFC", name) for name in piece.rows["Họ và tên"].to_pylist()]
    assert found == list(NAMES)


def test_bytes_that_speak_for_no_encoding_are_refused_and_a_declared_one_helps() -> None:
    content = "Mã số BHXH,Ho va ten,Noi lam viec\n01,José García,Málaga\n".replace("Mã số", "Ma so").encode("latin-1")
    with pytest.raises(UnreadableFile, match="encoding"):
        list(read_table(io.BytesIO(content), TABLE, WANTED))
    declared = TABLE.model_copy(update={"encoding": "cp1252"})
    (piece,) = read_table(io.BytesIO(content), declared, WANTED)
    assert piece.rows["Họ và tên"].to_pylist() == ["José García"]


@pytest.mark.parametrize("write", [tcvn3, vni], ids=["tcvn3", "vni"])
def test_a_workbook_typed_in_an_old_font_is_found_by_its_header_and_converted(write: object) -> None:
    grid: list[list[workbooks.Cell]] = [[write("Mã số BHXH"), write("Họ và tên"), write("Nơi làm việc")]]  # type: ignore[operator]
    grid += [[f"01234567{at:02}", write(name), write("Đắk Lắk")] for at, name in enumerate(NAMES)]  # type: ignore[operator]
    (piece,) = read_table(io.BytesIO(workbooks.xlsx(("D02", grid, ()))), TABLE, WANTED)
    assert set(piece.rows["Nơi làm việc"].to_pylist()) == {"Đắk Lắk"}
    assert [name.casefold() for name in piece.rows["Họ và tên"].to_pylist()] == [name.casefold() for name in NAMES]
