"""Where a registry's files are dropped, as its source file says."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from common.errors import ConfigurationError
from common.settings import Settings
from connectors.files.inbox import LocalFolder, Place
from connectors.files.sftp import SftpFolder
from connectors.source import Files, Source


@contextmanager
def place_of(settings: Settings, registry: str, source: Source) -> Iterator[Place]:
    """The folder or server; a connection is closed at the end.

    Raises `ConfigurationError` where the source file names neither.
    """
    files = source.files or Files()
    if files.folder is not None:
        yield LocalFolder(files.folder)
    elif files.sftp is not None:
        access = settings.registries[registry]  # type: ignore[index]
        with SftpFolder(files.sftp, access, scratch=scratch_of(settings)) as place:
            yield place
    else:
        raise ConfigurationError(
            "where the files are dropped is not said",
            where=f"{source.path}: files",
            remedy="write folder = … in [files], or a section [files.sftp]",
        )


def scratch_of(settings: Settings) -> Path:
    """Where unpacked and downloaded files lie while they are read; they have no name and vanish with the process."""
    return settings.data.root / "incoming"
