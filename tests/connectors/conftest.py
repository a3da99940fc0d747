"""A served registry and settings that point at it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pulling import MakeSettings
from scripted_registry import Address, ScriptedRegistry, serving

from common.settings import RegistrySettings, Settings


@pytest.fixture(scope="session")
def socket_of_a_registry() -> Iterator[tuple[Address, str]]:
    with serving() as served:
        yield served


@pytest.fixture
def registry(socket_of_a_registry: tuple[Address, str]) -> ScriptedRegistry:
    address, url = socket_of_a_registry
    address.registry = ScriptedRegistry(address=url)
    return address.registry


@pytest.fixture
def settings(registry: ScriptedRegistry, tmp_path: Path) -> MakeSettings:
    def make(**changes: Any) -> Settings:
        keys = {
            "base_url": f"{registry.address}/tax",
            "token_url": f"{registry.address}/oauth/token",
            "client_id": "doichieu",
            "client_secret": "right",
            "page_size": 10,
            "attempts": 4,
            "retry_wait_max_seconds": 0.05,
        }
        access = RegistrySettings.model_validate({**keys, **changes})
        return Settings(data_dir=tmp_path / "var", registries={"tax": access})

    return make
