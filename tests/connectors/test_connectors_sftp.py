"""Files dropped on an SFTP server: OpenSSH's own, on loopback."""

import hashlib
import os
import random
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from dropping import Drop, company, lines_of, packed
from killing import Zygote
from ssh_server import BrokenLine, SshServer, serving

from common.errors import ConfigurationError, Exit, SourceError
from common.settings import RegistrySettings
from connectors.files.inbox import Changed
from connectors.files.sftp import SftpFolder
from connectors.source import Sftp

ACCESS = RegistrySettings(source=Path("x.toml"), attempts=4, retry_wait_max_seconds=0.05, timeout_seconds=10)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    with serving(tmp_path_factory.mktemp("ssh")) as running:
        yield running


MakeFolder = Callable[..., SftpFolder]


@pytest.fixture
def folder(server: SshServer, tmp_path: Path) -> Iterator[MakeFolder]:
    opened: list[SftpFolder] = []
    (tmp_path / "inbox").mkdir()

    def make(**changes: Any) -> SftpFolder:
        opened.append(SftpFolder(sftp(server, tmp_path / "inbox", **changes), ACCESS, scratch=tmp_path / "scratch"))
        return opened[-1]

    yield make
    for each in opened:
        each.__exit__(None, None, None)


def sftp(server: SshServer, inbox: Path, **changes: Any) -> Sftp:
    keys = {
        "host": "127.0.0.1",
        "port": server.port,
        "user": os.environ.get("USER") or "root",
        "private_key": server.client_key,
        "known_hosts": server.known_hosts,
        "folder": str(inbox),
    }
    return Sftp.model_validate({**keys, **changes})


def drop_on(server: SshServer, tmp_path: Path, *, port: int | None = None, **files: Any) -> Drop:
    described = sftp(server, tmp_path / "inbox", **({"port": port} if port else {}))
    lines = [f"{key} = {value!r}" for key, value in described.model_dump(mode="json").items() if value is not None]
    more = "\n[files.sftp]\n" + "\n".join(lines).replace('"', "'") + "\n"
    return Drop(tmp_path / "inbox", tmp_path / "ours", files, more)


def test_files_on_a_server_are_landed_archived_and_gone(server: SshServer, tmp_path: Path) -> None:
    drop = drop_on(server, tmp_path)
    content = drop.put("Báo cáo tháng 6 – Đà Nẵng.ndjson", company(1), company(2)).read_bytes()
    drop.put_bytes("thang 7.ndjson.gz", packed(company(3)))
    outcome = drop.pull()
    assert (outcome.status, outcome.rows_landed, outcome.warnings) == ("landed", 3, ())
    assert drop.landed("address")[0] == ("Báo cáo tháng 6 – Đà Nẵng.ndjson",)
    assert (drop.waiting(), drop.claimed()) == ([], [])
    assert drop.manifests()[0].source == f"sftp://127.0.0.1:{server.port}{drop.folder}"
    assert hashlib.sha256(content).hexdigest() in [line["sha256"] for line in drop.index()]
    assert list((drop.settings.data.root / "incoming").iterdir()) == []
    drop.put("lai.ndjson", company(1), company(2))
    assert "landed before" in drop.pull().warnings[0]
    assert drop.landed("count(*)") == [(3,)]


def test_a_damaged_file_is_set_aside_on_the_server(server: SshServer, tmp_path: Path) -> None:
    drop = drop_on(server, tmp_path)
    drop.put_bytes("hong.ndjson.gz", packed(*map(company, range(100)))[:-9])
    drop.put("tot.ndjson", company(1))
    outcome = drop.pull()
    assert (outcome.rows_landed, outcome.exit_code) == (1, Exit.SOURCE)
    assert drop.refused() == ["hong.ndjson.gz", "hong.ndjson.gz.reason.txt"]


def test_with_hashes_a_file_that_is_still_uploaded_stays(server: SshServer, tmp_path: Path) -> None:
    drop = drop_on(server, tmp_path, manifest="sha256")
    content = lines_of([company(1), company(2)])
    (drop.folder / "a.ndjson.sha256").write_text(hashlib.sha256(content).hexdigest())
    drop.put_bytes("a.ndjson", content[:40])
    assert "its content is not the one in its manifest" in drop.pull().warnings[0]
    assert drop.waiting() == ["a.ndjson", "a.ndjson.sha256"]
    drop.put_bytes("a.ndjson", content)
    assert drop.pull().rows_landed == 2
    assert drop.waiting() == []


def test_a_puller_killed_at_any_moment_loses_and_doubles_nothing(server: SshServer, tmp_path: Path) -> None:
    drop = drop_on(server, tmp_path)
    for number in range(8):
        drop.put(f"{number}.ndjson", company(number))
    chance = random.Random(3)
    with Zygote() as zygote:
        killed = [zygote.pull(drop, after_seconds=chance.uniform(0.05, 0.9)) for _ in range(8)]
        assert zygote.pull(drop) == 0
    assert any(killed)
    assert sorted(drop.landed()) == [(f"{number:010}",) for number in range(8)]
    assert (drop.waiting(), drop.claimed()) == ([], [])
    assert sorted(line["name"] for line in drop.index()) == [f"{number}.ndjson" for number in range(8)]


def test_the_age_of_a_file_is_told_by_the_servers_clock(server: SshServer, tmp_path: Path) -> None:
    drop = drop_on(server, tmp_path, settle_seconds=2.0)
    drop.put("moi.ndjson", company(1), age=0)
    assert "it changed less than 2 seconds ago" in drop.pull().warnings[0]


def test_a_connection_that_breaks_while_files_are_pulled_costs_nothing(server: SshServer, tmp_path: Path) -> None:
    content = random.Random(7).randbytes(3 * 2**20).hex().encode()
    with BrokenLine(server.port, [3_000, 200_000, 2_500_000]).open() as line:
        server.vouch_for(line.port)
        drop = drop_on(server, tmp_path, port=line.port)
        drop.put("lon.ndjson", company(1, ten=content.decode()))
        drop.put("nho.ndjson", company(2))
        outcome = drop.pull()
        assert line.connections == 4
    assert (outcome.status, outcome.rows_landed, outcome.warnings) == ("landed", 2, ())
    assert drop.landed("length(name)") == [(len(content),), (len("Công ty TNHH Số 2"),)]
    assert (drop.waiting(), drop.claimed()) == ([], [])


def test_a_broken_download_goes_on_where_it_stopped(server: SshServer, folder: MakeFolder, tmp_path: Path) -> None:
    content = random.Random(7).randbytes(12 * 2**20)
    (tmp_path / "inbox" / "lon.bin").write_bytes(content)
    with BrokenLine(server.port, [9 * 2**20]).open() as line:
        server.vouch_for(line.port)
        place = folder(port=line.port)
        with place.fetch(place.entries()[0]) as stream:
            assert stream.read() == content
        assert line.connections == 2
    assert list((tmp_path / "scratch").iterdir()) == []


def test_a_server_that_stays_away_fails_the_pull_and_the_files_wait(tmp_path: Path) -> None:
    with serving(tmp_path / "ssh") as server:
        drop = drop_on(server, tmp_path)
        drop.put("a.ndjson", company(1))
    outcome = drop.pull()
    assert (outcome.status, outcome.exit_code) == ("failed", Exit.SOURCE)
    assert f"sftp://127.0.0.1:{server.port}/" in (outcome.error or "")
    assert drop.waiting() == ["a.ndjson"]


def test_a_server_that_goes_away_in_the_middle_loses_nothing(server: SshServer, tmp_path: Path) -> None:
    drop = drop_on(server, tmp_path)
    for number in range(40):
        drop.put(f"{number}.ndjson", company(number))
    puller = threading.Thread(target=drop.pull)
    puller.start()
    for _ in range(6):
        time.sleep(0.15)
        server.hang_up()
    puller.join()
    drop.pull()
    assert sorted(drop.landed()) == [(f"{number:010}",) for number in range(40)]
    assert (drop.waiting(), drop.claimed(), len(drop.index())) == ([], [], 40)


def test_a_server_nobody_vouched_for_is_not_spoken_to(server: SshServer, folder: MakeFolder, tmp_path: Path) -> None:
    (tmp_path / "nobody").write_text("")
    with pytest.raises(ConfigurationError) as caught:
        folder(known_hosts=tmp_path / "nobody").entries()
    assert "SHA256:" in str(caught.value)
    assert f"ssh-keyscan -p {server.port} 127.0.0.1 >> {tmp_path}/nobody" in str(caught.value)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        folder(known_hosts=tmp_path / "missing").entries()


def test_a_server_that_shows_another_key_is_not_spoken_to(
    server: SshServer, folder: MakeFolder, tmp_path: Path
) -> None:
    other = (server.home / "client_key.pub").read_text().split()[1]
    (tmp_path / "known").write_text(f"[127.0.0.1]:{server.port} ssh-ed25519 {other}\n")
    with pytest.raises(ConfigurationError, match="shows another key, ssh-ed25519 SHA256:"):
        folder(known_hosts=tmp_path / "known").entries()


def test_who_is_not_let_in_is_told_so_at_once(folder: MakeFolder, tmp_path: Path, server: SshServer) -> None:
    with pytest.raises(SourceError, match="does not let us in"):
        folder(user="nguoi_la").entries()
    with pytest.raises(ConfigurationError, match="private key cannot be read"):
        folder(private_key=tmp_path / "missing").entries()


def test_a_folder_that_is_not_there_is_named(folder: MakeFolder, tmp_path: Path) -> None:
    with pytest.raises(SourceError) as caught:
        folder(folder=str(tmp_path / "khong co")).entries()
    assert str(tmp_path / "khong co") in str(caught.value)


def test_a_rename_that_comes_too_late_is_no_error(folder: MakeFolder, tmp_path: Path) -> None:
    place = folder()
    (tmp_path / "inbox" / "a").write_text("x")
    assert place.move("a", "b") is True
    assert place.move("c", "d") is False


def test_a_file_is_put_back_only_where_nothing_new_lies(folder: MakeFolder, tmp_path: Path) -> None:
    place = folder()
    for name in ("a", "b"):
        (tmp_path / "inbox" / name).write_text(name)
    assert place.put_back("a", "b") is False
    assert place.put_back("a", "c") is True
    assert sorted(path.name for path in (tmp_path / "inbox").iterdir()) == ["b", "c"]


def test_a_file_that_changed_since_it_was_listed_is_not_fetched(folder: MakeFolder, tmp_path: Path) -> None:
    place, path = folder(), tmp_path / "inbox" / "a"
    path.write_text("half")
    (entry,) = place.entries()
    path.write_text("half and half")
    with pytest.raises(Changed):
        place.fetch(entry)
    path.unlink()
    with pytest.raises(Changed):
        place.fetch(entry)


def test_links_and_folders_on_the_server_are_no_files(folder: MakeFolder, tmp_path: Path) -> None:
    (tmp_path / "inbox" / "sub").mkdir()
    (tmp_path / "inbox" / "link").symlink_to("/etc/hostname")
    (tmp_path / "inbox" / "a").write_text("x")
    place = folder()
    assert [entry.path for entry in place.entries()] == ["a"]
    assert place.entries("khong co") == []
    assert place.folders("") == ["sub"]


def test_a_server_without_the_atomic_extension_renames_plainly(tmp_path: Path) -> None:
    with serving(tmp_path / "ssh", options="-P posix-rename") as server:
        drop = drop_on(server, tmp_path)
        drop.put("a.ndjson", company(1))
        assert drop.pull().rows_landed == 1
        assert (drop.waiting(), drop.claimed()) == ([], [])
