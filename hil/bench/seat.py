"""One device in a process of its own (``hil device``): its host, and the control port at which a bench powers it up.

The process stays while benches come and go: each ``begin`` makes a fresh device on a fresh loop, as each test has a
fresh farm.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import random
import socket
import threading
import traceback
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final, cast

from emulators.kit.family import DeviceConfig, Family
from emulators.kit.host import NS_PER_S, Cancel, Device, Phase, SerialPort, SerialSettings
from emulators.kit.modbus import CLIENT
from emulators.kit.parameters import as_text
from emulators.kit.phases import PerPhase
from emulators.kit.pilot import Offer, PilotState
from hil.bench import control
from hil.bench.addresses import Translation
from hil.bench.control import Message, Terminals, decode, encode
from hil.bench.instants import Instants
from hil.clock import ScaledLoop
from hil.errors import ScenarioError
from hil.plant import neutral_a

HELLO_TIMEOUT_S: Final = 5.0
REPORT_LAG_S: Final = 5.0  #: How often the device tells how late its timers were, farm time.


class SeatHost:
    """A device's view of its own process (``emulators.kit.host.Host``): the bench is at the other end of a connection.

    Args:
        loop: The clock.
        begin: The bench's message.
        name: The device.
        tell: Sends a message to the bench.
    """

    def __init__(self, loop: ScaledLoop, begin: Message, name: str, tell: Callable[..., None]) -> None:
        self.name, self.loop, self._tell = name, loop, tell
        self.rng = random.Random(begin["seed"])
        self.terminals = Terminals.idle(begin["nominal_v"])
        self.pilot, self.cable = PilotState.A, cast("float | None", None)
        self.pilot_callback: Callable[[PilotState], None] | None = None
        self.instants = Instants(loop, self.died)
        self.tasks: set[asyncio.Task[None]] = set()
        networks = [tuple(ipaddress.IPv4Network(one) for one in pair) for pair in begin["networks"]]
        self._where = Translation(cast("list[tuple[ipaddress.IPv4Network, ipaddress.IPv4Network]]", networks))
        self._subnets = [subnet for _, subnet in networks]
        self._address: str | None = begin["address"]
        self._epoch = datetime.fromisoformat(begin["epoch"])
        self._contacts: dict[str, bool] = begin["contacts"]

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
        if self._address is None:
            raise ScenarioError(f"{self.name} needs an address: it has a server on port {port}.")
        return self._where.local(self._address), port

    def resolve(self, address: str, port: int) -> tuple[str, int]:
        """Return where another device is reached."""
        return self._where.local(address), port

    def source_address(self) -> str:
        """Return where this device's own connections come from."""
        return self.listen_at(0)[0]

    async def udp_group(self, port: int, receive: Callable[[bytes, str], None]) -> Member:
        """Join the device's LAN by broadcasts."""
        own = self.source_address()
        subnet = next(one for one in self._subnets if ipaddress.IPv4Address(own) in one)
        member = Member(own, str(subnet.broadcast_address), port, self._where, receive)
        await self.loop.create_datagram_endpoint(lambda: member, local_addr=(own, port), allow_broadcast=True)
        await member.hear_broadcasts(self.loop)
        return member

    async def serial_port(self, label: str, settings: SerialSettings, receive: Callable[[bytes], None]) -> SerialPort:
        """Open a serial port."""
        raise ScenarioError(f"{self.name} {label}: serial lines between containers are not carried yet.")

    def charger_wiring(self) -> ChargerTerminals:
        """Return a charging point's terminals."""
        return ChargerTerminals(self, self._tell)

    def meter_wiring(self) -> MeterTerminals:
        """Return a meter's terminals."""
        return MeterTerminals(self)

    def contact(self, name: str) -> bool:
        """Return whether a contact is closed."""
        return self._contacts.get(name, False)

    def _task_done(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self.died(task.get_name(), error)


class ChargerTerminals:
    """A charging point's terminals (``emulators.kit.host.ChargerWiring``)."""

    def __init__(self, host: SeatHost, tell: Callable[..., None]) -> None:
        self._host, self._tell = host, tell

    def set_offer(self, offer: Offer) -> None:
        """Drive the control pilot."""
        self._tell("offer", duty_pct=offer.duty_pct, fault=offer.fault)

    def pilot_state(self) -> PilotState:
        """Return what the vehicle makes of the pilot."""
        return self._host.pilot

    def on_pilot(self, callback: Callable[[PilotState], None]) -> None:
        """Call back when the vehicle changes the pilot state."""
        self._host.pilot_callback = callback

    def set_contactor(self, closed: bool) -> None:
        """Close or open the contactor."""
        self._tell("contactor", closed=closed)

    def currents_a(self) -> PerPhase:
        """Return the currents in the socket's conductors [A]."""
        return self._host.terminals.currents_a(self._host.now_ns())

    def energy_wh(self) -> PerPhase:
        """Return the energy through the socket's conductors [Wh]."""
        return self._host.terminals.energy_wh(self._host.now_ns())[0]

    def voltage_v(self) -> PerPhase:
        """Return the voltage at the socket's conductors [V]."""
        return self._host.terminals.voltage_v

    def cable_a(self) -> float | None:
        """Return the rating of the plugged cable [A]."""
        return self._host.cable


class MeterTerminals:
    """A meter's terminals at one node (``emulators.kit.host.MeterWiring``)."""

    def __init__(self, host: SeatHost) -> None:
        self._host = host

    def currents_a(self) -> PerPhase:
        """Return the signed currents [A]."""
        return self._host.terminals.currents_a(self._host.now_ns())

    def neutral_a(self) -> float:
        """Return the current in the neutral [A]."""
        return neutral_a(self.currents_a())

    def voltage_v(self) -> PerPhase:
        """Return the voltages [V]."""
        return self._host.terminals.voltage_v

    def import_wh(self) -> PerPhase:
        """Return imported energy [Wh]."""
        return self._host.terminals.energy_wh(self._host.now_ns())[0]

    def export_wh(self) -> PerPhase:
        """Return exported energy [Wh]."""
        return self._host.terminals.energy_wh(self._host.now_ns())[1]


class Member(asyncio.DatagramProtocol):
    """A device in its LAN's broadcast domain (``emulators.kit.host.UdpGroup``)."""

    def __init__(
        self, own: str, broadcast: str, port: int, where: Translation, receive: Callable[[bytes, str], None]
    ) -> None:
        self._own, self._broadcast, self._port, self._where, self._receive = own, broadcast, port, where, receive
        self._transport: asyncio.DatagramTransport | None = None
        self._broadcasts: asyncio.BaseTransport | None = None

    async def hear_broadcasts(self, loop: ScaledLoop) -> None:
        """Bind the subnet's broadcast address too: a socket on one's own does not hear it."""
        ear = _Ear(self.datagram_received)
        self._broadcasts, _ = await loop.create_datagram_endpoint(lambda: ear, local_addr=(self._broadcast, self._port))

    def send(self, payload: bytes) -> None:
        """Send to every other member."""
        self._send(self._broadcast, payload)

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
        """Hand a datagram on (asyncio); one's own broadcast comes back and is dropped."""
        if addr[0] != self._own:
            self._receive(data, self._where.site(addr[0]))

    def _send(self, local: str, payload: bytes) -> None:
        if self._transport is not None:
            self._transport.sendto(payload, (local, self._port))


class _Ear(asyncio.DatagramProtocol):
    """Hands on what comes to another socket of a member."""

    def __init__(self, receive: Callable[[bytes, tuple[str, int]], None]) -> None:
        self.datagram_received = receive  # type: ignore[assignment]


class PoweredDevice:
    """One device from ``begin`` to the end of that connection.

    Args:
        family: Its family.
        name: Its name in the site.
        begin: The bench's message.
    """

    def __init__(self, family: Family, name: str, begin: Message) -> None:
        self.loop = ScaledLoop(begin["factor"])
        self._family, self._name, self._begin = family, name, begin
        self._writer: asyncio.StreamWriter | None = None
        self._lag_s = 0.0
        self._is_up = False

    async def run(self, sock: socket.socket) -> None:
        """Serve the bench until it goes."""
        self.loop.set_exception_handler(self._complained)
        self.loop.links.exempt(sock.getpeername()[0])  # the tester's own access is never cut
        reader, self._writer = await asyncio.open_connection(sock=sock, limit=control.LONGEST_BYTES)
        host = self._host = SeatHost(self.loop, self._begin, self._name, self._tell)
        try:
            self._device = self._create(host)
        except Exception as error:
            self._tell("begun", refused=control.refusal(error))
            self._writer.close()
            await asyncio.sleep(0)
            raise
        self._tell("begun")
        calls: set[asyncio.Task[None]] = set()
        try:
            async for message in control.messages(reader):
                if message["kind"] == "call":
                    task = self.loop.create_task(self._call(message))
                    calls.add(task)
                    task.add_done_callback(calls.discard)
                else:
                    self._take(message)
        finally:
            try:
                await self._device.stop()
            except Exception:
                if self._is_up:  # one that never came up may not know how to go down
                    raise
            finally:
                host.instants.clear()
                rest = [*calls, *host.tasks]
                for one in rest:
                    one.cancel()
                await asyncio.gather(*rest, return_exceptions=True)
                self._writer.close()
                await asyncio.sleep(0)

    def look(self, message: Message) -> bytes:
        """Answer a question about what a person at the device sees; it runs in the device's loop."""
        device, args = self._device, message.get("args", [])
        looks: dict[str, Callable[..., object]] = {
            "page": lambda: dict(device.page()),
            "explain": device.explain,
            "display": lambda: device.front.display,
            "leds": lambda: dict(device.front.leds),
            "log": lambda: list(device.front.log_lines),
            "offered": device.parameters.offered,
            "text": device.parameters.text,
            "in_force": lambda name: as_text(device.parameters[name]),
            "set": device.parameters.set,
            "save": device.parameters.save,
            "changed": device.parameters_changed,
        }
        try:
            return encode("answer", value=looks[message["what"]](*args))
        except ValueError as error:
            return encode("answer", refused=control.refusal(error))

    def _create(self, host: SeatHost) -> Device:
        config, table = self._begin["config"], self._family.parameters
        parameters = {name: table[name].parse(text) for name, text in config.pop("parameters").items()}
        return self._family.create(host, DeviceConfig(name=self._name, parameters=parameters, **config))

    def _take(self, message: Message) -> None:
        host = self._host
        match message["kind"]:
            case "epoch":
                host.instants.begin_at(self.loop.ns_at(message["real_s"]))
                self.loop.forget_lag()
                host.every(REPORT_LAG_S, self._report_lag, phase=Phase.METERS)
            case "terminals":
                host.terminals = Terminals.of(message)
            case "pilot":
                host.pilot, host.cable = PilotState(message["state"]), message["cable_a"]
                if host.pilot_callback is not None:
                    host.call_at(host.now_ns(), lambda: self._pilot(host))
            case "cut":
                self.loop.links.cut(message["a"], message["b"])
            case "restore":
                self.loop.links.restore(message["a"], message["b"])
            case kind:
                raise control.Garbage(f"a device takes no message {kind!r}.")

    @staticmethod
    def _pilot(host: SeatHost) -> None:
        if host.pilot_callback is not None:
            host.pilot_callback(host.pilot)

    async def _call(self, message: Message) -> None:
        device = self._device
        calls: dict[str, Callable[..., Coroutine[Any, Any, None]]] = {
            "start": device.start,
            "restart": device.restart,
            "fault": device.fault,
        }
        try:
            await calls[message["what"]](*message["args"])
        except (ValueError, OSError) as error:
            self._tell("answer", id=message["id"], refused=control.refusal(error))
        except Exception as error:
            self._host.died(f"{self._name} {message['what']}", error)
            self._tell("answer", id=message["id"], refused=control.refusal(error))
        else:
            self._is_up = True
            self._tell("answer", id=message["id"], value=None)

    def _tell(self, kind: str, **fields: object) -> None:
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(encode(kind, **fields))

    def _report_lag(self) -> None:
        if self.loop.lag_max_s > self._lag_s:
            self._lag_s = self.loop.lag_max_s
            self._tell("lag", max_s=self._lag_s)

    def _complained(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if error is None:
            loop.default_exception_handler(context)
        else:
            self._tell("died", what=context["message"], text="".join(traceback.format_exception(error)))


class Seat:
    """The process of one device.

    Args:
        family: The device's family.
        name: The device's name in the site.
        token: The run's secret.
    """

    def __init__(self, family: Family, name: str, token: str) -> None:
        self._family, self._name, self._token = family, name, token
        self._begins: SimpleQueue[tuple[socket.socket, Message]] = SimpleQueue()
        self._powered: PoweredDevice | None = None

    def serve(self, *, host: str = "", port: int = control.PORT, ready: Path | None = None) -> None:
        """Serve benches, one after another, for good.

        Args:
            host: Address of the control port, empty for all.
            port: The control port.
            ready: A file that is there while the port listens.
        """
        listener = socket.create_server((host, port))
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()
        print(f"{self._name} waits for a bench on port {port}", flush=True)
        if ready is not None:
            ready.touch()
        while True:
            sock, begin = self._begins.get()
            powered = PoweredDevice(self._family, self._name, begin)
            asyncio.set_event_loop(powered.loop)
            self._powered = powered
            try:
                powered.loop.run_until_complete(powered.run(sock))
            except Exception:  # a device that cannot be made, or garbage: the next bench finds a fresh one
                traceback.print_exc()
            finally:
                self._powered = None
                sock.close()
                powered.loop.close()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            sock, peer = listener.accept()
            threading.Thread(target=self._meet, args=(sock, peer[0]), daemon=True).start()

    def _meet(self, sock: socket.socket, peer: str) -> None:
        """Let in who knows the token."""
        sock.settimeout(HELLO_TIMEOUT_S)
        try:
            hello = decode(_line(sock))
            if not hmac.compare_digest(str(hello.get("token", "")).encode(), self._token.encode()):
                raise control.Garbage("wrong token")
            if hello["kind"] == "begin":
                self._begins.put((sock, hello))
                return
            with sock, sock.makefile("rb") as lines:
                sock.settimeout(None)
                sock.sendall(encode("answer", value=None))
                for line in lines:
                    sock.sendall(self._look(decode(line)))
        except (OSError, TimeoutError, control.Garbage) as error:
            print(f"{self._name}: connection of {peer} refused: {error}", flush=True)
            sock.close()

    def _look(self, message: Message) -> bytes:
        """Ask the device in its own thread."""
        powered = self._powered
        if powered is None:
            return encode("answer", refused={"message": f"{self._name} is not powered."})

        async def ask() -> bytes:
            return powered.look(message)

        return asyncio.run_coroutine_threadsafe(ask(), powered.loop).result(HELLO_TIMEOUT_S)


def _line(sock: socket.socket) -> bytes:
    """Return the first line of a connection; nothing follows it before the bench is answered."""
    found = b""
    while not found.endswith(b"\n") and len(found) < control.LONGEST_BYTES:
        piece = sock.recv(1 << 16)
        if not piece:
            break
        found += piece
    return found
