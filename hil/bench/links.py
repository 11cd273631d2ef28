"""The links of a farm's network, in this process and in every other one that has devices of it.

What goes over a faulty link is held at its sender, so each process has the whole table. Each draws from a generator of
its own, whose seed comes from the fault's.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any, Final, Protocol

from hil.clock.link_faults import LinkFault
from hil.clock.links import Links

SEED_BITS: Final = 64
SPOIL: Final = "spoil"  #: The message with a fault of a link, which :func:`hil.clock.link_faults.from_message` reads.


class Peer(Protocol):
    """A process with a device of this farm."""

    def tell(self, kind: str, **fields: object) -> None:
        """Send it a message."""
        ...


class FarmLinks:
    """What goes wrong with a farm's links.

    Args:
        here: The links of this process.
        peers: The other processes, by device; they may join later.
    """

    def __init__(self, here: Links, peers: Mapping[str, Peer]) -> None:
        self.here, self._peers = here, peers
        self._standing: dict[tuple[str, str | None, str], dict[str, dict[str, Any]]] = {}

    def spoil(self, a: str, b: str | None, fault: LinkFault, rng: random.Random) -> None:
        """Give a link a fault (as :meth:`hil.clock.links.Links.spoil`); each process draws on its own from then on."""
        self.here.spoil(a, b, fault, rng)
        message = {"a": a, "b": b, "fault": fault.as_message()}
        self._standing[a, b, fault.kind] = each = {
            name: {**message, "seed": rng.getrandbits(SEED_BITS)} for name in self._peers
        }
        for name, fields in each.items():
            self._peers[name].tell(SPOIL, **fields)

    def restore(self, a: str, b: str | None) -> None:
        """Undo all that."""
        self.here.restore(a, b)
        for key in [key for key in self._standing if key[:2] == (a, b)]:
            del self._standing[key]
        self._tell("restore", a=a, b=b)

    def silence_elsewhere(self, ip: str) -> None:
        """Silence a host that has no power, in every process but this."""
        self._tell("power_off", a=ip)

    def power_on(self, ip: str) -> None:
        """Let it speak again, everywhere."""
        self.here.power_on(ip)
        self._tell("power_on", a=ip)

    def repeat(self, name: str) -> None:
        """Tell a process that knows nothing yet what is in force."""
        for each in self._standing.values():
            self._peers[name].tell(SPOIL, **each[name])

    def _tell(self, kind: str, **fields: object) -> None:
        for peer in self._peers.values():
            peer.tell(kind, **fields)
