"""A pulling process that is killed at any moment: every file is landed exactly once, archived, and gone."""

import hashlib
import io
import random
import shutil
import zipfile
from collections import Counter
from pathlib import Path

import pytest
from dropping import REVENUE, Drop, company, lines_of, packed
from killing import Zygote

COMPANIES = [*range(1, 7), 7, 8, *range(100, 130)]


def dropped(home: Path) -> tuple[Drop, set[str]]:
    """A folder with every sort of file, and the hashes of those that can be read."""
    drop = Drop(home / "inbox", home / "ours", {"pattern": "*.ndjson"}, REVENUE)
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as packed_zip:
        packed_zip.writestr("bay.ndjson", lines_of([company(7)]))
        packed_zip.writestr("tam.ndjson", lines_of([company(8)]))
    contents = {f"{number}.ndjson": lines_of([company(number)]) for number in range(1, 7)}
    contents["hai.zip"] = held.getvalue()
    contents["nhieu.ndjson.gz"] = packed(*map(company, range(100, 130)))
    for age, (name, content) in enumerate(contents.items()):
        drop.put_bytes(name, content, age=100 - age)
    drop.put_bytes("trung.ndjson", contents["3.ndjson"], age=50)
    drop.put_bytes("hong.ndjson.gz", packed(company(999))[:-5], age=80)
    return drop, {hashlib.sha256(content).hexdigest() for content in contents.values()}


def check(drop: Drop, hashes: set[str]) -> None:
    for dataset in ("taxpayer", "revenue"):
        keys = [int(key) for (key,) in drop.landed("tax_code", dataset)]
        assert sorted(keys) == COMPANIES, dataset
        files = Counter(file.sha256 for pull in drop.manifests(dataset) for file in pull.files)
        assert files == Counter(hashes)
    assert (drop.waiting(), drop.claimed()) == ([], [])
    assert drop.refused() == ["hong.ndjson.gz", "hong.ndjson.gz.reason.txt"]
    assert Counter(line["sha256"] for line in drop.index() if not line["is_duplicate"]) == Counter(hashes)
    kept = {line["archived_as"]: line["archived_sha256"] for line in drop.index()}
    there = [path for path in drop.archive.rglob("*") if path.is_file() and path.name != "index.jsonl"]
    assert {
        str(path.relative_to(drop.archive)): hashlib.sha256(path.read_bytes()).hexdigest() for path in there
    } == kept


def test_killed_at_any_change_to_the_file_system_the_next_run_finishes_what_was_begun(tmp_path: Path) -> None:
    chance = random.Random(20260630)
    with Zygote() as zygote:
        for change in [1, 2, *sorted(chance.sample(range(3, 125), 7))]:
            drop, hashes = dropped(tmp_path / str(change))
            zygote.pull(drop, at_change=change)
            assert zygote.pull(drop) == 0, change
            check(drop, hashes)
            shutil.rmtree(tmp_path / str(change))


def test_killed_again_and_again_it_comes_to_an_end(tmp_path: Path) -> None:
    drop, hashes = dropped(tmp_path)
    chance = random.Random(4)
    tries = 0
    with Zygote() as zygote:
        while zygote.pull(drop, at_change=chance.randint(20, 80)) and tries < 60:
            tries += 1
    assert tries >= 3
    check(drop, hashes)


@pytest.mark.parametrize("page", ["000003.rows", "000003.page"])
def test_killed_within_a_large_file_it_is_read_again_and_landed_once(tmp_path: Path, page: str) -> None:
    drop = Drop(tmp_path / "inbox", tmp_path / "ours")
    drop.put("truoc.ndjson", company(1), age=30)
    drop.put_bytes("lon.ndjson", lines_of(map(company, range(10, 110_010))), age=20)
    with Zygote() as zygote:
        assert zygote.pull(drop, at_change=1, of=page) == 9
        assert zygote.pull(drop) == 0
    assert drop.landed("count(*), count(distinct tax_code)") == [(110_001, 110_001)]
    assert {file.name: file.rows for file in drop.manifests()[0].files} == {"truoc.ndjson": 1, "lon.ndjson": 110_000}
    assert drop.claimed() == []


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COVERAGE_PROCESS_START", raising=False)
