"""The servers of a central system, for whoever has to find it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from emulators.kit.family import Service

API_TOKEN: Final = "API token"  #: The parameter with the token of its own interface.


def path_before(text: str) -> str:
    """Return the path before the identity as one that an identity can follow after a slash: ``/ocpp``, or nothing."""
    inner = text.strip("/")
    return f"/{inner}" if inner else ""


def services(setting: Callable[[str], object]) -> Mapping[str, Service]:
    """Return the servers of a central system with these settings."""
    scheme = "wss" if setting("Security profile") in ("2", "3") else "ws"
    path = str(setting("Path"))
    return {
        "ocpp": Service(scheme, int(str(setting("Port"))), path_before(path) if path else "/ocpp"),
        "api": Service("http", int(str(setting("API port")))),
    }
