"""The links of a farm's network, in this process and in every other one that has devices of it.

What goes over a faulty link is held at its sender, so each process has the whole table. Each draws from a generator of
its own, whose seed comes from the fault's.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any, Final, Protocol

from hil.clock.links import Delay, Links, Loss

SEED_BITS: Final = 64


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

    def cut(self, a: str, b: str | None) -> None:
        """Cut a link."""
        self.here.cut(a, b)
        self._stands("cut", a, b, {name: {} for name in self._peers})

    def delay(self, a: str, b: str | None, delay: Delay) -> None:
        """Delay what goes over a link."""
        self.here.delay(a, b, delay)
        each = {"delay_s": delay.delay_s, "jitter_s": delay.jitter_s}
        self._stands("delay", a, b, {name: {**each, "seed": _seed(delay.rng)} for name in self._peers})

    def lose(self, a: str, b: str | None, loss: Loss) -> None:
        """Lose some of what goes over a link."""
        self.here.lose(a, b, loss)
        each = {"probability": loss.probability}
        self._stands("lose", a, b, {name: {**each, "seed": _seed(loss.rng)} for name in self._peers})

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
        for (a, b, kind), each in self._standing.items():
            self._peers[name].tell(kind, a=a, b=b, **each[name])

    def _stands(self, kind: str, a: str, b: str | None, each: dict[str, dict[str, Any]]) -> None:
        self._standing[a, b, kind] = each
        for name, fields in each.items():
            self._peers[name].tell(kind, a=a, b=b, **fields)

    def _tell(self, kind: str, **fields: object) -> None:
        for peer in self._peers.values():
            peer.tell(kind, **fields)


def _seed(rng: random.Random) -> int:
    return rng.getrandbits(SEED_BITS)
