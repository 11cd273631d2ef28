"""What a device in the farm's own process finds: the farm's time, trace, LANs and cables, and its own terminals."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from datetime import datetime
from typing import Any

from emulators.kit.host import NS_PER_S, Cancel, Phase, SerialPort, SerialSettings
from hil.bench.addresses import share_a_network
from hil.bench.environment import Environment
from hil.bench.installation import Installation
from hil.bench.lan import LanGroup, LanMember
from hil.bench.memory import KeptMemory
from hil.bench.wiring import Bay, MeterTerminals
from hil.errors import ScenarioError


class FarmHost:
    """One device's view of the farm that it shares a process with (``emulators.kit.host.Host``)."""

    def __init__(
        self,
        env: Environment,
        installation: Installation,
        name: str,
        *,
        network: str,
        address: str | None,
        contacts: Mapping[str, bool],
        mobile_address: str | None = None,
    ) -> None:
        self.name = name
        self.rng = env.rng(name)
        self.memory = KeptMemory()
        self.contacts = dict(contacts)
        self._env, self._installation, self._network, self._address = env, installation, network, address
        self._addresses = [one for one in (address, mobile_address) if one is not None]

    def now_ns(self) -> int:
        """Return farm time [ns]."""
        return self._env.instants.now_ns()

    def utc(self) -> datetime:
        """Return the site's UTC time."""
        return self._env.utc()

    def spawn(self, work: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
        """Run a watched task."""
        return self._env.spawn(work, name)

    def call_at(self, when_ns: int, callback: Callable[[], None], *, phase: Phase = Phase.DEVICES) -> Cancel:
        """Call back at a farm time."""
        return self._env.instants.call_at(when_ns, phase, self.name, callback)

    def every(self, period_s: float, callback: Callable[[], None], *, phase: Phase = Phase.DEVICES) -> Cancel:
        """Call back periodically."""
        return self._env.instants.every(round(period_s * NS_PER_S), phase, self.name, callback)

    def trace(self, event: str, **fields: object) -> None:
        """Write a state event."""
        self._env.trace_state(self.name, event, **fields)

    def frame_hook(self, protocol: str) -> Callable[[str, str], None] | None:
        """Return where frames go."""
        env, name = self._env, self.name
        return lambda direction, text: env.frame(name, direction, protocol, text)

    def listen_at(self, port: int) -> tuple[str, int]:
        """Return where a server of this device listens."""
        if self._address is None:
            raise ScenarioError(f"{self.name} needs an address: it has a server on port {port}.")
        return self._env.addresses.local(self._address), self._env.addresses.port(port)

    def resolve(self, address: str, port: int) -> tuple[str, int]:
        """Return where another device is reached."""
        return self._env.addresses.local(address), self._env.addresses.port(port)

    def reaches(self, address: str) -> bool:
        """Return whether an address is in a network that the device is plugged into."""
        return share_a_network(address, self._addresses, self._env.site.networks.values())

    def site_address(self, local: str) -> str:
        """Return the site address that a loopback address stands for."""
        return self._env.addresses.site(local)

    def source_address(self) -> str:
        """Return where this device's own connections come from."""
        return self.listen_at(0)[0]

    def reaches_outside(self) -> bool:
        """Return whether connections get out of the farm."""
        return self._env.is_in_real_time

    async def udp_group(self, port: int, receive: Callable[[bytes, str], None]) -> LanMember:
        """Join the device's LAN."""
        if self._address is None:
            raise ScenarioError(f"{self.name} needs an address: it is a member of a LAN.")
        group = self._env.groups.setdefault((self._network, port), LanGroup())

        def stranger(payload: bytes) -> None:
            self.trace("datagram_ignored", port=port, octets=len(payload), why="the sender is not of this farm")

        member = LanMember(group, self._address, port, self._env.addresses, receive, stranger=stranger)
        await member.join(self._env.loop)
        return member

    async def serial_port(self, label: str, settings: SerialSettings, receive: Callable[[bytes], None]) -> SerialPort:
        """Open a serial port."""
        return await self._env.serial.open(self.name, label, settings, receive)

    def charger_wiring(self, socket: int = 1) -> Bay:
        """Return the terminals of one of a charger's sockets."""
        outlet = self._env.site.devices[self.name].outlets[socket - 1]
        return self._installation.bays[outlet.name]

    def meter_wiring(self) -> MeterTerminals:
        """Return a meter's terminals."""
        return self._installation.meters[self.name]

    def authority(self) -> tuple[bytes, bytes]:
        """Return the run's certificate authority."""
        return self._env.authority

    def contact(self, name: str) -> bool:
        """Return whether a contact is closed."""
        return self.contacts.get(name, False)
