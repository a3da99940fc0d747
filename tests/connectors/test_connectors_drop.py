"""Files dropped in a folder: taken when complete, landed once by content, archived."""

import hashlib
import io
import json
import subprocess
import threading
import time
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from dropping import REVENUE, Drop, company, lines_of, packed

from common.errors import Exit
from common.values import VIETNAM
from connectors.files.drop_check import check_files
from connectors.files.inbox import Inbox, LocalFolder
from connectors.source import source_of

MakeDrop = Callable[..., Drop]


@pytest.fixture
def drop(tmp_path: Path) -> MakeDrop:
    def make(more: str = "", home: str = "ours", **files: object) -> Drop:
        return Drop(tmp_path / "inbox", tmp_path / home, files, more)

    return make


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_a_dropped_file_is_landed_archived_and_gone(drop: MakeDrop) -> None:
    inbox = drop()
    path = inbox.put("danh sách tháng 6.ndjson", company(1), company(2))
    content = path.read_bytes()
    outcome = inbox.pull()
    assert (outcome.status, outcome.kind, outcome.rows_landed, outcome.warnings) == ("landed", "incremental", 2, ())
    assert inbox.landed("tax_code, address") == [
        ("0000000001", "danh sách tháng 6.ndjson"),
        ("0000000002", "danh sách tháng 6.ndjson"),
    ]
    assert inbox.waiting() == []
    assert inbox.claimed() == []
    (manifest,) = inbox.manifests()
    assert manifest.source == str(inbox.folder)
    assert [(file.name, file.sha256, file.rows) for file in manifest.files] == [(path.name, sha256(content), 2)]
    (line,) = inbox.index()
    assert (line["sha256"], line["bytes"], line["rows"]) == (sha256(content), len(content), {"taxpayer": 2})
    kept = inbox.archive / line["archived_as"]
    assert line["archived_as"] == f"{datetime.now(VIETNAM):%Y/%m}/{sha256(content)[:16]}-danh sách tháng 6.ndjson.zst"
    assert sha256(kept.read_bytes()) == line["archived_sha256"]
    with pa.input_stream(str(kept), compression="zstd") as stream:
        assert stream.read() == content


def test_all_files_of_a_run_are_one_pull(drop: MakeDrop) -> None:
    inbox = drop()
    for number in range(7):
        inbox.put(f"{number}.ndjson", company(number), age=3600 - number)
    outcome = inbox.pull()
    assert (outcome.rows_landed, outcome.pages) == (7, 1)
    (manifest,) = inbox.manifests()
    assert [file.name for file in manifest.files] == [f"{number}.ndjson" for number in range(7)]


def test_without_new_files_there_is_no_new_pull(drop: MakeDrop) -> None:
    inbox = drop()
    outcome = inbox.pull()
    assert (outcome.status, outcome.pull, outcome.rows_landed) == ("landed", None, 0)
    assert inbox.manifests() == []
    assert not list(inbox.settings.data.pulls("tax", "taxpayer").glob("*"))


def test_the_same_content_is_not_landed_twice_whatever_its_name(drop: MakeDrop) -> None:
    inbox = drop()
    inbox.put("a.ndjson", company(1))
    inbox.pull()
    inbox.put("b.ndjson", company(1))
    inbox.put("c.ndjson", company(1))
    outcome = inbox.pull()
    assert outcome.rows_landed == 0
    assert outcome.warnings == (f"{inbox.folder}: files landed before: archived, not landed again: 2",)
    assert inbox.landed() == [("0000000001",)]
    assert inbox.waiting() == []
    assert [(line["name"], line["is_duplicate"]) for line in inbox.index()] == [
        ("a.ndjson", False),
        ("b.ndjson", True),
        ("c.ndjson", True),
    ]
    assert len({line["archived_as"] for line in inbox.index()}) == 1


def test_two_files_of_the_same_content_in_one_run_are_landed_once(drop: MakeDrop) -> None:
    inbox = drop()
    inbox.put("a.ndjson", company(1), age=20)
    inbox.put("b.ndjson", company(1), age=10)
    outcome = inbox.pull()
    assert inbox.landed() == [("0000000001",)]
    assert len(outcome.warnings) == 1
    assert [line["is_duplicate"] for line in inbox.index()] == [False, True]


def test_two_files_of_one_name_and_different_content_are_both_landed(drop: MakeDrop) -> None:
    inbox = drop()
    for number in (1, 2):
        inbox.put("bao cao.ndjson", company(number))
        inbox.pull()
    assert inbox.landed() == [("0000000001",), ("0000000002",)]
    assert len({line["archived_as"] for line in inbox.index()}) == 2


@pytest.mark.parametrize(
    "name", [".an.ndjson", "~$a.ndjson", "a.ndjson.part", "a.tmp", "a.ndjson.filepart", "a.ndjson.crdownload"]
)
def test_a_temporary_name_is_left_alone(drop: MakeDrop, name: str) -> None:
    inbox = drop(pattern="*")
    inbox.put(name, company(1))
    outcome = inbox.pull()
    assert inbox.waiting() == [name]
    assert outcome.warnings == (f"{inbox.folder}: files left alone, it has a temporary name: 1",)
    assert outcome.exit_code is Exit.DONE


def test_an_empty_file_is_left_alone(drop: MakeDrop) -> None:
    inbox = drop()
    inbox.put("a.ndjson")
    assert "it is empty: 1" in inbox.pull().warnings[0]
    assert inbox.waiting() == ["a.ndjson"]


def test_a_file_changed_a_moment_ago_is_left_alone_until_it_has_settled(drop: MakeDrop) -> None:
    inbox = drop(settle_seconds=1.0)
    inbox.put("a.ndjson", company(1), age=0)
    assert "it changed less than 1 seconds ago: 1" in inbox.pull().warnings[0]
    assert inbox.waiting() == ["a.ndjson"]
    time.sleep(1.1)
    assert inbox.pull().rows_landed == 1


def test_a_file_that_grows_under_an_old_date_is_left_alone(drop: MakeDrop) -> None:
    inbox = drop(settle_seconds=0.6)
    path = inbox.put("a.ndjson", company(1))
    old = path.stat().st_mtime

    def grow() -> None:
        time.sleep(0.3)
        with path.open("ab") as handle:
            handle.write(lines_of([company(2)]))
        inbox.put_bytes("a.ndjson", path.read_bytes(), age=time.time() - old)

    writer = threading.Thread(target=grow)
    writer.start()
    outcome = inbox.pull()
    writer.join()
    assert "it changed between two looks: 1" in outcome.warnings[0]
    assert inbox.pull().rows_landed == 2


def test_a_date_in_the_future_does_not_keep_a_quiet_file_out(drop: MakeDrop) -> None:
    inbox = drop(settle_seconds=0.1)
    inbox.put("a.ndjson", company(1), age=-86400)
    assert inbox.pull().rows_landed == 1


def test_with_hashes_beside_them_only_files_whose_hash_fits_are_taken(drop: MakeDrop) -> None:
    inbox = drop(manifest="sha256", settle_seconds=3600)
    whole = inbox.put("a.ndjson", company(1), age=0)
    (inbox.folder / "a.ndjson.sha256").write_text(f"{sha256(whole.read_bytes())}  a.ndjson\n")
    inbox.put("b.ndjson", company(2))
    (inbox.folder / "b.ndjson.sha256").write_text(f"{sha256(b'what it will be')}\n")
    inbox.put("c.ndjson", company(3))
    outcome = inbox.pull()
    assert inbox.landed() == [("0000000001",)]
    assert inbox.waiting() == ["b.ndjson", "b.ndjson.sha256", "c.ndjson"]
    assert sorted(outcome.warnings) == [
        f"{inbox.folder}: files left alone, its content is not the one in its manifest: 1",
        f"{inbox.folder}: files left alone, no manifest lists it yet: 1",
    ]


def test_with_a_manifest_of_names_sizes_and_hashes_files_are_taken_as_listed(drop: MakeDrop) -> None:
    inbox = drop(manifest="json")
    first, second = inbox.put("Số 1.ndjson", company(1)), inbox.put("2.ndjson", company(2))
    listed = [
        {"name": path.name, "bytes": path.stat().st_size + extra, "sha256": sha256(path.read_bytes())}
        for path, extra in ((first, 0), (second, 5))
    ]
    (inbox.folder / "lo-1.manifest.json").write_text(json.dumps({"files": listed}))
    (inbox.folder / "lo-2.manifest.json").write_text('{"files": [{"na')
    outcome = inbox.pull()
    assert inbox.landed() == [("0000000001",)]
    assert "its size is not the one in its manifest: 1" in outcome.warnings[0]
    listed[1]["bytes"] -= 5
    (inbox.folder / "lo-1.manifest.json").write_text(json.dumps({"files": listed}))
    inbox.pull()
    assert inbox.landed() == [("0000000001",), ("0000000002",)]
    assert inbox.waiting() == ["lo-2.manifest.json"]


def test_an_unreadable_file_is_set_aside_with_its_reason_and_the_rest_goes_on(drop: MakeDrop) -> None:
    inbox = drop()
    inbox.put_bytes("hong.ndjson.gz", packed(*map(company, range(3000)))[:-20], age=20)
    inbox.put("tot.ndjson", company(1), age=10)
    outcome = inbox.pull()
    assert (outcome.status, outcome.exit_code, outcome.rows_landed) == ("landed", Exit.SOURCE, 1)
    assert outcome.warnings == (
        f"{inbox.folder}: files set aside in {inbox.folder}/.doichieu/refused, with the reason beside it: "
        "the packed file is cut off or damaged: 1",
    )
    assert inbox.refused() == ["hong.ndjson.gz", "hong.ndjson.gz.reason.txt"]
    assert "cut off" in (inbox.folder / ".doichieu/refused/hong.ndjson.gz.reason.txt").read_text(encoding="utf-8")
    assert [line["name"] for line in inbox.index()] == ["tot.ndjson"]
    inbox.put_bytes("hong.ndjson.gz", packed(*map(company, range(3000))))
    assert inbox.pull().rows_landed == 3000


def test_of_a_large_file_that_turns_out_damaged_nothing_is_landed(drop: MakeDrop) -> None:
    inbox = drop()
    inbox.put("truoc.ndjson", company(1), age=30)
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as packed_zip:
        packed_zip.writestr("mot.ndjson", lines_of(map(company, range(120_000))))
        packed_zip.writestr("hai.ndjson", b"hai" * 10)
    inbox.put_bytes("lon.zip", held.getvalue().replace(b"haihai", b"haihay"), age=20)
    inbox.put("sau.ndjson", company(2), age=10)
    outcome = inbox.pull()
    assert (outcome.rows_received, outcome.exit_code) == (2, Exit.SOURCE)
    assert inbox.landed() == [("0000000001",), ("0000000002",)]
    assert inbox.refused() == ["lon.zip", "lon.zip.reason.txt"]


def test_a_large_file_is_landed_whole_over_several_pages(drop: MakeDrop) -> None:
    inbox = drop()
    inbox.put("truoc.ndjson", company(1), age=30)
    inbox.put_bytes("lon.ndjson.gz", packed(*map(company, range(10, 120_010))), age=20)
    inbox.put("sau.ndjson", company(2), age=10)
    outcome = inbox.pull()
    assert (outcome.rows_landed, outcome.pages > 3) == (120_002, True)
    assert [file.rows for file in inbox.manifests()[0].files] == [1, 120_000, 1]
    assert inbox.landed("count(distinct tax_code)") == [(120_002,)]


def test_each_file_in_a_zip_is_matched_and_landed(drop: MakeDrop) -> None:
    inbox = drop(pattern="thang_*.ndjson")
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as packed_zip:
        packed_zip.writestr("2026/thang_1.ndjson", lines_of([company(1)]))
        packed_zip.writestr("../../thang_2.ndjson", lines_of([company(2)]))
        packed_zip.writestr("doc.txt", "đọc tôi trước")
        packed_zip.writestr("__MACOSX/._thang_1.ndjson", "rác")
    inbox.put_bytes("quy 1.zip", held.getvalue())
    assert inbox.pull().rows_landed == 2
    assert inbox.landed("tax_code, address") == [
        ("0000000001", "quy 1.zip/2026/thang_1.ndjson"),
        ("0000000002", "quy 1.zip/thang_2.ndjson"),
    ]
    assert [line["archived_as"].endswith("-quy 1.zip") for line in inbox.index()] == [True]


def test_a_file_no_pattern_takes_stays_where_it_is(drop: MakeDrop) -> None:
    inbox = drop()
    inbox.put_bytes("doc.txt", b"xin chao")
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as packed_zip:
        packed_zip.writestr("anh.jpg", b"...")
    inbox.put_bytes("anh.zip", held.getvalue())
    outcome = inbox.pull()
    assert outcome.warnings == (f"{inbox.folder}: files left alone, no pattern of the source file takes it: 2",)
    assert inbox.waiting() == ["anh.zip", "doc.txt"]


def test_one_file_feeds_two_datasets_and_waits_until_both_have_it(drop: MakeDrop) -> None:
    inbox = drop(more=REVENUE)
    inbox.put("a.ndjson", company(1))
    outcome = inbox.pull("taxpayer")
    assert outcome.warnings == (f"{inbox.folder}: files kept until revenue is landed too: 1",)
    assert inbox.landed() == [("0000000001",)]
    assert len(inbox.claimed()) == 1
    assert inbox.index() == []
    inbox.pull("taxpayer", "revenue")
    assert inbox.landed() == [("0000000001",)]
    assert inbox.landed("tax_code, year, revenue_vnd", "revenue") == [("0000000001", 2025, 1)]
    assert inbox.claimed() == []
    assert [line["rows"] for line in inbox.index()] == [{"taxpayer": 1, "revenue": 1}]


def test_a_file_with_a_field_nobody_mapped_waits_until_the_mapping_is_mended(drop: MakeDrop) -> None:
    inbox = drop()
    inbox.put("a.ndjson", company(1, moi="x"))
    outcome = inbox.pull()
    assert outcome.status == "failed"
    assert "moi" in (outcome.error or "")
    assert len(inbox.claimed()) == 1
    mended = drop(more='[datasets.taxpayer.fields.ward_code]\nfrom = "moi"\n')
    assert mended.pull().rows_landed == 1
    assert mended.landed("ward_code") == [("x",)]
    assert mended.claimed() == []


def test_a_missing_folder_fails_the_datasets_and_says_where(drop: MakeDrop) -> None:
    inbox = drop()
    inbox.folder.rmdir()
    inbox.folder.parent.joinpath("inbox").write_text("a file, not a folder")
    outcome = inbox.pull()
    assert (outcome.status, outcome.exit_code) == ("failed", Exit.SOURCE)
    assert str(inbox.folder) in (outcome.error or "")


def test_what_another_data_folder_has_claimed_is_not_touched_but_said(drop: MakeDrop) -> None:
    theirs, ours = drop(home="theirs", more=REVENUE), drop()
    theirs.put("a.ndjson", company(1))
    theirs.pull("taxpayer")
    assert len(theirs.claimed()) == 1
    outcome = ours.pull()
    assert (outcome.rows_received, ours.landed()) == (0, [])
    assert "claimed by another data folder, tax-" in outcome.warnings[0]
    assert len(theirs.claimed()) == 1


def test_when_somebody_else_claims_first_nothing_happens(drop: MakeDrop) -> None:
    inbox = drop()
    inbox.put("a.ndjson", company(1))
    place = LocalFolder(inbox.folder)
    one, other = Inbox(place, "tax-1"), Inbox(place, "tax-2")
    one.prepare()
    other.prepare()
    (entry,) = place.entries()
    assert one.claim(entry) is not None
    assert other.claim(entry) is None


def test_a_released_file_does_not_overwrite_a_new_one_of_its_name(drop: MakeDrop) -> None:
    inbox = drop()
    inbox.put("a.ndjson", company(1))
    owner = Inbox(LocalFolder(inbox.folder), "tax-1")
    owner.prepare()
    claim = owner.claim(LocalFolder(inbox.folder).entries()[0])
    assert claim is not None
    inbox.put("a.ndjson", company(2))
    owner.release(claim)
    assert json.loads((inbox.folder / "a.ndjson").read_text(encoding="utf-8"))["mst"] == "0000000002"
    assert [each.name for each in owner.left_claimed()] == ["a.ndjson"]


def test_a_link_is_not_followed(drop: MakeDrop, tmp_path: Path) -> None:
    inbox = drop()
    (tmp_path / "secret").write_bytes(lines_of([company(1)]))
    (inbox.folder / "a.ndjson").symlink_to(tmp_path / "secret")
    assert inbox.pull().rows_received == 0


def test_looking_claims_nothing_and_shows_the_first_records(drop: MakeDrop) -> None:
    inbox = drop(more=REVENUE)
    inbox.put("a.ndjson", *map(company, range(15)), age=20)
    inbox.put_bytes("b.ndjson.gz", packed(*map(company, range(50)))[:-9], age=10)
    inbox.put("c.ndjson.part", company(1))
    settings = inbox.settings
    seen = check_files(settings, "tax", source_of(settings, "tax"), now=datetime.now(UTC))
    assert seen.waiting == {"taxpayer": 2, "revenue": 2}
    assert ["cut off" in problem for problem in seen.problems] == [True]
    assert seen.left_alone == {"it has a temporary name": 1}
    assert seen.samples["taxpayer"].num_rows == 15
    assert seen.samples["taxpayer"]["_file_name"][0].as_py() == "a.ndjson"
    assert inbox.waiting() == ["a.ndjson", "b.ndjson.gz", "c.ndjson.part"]
    assert inbox.claimed() == []


def test_downloads_and_unpacked_files_leave_nothing_behind(drop: MakeDrop) -> None:
    inbox = drop()
    inbox.put_bytes("a.ndjson.gz", packed(company(1)))
    inbox.pull()
    assert list((inbox.settings.data.root / "incoming").iterdir()) == []


def test_the_zstandard_copy_is_one_that_other_programs_read(drop: MakeDrop) -> None:
    inbox = drop()
    content = inbox.put("a.ndjson", company(1)).read_bytes()
    inbox.pull()
    kept = inbox.archive / inbox.index()[0]["archived_as"]
    read = subprocess.run(["zstd", "-dc", str(kept)], capture_output=True, check=False) if _has_zstd() else None
    assert kept.read_bytes()[:4] == b"\x28\xb5\x2f\xfd"
    assert read is None or read.stdout == content


def _has_zstd() -> bool:
    return subprocess.run(["which", "zstd"], capture_output=True, check=False).returncode == 0
