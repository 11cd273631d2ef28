"""The servers of a central system, for whoever has to find it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from emulators.kit.family import Service

API_TOKEN: Final = "API token"  #: The parameter with the token of its own interface.


def services(setting: Callable[[str], object]) -> Mapping[str, Service]:
    """Return the servers of a central system with these settings."""
    scheme = "wss" if setting("Security profile") in ("2", "3") else "ws"
    return {
        "ocpp": Service(scheme, int(str(setting("Port"))), str(setting("Path")) or "/ocpp"),
        "api": Service("http", int(str(setting("API port")))),
    }
