import csv
import json
import zipfile
from datetime import date
from pathlib import Path
from typing import Any, get_args

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from example_snapshot import AT, SNAPSHOT, publish_example
from python_calamine import CalamineWorkbook

from common.errors import ConfigurationError, DoiChieuError
from common.files import sha256_of
from common.settings import Settings
from query import formats
from query.audit import verify
from query.export import export, export_format
from query.formats import WRITERS, Format
from query.identity import Reader
from query.lists import Filter, open_list, table_names
from query.snapshot import Reading, reading

FORMATS = get_args(Format)


def listed(settings: Settings, reader: Reader, table: str) -> list[dict[str, Any]]:
    with reading(settings) as opened:
        listing = open_list(opened, reader, table)
        return pa.Table.from_batches(listing.batches, listing.schema).to_pylist()


def read_back(path: Path, shape: str) -> list[dict[str, Any]]:
    """The rows of a file as text and numbers, however the format keeps them."""
    if shape == "parquet":
        return pq.read_table(path).to_pylist()
    if shape == "jsonl":
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    if shape == "csv":
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))
    header, *rows = CalamineWorkbook.from_path(path).get_sheet_by_index(0).to_python(skip_empty_area=False)
    return [dict(zip(map(str, header), row, strict=True)) for row in rows]


def as_kept(value: Any, shape: str) -> Any:
    """What a value of the list looks like when it is read back from that format."""
    if shape == "parquet":
        return value
    if shape == "jsonl":
        return value if isinstance(value, int | float | list | None) else str(value)
    if value is None:
        return ""
    if isinstance(value, list):
        return json.dumps(value, ensure_ascii=False)
    if shape == "xlsx":
        return float(value) if not isinstance(value, str | date) else value
    return f"'{value}" if str(value).startswith("=") else str(value)


@pytest.mark.parametrize("shape", FORMATS)
@pytest.mark.parametrize("table", table_names())
def test_a_file_read_back_equals_the_list(
    settings: Settings, masked: Reader, tmp_path: Path, table: str, shape: str
) -> None:
    out = tmp_path / f"{table}.{shape}"
    with reading(settings) as opened:
        manifest = export(opened, masked, table, out)
    expected = listed(settings, masked, table)
    assert manifest.rows == len(expected)
    assert read_back(out, shape) == [{name: as_kept(value, shape) for name, value in row.items()} for row in expected]


@pytest.mark.parametrize("shape", FORMATS)
def test_the_same_snapshot_and_filter_give_the_same_bytes(
    settings: Settings, masked: Reader, tmp_path: Path, shape: str
) -> None:
    for name, who in (("a", "lan"), ("b", "minh")):
        with reading(settings) as opened:
            export(
                opened,
                Reader(who, AT.replace(day=ord(name[0]) - 90)),
                "findings",
                tmp_path / f"{name}.{shape}",
            )
    assert (tmp_path / f"a.{shape}").read_bytes() == (tmp_path / f"b.{shape}").read_bytes()


@pytest.mark.parametrize("shape", FORMATS)
def test_an_unmasked_file_holds_the_names_and_a_masked_one_does_not(
    settings: Settings, masked: Reader, unmasked: Reader, tmp_path: Path, shape: str
) -> None:
    for reader, is_shown in ((masked, False), (unmasked, True)):
        out = tmp_path / f"{is_shown}.{shape}"
        with reading(settings) as opened:
            manifest = export(opened, reader, "findings", out)
        assert manifest.masked is not is_shown
        text = str(read_back(out, shape))
        assert (
            "Nguyễn Thị Ánh" in text,
            "066180001234" in text,
            "6612345678" in text,
        ) == (is_shown,) * 3


def test_the_manifest_and_the_log_say_what_was_written_by_whom_and_why(
    settings: Settings, unmasked: Reader, tmp_path: Path
) -> None:
    out = tmp_path / "flags.csv"
    with reading(settings) as opened:
        export(opened, unmasked, "flags", out, chosen=Filter(rule="CD02"))
    manifest = json.loads((tmp_path / "flags.csv.manifest.json").read_text(encoding="utf-8"))
    assert manifest == {
        "table": "flags",
        "format": "csv",
        "file": "flags.csv",
        "rows": 3,
        "sha256": sha256_of(out),
        "filter": {"rule": "CD02"},
        "snapshot": SNAPSHOT,
        "as_of": "2026-06-30",
        "who": "lan",
        "at": AT.isoformat(),
        "masked": False,
        "purpose": "thanh-tra",
    }
    lines = (settings.data.audit / "2026-07.jsonl").read_text(encoding="utf-8").splitlines()
    entries = [json.loads(line) for line in lines]
    assert [(entry["action"], entry["rows"], entry["purpose"]) for entry in entries] == [
        ("unmask", 3, "thanh-tra"),
        ("export", 3, "thanh-tra"),
    ]
    assert entries[1]["sha256"] == manifest["sha256"]
    assert verify(settings.data).problems == []


HOSTILE = [
    "=1+1",
    "+84 123",
    "-2+3",
    "@SUM(A1)",
    "\tx",
    "\rx",
    "http://example.org",
    "0012",
    'a,b"c\nd',
    "Ánh Đào 🙂",
]


@pytest.mark.parametrize("shape", FORMATS)
def test_text_stays_text_whatever_a_spreadsheet_would_make_of_it(tmp_path: Path, shape: Format) -> None:
    schema = pa.schema([("text", pa.string())])
    path = tmp_path / f"hostile.{shape}"
    with WRITERS[shape](path, schema, "hostile") as write:
        write(pa.record_batch([pa.array(HOSTILE)], schema=schema))
    found = [row["text"] for row in read_back(path, shape)]
    if shape == "csv":
        assert [text.removeprefix("'") for text in found] == HOSTILE
        assert not any(text.startswith(("=", "+", "-", "@", "\t", "\r")) for text in found)
    else:
        assert found == HOSTILE
    if shape == "xlsx":
        sheet = zipfile.ZipFile(path).read("xl/worksheets/sheet1.xml").decode()
        assert "<f>" not in sheet
        assert "<hyperlink" not in sheet


def test_rows_beyond_a_sheet_go_on_on_the_next_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "SHEET_ROWS", 4)
    schema = pa.schema([("number", pa.int64())])
    path = tmp_path / "long.xlsx"
    with WRITERS["xlsx"](path, schema, "flags") as write:
        for start in range(0, 8, 2):
            write(pa.record_batch([pa.array([start, start + 1])], schema=schema))
    book = CalamineWorkbook.from_path(path)
    assert {name: book.get_sheet_by_name(name).to_python() for name in book.sheet_names} == {
        "flags": [["number"], [0.0], [1.0], [2.0]],
        "flags 2": [["number"], [3.0], [4.0], [5.0]],
        "flags 3": [["number"], [6.0], [7.0]],
    }


def test_a_number_a_spreadsheet_cannot_keep_exactly_is_written_as_text(
    tmp_path: Path,
) -> None:
    schema = pa.schema([("number", pa.int64())])
    with WRITERS["xlsx"](tmp_path / "n.xlsx", schema, "flags") as write:
        write(pa.record_batch([pa.array([2**53, 2**53 + 1])], schema=schema))
    assert [row["number"] for row in read_back(tmp_path / "n.xlsx", "xlsx")] == [
        float(2**53),
        "9007199254740993",
    ]


def test_a_text_too_long_for_a_cell_is_refused_rather_than_cut_short(
    tmp_path: Path,
) -> None:
    schema = pa.schema([("text", pa.string())])
    with (
        pytest.raises(ConfigurationError, match="longer than a spreadsheet"),
        WRITERS["xlsx"](tmp_path / "n.xlsx", schema, "flags") as write,
    ):
        write(pa.record_batch([pa.array(["x" * 32_768])], schema=schema))


@pytest.mark.parametrize("shape", FORMATS)
def test_a_place_that_cannot_be_written_is_an_os_error_in_every_format(tmp_path: Path, shape: Format) -> None:
    (tmp_path / "folder").mkdir()
    with (
        pytest.raises(OSError, match="directory"),
        WRITERS[shape](tmp_path / "folder", pa.schema([("text", pa.string())]), "flags"),
    ):
        pass


@pytest.mark.parametrize(
    ("name", "asked", "shape"),
    [
        ("f.parquet", None, "parquet"),
        ("f.XLSX", None, "xlsx"),
        ("f.txt", "csv", "csv"),
        ("f.csv", "jsonl", "jsonl"),
        ("f", None, None),
        ("f.txt", None, None),
        ("f.csv", "ods", None),
    ],
)
def test_the_format_is_the_one_asked_for_or_else_the_files_ending(name: str, asked: str | None, shape: str) -> None:
    if shape is not None:
        assert export_format(Path(name), asked) == shape
    else:
        with pytest.raises(ConfigurationError, match="format"):
            export_format(Path(name), asked)


def test_a_file_in_no_folder_is_refused_before_anything_is_read(opened: Reading, unmasked: Reader) -> None:
    with pytest.raises(ConfigurationError, match="cannot be written there"):
        export(opened, unmasked, "findings", Path("/nowhere/f.csv"))
    assert not opened.data.audit.exists()


def test_an_export_that_fails_half_way_leaves_the_old_file_and_its_manifest(tmp_path: Path, masked: Reader) -> None:
    settings = publish_example(tmp_path)
    out = tmp_path / "f.csv"
    with reading(settings) as opened:
        export(opened, masked, "findings", out)
    before = {path.name: path.read_bytes() for path in tmp_path.glob("f.csv*")}

    def full_disk(done: int, total: int) -> None:
        raise OSError(28, "No space left on device")

    with (
        reading(settings) as opened,
        pytest.raises(DoiChieuError, match="No space left") as raised,
    ):
        export(
            opened,
            masked,
            "findings",
            out,
            chosen=Filter(rule="BG18"),
            on_rows=full_disk,
        )
    assert raised.value.where == str(out)
    assert {path.name: path.read_bytes() for path in tmp_path.glob("*f.csv*")} == before


def test_an_export_says_how_far_it_is(opened: Reading, masked: Reader, tmp_path: Path) -> None:
    heard: list[tuple[int, int]] = []
    export(
        opened,
        masked,
        "links",
        tmp_path / "l.csv",
        on_rows=lambda done, total: heard.append((done, total)),
    )
    assert heard == [(2, 2)]
