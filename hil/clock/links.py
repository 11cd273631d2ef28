"""Faults of the farm's network, made in the farm's own sockets, so that time and trace stay exact.

A link joins two addresses, or one and everybody. What goes over a faulty one is held at the sender, in order, with a
timer of farm time; it counts as in flight only when the kernel has it, so it never stops virtual time.

- *Cut*: TCP is silent, bytes and FIN wait until the link is restored; a new connect stays pending, so the caller's own
  timeout acts. UDP datagrams are lost.
- *Delay*: bytes, FINs and datagrams arrive later, in each direction; a connect takes two delays, as a handshake does.
- *Loss*: a datagram is lost. TCP repeats what was lost, so a segment comes late by its retransmission timeouts.
- Whatever else :mod:`hil.clock.link_faults` has.
- *Reset*: both ends of a connection find it reset by the other.
- *Power off*: a host is gone without goodbye: nobody hears from it, the tester neither. When power is back, it knows
  nothing of its old connections: it answers with a reset when one is used.
"""

from __future__ import annotations

import asyncio
import ipaddress
import math
import random
import socket
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from hil.clock.link_faults import Cut, LinkFault
from hil.errors import ScenarioError

if TYPE_CHECKING:
    from hil.clock.loop import FarmLoop

UNBOUND_IP: Final = "127.0.0.1"
"""What the kernel takes as source of a connection to 127/8 that was not bound."""

SEGMENT_TIMEOUT_S: Final = 0.2
"""Linux' least retransmission timeout (TCP_RTO_MIN); it doubles with each loss in a row."""

CONNECT_TIMEOUT_S: Final = 1.0
"""Until a connect is tried again (RFC 6298 2.1)."""

Link = tuple[str, str | None]


@dataclass(frozen=True, slots=True)
class _Connect:
    """A connect() that waits for its link."""

    sock: socket.socket
    address: Any
    due_s: float
    timer: asyncio.TimerHandle


def _checked(ip: str) -> str:
    try:
        return str(ipaddress.ip_address(ip))
    except ValueError:
        raise ScenarioError(f"A link's end is an IP address of the farm, not {ip!r}.") from None


class Links:
    """The links of one loop; an end is the IP address a socket is bound to. Use it in the loop's thread.

    Attributes:
        is_clean: No link has a fault, so nobody needs to ask.
    """

    def __init__(self, loop: FarmLoop) -> None:
        self._loop = loop
        self._faults: dict[Link, dict[str, tuple[LinkFault, random.Random]]] = {}  # by link and kind
        self._dead: set[str] = set()
        self._exempt: set[str] = set()
        self._pending: dict[asyncio.Future[None], _Connect] = {}
        self.is_clean = True

    # -- what can be done to a link -------------------------------------------------------------------------------

    def spoil(self, a: str, b: str | None, fault: LinkFault, rng: random.Random) -> None:
        """Give the link between two addresses, or between one and everybody, a fault in place of its like before.

        What is on its way already keeps what the link had then.

        Args:
            a: One end.
            b: The other end, None for everybody.
            fault: What is wrong from now on.
            rng: Of the fault's own.
        """
        self._faults.setdefault(self._link(a, b), {})[fault.kind] = (fault, rng)
        self._changed()

    def cut(self, a: str, b: str | None = None) -> None:
        """Cut a link, for which nothing is drawn. Cutting twice is cutting once."""
        self.spoil(a, b, Cut(), random.Random(0))

    def restore(self, a: str, b: str | None = None) -> None:
        """Undo every fault that was made with the same addresses; what a cut held is delivered now."""
        self._faults.pop(self._link(a, b), None)
        self._changed()

    def restore_all(self) -> None:
        """Undo every fault of every link; a host without power stays so."""
        self._faults.clear()
        self._changed()

    def reset(self, a: str, b: str | None = None) -> int:
        """Reset every connection of a link now, the tester's left out; return how many ends have noticed."""
        first, second = self._link(a, b)
        ends = [
            sock
            for sock in self._loop.ledger.sockets
            if first in (there := (sock.local_ip, sock.remote_ip))
            and (second is None or second in there)
            and not self._exempt.intersection(there)
        ]
        for sock in ends:
            sock.reset()
        return len(ends)

    def power_off(self, ip: str) -> None:
        """Silence a host: what it had to send is lost, what it closes from now on says no goodbye."""
        self._dead.add(_checked(ip))
        self._changed()
        for sock in self._loop.ledger.sockets:
            if sock.local_ip == ip:
                sock.forget()

    def power_on(self, ip: str) -> None:
        """Let a host speak again; its sockets of before are closed by now, and peers that use one get a reset."""
        for sock in list(self._loop.ledger.sockets):
            if sock.local_ip == ip and sock.gone:
                sock.await_use()
        self._dead.discard(_checked(ip))
        self._changed()

    def exempt(self, ip: str) -> None:
        """Spare traffic from or to an address: the tester's."""
        self._exempt.add(_checked(ip))
        self._changed()

    # -- what the sockets ask -------------------------------------------------------------------------------------

    def is_cut(self, a: str, b: str) -> bool:
        """Return whether nothing gets from one address to the other."""
        if self.is_clean:
            return False
        if a in self._dead or b in self._dead:
            return True
        return any(fault.stops for fault, _ in self._on(self._between(a, b)))

    def is_faulty(self, a: str, b: str) -> bool:
        """Return whether what goes from one address to the other has to be looked at."""
        return self.is_cut(a, b) or any(link in self._faults for link in self._between(a, b))

    def segment_s(self, a: str, b: str) -> float:
        """Return when what is sent over TCP now arrives, were the link not cut [s of farm time]."""
        return self._loop.time() + self._latency_s(a, b) + self._repeats_s(a, b, SEGMENT_TIMEOUT_S)

    def datagram_s(self, a: str, b: str) -> list[float]:
        """Return when a datagram that is sent now arrives, once for each copy [s of farm time]; [] if it is lost."""
        return self._arrivals_s(a, b, self._between(a, b))

    def broadcast_s(self, a: str, b: str) -> list[float]:
        """Return when one receiver of a broadcast has it, which has left its sender's own link by now, as above.

        For where the sender does not know its receivers: at each of them.
        """
        return self._arrivals_s(a, b, (link for link in self._between(a, b) if link != (a, None)))

    def keeps_from_connecting(self, fut: asyncio.Future[None], sock: socket.socket, address: Any) -> bool:
        """Take over a connect() on a faulty link; it goes on when the link lets it."""
        if self.is_clean:
            return False
        source, target = self._source(sock), address[0]
        now_s = self._loop.time()
        due_s = now_s + self._latency_s(source, target) + self._latency_s(target, source)
        due_s += self._repeats_s(source, target, CONNECT_TIMEOUT_S)
        if due_s <= now_s and not self.is_cut(source, target):
            return False
        pending = self._pending[fut] = _Connect(sock, address, due_s, self._loop.call_at(due_s, self._connect_due))

        def done(_fut: asyncio.Future[None]) -> None:
            # asyncio takes its writer out in a callback of its own. Here that one comes after the waiting task, which
            # has given the file to a transport by then: so it has to go now.
            self._pending.pop(fut, None)
            pending.timer.cancel()
            if sock.fileno() >= 0:
                self._loop.remove_flush(sock.fileno())

        fut.add_done_callback(done)
        return True

    def describe(self) -> dict[str, object]:
        """Return the faults in force."""
        of_links = {f"{a} - {b or '*'}": faults for (a, b), faults in self._faults.items()}
        return {
            "links": {name: [str(fault) for fault, _ in of_links[name].values()] for name in sorted(of_links)},
            "dead": sorted(self._dead),
            "exempt": sorted(self._exempt),
        }

    # -- inside ---------------------------------------------------------------------------------------------------

    def _changed(self) -> None:
        """Let every socket and every waiting connect() find out what has become of its link."""
        self.is_clean = not (self._faults or self._dead)
        for stream in list(self._loop.ledger.sockets):
            stream.look()
        self._connect_due()

    def _connect_due(self) -> None:
        now_s = self._loop.time()
        for fut, one in list(self._pending.items()):
            if not fut.done() and one.due_s <= now_s and not self.is_cut(self._source(one.sock), one.address[0]):
                del self._pending[fut]
                self._loop.connect_now(fut, one.sock, one.address)

    def _between(self, a: str, b: str) -> Iterator[Link]:
        """Return the links that a way between two addresses is made of."""
        if a not in self._exempt and b not in self._exempt:
            yield (a, None)
            yield (b, None)
            yield (min(a, b), max(a, b))

    def _on(self, links: Iterable[Link]) -> Iterator[tuple[LinkFault, random.Random]]:
        for link in links:
            yield from self._faults.get(link, {}).values()

    def _latency_s(self, a: str, b: str) -> float:
        return sum(fault.latency_s(rng) for fault, rng in self._on(self._between(a, b)))

    def _repeats_s(self, a: str, b: str, timeout_s: float) -> float:
        return sum(fault.repeats_s(rng, timeout_s) for fault, rng in self._on(self._between(a, b)))

    def _arrivals_s(self, a: str, b: str, links: Iterable[Link]) -> list[float]:
        if self.is_cut(a, b):
            return []
        # Each fault draws, also when another has lost it already, so that one link's draws do not depend on another.
        faults = list(self._on(links))
        copies = math.prod([fault.copies(rng) for fault, rng in faults])
        each_s = [sum(fault.latency_s(rng) for fault, rng in faults) for _ in range(max(copies, 1))]
        return [self._loop.time() + latency_s for latency_s in each_s[:copies]]

    @staticmethod
    def _link(a: str, b: str | None) -> Link:
        if b is None:
            return (_checked(a), None)
        first, second = sorted((_checked(a), _checked(b)))
        return (first, second)

    @staticmethod
    def _source(sock: socket.socket) -> str:
        ip: str = sock.getsockname()[0]
        return UNBOUND_IP if ip == "0.0.0.0" else ip
