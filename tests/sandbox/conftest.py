from datetime import date

import pytest

from sandbox.world import World, generate

AS_OF = date(2026, 6, 29)
"""A day on which months 1–29, 30–60 and 61 and more days late all exist."""


@pytest.fixture(scope="session")
def world() -> World:
    return generate(2000, seed=5, as_of=AS_OF)


@pytest.fixture(scope="session")
def clean_world() -> World:
    return generate(1500, seed=6, as_of=date(2026, 11, 21), dirt=0.0)
