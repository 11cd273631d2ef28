"""Tests on two hosts need a Docker engine, as the container tests do."""

from __future__ import annotations

from tests.container.conftest import engine

__all__ = ["engine"]
