"""What a device on the embedded bench finds: the farm's time, trace, LANs and cables, and its own terminals."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime
from typing import Any

from emulators.kit.host import NS_PER_S, Cancel, Phase, SerialPort, SerialSettings
from hil.bench.ground import Ground
from hil.bench.lan import Group, Member
from hil.bench.memory import KeptMemory
from hil.bench.wiring import Bay, Terminals
from hil.errors import ScenarioError


class SeatHost:
    """One device's view of the embedded bench (``emulators.kit.host.Host``)."""

    def __init__(self, ground: Ground, name: str, spec_network: str, address: str | None, contacts: Mapping[str, bool]):
        self.name = name
        self.rng = ground.rng(name)
        self.memory = KeptMemory()
        self._ground, self._network, self._address = ground, spec_network, address
        self.contacts = dict(contacts)

    def now_ns(self) -> int:
        """Return farm time [ns]."""
        return self._ground.instants.now_ns()

    def utc(self) -> datetime:
        """Return the site's UTC time."""
        return self._ground.utc()

    def spawn(self, work: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
        """Run a watched task."""
        return self._ground.spawn(work, name)

    def call_at(self, when_ns: int, callback: Callable[[], None], *, phase: Phase = Phase.DEVICES) -> Cancel:
        """Call back at a farm time."""
        return self._ground.instants.call_at(when_ns, phase, self.name, callback)

    def every(self, period_s: float, callback: Callable[[], None], *, phase: Phase = Phase.DEVICES) -> Cancel:
        """Call back periodically."""
        return self._ground.instants.every(round(period_s * NS_PER_S), phase, self.name, callback)

    def trace(self, event: str, **fields: object) -> None:
        """Write a state event."""
        self._ground.trace_state(self.name, event, **fields)

    def frame_hook(self, protocol: str) -> Callable[[str, str], None] | None:
        """Return where frames go."""
        ground, name = self._ground, self.name
        return lambda direction, text: ground.frame(name, direction, protocol, text)

    def listen_at(self, port: int) -> tuple[str, int]:
        """Return where a server of this device listens."""
        if self._address is None:
            raise ScenarioError(f"{self.name} needs an address: it has a server on port {port}.")
        return self._ground.resolver.local(self._address), self._ground.resolver.port(port)

    def resolve(self, address: str, port: int) -> tuple[str, int]:
        """Return where another device is reached."""
        return self._ground.resolver.local(address), self._ground.resolver.port(port)

    def source_address(self) -> str:
        """Return where this device's own connections come from."""
        return self.listen_at(0)[0]

    def reaches_outside(self) -> bool:
        """Return whether connections get out of the farm."""
        return self._ground.is_in_real_time

    async def udp_group(self, port: int, receive: Callable[[bytes, str], None]) -> Member:
        """Join the device's LAN."""
        if self._address is None:
            raise ScenarioError(f"{self.name} needs an address: it is a member of a LAN.")
        group = self._ground.groups.setdefault((self._network, port), Group())

        def stranger(payload: bytes) -> None:
            self.trace("datagram_ignored", port=port, octets=len(payload), why="the sender is not of this farm")

        member = Member(group, self._address, port, self._ground.resolver, receive, stranger=stranger)
        await member.join(self._ground.loop)
        return member

    async def serial_port(self, label: str, settings: SerialSettings, receive: Callable[[bytes], None]) -> SerialPort:
        """Open a serial port."""
        return await self._ground.serial.open(self.name, label, settings, receive)

    def charger_wiring(self, socket: int = 1) -> Bay:
        """Return a charging point's terminals."""
        return self._ground.bays[self.name]

    def meter_wiring(self) -> Terminals:
        """Return a meter's terminals."""
        return self._ground.terminals[self.name]

    def authority(self) -> tuple[bytes, bytes]:
        """Return the run's certificate authority."""
        return self._ground.authority

    def contact(self, name: str) -> bool:
        """Return whether a contact is closed."""
        return self.contacts.get(name, False)
