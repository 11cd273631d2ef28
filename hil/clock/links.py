"""Faults of the farm's network, made in the farm's own sockets, so that time and trace stay exact.

A link joins two addresses, or one and everybody. What goes over a faulty one is held at the sender, in order, with a
timer of farm time; it counts as in flight only when the kernel has it, so it never stops virtual time.

- *Cut*: TCP is silent, bytes and FIN wait until the link is restored; a new connect stays pending, so the caller's own
  timeout acts. UDP datagrams are lost.
- *Delay*: bytes, FINs and datagrams arrive later, in each direction; a connect takes two delays, as a handshake does.
- *Loss*: a datagram is lost. TCP repeats what was lost, so a segment comes late by its retransmission timeouts.
- *Reset*: both ends of a connection find it reset by the other.
- *Power off*: a host is gone without goodbye: nobody hears from it, the tester neither. When power is back, it knows
  nothing of its old connections: it answers with a reset when one is used.
"""

from __future__ import annotations

import asyncio
import ipaddress
import random
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from hil.errors import ScenarioError

if TYPE_CHECKING:
    from hil.clock.loop import FarmLoop

UNBOUND_IP: Final = "127.0.0.1"
"""What the kernel takes as source of a connection to 127/8 that was not bound."""

SEGMENT_TIMEOUT_S: Final = 0.2
"""Linux' least retransmission timeout (TCP_RTO_MIN); it doubles with each loss in a row."""

CONNECT_TIMEOUT_S: Final = 1.0
"""Until a connect is tried again (RFC 6298 2.1)."""

LONGEST_TIMEOUT_S: Final = 120.0
"""Linux' TCP_RTO_MAX."""

Link = tuple[str, str | None]


@dataclass(frozen=True, slots=True)
class Delay:
    """How much later things arrive.

    Attributes:
        delay_s: At least [s].
        jitter_s: Up to this much more, each value as likely [s].
        rng: Draws it.
    """

    delay_s: float
    jitter_s: float
    rng: random.Random

    def draw_s(self) -> float:
        """Return the delay of the next one [s]."""
        return self.delay_s + (self.rng.uniform(0.0, self.jitter_s) if self.jitter_s else 0.0)


@dataclass(frozen=True, slots=True)
class Loss:
    """How many are lost.

    Attributes:
        probability: Of each, from 0 to less than 1.
        rng: Draws it.
    """

    probability: float
    rng: random.Random

    def strikes(self) -> bool:
        """Return whether the next one is lost."""
        return self.rng.random() < self.probability

    def repeats_s(self, timeout_s: float) -> float:
        """Return how long it takes until a repetition gets through [s], 0 if nothing is lost."""
        lost_s = 0.0
        while self.strikes():
            lost_s += timeout_s
            timeout_s = min(2 * timeout_s, LONGEST_TIMEOUT_S)
        return lost_s


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
        self._cuts: set[Link] = set()
        self._delays: dict[Link, Delay] = {}
        self._losses: dict[Link, Loss] = {}
        self._dead: set[str] = set()
        self._exempt: set[str] = set()
        self._pending: dict[asyncio.Future[None], _Connect] = {}
        self.is_clean = True

    # -- what can be done to a link -------------------------------------------------------------------------------

    def cut(self, a: str, b: str | None = None) -> None:
        """Cut the link between two addresses, or between one and everybody. Cutting twice is cutting once."""
        self._cuts.add(self._link(a, b))
        self._changed()

    def delay(self, a: str, b: str | None, delay: Delay) -> None:
        """Delay what goes over a link, in place of its delay before; what is on its way already keeps its own."""
        self._delays[self._link(a, b)] = delay
        self._changed()

    def lose(self, a: str, b: str | None, loss: Loss) -> None:
        """Lose some of what goes over a link, in place of its loss before."""
        self._losses[self._link(a, b)] = loss
        self._changed()

    def restore(self, a: str, b: str | None = None) -> None:
        """Undo every fault that was made with the same addresses; what a cut held is delivered now."""
        link = self._link(a, b)
        self._cuts.discard(link)
        self._delays.pop(link, None)
        self._losses.pop(link, None)
        self._changed()

    def restore_all(self) -> None:
        """Undo every fault of every link; a host without power stays so."""
        for faults in (self._cuts, self._delays, self._losses):
            faults.clear()
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
        return any(link in self._cuts for link in self._between(a, b))

    def is_faulty(self, a: str, b: str) -> bool:
        """Return whether what goes from one address to the other has to be looked at."""
        if self.is_cut(a, b):
            return True
        return any(link in self._delays or link in self._losses for link in self._between(a, b))

    def segment_s(self, a: str, b: str) -> float:
        """Return when what is sent over TCP now arrives, were the link not cut [s of farm time]."""
        return self._loop.time() + self._latency_s(a, b) + self._repeats_s(a, b, SEGMENT_TIMEOUT_S)

    def datagram_s(self, a: str, b: str) -> float | None:
        """Return when a datagram that is sent now arrives [s of farm time], None if it is lost."""
        if self.is_cut(a, b):
            return None
        # Each loss is drawn, also when another has struck already, so that one link's draws do not depend on another.
        struck = [loss.strikes() for link in self._between(a, b) if (loss := self._losses.get(link))]
        latency_s = self._latency_s(a, b)
        return None if any(struck) else self._loop.time() + latency_s

    def broadcast_s(self, a: str, b: str) -> float | None:
        """Return when one receiver of a broadcast has it, which has left its sender's own link by now [s of farm time].

        For where the sender does not know its receivers: at each of them. None if it is lost on the way.
        """
        if self.is_cut(a, b):
            return None
        between = [link for link in self._between(a, b) if link != (a, None)]
        struck = [loss.strikes() for link in between if (loss := self._losses.get(link))]
        latency_s = sum(delay.draw_s() for link in between if (delay := self._delays.get(link)))
        return None if any(struck) else self._loop.time() + latency_s

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
        return {
            "cut": _texts(self._cuts),
            "delayed": _texts(self._delays),
            "lossy": _texts(self._losses),
            "dead": sorted(self._dead),
            "exempt": sorted(self._exempt),
        }

    # -- inside ---------------------------------------------------------------------------------------------------

    def _changed(self) -> None:
        """Let every socket and every waiting connect() find out what has become of its link."""
        self.is_clean = not (self._cuts or self._delays or self._losses or self._dead)
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

    def _latency_s(self, a: str, b: str) -> float:
        return sum(delay.draw_s() for link in self._between(a, b) if (delay := self._delays.get(link)))

    def _repeats_s(self, a: str, b: str, timeout_s: float) -> float:
        return sum(loss.repeats_s(timeout_s) for link in self._between(a, b) if (loss := self._losses.get(link)))

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


def _texts(links: set[Link] | dict[Link, Any]) -> list[str]:
    return sorted(f"{a} - {b or '*'}" for a, b in links)
