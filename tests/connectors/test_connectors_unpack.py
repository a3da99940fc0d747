"""Compressed files: taken as streams, refused where they are damaged, encrypted, packed twice, or bombs."""

import bz2
import gzip
import io
import os
import struct
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import pytest

from connectors.files.unpack import inner_files, inner_names, is_packed
from connectors.formats import UnreadableFile

LIMIT = 64 * 2**20
TEXT = "Nguyễn Thị Minh Khai\n".encode() * 100


def unpacked(content: bytes, name: str, scratch: Path, *, limit: int = LIMIT) -> dict[str, bytes]:
    stream = io.BytesIO(content)
    return {inner.name: inner.stream.read() for inner in inner_files(stream, name, limit=limit, scratch=scratch)}


def zipped(*members: tuple[str, bytes], how: int = zipfile.ZIP_DEFLATED) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", how) as packed:
        for name, content in members:
            packed.writestr(name, content)
    return held.getvalue()


def workbook(sheet: bytes) -> bytes:
    return zipped(("[Content_Types].xml", b"<Types/>"), ("xl/worksheets/sheet1.xml", sheet))


def refusal(content: bytes, name: str, scratch: Path, *, limit: int = LIMIT) -> str:
    with pytest.raises(UnreadableFile) as caught:
        unpacked(content, name, scratch, limit=limit)
    assert name in caught.value.where
    assert caught.value.remedy
    return caught.value.what


def test_a_plain_file_comes_as_it_is(tmp_path: Path) -> None:
    assert unpacked(TEXT, "a.csv", tmp_path) == {"a.csv": TEXT}


def test_gzip_is_known_by_its_bytes_and_may_have_several_members(tmp_path: Path) -> None:
    content = gzip.compress(TEXT) + gzip.compress(b"het")
    assert unpacked(content, "a.csv.gz", tmp_path) == {"a.csv": TEXT + b"het"}
    assert unpacked(content, "a.csv", tmp_path) == {"a.csv": TEXT + b"het"}
    assert inner_names(io.BytesIO(content), "a.csv.GZ") == ["a.csv"]


def test_what_is_unpacked_can_be_read_from_the_start_again(tmp_path: Path) -> None:
    stream = io.BytesIO(gzip.compress(TEXT))
    for inner in inner_files(stream, "a.gz", limit=LIMIT, scratch=tmp_path):
        inner.stream.read(10)
        inner.stream.seek(0)
        assert inner.stream.read() == TEXT
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("cut", [1, 4, 8, 30])
def test_a_gzip_file_that_is_cut_off_is_refused(tmp_path: Path, cut: int) -> None:
    assert "cut off" in refusal(gzip.compress(os.urandom(5000))[:-cut], "a.gz", tmp_path)


def test_a_damaged_gzip_file_is_refused(tmp_path: Path) -> None:
    content = bytearray(gzip.compress(TEXT))
    content[-6] ^= 255
    assert "damaged" in refusal(bytes(content), "a.gz", tmp_path)
    assert "damaged" in refusal(gzip.compress(TEXT) + b"rac phia sau", "a.gz", tmp_path)


def test_every_member_of_a_zip_file_is_a_file(tmp_path: Path) -> None:
    content = zipped(("thư mục/", b""), ("thư mục/một.csv", b"1"), ("hai.csv", b"2"), ("__MACOSX/._hai.csv", b"x"))
    assert unpacked(content, "a.zip", tmp_path) == {"thư mục/một.csv": b"1", "hai.csv": b"2"}
    assert inner_names(io.BytesIO(content), "a.zip") == ["thư mục/một.csv", "hai.csv"]


def test_names_in_a_zip_file_are_labels_and_never_paths(tmp_path: Path) -> None:
    content = zipped(("../../etc/passwd", b"1"), ("/abs.csv", b"2"), ("..\\win.csv", b"3"))
    assert list(unpacked(content, "a.zip", tmp_path / "scratch")) == ["etc/passwd", "abs.csv", "win.csv"]
    assert list(tmp_path.rglob("*")) == [tmp_path / "scratch"]


def test_names_that_windows_packs_without_saying_that_they_are_utf8_are_read(tmp_path: Path) -> None:
    content = zipped(("thang_sau_.csv", b"1")).replace(b"thang_sau_.csv", "tháng_612.csv".encode())
    assert list(unpacked(content, "a.zip", tmp_path)) == ["tháng_612.csv"]


def test_a_workbook_is_not_taken_apart(tmp_path: Path) -> None:
    content = workbook(b"<sheetData/>")
    assert unpacked(content, "a.xlsx", tmp_path) == {"a.xlsx": content}
    assert unpacked(zipped(("a.xlsx", content)), "a.zip", tmp_path) == {"a.xlsx": content}
    assert unpacked(gzip.compress(content), "a.xlsx.gz", tmp_path) == {"a.xlsx": content}


def test_a_zip_file_inside_a_zip_file_is_refused(tmp_path: Path) -> None:
    inner = zipped(("a.csv", TEXT))
    for content, name in (
        (zipped(("a.zip", inner)), "ngoai.zip"),
        (gzip.compress(inner), "ngoai.zip.gz"),
        (zipped(("a.csv.gz", gzip.compress(TEXT))), "ngoai.zip"),
    ):
        assert "inside a packed file" in refusal(content, name, tmp_path)


def test_an_encrypted_zip_file_is_refused_with_what_to_ask_for(tmp_path: Path) -> None:
    content = bytearray(zipped(("a.csv", TEXT)))
    central = content.index(b"PK\x01\x02")
    for flags_at in (6, central + 8):
        (flags,) = struct.unpack_from("<H", content, flags_at)
        struct.pack_into("<H", content, flags_at, flags | 1)
    assert "password" in refusal(bytes(content), "a.zip", tmp_path)


def test_a_zip_file_that_is_cut_off_or_damaged_is_refused(tmp_path: Path) -> None:
    content = zipped(("a.csv", os.urandom(5000)))
    assert "cut off" in refusal(content[:-10], "a.zip", tmp_path)
    assert "cut off" in refusal(content[:100] + bytes(50) + content[150:], "a.zip", tmp_path)
    assert "holds no file" in refusal(zipped(), "a.zip", tmp_path)


def test_unusual_ways_of_packing_are_refused_by_name(tmp_path: Path) -> None:
    assert "unusual" in refusal(zipped(("a.csv", TEXT), how=zipfile.ZIP_LZMA), "a.zip", tmp_path)
    assert "bzip2" in refusal(bz2.compress(TEXT), "a.bz2", tmp_path)
    assert "RAR" in refusal(b"Rar!\x1a\x07\x01\x00" + TEXT, "a.rar", tmp_path)


def test_a_gzip_bomb_is_refused_before_it_fills_the_disk(tmp_path: Path) -> None:
    bomb = gzip.compress(bytes(300 * 2**20), 9)
    tracemalloc.start()
    said = refusal(bomb, "bomb.gz", tmp_path, limit=2**40)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert said == f"the file unpacks to more than {200 * len(bomb)} bytes"
    assert peak < 16 * 2**20


def test_a_zip_bomb_is_refused_whatever_sizes_it_declares(tmp_path: Path) -> None:
    bomb = bytearray(zipped(("a.csv", bytes(300 * 2**20))))
    size = struct.pack("<I", 300 * 2**20)
    lies = bytes(bomb).replace(size, struct.pack("<I", 1000))
    assert "unpacks to more than" in refusal(bytes(bomb), "bomb.zip", tmp_path, limit=2**40)
    with pytest.raises(UnreadableFile):
        unpacked(lies, "bomb.zip", tmp_path)


def test_many_members_share_one_limit(tmp_path: Path) -> None:
    content = zipped(*((f"{number}.csv", bytes(6 * 2**20)) for number in range(4)))
    assert "unpacks to more than" in refusal(content, "a.zip", tmp_path)


def test_a_workbook_that_is_a_bomb_is_refused(tmp_path: Path) -> None:
    bomb = workbook(bytes(100 * 2**20))
    assert "unpacks to more than" in refusal(bomb, "bang.xlsx", tmp_path)
    assert "unpacks to more than" in refusal(zipped(("bang.xlsx", bomb)), "bang.zip", tmp_path)


def test_the_limit_of_the_source_file_holds_for_honest_files_too(tmp_path: Path) -> None:
    content = gzip.compress(os.urandom(2**20))
    assert unpacked(content, "a.gz", tmp_path)
    assert "more than 1000 bytes" in refusal(content, "a.gz", tmp_path, limit=1000)


def test_a_small_file_may_be_as_regular_as_it_likes(tmp_path: Path) -> None:
    assert len(unpacked(gzip.compress(bytes(9 * 2**20)), "a.gz", tmp_path)["a"]) == 9 * 2**20


def test_what_is_compressed_already_is_known(tmp_path: Path) -> None:
    assert [is_packed(io.BytesIO(each)) for each in (TEXT, zlib.compress(TEXT), gzip.compress(TEXT), zipped())] == [
        False,
        False,
        True,
        True,
    ]
