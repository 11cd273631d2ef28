"""Container tests need a Docker engine: skipped with the reason without one, failed where one has to be."""

from __future__ import annotations

import os

import pytest

from hil.compose.engine import compose_command, require_engine
from hil.errors import BenchError


@pytest.fixture(scope="session", autouse=True)
def engine() -> str:
    """Return the engine's version."""
    try:
        compose_command()
        return require_engine()
    except BenchError as error:
        if os.environ.get("HIL_REQUIRE_DOCKER") == "1":
            pytest.fail(f"HIL_REQUIRE_DOCKER=1: {error}")
        pytest.skip(str(error))
