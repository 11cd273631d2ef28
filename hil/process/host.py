"""What a device in a process of its own finds: time, LAN, wires; the bench is at the other end."""

from __future__ import annotations

import asyncio
import ipaddress
import random
import traceback
from collections import defaultdict
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, cast

from emulators.kit.host import NS_PER_S, Cancel, Phase, SerialPort, SerialSettings, UdpGroup
from emulators.kit.modbus import CLIENT
from emulators.kit.phases import PerPhase
from emulators.kit.pilot import Offer, PilotState
from hil.bench.addresses import Translation, share_a_network
from hil.bench.memory import KeptMemory
from hil.clock import FarmLoop, GrantedLoop, ScaledLoop
from hil.clock.instants import Instants
from hil.errors import ScenarioError
from hil.plant import neutral_a
from hil.process.control import Message, TerminalState
from hil.process.relay import RelayedMember
from hil.process.serial_tcp import DevicePorts

ONLY: Final = 1  #: The number of a meter's one set of terminals.


class ProcessHost:
    """A device's view of its own process (``emulators.kit.host.Host``): the bench is at the other end of a connection.

    Args:
        loop: The clock.
        begin: The bench's message.
        name: The device.
        tell: Sends a message to the bench.
        memory: What the device keeps without power.
    """

    def __init__(
        self, loop: FarmLoop, begin: Message, name: str, tell: Callable[..., None], memory: KeptMemory | None = None
    ) -> None:
        self.name, self.loop, self._tell = name, loop, tell
        self.memory = memory or KeptMemory()
        self.rng = random.Random(begin["seed"])
        self.sockets: dict[int, SocketState] = defaultdict(lambda: SocketState(TerminalState.idle(begin["nominal_v"])))
        self.instants = Instants(loop, self.died)
        self.tasks: set[asyncio.Task[None]] = set()
        networks = [tuple(ipaddress.IPv4Network(one) for one in pair) for pair in begin["networks"]]
        self._where = Translation(cast("list[tuple[ipaddress.IPv4Network, ipaddress.IPv4Network]]", networks))
        self._subnets = [subnet for _, subnet in networks]
        self._relay: Message | None = begin.get("relay") and {**begin["relay"], "token": begin["token"]}
        self._address: str | None = begin["address"]
        self.local = None if self._address is None else self._where.local(self._address)
        own = (self._address, begin.get("config", {}).get("mobile_address"))
        self._addresses = [one for one in own if one is not None]
        self._epoch = datetime.fromisoformat(begin["epoch"])
        self.contacts: dict[str, bool] = begin["contacts"]
        self._neighbours: list[str] = begin["neighbours"]
        self._authority: list[str] = begin["authority"]
        self.serial = DevicePorts(loop, self.instants, name, spawn=self.spawn, trace=self.trace, begin=begin)

    def died(self, name: str, error: BaseException) -> None:
        """Tell the bench that something of this device failed."""
        self._tell("died", what=f"{name} died", text="".join(traceback.format_exception(error)))

    def now_ns(self) -> int:
        """Return farm time [ns]."""
        return self.instants.now_ns()

    def utc(self) -> datetime:
        """Return the site's UTC time."""
        return self._epoch + timedelta(microseconds=self.now_ns() // 1000)

    def spawn(self, work: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
        """Run a watched task."""
        task = self.loop.create_task(work, name=name)
        self.tasks.add(task)
        task.add_done_callback(self._task_done)
        return task

    def call_at(self, when_ns: int, callback: Callable[[], None], *, phase: Phase = Phase.DEVICES) -> Cancel:
        """Call back at a farm time."""
        return self.instants.call_at(when_ns, phase, self.name, callback)

    def every(self, period_s: float, callback: Callable[[], None], *, phase: Phase = Phase.DEVICES) -> Cancel:
        """Call back periodically."""
        return self.instants.every(round(period_s * NS_PER_S), phase, self.name, callback)

    def trace(self, event: str, **fields: object) -> None:
        """Write a state event."""
        self._tell("trace", at_ns=self.now_ns(), event=event, fields=fields)

    def frame_hook(self, protocol: str) -> Callable[[str, str], None] | None:
        """Return where frames go."""

        def frame(direction: str, text: str) -> None:
            self._tell("frame", direction=direction, protocol=protocol, text=text, client=CLIENT.get(""))

        return frame

    def listen_at(self, port: int) -> tuple[str, int]:
        """Return where a server of this device listens."""
        if self.local is None:
            raise ScenarioError(f"{self.name} needs an address: it has a server on port {port}.")
        return self.local, port

    def resolve(self, address: str, port: int) -> tuple[str, int]:
        """Return where another device is reached."""
        return self._where.local(address), port

    def reaches(self, address: str) -> bool:
        """Return whether an address is in a network that the device is plugged into."""
        return share_a_network(address, self._addresses, self._where.lans)

    def site_address(self, local: str) -> str:
        """Return the site address that an address of the bench stands for; any other address is itself."""
        try:
            return self._where.site(local)
        except ValueError:
            return local

    def source_address(self) -> str:
        """Return where this device's own connections come from."""
        return self.listen_at(0)[0]

    def reaches_outside(self) -> bool:
        """Return whether connections get out of the farm: the site's networks are internal."""
        return False

    async def udp_group(self, port: int, receive: Callable[[bytes, str], None]) -> UdpGroup:
        """Join the device's LAN by broadcasts, or by a relay where the network carries none.

        In lock-step time each neighbour gets a datagram that can be counted.
        """
        own = self.source_address()
        if self._relay is not None:
            loop = cast(ScaledLoop, self.loop)  # over several hosts there is no other
            relayed = RelayedMember(loop, self._relay, (own, port), self._where, receive)
            await relayed.join(self)
            return relayed
        subnet = next(one for one in self._subnets if ipaddress.IPv4Address(own) in one)
        counted = isinstance(self.loop, GrantedLoop)
        others = [one for one in self._neighbours if one != own and ipaddress.IPv4Address(one) in subnet]
        everybody = sorted(others) if counted else [str(subnet.broadcast_address)]
        member = BroadcastMember(self.loop, (own, port), everybody, self._where, receive)
        await self.loop.create_datagram_endpoint(lambda: member, local_addr=(own, port), allow_broadcast=not counted)
        if not counted:
            await member.hear_broadcasts(str(subnet.broadcast_address))
        return member

    async def serial_port(self, label: str, settings: SerialSettings, receive: Callable[[bytes], None]) -> SerialPort:
        """Open a serial port."""
        return await self.serial.open(label, settings, receive)

    def charger_wiring(self, socket: int = 1) -> ProcessChargerWiring:
        """Return the terminals of one of a charger's sockets."""
        return ProcessChargerWiring(self, socket, self._tell)

    def meter_wiring(self) -> ProcessMeterWiring:
        """Return a meter's terminals."""
        return ProcessMeterWiring(self)

    def authority(self) -> tuple[bytes, bytes]:
        """Return the run's certificate authority, which the bench made."""
        certificate, key = self._authority
        return certificate.encode("ascii"), key.encode("ascii")

    def contact(self, name: str) -> bool:
        """Return whether a contact is closed."""
        return self.contacts.get(name, False)

    def _task_done(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.died(task.get_name(), error)


@dataclass(slots=True)
class SocketState:
    """What the bench has last said of one socket, or of a meter's terminals.

    Attributes:
        terminals: Currents and voltages.
        pilot: What the vehicle makes of the pilot.
        cable_a: Rating of the plugged cable [A], None without a plug.
        callback: Whom the device wants to be called when the pilot changes.
    """

    terminals: TerminalState
    pilot: PilotState = PilotState.A
    cable_a: float | None = None
    callback: Callable[[PilotState], None] | None = None

    def tell(self) -> None:
        """Tell the device what the pilot is."""
        if self.callback is not None:
            self.callback(self.pilot)


class ProcessChargerWiring:
    """A charging point's terminals (``emulators.kit.host.ChargerWiring``)."""

    def __init__(self, host: ProcessHost, socket: int, tell: Callable[..., None]) -> None:
        self._host, self._socket, self._tell = host, socket, tell

    @property
    def _state(self) -> SocketState:
        return self._host.sockets[self._socket]

    def set_offer(self, offer: Offer) -> None:
        """Drive the control pilot."""
        self._tell("offer", socket=self._socket, duty_pct=offer.duty_pct, fault=offer.fault)

    def pilot_state(self) -> PilotState:
        """Return what the vehicle makes of the pilot."""
        return self._state.pilot

    def on_pilot(self, callback: Callable[[PilotState], None]) -> None:
        """Call back when the vehicle changes the pilot state."""
        self._state.callback = callback

    def set_contactor(self, closed: bool) -> None:
        """Close or open the contactor."""
        self._tell("contactor", socket=self._socket, closed=closed)

    def currents_a(self) -> PerPhase:
        """Return the currents in the socket's conductors [A]."""
        return self._state.terminals.currents_a(self._host.now_ns())

    def energy_wh(self) -> PerPhase:
        """Return the energy through the socket's conductors [Wh]."""
        return self._state.terminals.energy_wh(self._host.now_ns())[0]

    def voltage_v(self) -> PerPhase:
        """Return the voltage at the socket's conductors [V]."""
        return self._state.terminals.voltage_v

    def cable_a(self) -> float | None:
        """Return the rating of the plugged cable [A]."""
        return self._state.cable_a


class ProcessMeterWiring:
    """A meter's terminals at one node (``emulators.kit.host.MeterWiring``)."""

    def __init__(self, host: ProcessHost) -> None:
        self._host = host

    def currents_a(self) -> PerPhase:
        """Return the signed currents [A]."""
        return self._host.sockets[ONLY].terminals.currents_a(self._host.now_ns())

    def neutral_a(self) -> float:
        """Return the current in the neutral [A]."""
        return neutral_a(self.currents_a())

    def voltage_v(self) -> PerPhase:
        """Return the voltages [V]."""
        return self._host.sockets[ONLY].terminals.voltage_v

    def import_wh(self) -> PerPhase:
        """Return imported energy [Wh]."""
        return self._host.sockets[ONLY].terminals.energy_wh(self._host.now_ns())[0]

    def export_wh(self) -> PerPhase:
        """Return exported energy [Wh]."""
        return self._host.sockets[ONLY].terminals.energy_wh(self._host.now_ns())[1]


class BroadcastMember(asyncio.DatagramProtocol):
    """A device in its LAN's broadcast domain (``emulators.kit.host.UdpGroup``)."""

    def __init__(
        self,
        loop: FarmLoop,
        own: tuple[str, int],
        everybody: Sequence[str],
        where: Translation,
        receive: Callable[[bytes, str], None],
    ) -> None:
        self._loop, (self._own, self._port), self._everybody = loop, own, everybody
        self._where, self._receive = where, receive
        self._transport: asyncio.DatagramTransport | None = None
        self._broadcasts: asyncio.BaseTransport | None = None

    async def hear_broadcasts(self, broadcast: str) -> None:
        """Bind the subnet's broadcast address too: a socket on one's own does not hear it. So does a pack's each."""
        ear = _Ear(self._hear)
        self._broadcasts, _ = await self._loop.create_datagram_endpoint(
            lambda: ear, local_addr=(broadcast, self._port), reuse_port=True
        )

    def send(self, payload: bytes) -> None:
        """Send to every other member."""
        for one in self._everybody:
            self._send(one, payload)

    def send_to(self, address: str, payload: bytes) -> None:
        """Send to one member; nobody there means nobody hears it."""
        self._send(self._where.local(address), payload)

    def close(self) -> None:
        """Leave."""
        for transport in (self._transport, self._broadcasts):
            if transport is not None:
                transport.close()
        self._transport = self._broadcasts = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport (asyncio)."""
        self._transport = cast(asyncio.DatagramTransport, transport)  # asyncio's own is not of that class

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Hand a datagram on (asyncio); what a cut link would carry is dropped."""
        if not self._loop.links.is_cut(self._own, addr[0]):
            self._receive(data, self._where.site(addr[0]))

    def _hear(self, data: bytes, addr: tuple[str, int]) -> None:
        """Take a broadcast as the links let it: its sender knows not to whom it goes. One's own comes back, too."""
        links, sender = self._loop.links, addr[0]
        if sender == self._own:
            return
        if links.is_clean:
            self.datagram_received(data, addr)
            return
        for arrives_s in links.broadcast_s(sender, self._own):
            self._loop.call_at(arrives_s, self._arrive, data, addr)

    def _arrive(self, data: bytes, addr: tuple[str, int]) -> None:
        if self._transport is not None:
            self.datagram_received(data, addr)

    def _send(self, local: str, payload: bytes) -> None:
        if self._transport is not None:
            self._transport.sendto(payload, (local, self._port))


class _Ear(asyncio.DatagramProtocol):
    """Hands on what comes to another socket of a member."""

    def __init__(self, receive: Callable[[bytes, tuple[str, int]], None]) -> None:
        self.datagram_received = receive  # type: ignore[assignment]
