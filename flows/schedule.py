"""`doichieu schedule`: the nightly flow on its cron, on a Prefect server that is given or started here on loopback."""

import asyncio
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from common.errors import ConfigurationError, DoiChieuError
from common.settings import ScheduleSettings, Settings, prepare_environment
from flows.stopping import as_an_interrupt, ending_in_order

START_SECONDS = 120
STOP_SECONDS = 30
DEPLOYMENT = "nightly"


def serve_schedule(settings: Settings, *, say: Callable[[str], None]) -> None:
    """Serve `nightly` until SIGINT or SIGTERM, then leave in order: no new runs, then the server.

    `say` is told where the server is and what is being served. Raises `ConfigurationError` for a cron expression or
    time zone nobody understands and for a server that does not answer.
    """
    given = settings.schedule.prefect_api_url
    if given is not None:
        prepare_environment(settings.data, prefect_api_url=given)
        _refuse_wrong_schedule(settings.schedule)
        _await_health(given, seconds=10)
        _serve(settings, given, say)
        return
    with _own_server(settings) as api_url:
        _serve(settings, api_url, say)


def _refuse_wrong_schedule(schedule: ScheduleSettings) -> None:
    """Prefect would say so too, but only after a server has started, and not in which setting."""
    from prefect.client.schemas.schedules import CronSchedule
    from pydantic import ValidationError

    try:
        CronSchedule(cron=schedule.nightly, timezone=schedule.timezone)
    except ValidationError as error:
        raise ConfigurationError(
            f"not a schedule: {schedule.nightly!r} in {schedule.timezone!r}",
            where="schedule.nightly, schedule.timezone",
            remedy='write five cron fields, for example "0 1 * * *", and a zone such as "Asia/Ho_Chi_Minh"',
        ) from error


@contextmanager
def _own_server(settings: Settings) -> Iterator[str]:
    """A Prefect server on a free loopback port, its files inside the data folder, as long as the block runs."""
    port = _free_port()
    api_url = f"http://127.0.0.1:{port}/api"
    prepare_environment(settings.data, prefect_api_url=api_url)
    _refuse_wrong_schedule(settings.schedule)
    log = settings.data.root / "log" / "prefect-server.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with log.open("ab") as output:
        # Its own session: Ctrl-C reaches us first, and the schedule is paused while the server still listens.
        server = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        _await_health(api_url, seconds=START_SECONDS, server=server, log=log)
        yield api_url
    finally:
        _stop(server)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await_health(
    api_url: str, *, seconds: float, server: subprocess.Popen[bytes] | None = None, log: Path | None = None
) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if server is not None and server.poll() is not None:
            raise DoiChieuError(
                "the Prefect server ended while starting", where=str(log), remedy="read its last lines there"
            )
        try:
            with urllib.request.urlopen(f"{api_url}/health", timeout=5):
                return
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(0.3)
    raise ConfigurationError(
        f"the Prefect server does not answer within {seconds:.0f} seconds",
        where=f"{api_url}/health" if server is None else str(log),
        remedy="start it, or remove schedule.prefect_api_url to have one started here",
    )


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.terminate()
    try:
        server.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _serve(settings: Settings, api_url: str, say: Callable[[str], None]) -> None:
    say(f"Prefect: {api_url.removesuffix('/api')}")
    say(f"nightly: {settings.schedule.nightly} ({settings.schedule.timezone}), {settings.path}")
    try:
        with ending_in_order():
            asyncio.run(_run_on_schedule(settings))
    except KeyboardInterrupt:
        say("đã dừng lịch · the schedule has stopped")


async def _run_on_schedule(settings: Settings) -> None:
    from prefect.runner import Runner
    from prefect.schedules import Cron
    from prefect.types.entrypoint import EntrypointType

    from flows.nightly import nightly

    class InOrder(Runner):
        """Prefect's own answer to SIGTERM leaves the loop in the middle; we take the way of SIGINT."""

        def handle_sigterm(self, *args: Any, **kwargs: Any) -> None:
            as_an_interrupt()

    runner = InOrder(name=DEPLOYMENT, limit=1)
    await runner.aadd_flow(
        nightly,
        name=DEPLOYMENT,
        schedule=Cron(settings.schedule.nightly, timezone=settings.schedule.timezone),
        parameters={"config": str(settings.path)},
        paused=False,
        # By name, not by file: a wheel runs from any folder.
        entrypoint_type=EntrypointType.MODULE_PATH,
    )
    await runner.start()
