"""OpenSSH's own server on loopback, as the user who runs the tests, and a line to it that breaks."""

import contextlib
import os
import select
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.debian import need

_CONFIG = """
Port {port}
ListenAddress 127.0.0.1
HostKey {home}/host_key
AuthorizedKeysFile {home}/authorized_keys
PidFile {home}/sshd.pid
StrictModes no
UsePAM no
PermitRootLogin yes
PasswordAuthentication no
KbdInteractiveAuthentication no
MaxStartups 100
Subsystem sftp internal-sftp {options}
"""


@dataclass
class SshServer:
    """A running server; `home` holds its keys, `client_key` lets us in, `known_hosts` vouches for it."""

    home: Path
    port: int
    process: "subprocess.Popen[bytes]"

    @property
    def client_key(self) -> Path:
        return self.home / "client_key"

    @property
    def known_hosts(self) -> Path:
        return self.home / "known_hosts"

    def vouch_for(self, port: int) -> None:
        """The host key stands in known_hosts under this port too."""
        kind, key, *_ = (self.home / "host_key.pub").read_text().split()
        with self.known_hosts.open("a") as known:
            known.write(f"[127.0.0.1]:{port} {kind} {key}\n")

    def hang_up(self) -> None:
        """End every session, as a server does that is restarted."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(child), signal.SIGKILL)


@contextlib.contextmanager
def serving(home: Path, *, options: str = "") -> Iterator[SshServer]:
    """A server that listens when the block begins; `options` are those of sftp-server."""
    sshd, keygen = need("sshd", "openssh-server"), need("ssh-keygen", "openssh-client")
    home.mkdir(parents=True, exist_ok=True)
    for name in ("host_key", "client_key"):
        subprocess.run([keygen, "-q", "-t", "ed25519", "-N", "", "-f", str(home / name)], check=True)
    (home / "authorized_keys").write_text((home / "client_key.pub").read_text())
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    port = free_port()
    (home / "sshd_config").write_text(_CONFIG.format(port=port, home=home, options=options))
    with (home / "sshd.log").open("wb") as log:
        process = subprocess.Popen([sshd, "-D", "-e", "-f", str(home / "sshd_config")], stdout=log, stderr=log)
    server = SshServer(home, port, process)
    server.vouch_for(port)
    try:
        _wait_for(server)
        yield server
    finally:
        server.hang_up()
        process.terminate()
        process.wait(10)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(server: SshServer) -> None:
    for _ in range(100):
        assert server.process.poll() is None, (server.home / "sshd.log").read_text()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", server.port), timeout=1) as probe:
            if probe.recv(4) == b"SSH-":
                return
        time.sleep(0.05)
    raise AssertionError((server.home / "sshd.log").read_text())


@dataclass
class BrokenLine:
    """Passes connections on to a server and cuts each of the first ones after so many bytes from the server."""

    server_port: int
    cut_after: list[int]
    port: int = field(default_factory=free_port)
    connections: int = 0

    @contextlib.contextmanager
    def open(self) -> Iterator["BrokenLine"]:
        with socket.create_server(("127.0.0.1", self.port)) as listening:
            threading.Thread(target=self._accept, args=(listening,), daemon=True).start()
            yield self
            with contextlib.suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)

    def _accept(self, listening: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = listening.accept()
                left = self.cut_after[self.connections] if self.connections < len(self.cut_after) else None
                self.connections += 1
                threading.Thread(target=self._pass_on, args=(near, left), daemon=True).start()

    def _pass_on(self, near: socket.socket, left: int | None) -> None:
        with near, socket.create_connection(("127.0.0.1", self.server_port)) as far, contextlib.suppress(OSError):
            while left is None or left > 0:
                ready, _, _ = select.select([near, far], [], [])
                for one in ready:
                    data = one.recv(65536)
                    if not data:
                        return
                    (far if one is near else near).sendall(data)
                    left = left - len(data) if left is not None and one is far else left
