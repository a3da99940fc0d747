from pathlib import Path

import duckdb
import pytest
from example_snapshot import SNAPSHOT, make_live, publish_example

from common.errors import ConfigurationError, DoiChieuError, Exit
from common.settings import Settings
from query.snapshot import find_snapshot, reading, snapshot_names


def test_before_anything_is_published_the_reader_is_told_to_run(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as raised:
        find_snapshot(Settings(data_dir=tmp_path).data)
    assert (raised.value.exit_code, raised.value.remedy) == (
        Exit.USAGE,
        "run `doichieu run` first",
    )


@pytest.mark.parametrize("name", ["20990101T000000000000Z", "../raw", "/etc", ""])
def test_an_unknown_snapshot_is_refused_and_the_known_ones_are_named(settings: Settings, name: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        find_snapshot(settings.data, name)
    assert SNAPSHOT in raised.value.remedy


def test_a_snapshot_without_a_manifest_is_not_read(settings: Settings) -> None:
    (settings.data.snapshot(SNAPSHOT) / "manifest.json").unlink()
    with pytest.raises(DoiChieuError, match="no manifest"), reading(settings):
        pass


def test_a_damaged_warehouse_is_an_error_that_names_the_file(
    settings: Settings,
) -> None:
    path = settings.data.snapshot(SNAPSHOT) / "warehouse.duckdb"
    path.write_bytes(b"not a database")
    with pytest.raises(DoiChieuError) as raised, reading(settings):
        pass
    assert raised.value.where == str(path)


def test_what_is_open_stays_the_same_snapshot_when_another_is_published(
    tmp_path: Path,
) -> None:
    settings = publish_example(tmp_path)
    with reading(settings) as opened:
        publish_example(tmp_path, "20260702T010000000000Z")
        assert opened.connection.execute("select snapshot from snapshot").fetchone() == (SNAPSHOT,)
        assert opened.snapshot.name == SNAPSHOT
    assert find_snapshot(settings.data).name == "20260702T010000000000Z"
    assert find_snapshot(settings.data, SNAPSHOT).name == SNAPSHOT
    assert snapshot_names(settings.data) == [SNAPSHOT, "20260702T010000000000Z"]
    make_live(settings.data, SNAPSHOT)
    assert find_snapshot(settings.data).name == SNAPSHOT


def test_a_snapshot_cannot_be_written_through_a_reading(settings: Settings) -> None:
    with reading(settings) as opened, pytest.raises(duckdb.Error, match="read-only"):
        opened.connection.execute("delete from main.finding")


def test_the_keys_only_warehouse_is_open_without_the_names(settings: Settings) -> None:
    with reading(settings) as opened, pytest.raises(duckdb.BinderException):
        opened.connection.execute("select * from identity.main.person")
