"""Who makes a site's containers for a farm, and does to them what only the engine can."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Network
from typing import Literal, Protocol

from hil.site import Site

Act = Literal["kill", "start", "pause", "resume"]


class Containers(Protocol):
    """The engine behind a farm: the run's own process, or a connection to it.

    Attributes:
        on_host: The farm is on the engine's machine itself, and no container on the site's networks.
    """

    on_host: bool

    def need(self, site: Site) -> Mapping[str, IPv4Network]:
        """Have the containers of a site healthy; return their subnets by the site's networks.

        Raises:
            BenchError: They cannot be had.
            ScenarioError: The site cannot be put into containers.
        """
        ...

    def act(self, what: Act, device: str) -> None:
        """Do something to a device's container of the site that was needed last; it waits for the engine.

        ``kill`` takes it off its networks first, so that nobody hears a goodbye; ``start`` undoes that.

        Raises:
            BenchError: The engine refuses.
        """
        ...
