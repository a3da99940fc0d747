"""A real PostgreSQL from Debian's packages, on a free port of loopback, with its data in a folder that goes away."""

import contextlib
import itertools
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg

from tests.debian import need

OWNER, PASSWORD = "chu_so_huu", 'mật khẩu\'s \\ "khó" %41'


class PostgresServer:
    """`owner` may do everything; logging in over TCP takes the password (SCRAM)."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port = folder, port
        self._programs = Path(need("initdb", "postgresql")).resolve().parent
        self._numbers = itertools.count(1)

    def make(self) -> None:
        secret = self.folder / "password"
        secret.write_text(PASSWORD, encoding="utf-8")
        if os.geteuid() == 0:
            # PostgreSQL refuses to run as root.
            shutil.chown(self.folder, "postgres", "postgres")
            shutil.chown(secret, "postgres")
        self._as_server("initdb", "-D", self.data, "-U", OWNER, "-A", "scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8")

    @property
    def data(self) -> str:
        return str(self.folder / "data")

    def start(self) -> None:
        settings = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self.folder,
            "fsync": "off",
            "timezone": "America/New_York",
        }
        options = " ".join(f"-c {name}={value}" for name, value in settings.items())
        self._as_server("pg_ctl", "-D", self.data, "-l", str(self.folder / "log"), "-w", "-o", options, "start")

    def stop(self) -> None:
        self._as_server("pg_ctl", "-D", self.data, "-m", "immediate", "-w", "stop")

    def _as_server(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), *arguments]
        if program == "initdb":
            command += ["--no-sync", f"--pwfile={self.folder / 'password'}"]
        if os.geteuid() == 0:
            command = ["runuser", "-u", "postgres", "--", *command]
        # The server keeps what it inherits: a pipe would never be closed.
        with (self.folder / "said").open("ab") as said:
            subprocess.run(command, check=True, stdout=said, stderr=said, cwd="/", timeout=60)

    def database(self) -> "PostgresDatabase":
        """A new, empty database."""
        name = f"so_{next(self._numbers)}"
        with self.connect("postgres") as connection:
            connection.execute(f"create database {name}")
        return PostgresDatabase(self, name)

    def connect(self, database: str) -> "psycopg.Connection[tuple[Any, ...]]":
        return psycopg.connect(
            host="127.0.0.1", port=self.port, dbname=database, user=OWNER, password=PASSWORD, autocommit=True
        )


class PostgresDatabase:
    def __init__(self, server: PostgresServer, name: str) -> None:
        self.server, self.name = server, name

    @property
    def url(self) -> str:
        return f"postgresql://127.0.0.1:{self.server.port}/{self.name}"

    def run(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Each call in a transaction of its own; the rows of the last statement."""
        with self.server.connect(self.name) as connection:
            found = connection.execute(sql, parameters or None)
            return found.fetchall() if found.description else []


@contextlib.contextmanager
def serving() -> Iterator[PostgresServer]:
    with tempfile.TemporaryDirectory(prefix="doichieu-pg-") as folder, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        server = PostgresServer(Path(folder), port)
        server.make()
        server.start()
        try:
            yield server
        finally:
            with contextlib.suppress(subprocess.CalledProcessError):
                server.stop()
