"""Programs from Debian's packages that tests need: a real SSH server, a real PostgreSQL."""

import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

_ALSO_IN = "/usr/sbin:/usr/lib/postgresql/17/bin:/usr/lib/postgresql/16/bin:/usr/lib/postgresql/15/bin"


def need(program: str, package: str) -> str:
    """Path of `program`; installed from Debian's `package` where this machine allows it.

    Where it is missing and cannot be installed the test is skipped, loudly; under CI it fails.
    """
    found = _find(program)
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        _install(package)
        found = _find(program)
    if found is None:
        said = f"NOT TESTED: {program} is missing; install it with `apt-get install {package}` and run the tests again"
        if os.environ.get("CI"):
            pytest.fail(said)
        pytest.skip(said)
    return found


def _find(program: str) -> str | None:
    return shutil.which(program) or shutil.which(program, path=_ALSO_IN)


def _install(package: str) -> None:
    with (Path(tempfile.gettempdir()) / "doichieu-tests-apt.lock").open("w") as lock:
        # Test workers run side by side; apt works for one at a time.
        fcntl.flock(lock, fcntl.LOCK_EX)
        install = ["apt-get", "install", "-y", "-q", "--no-install-recommends", package]
        if _run(install) != 0 and _run(["apt-get", "update", "-q"]) == 0:
            _run(install)


def _run(command: list[str]) -> int:
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    return subprocess.run(command, env=quiet, capture_output=True, timeout=300, check=False).returncode
