"""Tables in XLSX, XLS, ODS and delimited text come out as records, whatever stands around them."""

import contextlib
import csv
import io
import json
import random
import re
import zipfile
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

import pytest
import python_calamine
import workbooks as made
from workbooks import Cell

from connectors.formats import Piece, UnreadableFile
from connectors.formats.grid import BLOCK_ROWS
from connectors.formats.header import fold, fold_diacritics, is_numbering
from connectors.formats.json_file import read_json
from connectors.formats.numbers import kind_of_format, plain_number
from connectors.formats.table import read_table
from connectors.source import Format

TABLE = Format(name="table")
NAMES = ("STT", "Họ và tên", "Mã số BHXH", "Mức lương", "Từ tháng, năm")
ROWS: list[list[Cell]] = [
    [at, f"Nguyễn Văn {chr(64 + at)}", f"01234567{at:02}", 5_000_000 + at, "06/2025"] for at in range(1, 6)
]


def rows_of(content: bytes, *names: str, format: Format = TABLE, kind: str | None = None) -> list[dict[str, Any]]:
    wanted = {kind: names or NAMES}
    return [row for piece in read_table(io.BytesIO(content), format, wanted) for row in piece.rows.to_pylist()]


def refused(content: bytes, *names: str, format: Format = TABLE) -> UnreadableFile:
    with pytest.raises(UnreadableFile) as caught:
        rows_of(content, *names, format=format)
    return caught.value


def sheet(*rows: Sequence[Cell], header: Sequence[Cell] = NAMES, merges: made.Merges = ()) -> bytes:
    return made.xlsx(("Trang 1", [list(header), *rows], merges))


def csv_of(*rows: Sequence[Cell], header: Sequence[Cell] = NAMES, delimiter: str = ",") -> bytes:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows([header, *rows])
    return text.getvalue().encode()


GRID, MERGES = made.d02_grid()
D02_NAMES = ("STT", "Họ và tên", "Mã số BHXH", "Ngày, tháng, năm sinh", "Mức lương", "Từ tháng, năm", "Mã PA")


@pytest.mark.parametrize(
    "content",
    [made.xlsx(("D02", GRID, MERGES)), made.xls("D02", GRID, MERGES), made.ods(("D02", GRID, MERGES))],
    ids=["xlsx", "xls", "ods"],
)
def test_a_form_reads_the_same_from_every_kind_of_workbook(content: bytes) -> None:
    found = rows_of(content, *D02_NAMES, format=TABLE.model_copy(update={"capture": {"unit": r"Mã đơn vị:\s*(\S+)"}}))
    assert [(row["Họ và tên"], row["Mức lương"], row["Ngày, tháng, năm sinh"], row["Mã PA"]) for row in found] == [
        ("Nguyễn Văn An", "5310000", "1985-02-03", "TM"),
        ("Trần Thị Bình", "12.500.000", "1990", "TD"),
        ("Lê Hoàng Cường", "7000000", "15/08/1979", "GH"),
    ]
    assert [row["_place"] for row in found] == ["trang D02, dòng 10", "trang D02, dòng 11", "trang D02, dòng 13"]
    assert {row["_capture.unit"] for row in found} == {"TZ0001A"}
    assert {row["_unreadable"] for row in found} == {None}
    assert found[1]["Tiền lương / Phụ cấp"] == "500000"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimited_text_is_read_whatever_parts_its_fields(delimiter: str) -> None:
    found = rows_of(csv_of(*ROWS, delimiter=delimiter))
    assert [row["Mức lương"] for row in found] == [str(row[3]) for row in ROWS]
    assert found[0]["_place"] == "dòng 2"


@pytest.mark.parametrize("name", ["họ VÀ tên", "Họ  và\ntên", "Họ và tên:", "Ho va ten", "Họ và tên"])
def test_a_column_is_found_however_its_heading_is_written(name: str) -> None:
    header = [NAMES[0], name, *NAMES[2:]]
    assert [row["Họ và tên"] for row in rows_of(sheet(*ROWS, header=header))] == [row[1] for row in ROWS]


def test_marks_on_letters_decide_between_headings_that_differ_only_in_them() -> None:
    header = ["Mã số BHXH", "Họ và tên", "Tháng", "Thắng"]
    (row,) = rows_of(sheet(["01", "An", "6", "có"], header=header), "Mã số BHXH", "Họ và tên", "Tháng")
    assert (row["Tháng"], row["Thắng"]) == ("6", "có")


def test_a_heading_that_stands_under_two_groups_is_found_by_its_path_only() -> None:
    grid = [["STT", "Họ và tên", "HĐLĐ", None, "Nghề nặng nhọc", None], [None, None, "Từ", "Đến", "Từ", "Đến"]]
    merges = [(0, 0, 1, 0), (0, 1, 1, 1), (0, 2, 0, 3), (0, 4, 0, 5)]
    content = made.xlsx(("T", [*grid, [1, "An", "01/2025", "02/2025", "03/2025", "04/2025"]], merges))
    (row,) = rows_of(content, "STT", "Họ và tên", "HĐLĐ / Từ", "Nghề nặng nhọc / Đến")
    assert (row["HĐLĐ / Từ"], row["Nghề nặng nhọc / Đến"]) == ("01/2025", "04/2025")
    assert row["HĐLĐ / Đến"] == "02/2025"
    assert "Từ" in refused(content, "Từ", "Đến", "Họ và tên").what


def test_unknown_columns_keep_their_heading_and_empty_ones_are_dropped() -> None:
    header = [*NAMES, "Ghi chú", "Bỏ trống", "Ghi chú"]
    found = rows_of(sheet([*ROWS[0], "mới", None, "cũ"], [*ROWS[1], None, None, None, "lạc"], header=header))
    assert found[0]["Ghi chú"] == "mới"
    assert found[0]["Ghi chú (2)"] == "cũ"
    assert "Bỏ trống" not in found[0]
    assert found[1]["Cột I"] == "lạc"


def test_without_the_header_a_file_is_refused_naming_what_was_looked_for_and_the_closest_row() -> None:
    error = refused(sheet(*ROWS, header=["TT", "Họ và tên", "Số sổ", "Lương", "Từ"]))
    assert "Họ và tên" in error.what
    assert "Mã số BHXH" in error.what
    assert error.where == "Trang 1"
    assert "Nguyễn" not in str(error)


def test_the_sheet_with_the_header_is_taken_and_a_hidden_one_is_not() -> None:
    def hide(_: Any, worksheet: Any) -> None:
        if worksheet.name == "Nháp":
            worksheet.hide()

    sheets = [("Bìa", [["Báo cáo"]], ()), ("Danh sách", [NAMES, *ROWS], ()), ("Nháp", [NAMES, *ROWS], ())]
    content = made.xlsx(*sheets, edit=hide)
    assert {row["_place"].split(",")[0] for row in rows_of(content)} == {"trang Danh sách"}


def test_a_kind_of_record_names_its_sheets_by_pattern() -> None:
    content = made.xlsx(("Tháng 5", [NAMES, ROWS[0]], ()), ("Tháng 6", [NAMES, ROWS[1]], ()), ("Bìa", [["x"]], ()))
    found = list(read_table(io.BytesIO(content), TABLE, {"Tháng *": NAMES}))
    assert [(piece.record, piece.rows["STT"].to_pylist()) for piece in found] == [
        ("Tháng *", ["1"]),
        ("Tháng *", ["2"]),
    ]
    assert "no sheet is called" in refused(content, format=TABLE.model_copy(update={"sheet": "Tháng 7"})).what


def test_rows_that_are_no_records_are_left_out_and_doubtful_ones_come_through() -> None:
    rows: list[list[Cell]] = [
        ["I", "Lao động tăng"],
        ROWS[0],
        [],
        list(NAMES),
        ["(1)", "(2)", "(3)", "(4)", "(5)"],
        [2, "Tổng Công ty May", "0123456702", 5_000_002, "06/2025"],
        [3, "Tống Văn Cộng", "0123456703", None, None],
        [4, "Trần Thị B"],
        [None, None, "0123456789"],
        ["Cộng", None, None, 15_000_000],
        [None, None, None, None, "Ngày 15 tháng 6 năm 2025"],
        [None, "Người lập biểu", None, "Giám đốc"],
        [None, "Trần Thị Lập", None, "Lê Văn Ký"],
    ]
    found = rows_of(sheet(*rows))
    assert [row["STT"] for row in found] == ["1", "2", "3", "4", None]


def test_what_was_left_out_or_converted_is_told_with_the_last_piece() -> None:
    rows: list[list[Cell]] = [["I", "Tăng"], *ROWS, [6, "TrÇn ThÞ B×nh", "01", 1, "x"], ["Cộng", None, None, 5]]
    (piece,) = read_table(io.BytesIO(sheet(*rows)), TABLE, {None: NAMES})
    assert piece.notes == (
        "sheet Trang 1: 1 section row(s) left out",
        "sheet Trang 1: 1 total row(s) left out",
        "sheet Trang 1: 1 text(s) converted from TCVN3",
    )


def test_cells_merged_down_count_for_every_row_they_cover_across_blocks_too() -> None:
    rows = [["0101234567" if at == 0 else None, at, f"Người {at}", "x", "y"] for at in range(BLOCK_ROWS + 10)]
    names = ("Mã số thuế", "STT", "Họ và tên", "C", "D")
    content = made.xlsx(("T", [names, *rows], [(1, 0, BLOCK_ROWS + 8, 0)]))
    found = rows_of(content, *names)
    assert len(found) == len(rows)
    assert [row["Mã số thuế"] for row in found].count("0101234567") == BLOCK_ROWS + 8
    assert [row["Mã số thuế"] for row in found[-2:]] == [None, None]


CELLS: list[tuple[Cell, str | None]] = [
    (12_000_000, "12000000"),
    (1234567.89, "1234567.89"),
    (0.1 + 0.2, "0.3"),
    (1e21, "1000000000000000000000"),
    (79085012345, "79085012345"),
    (0.00001234, "0.00001234"),
    (-5, "-5"),
    (True, "true"),
    (False, "false"),
    (date(2025, 6, 30), "2025-06-30"),
    (datetime(2025, 6, 30, 17, 5, 9), "2025-06-30T17:05:09"),
    ("\u00a0Nguyễn  Văn A\u00a0", "Nguyễn  Văn A"),
    ("5E3", "5E3"),
    ("1.0", "1.0"),
    ("007", "007"),
    ("x_x000D_y", "x_x000D_y"),
    ("hai\ndòng", "hai\ndòng"),
    ("a & b < c", "a & b < c"),
    (" ", None),
]


@pytest.mark.parametrize(("value", "text"), CELLS, ids=[repr(value) for value, _ in CELLS])
def test_a_cell_comes_as_exact_text(value: Cell, text: str | None) -> None:
    (row,) = rows_of(sheet(["k", "n", "m", value, "t"]))
    assert row.get("Mức lương") == text


@pytest.mark.parametrize(("value", "text"), [pair for pair in CELLS if not isinstance(pair[0], datetime)])
def test_a_cell_comes_as_exact_text_from_xls_and_ods_too(value: Cell, text: str | None) -> None:
    grid = [NAMES, ["k", "n", "m", value, "t"]]
    for content in (made.xls("T", grid), made.ods(("T", grid, ()))):
        (row,) = rows_of(content)
        # Binary dust is kept by ODS as it was written, and stripped by us.
        assert row.get("Mức lương") == text


def test_another_reader_sees_the_same_workbook() -> None:
    grid: list[list[Cell]] = [
        list(NAMES),
        *([at, "Tên", f"{at:010}", value, "x"] for at, (value, _) in enumerate(CELLS)),
    ]
    content = made.xlsx(("T", grid, ()))
    theirs = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0).to_python()[1:]
    ours = rows_of(content)
    assert [row["Mã số BHXH"] for row in ours] == [row[2] for row in theirs]
    for mine, (their, _) in zip(ours, ((row[3], None) for row in theirs), strict=True):
        match their:
            case bool():
                assert mine["Mức lương"] == str(their).lower()
            case float():
                assert float(mine["Mức lương"]) == pytest.approx(their, rel=1e-14)
            case datetime() | date():
                assert mine["Mức lương"] == their.isoformat()
            case _:
                assert (mine["Mức lương"] or "") == str(their).strip(" \u00a0")


def test_a_cell_in_error_sets_its_row_aside_and_says_where() -> None:
    def errors(_: Any, worksheet: Any) -> None:
        worksheet.write_formula(1, 3, "=NA()", None, "#N/A")
        worksheet.write_formula(2, 9, "=1/0", None, "#DIV/0!")

    found = rows_of(made.xlsx(("T", [NAMES, *ROWS], ()), edit=errors))
    assert found[0]["_unreadable"] == "Mức lương: the cell holds the error #N/A"
    assert {row["_unreadable"] for row in found[1:]} == {None}


def test_dates_are_known_by_their_format_wherever_the_attributes_of_a_cell_stand() -> None:
    content = sheet(["k", "n", "m", date(2025, 6, 30), "t"])

    def turned(part: str, text: bytes) -> bytes:
        if not part.endswith("sheet1.xml"):
            return text
        text = re.sub(rb'<c r="(\w+)" s="(\d+)">', rb"<c s='\2'  r='\1' >", text)
        prefixed = re.sub(rb"<(/?)(\w)", rb"<\1x:\2", text.partition(b"?>")[2])
        return b"<?xml version='1.0'?>" + prefixed.replace(b"xmlns=", b"xmlns:x=", 1)

    assert rows_of(made.repacked(content, turned))[0]["Mức lương"] == "2025-06-30"


def test_the_calendar_of_1904_is_heeded() -> None:
    content = sheet(["k", "n", "m", date(2025, 6, 30), "t"])
    changed = made.repacked(content, lambda part, text: text.replace(b"<workbookPr ", b'<workbookPr date1904="1" '))
    assert rows_of(changed)[0]["Mức lương"] == "2029-07-01"


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("dd/mm/yyyy", "date"), ("[$-42A]dd/mm/yyyy;@", "date"), ("mm/yyyy", "date"), ("yyyy-mm-dd hh:mm", "datetime"),
        ("h:mm AM/PM", "time"), ("[h]:mm:ss", None), ("#,##0", None), ("#,##0;[Red]-#,##0", None), ("General", None),
        ('#,##0 "đồng"', None), ("0000000000", None), ("_-* #,##0 _đ_-", None), ('"ngày" dd', "date"), ("\\d0", None),
    ],
)  # fmt: skip
def test_number_formats_say_what_is_a_date(code: str, kind: str | None) -> None:
    assert kind_of_format(code) == kind


@pytest.mark.parametrize(
    ("stored", "text"), [("1.2E7", "12000000"), ("5.0", "5"), ("2.3399999999999999", "2.34"), ("x", "x")]
)
def test_numbers_are_written_as_a_person_would(stored: str, text: str) -> None:
    assert plain_number(stored) == text


@pytest.mark.parametrize("stored", ["1.2E7", "12000000.0", "1.2E+7"])
def test_numbers_that_java_programmes_store_with_powers_and_points_come_plain(stored: str) -> None:
    content = made.repacked(
        sheet(["k", "n", "m", 12_000_000, "t"]),
        lambda _, text: text.replace(b"<v>12000000</v>", f"<v>{stored}</v>".encode()),
    )
    assert rows_of(content)[0]["Mức lương"] == "12000000"


# Damage, deceit and attacks.


def test_an_entity_bomb_in_a_workbook_is_refused() -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><worksheet'

    def armed(part: str, text: bytes) -> bytes:
        return text.replace(b"<worksheet", bomb, 1) if part.endswith("sheet1.xml") else text

    assert "document type" in refused(made.repacked(sheet(*ROWS), armed)).what

    def shared(part: str, text: bytes) -> bytes:
        return text.replace(b"<sst", bomb.replace(b"worksheet", b"sst"), 1) if "sharedStrings" in part else text

    assert "document type" in refused(made.repacked(sheet(*ROWS), shared)).what
    external = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
    assert "document type" in refused(made.ods(("T", [NAMES, *ROWS], ()), before=external)).what


def test_a_workbook_that_unpacks_to_absurd_sizes_is_refused_unread() -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/workbook.xml", "<workbook/>")
        packed.writestr("xl/worksheets/sheet1.xml", bytes(80 * 2**20))
    assert "unpacks to" in refused(content.getvalue()).what


def test_a_sheet_that_claims_a_million_rows_and_all_columns_is_read_as_what_it_holds() -> None:
    lie = b'<dimension ref="A1:XFD1048576"/>'
    changed = made.repacked(sheet(*ROWS), lambda _, text: re.sub(rb"<dimension[^>]*>", lie, text))
    assert len(rows_of(changed)) == len(ROWS)


def test_a_million_empty_repeated_rows_and_columns_of_ods_cost_nothing() -> None:
    tail = (
        '<table:table-row table:number-rows-repeated="1048000">'
        '<table:table-cell table:number-columns-repeated="16384"/></table:table-row>'
    )
    assert len(rows_of(made.ods(("T", [NAMES, *ROWS], ()), last_row=tail))) == len(ROWS)
    filled = tail.replace('"16384"/>', '"16384" office:value-type="string"><text:p>x</text:p></table:table-cell>')
    assert "stands 1048000 times" in refused(made.ods(("T", [NAMES, *ROWS], ()), last_row=filled)).what


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "empty"),
        (sheet(*ROWS)[:2000], "cut off"),
        (made.repacked(sheet(*ROWS), lambda part, text: text[:300] if "sheet1" in part else text), "damaged"),
        (made.xls("T", [NAMES, *ROWS])[:3000], "damaged"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "damaged"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600) + "EncryptedPackage".encode("utf-16-le"), "password"),
        (b"<html><table><tr><td>STT</td></tr></table></html>", "web page"),
        (b'\xef\xbb\xbf<?xml version="1.0"?><Workbook/>', "web page"),
        (csv_of(*ROWS) + b'\r\n6,"An,01,1,1\r\n' + b"x," * 9, "do not pair"),
        (csv_of(*ROWS) + b"\r\n6,\xff\xfe,1,1,1" + b"\r\n" + b"a,b,c,d,e\r\n" * 40_000, "encoding"),
    ],
    ids=["empty", "cut", "cut sheet", "cut xls", "ole", "locked", "html", "xml 2003", "open quote", "bad byte"],
)
def test_a_file_that_is_damaged_or_another_format_is_refused(content: bytes, said: str) -> None:
    error = refused(content)
    assert said in str(error)
    assert error.remedy


@pytest.mark.parametrize("seed", range(6))
def test_bytes_changed_at_random_give_records_or_a_refusal_and_nothing_else(seed: int) -> None:
    chance = random.Random(seed)
    for content in (made.xlsx(("D02", GRID, MERGES)), made.xls("D02", GRID, MERGES), made.ods(("D02", GRID, MERGES))):
        for _ in range(8):
            broken = bytearray(content)
            for _ in range(chance.choice([1, 3, 30])):
                broken[chance.randrange(len(broken))] = chance.randrange(256)
            with contextlib.suppress(UnreadableFile):
                assert all(row["_place"] for row in rows_of(bytes(broken), *D02_NAMES))


def test_bytes_that_are_no_text_far_down_a_csv_file_are_refused_with_the_line() -> None:
    content = csv_of(*(ROWS * 20_000)) + b"\r\n6,\xff\xfe,1,1,1\r\n"
    assert "after line" in refused(content).where


def test_rows_with_too_many_or_too_few_fields_come_through_as_unreadable() -> None:
    content = csv_of(ROWS[0], [2, "Trần, Thị", "0123456702", 1, "06/2025", "x"], [3, "Lê", "0123456703", 7_000_000])
    found = rows_of(content, "STT", "Họ và tên", "Mã số BHXH", "Mức lương", "Từ tháng, năm")
    names = [row["_unreadable"] for row in found]
    assert names == [None, "6 fields where the header has 5", "4 fields where the header has 5"]


def test_a_nul_in_a_row_sets_that_row_aside() -> None:
    found = rows_of(csv_of(*ROWS).replace(b"Nguy\xe1\xbb\x85n V\xc4\x83n B", b"Nguy\x00n"), *NAMES)
    assert [row["_unreadable"] for row in found] == [None, "a NUL character", None, None, None]


def test_quoted_fields_hold_delimiters_and_line_breaks() -> None:
    content = csv_of([1, 'Nguyễn\nVăn, "A"', "01", 5, "06/2025"], ROWS[1])
    found = rows_of(content)
    assert found[0]["Họ và tên"] == 'Nguyễn\nVăn, "A"'
    assert len(found) == 2


def test_many_rows_come_in_pieces_with_the_right_places() -> None:
    rows = [[at, f"Người {at}", f"{at:010}", at, "06/2025"] for at in range(1, 2 * BLOCK_ROWS + 5)]
    for content, place in ((sheet(*rows), "trang Trang 1, dòng {}"), (csv_of(*rows), "dòng {}")):
        pieces: list[Piece] = list(read_table(io.BytesIO(content), TABLE, {None: NAMES}))
        assert len(pieces) > 1
        found = [row for piece in pieces for row in piece.rows.select(["STT", "_place"]).to_pylist()]
        assert found == [{"STT": str(at), "_place": place.format(at + 1)} for at in range(1, len(rows) + 1)]


def test_a_list_without_a_record_is_no_record_but_a_readable_file() -> None:
    (piece,) = read_table(io.BytesIO(sheet()), TABLE, {None: NAMES})
    assert piece.rows.num_rows == 0
    assert set(NAMES) < set(piece.rows.column_names)


def test_a_group_with_a_name_stands_for_its_name_in_a_capture() -> None:
    title = [["BÁO CÁO 6 tháng cuối năm 2025"], ["Mã số thuế :", None, "0101234567"]]
    content = made.xlsx(("T", [*title, NAMES, *ROWS], ()))
    capture = {"half": "(?P<H1>đầu năm)|(?P<H2>cuối năm)", "tax": r"mã số thuế\s*:\s*(\d+)", "none": "(không có)"}
    row = rows_of(content, format=TABLE.model_copy(update={"capture": capture}))[0]
    assert (row["_capture.half"], row["_capture.tax"], row["_capture.none"]) == ("H2", "0101234567", None)


def test_with_nothing_wanted_the_likeliest_header_is_taken() -> None:
    (piece, *_) = read_table(io.BytesIO(made.xlsx(("D02", GRID, MERGES))), TABLE, {None: ()})
    assert {"Họ và tên", "Mã số BHXH", "Tiền lương / Mức lương"} <= set(piece.rows.column_names)


def test_headings_are_folded_and_numbering_rows_known() -> None:
    assert fold("  Mã số\n(BHXH)_: ") == "mã số bhxh"
    assert fold_diacritics("Đơn vị") == "don vi"
    assert is_numbering(["(1)", "(2)", "3 = 1+2"])
    assert is_numbering(["A", "B", "1", "2"])
    assert not is_numbering(["1", "5000000", "3"])
    assert not is_numbering(["1", "2"])


# JSON files.


def json_rows(content: bytes, kind: str | None = None, name: str = "json") -> list[dict[str, Any]]:
    found = read_json(io.BytesIO(content), Format.model_validate({"name": name}), {kind: ("a",)})
    return [row for piece in found for row in piece.rows.to_pylist()]


RECORDS = [{"a": "x", "n": {"b": 1, "c": None}, "l": [1, 2], "t": True}, {"a": None, "so": 12345678901234567890}]


@pytest.mark.parametrize(
    ("body", "kind"),
    [(RECORDS, None), ({"data": RECORDS, "total": 2}, None), ({"tra": {"ds": RECORDS}, "x": [1]}, "tra.ds")],
    ids=["array", "the only array", "path"],
)
def test_json_records_are_found_and_flattened(body: Any, kind: str | None) -> None:
    first, second = json_rows(json.dumps(body).encode(), kind)
    assert (first["a"], first["n.b"], first["n.c"], first["l"], first["t"]) == ("x", "1", None, "[1,2]", "true")
    assert (second["so"], second["_place"]) == ("12345678901234567890", "bản ghi 2")


def test_amounts_in_json_keep_every_digit() -> None:
    (row,) = json_rows(b'[{"a": 12345678901234567.25, "b": 1000.70}]')
    assert (row["a"], row["b"]) == ("12345678901234567.25", "1000.70")


def test_lines_of_json_are_records_and_a_broken_one_is_set_aside() -> None:
    found = json_rows(b'\xef\xbb\xbf{"a": 1}\r\n\r\n{"a": \n[1]\n{"a": 2}', name="ndjson")
    assert [(row["a"], row["_unreadable"], row["_place"]) for row in found] == [
        ("1", None, "dòng 1"),
        (None, "not readable as JSON text", "dòng 3"),
        (None, "not an object", "dòng 4"),
        ("2", None, "dòng 5"),
    ]


@pytest.mark.parametrize("content", [b'[{"a": 1}, {"a"', b"xyz", b'{"a": [], "b": []}', b'{"a": 1}', b""])
def test_json_without_a_list_of_records_is_refused(content: bytes) -> None:
    with pytest.raises(UnreadableFile):
        json_rows(content)
