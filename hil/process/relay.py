"""Broadcasts over networks that carry none: a relay's process, and a device's membership there."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Protocol, cast

from hil.bench.addresses import Translation
from hil.clock import ScaledLoop
from hil.errors import BenchError
from hil.process import udp_relay

ANSWER_REAL_S: Final = 1.0  #: A relay that has not answered by then is asked again.
ASKED_TIMES: Final = 5  #: A relay that has not answered after that is gone.


class _Server(asyncio.DatagramProtocol):
    def __init__(self, relay: udp_relay.Relay) -> None:
        self._relay = relay

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)
        self._loop = asyncio.get_running_loop()

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        before = self._relay.members
        for datagram, target in self._relay.receive(data, addr, self._loop.time()):
            self._transport.sendto(datagram, target)
        if before and not self._relay.members:  # a test has ended
            _say(self._relay)


async def serve(token: str, *, host: str, port: int = udp_relay.PORT, ready: Path | None = None) -> None:
    """Relay until SIGTERM or SIGINT, and print what became of all datagrams, whenever the last member has left.

    Args:
        token: What members have to know.
        host: IPv4 address to listen at.
        port: Port to listen at.
        ready: A file that is made when the port listens.
    """
    relay, loop, end = udp_relay.Relay(token), asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end.set)
    transport, _ = await loop.create_datagram_endpoint(lambda: _Server(relay), local_addr=(host, port))
    print(f"relay waits for members on UDP port {port}", flush=True)
    if ready is not None:
        ready.touch()
    await end.wait()
    transport.close()
    _say(relay)


def _say(relay: udp_relay.Relay) -> None:
    counts = ", ".join(f"{count} {what}" for what, count in sorted(relay.counts.items()))
    print(f"relay: {counts or 'nothing came'}", flush=True)


class Guard(Protocol):
    """Where a member's task is watched (:meth:`emulators.kit.host.Host.spawn`)."""

    def spawn(self, work: Any, /, *, name: str) -> asyncio.Task[None]: ...


class RelayedMember(asyncio.DatagramProtocol):
    """A device in its LAN's broadcast domain by way of a relay (``emulators.kit.host.UdpGroup``).

    What goes to one member goes there directly.

    Args:
        loop: The clock.
        relay: What the bench's ``begin`` says of it: ``at`` (address, port), ``lan``, and the run's ``token``.
        own: The device's own address, and the group's port.
        where: Translates addresses.
        receive: Takes payload and sender's site address.
    """

    def __init__(
        self,
        loop: ScaledLoop,
        relay: Mapping[str, Any],
        own: tuple[str, int],
        where: Translation,
        receive: Callable[[bytes, str], None],
    ) -> None:
        self._loop, (self._own, self._port), self._where, self._receive = loop, own, where, receive
        self._at = (str(relay["at"][0]), int(relay["at"][1]))
        self._join = udp_relay.join(relay["lan"], own[1], relay["token"])
        self._heard = asyncio.Event()
        self._direct: asyncio.DatagramTransport | None = None
        self._relayed: asyncio.DatagramTransport | None = None
        self._renewing: asyncio.Task[None] | None = None

    async def join(self, guard: Guard) -> None:
        """Bind, join at the relay, and stay a member.

        Raises:
            BenchError: The relay does not answer.
        """
        # A relay is no member of the LAN: faults act between members, which the receiving end knows.
        self._loop.links.exempt(self._at[0])
        await self._loop.create_datagram_endpoint(lambda: self, local_addr=(self._own, self._port))
        ear = _Ear(self._from_relay)
        self._relayed, _ = await self._loop.create_datagram_endpoint(lambda: ear, local_addr=(self._own, 0))
        await self._renew()
        self._renewing = guard.spawn(self._stay(), name=f"membership of port {self._port}")

    def send(self, payload: bytes) -> None:
        """Send to every other member."""
        if self._relayed is not None:
            self._relayed.sendto(udp_relay.data(payload), self._at)

    def send_to(self, address: str, payload: bytes) -> None:
        """Send to one member; nobody there means nobody hears it."""
        if self._direct is not None:
            self._direct.sendto(payload, (self._where.local(address), self._port))

    def close(self) -> None:
        """Leave."""
        if self._renewing is not None:
            self._renewing.cancel()
        if self._relayed is not None:
            self._relayed.sendto(udp_relay.leave(), self._at)
            self._relayed.close()
        if self._direct is not None:
            self._direct.close()
        self._direct = self._relayed = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport (asyncio)."""
        self._direct = cast(asyncio.DatagramTransport, transport)  # asyncio's own is not of that class

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Hand a datagram on (asyncio), but none that a cut link would have lost."""
        if addr[0] != self._own and not self._loop.links.is_cut(self._own, addr[0]):
            self._receive(data, self._where.site(addr[0]))

    def _from_relay(self, datagram: bytes, addr: tuple[str, int]) -> None:
        if addr != self._at:
            return
        match udp_relay.from_relay(datagram):
            case udp_relay.Joined():
                self._heard.set()
            case udp_relay.Data(sender, payload):
                self._through_faults(payload, sender)

    def _through_faults(self, payload: bytes, sender: str) -> None:
        """Do to a broadcast what the link between two members would have done."""
        for due_s in self._loop.links.datagram_s(sender, self._own):
            if due_s <= self._loop.time():
                self.datagram_received(payload, (sender, self._port))
            else:
                self._loop.call_at(due_s, self._late, payload, sender)

    def _late(self, payload: bytes, sender: str) -> None:
        if self._direct is not None:
            self.datagram_received(payload, (sender, self._port))

    async def _stay(self) -> None:
        while True:
            await asyncio.sleep(udp_relay.RENEW_S * self._loop.factor)
            await self._renew()

    async def _renew(self) -> None:
        self._heard.clear()
        for _ in range(ASKED_TIMES):
            if self._relayed is None:
                return
            self._relayed.sendto(self._join, self._at)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._heard.wait(), ANSWER_REAL_S * self._loop.factor)
                return
        raise BenchError(f"the relay at {self._at[0]}:{self._at[1]} does not answer: there are no broadcasts.")


class _Ear(asyncio.DatagramProtocol):
    """Hands on what comes to a socket."""

    def __init__(self, receive: Callable[[bytes, tuple[str, int]], None]) -> None:
        self.datagram_received = receive  # type: ignore[assignment]
