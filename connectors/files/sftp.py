"""A folder on an SFTP server, spoken to only where its host key is known; dropped connections are taken up again."""

import contextlib
import logging
import socket
import stat
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, Self, TypeVar, cast

import stamina
import stamina.instrumentation

from common.errors import SourceError
from common.settings import RegistrySettings
from connectors.files.inbox import Entry, changed
from connectors.files.ssh import logged_in
from connectors.source import Sftp

if TYPE_CHECKING:
    import paramiko

_WINDOW_BYTES = 8 * 2**20
_FIRST_WAIT_SECONDS = 0.5
_Found = TypeVar("_Found")


class _Dropped(Exception):
    """The connection is gone; it may come back."""


class SftpFolder:
    """The folder of `[files.sftp]`. Downloads go to unnamed files in `scratch`, which no crash leaves behind."""

    def __init__(self, sftp: Sftp, access: RegistrySettings, *, scratch: Path) -> None:
        self._sftp, self._access, self._scratch = sftp, access, scratch
        port = "" if sftp.port == 22 else f":{sftp.port}"
        self.address = f"sftp://{sftp.host}{port}/{sftp.folder.strip('/')}".removesuffix("/.")
        self._ssh: paramiko.SSHClient | None = None
        self._channel: paramiko.SFTPClient | None = None
        # Both would write into the middle of progress bars: what matters is in the error at the end.
        stamina.instrumentation.set_on_retry_hooks(())
        logging.getLogger("paramiko").setLevel(logging.CRITICAL)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._hang_up()

    def entries(self, folder: str = "") -> list[Entry]:
        def listed(channel: "paramiko.SFTPClient") -> list[Entry]:
            try:
                found = channel.listdir_attr(self._at(folder))
            except FileNotFoundError:
                if folder:
                    return []
                raise
            plain = [each for each in found if stat.S_ISREG(each.st_mode or 0)]
            return [_entry(f"{folder}/{each.filename}" if folder else each.filename, each) for each in plain]

        return sorted(self._run(listed, folder or "."), key=lambda each: (each.modified, each.path))

    def folders(self, folder: str) -> list[str]:
        def listed(channel: "paramiko.SFTPClient") -> list[str]:
            try:
                found = channel.listdir_attr(self._at(folder))
            except FileNotFoundError:
                return []
            return sorted(each.filename for each in found if stat.S_ISDIR(each.st_mode or 0))

        return self._run(listed, folder)

    def look_at(self, path: str) -> Entry | None:
        def seen(channel: "paramiko.SFTPClient") -> Entry | None:
            try:
                return _entry(path, channel.lstat(self._at(path)))
            except FileNotFoundError:
                return None

        return self._run(seen, path)

    def move(self, source: str, target: str) -> bool:
        def renamed(channel: "paramiko.SFTPClient") -> bool:
            try:
                _rename(channel, self._at(source), self._at(target))
            except FileNotFoundError:
                # Either somebody was faster, or our own rename was done and its answer lost with the connection.
                return _exists(channel, self._at(target))
            return True

        return self._run(renamed, source)

    def put_back(self, source: str, target: str) -> bool:
        def renamed(channel: "paramiko.SFTPClient") -> bool:
            if _exists(channel, self._at(target)):
                return False
            # The plain rename refuses where something has come to stand at the target meanwhile.
            channel.rename(self._at(source), self._at(target))
            return True

        return self._run(renamed, target)

    def remove(self, path: str) -> None:
        def removed(channel: "paramiko.SFTPClient") -> None:
            if _exists(channel, self._at(path)):
                channel.remove(self._at(path))

        self._run(removed, path)

    def make_folder(self, path: str) -> None:
        def made(channel: "paramiko.SFTPClient") -> None:
            steps = path.split("/")
            for depth in range(1, len(steps) + 1):
                below = self._at("/".join(steps[:depth]))
                if not _exists(channel, below):
                    channel.mkdir(below)

        self._run(made, path)

    def write(self, path: str, content: bytes) -> None:
        def written(channel: "paramiko.SFTPClient") -> None:
            with channel.open(self._at(path), "wb") as handle:
                handle.write(content)

        self._run(written, path)

    def fetch(self, entry: Entry) -> BinaryIO:
        self._scratch.mkdir(parents=True, exist_ok=True)
        held = cast("BinaryIO", tempfile.TemporaryFile(dir=self._scratch))  # noqa: SIM115 - the caller closes it

        def more(channel: "paramiko.SFTPClient") -> None:
            try:
                remote = channel.open(self._at(entry.path), "rb")
            except FileNotFoundError:
                raise changed(entry) from None
            with remote:
                if not entry.is_same_as(_entry(entry.path, remote.stat())):
                    raise changed(entry)
                _copy(remote, held, entry.size)

        try:
            self._fetch_on(more, held, entry)
        except SourceError:
            held.close()
            raise
        held.seek(0)
        return held

    def _fetch_on(self, more: Callable[["paramiko.SFTPClient"], None], held: BinaryIO, entry: Entry) -> None:
        """Go on from the last byte as long as every round of tries brings some further."""
        while True:
            before = held.tell()
            try:
                return self._run(more, entry.path)
            except SourceError:
                if held.tell() == before or held.tell() >= entry.size:
                    raise

    def _at(self, path: str) -> str:
        return f"{self._sftp.folder.rstrip('/') or '/'}/{path}" if path else self._sftp.folder

    def _run(self, work: Callable[["paramiko.SFTPClient"], _Found], path: str) -> _Found:
        """Do `work`, on a new connection where the one there was is gone. Raises `SourceError`."""
        longest = self._access.retry_wait_max_seconds
        first = min(_FIRST_WAIT_SECONDS, longest)
        try:
            for attempt in stamina.retry_context(
                on=_Dropped,
                attempts=self._access.attempts,
                timeout=None,
                wait_initial=first,
                wait_max=longest,
                wait_jitter=first,
            ):
                with attempt:
                    return self._once(work, path)
        except _Dropped as dropped:
            raise SourceError(
                f"the SFTP server cannot be reached, or drops the connection: {dropped}",
                where=self.address,
                remedy="check host and port in [files.sftp] and the network; what was landed before stays in force",
            ) from dropped
        raise AssertionError("unreachable: retry_context returns or raises")

    def _once(self, work: Callable[["paramiko.SFTPClient"], _Found], path: str) -> _Found:
        import paramiko

        try:
            return work(self._connected())
        except (EOFError, paramiko.SSHException, TimeoutError, ConnectionError, socket.gaierror) as error:
            self._hang_up()
            raise _Dropped(str(error) or type(error).__name__) from error
        except paramiko.ssh_exception.NoValidConnectionsError as error:
            raise _Dropped(str(error)) from error
        except UnicodeDecodeError as error:
            raise SourceError(
                "a file name in the folder is not UTF-8", where=self.address, remedy="ask the agency to rename the file"
            ) from error
        except OSError as error:
            if "closed" in str(error).lower():
                self._hang_up()
                raise _Dropped(str(error)) from error
            raise SourceError(
                f"the SFTP server refuses: {error.strerror or error}",
                where=f"{self.address}/{path}",
                remedy="correct [files.sftp] folder, or ask for the right to read, write and rename in it",
            ) from error

    def _connected(self) -> "paramiko.SFTPClient":
        if self._channel is None:
            self._ssh = logged_in(self._sftp, self.address, seconds=self._access.timeout_seconds)
            self._channel = self._ssh.open_sftp()
            inner = self._channel.get_channel()
            assert inner is not None
            inner.settimeout(self._access.timeout_seconds)
        return self._channel

    def _hang_up(self) -> None:
        if self._ssh is not None:
            self._ssh.close()
        self._ssh = self._channel = None


def _copy(remote: "paramiko.SFTPFile", held: BinaryIO, size: int) -> None:
    """The rest of the file, a window at a time: many requests under way, few megabytes in memory."""
    _keep_quiet(remote)
    held.seek(0, 2)
    while (offset := held.tell()) < size:
        end = min(offset + _WINDOW_BYTES, size)
        remote.seek(offset)
        remote.prefetch(end)
        while held.tell() < end:
            piece = remote.read(end - held.tell())
            if not piece:
                raise EOFError("the file ended early")
            held.write(piece)
    held.flush()


def _keep_quiet(remote: "paramiko.SFTPFile") -> None:
    """Let the thread that sends requests ahead end silently where the connection breaks: reading raises the same."""
    import paramiko

    send = getattr(remote, "_prefetch_thread", lambda *_: None)

    def send_quietly(*requests: object) -> None:
        with contextlib.suppress(EOFError, OSError, paramiko.SSHException):
            send(*requests)

    remote.__dict__["_prefetch_thread"] = send_quietly


def _rename(channel: "paramiko.SFTPClient", source: str, target: str) -> None:
    """Atomic where the server has OpenSSH's extension, else the protocol's own rename."""
    try:
        channel.posix_rename(source, target)
    except FileNotFoundError:
        raise
    except OSError:
        channel.rename(source, target)


def _exists(channel: "paramiko.SFTPClient", path: str) -> bool:
    try:
        channel.lstat(path)
    except FileNotFoundError:
        return False
    return True


def _entry(path: str, seen: "paramiko.SFTPAttributes") -> Entry:
    return Entry(path, seen.st_size or 0, datetime.fromtimestamp(seen.st_mtime or 0, UTC))
