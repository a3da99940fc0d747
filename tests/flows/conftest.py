"""A small simulated world behind a real socket, and what one nightly run made of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from nights import AS_OF, Site

from common.settings import load_settings
from flows.record import RunOutcome
from sandbox.export import write_configuration
from sandbox.server import serving
from sandbox.world import World, generate

PERSONS = 600


@pytest.fixture(scope="session")
def world() -> World:
    return generate(PERSONS, seed=5, as_of=AS_OF)


@pytest.fixture(scope="session")
def base_url(world: World) -> Iterator[str]:
    with serving(world) as address:
        yield address


@pytest.fixture(scope="session")
def first_night(base_url: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Site, RunOutcome]:
    """The first nightly run of a new folder. Tests that write take a copy (`site`)."""
    folder = tmp_path_factory.mktemp("first-night")
    write_configuration(base_url, folder / "doichieu.toml", folder / "data")
    site = Site(load_settings(folder / "doichieu.toml"))
    return site, site.run()


@pytest.fixture
def site(first_night: tuple[Site, RunOutcome], tmp_path: Path) -> Site:
    return first_night[0].copied_to(tmp_path)
