"""Serial lines between processes: what comes out at the end of a talker's wire goes over TCP to who listens.

A talker's port is at TCP port 7302 of its process, and its readers dial. Who says nothing gets the bytes as they are
(``nc``, ``socket://``); who speaks RFC 2217 (``rfc2217://``) has a speed and a format of his own. The farm's readers
begin with the run's token, and get with the bytes how they were sent and when: a reader at other settings gets the
garbage, and two talkers at one reader the collision, that they would get on one machine. A connection that breaks is
dialled again; what is sent meanwhile is lost, as on a wire.
"""

from __future__ import annotations

import asyncio
import hmac
import socket
import struct
from collections.abc import Callable, Coroutine, Iterable, Mapping
from contextlib import suppress
from dataclasses import astuple, dataclass
from functools import partial
from typing import Any, Final, cast

from serial import rfc2217

from emulators.kit.host import Phase, SerialSettings
from hil.clock import FarmLoop
from hil.clock.instants import Instants
from hil.lines.real import RealPort
from hil.lines.serial import HALF_A_BUFFER, QUEUE, Port, Reader, SerialLine, SerialLines, heard
from hil.lines.wire import Tap, Wire
from hil.process import control
from hil.process.control import Message, decode, encode

PORTS: Final[Mapping[str, int]] = {"P1": 7302}  #: TCP port of a talker's serial port, by its label.
RETRY_S: Final = 1.0  #: How often a reader dials [s of farm time].
DEAD_PEER_REAL_S: Final = 3  #: A peer whose machine has vanished is noticed by then.
LONGEST_HELLO: Final = 4096  #: [bytes]
FASTEST_BAUD: Final = 4_000_000  #: Linux' B4000000.

Spawn = Callable[..., asyncio.Task[None]]


# --- the talker's side


class Talker:
    """A talker's serial port on TCP.

    Args:
        line: The wire that leaves it.
        token: The run's secret.

    Attributes:
        cuts: Readers whose cable is cut.
    """

    def __init__(self, line: SerialLine, token: str) -> None:
        self.line, self.token = line, token
        self.cuts: set[str] = set()
        self._server: asyncio.Server | None = None

    async def listen(self, loop: FarmLoop, host: str, port: int) -> None:
        """Let readers dial."""
        loop.links.exempt(host)  # the cable is none of the network's
        self._server = await loop.create_server(lambda: _Guest(self), host, port)

    def set_cut(self, reader: str, is_cut: bool) -> None:
        """Pull a reader's cable, or plug it in again; what has come over before is heard."""
        self.line.advance()
        (self.cuts.add if is_cut else self.cuts.discard)(reader)

    def close(self) -> None:
        """Hang up on everybody."""
        if self._server is not None:
            self._server.close()
        for tap in list(self.line.taps):
            tap.close()


class _Guest(asyncio.Protocol):
    """One connection to a talker's port, a tap of its wire."""

    def __init__(self, talker: Talker) -> None:
        self._talker = talker
        self._reader: str | None = None  # None: an outlet that nobody cuts
        self._said = b""
        self._take: Callable[[bytes], None] = self._first
        self._form: Callable[[Wire, bytes], bytes] = lambda _line, data: data
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport (asyncio)."""
        self._transport = cast(asyncio.Transport, transport)
        self._talker.line.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Hear no more (asyncio)."""
        with suppress(ValueError):
            self._talker.line.taps.remove(self)

    def data_received(self, data: bytes) -> None:
        """Take what the guest says (asyncio)."""
        self._take(data)

    def deliver(self, line: Wire, data: bytes) -> None:
        """Send bytes that have arrived at the wire's end; a guest who does not fetch them loses them."""
        transport = self._transport
        if transport is None or self._reader in self._talker.cuts or transport.get_write_buffer_size() > QUEUE:
            return
        if formed := self._form(line, data):
            transport.write(formed)

    def close(self) -> None:
        """Hang up; may be called twice."""
        if self._transport is not None:
            self._transport.close()

    def _first(self, data: bytes) -> None:
        """Find out by the first byte who it is."""
        if data.startswith(rfc2217.IAC):
            remote = _RemotePort(self._talker.line.settings, self)
            self._take, self._form = remote.take, remote.form
        elif data.startswith(b"{"):
            self._take = self._hello
        else:
            self._take = lambda _data: None  # there is no wire in that direction
        self._take(data)

    def _hello(self, data: bytes) -> None:
        self._said += data
        if b"\n" not in self._said and len(self._said) < LONGEST_HELLO:
            return
        try:
            hello = decode(self._said)
            if not hmac.compare_digest(str(hello.get("token", "")).encode(), self._talker.token.encode()):
                raise control.Garbage("wrong token")
            self._reader = str(hello["reader"])
        except (control.Garbage, KeyError):
            self.close()
            return
        assert self._transport is not None
        self._transport.write(welcome(self._talker.token))
        self._form = _as_message
        self._take = lambda _data: None

    def write(self, data: bytes) -> None:
        """Send Telnet's own bytes."""
        if self._transport is not None:
            self._transport.write(data)


def welcome(token: str) -> bytes:
    """Return what a talker answers to a reader of the farm; no telegram looks like it."""
    return encode("serial", token=token)


def _as_message(line: Wire, data: bytes) -> bytes:
    return encode(
        "bytes", settings=astuple(line.settings), start_ns=line.over_ns(0), arrived=line.arrived,
        data=data.decode("latin-1"),
    )  # fmt: skip


class _RemotePort:
    """What a guest who speaks RFC 2217 sets: a serial port as pyserial's own server wants it."""

    xonxoff = rtscts = False
    cts = dsr = cd = True
    ri = False

    def __init__(self, settings: SerialSettings, guest: _Guest) -> None:
        self._baudrate, self.bytesize = settings.baudrate, settings.bytesize
        self.parity, self.stopbits = settings.parity, float(settings.stopbits)
        self._guest = guest
        self._manager = rfc2217.PortManager(self, guest)

    @property
    def baudrate(self) -> int:
        """Return the speed [bit/s]."""
        return self._baudrate

    @baudrate.setter
    def baudrate(self, value: int) -> None:
        if value > FASTEST_BAUD:
            raise ValueError(f"{value} is faster than {FASTEST_BAUD}.")
        self._baudrate = value

    def take(self, data: bytes) -> None:
        """Take what the guest says; nonsense is the end of it."""
        try:
            for _byte in self._manager.filter(data):
                pass  # there is no wire in that direction
        except (ValueError, LookupError, TypeError, struct.error):
            self._guest.close()

    def form(self, line: Wire, data: bytes) -> bytes:
        """Return what this port makes of bytes, in Telnet's form."""
        read = SerialSettings(self.baudrate, self.bytesize, self.parity, round(self.stopbits))
        return b"".join(self._manager.escape(heard(data, line.settings, read)))

    def reset_input_buffer(self) -> None:
        """Forget nothing: nothing is kept here."""

    def reset_output_buffer(self) -> None:
        """Forget nothing: nothing is kept here."""


# --- the reader's side


class FarWire:
    """A talker's wire as its reader in another process knows it (``hil.lines.serial.Wire``)."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.settings = SerialSettings()
        self.arrived = self._start_ns = 0

    def over_ns(self, count: int) -> int:
        """Return when so many bytes were over [ns]."""
        return self._start_ns + self.settings.wire_ns(count)

    def take(self, message: Message) -> bytes:
        """Take one delivery; return its bytes."""
        self.settings = SerialSettings(*message["settings"])
        self._start_ns, self.arrived = message["start_ns"], message["arrived"]
        return str(message["data"]).encode("latin-1")


class FarCollision:
    """Several talkers of other processes at one reader: what it heard waits until nothing older can come.

    A delivery holds bytes as old as the longest piece takes on the wire; so old they are put, in the order of their
    instants.
    """

    def __init__(self, reader: Reader, instants: Instants, name: str) -> None:
        self._reader, self._instants, self._name = reader, instants, name
        self._arrivals: list[tuple[int, str, bytes]] = []

    def deliver(self, line: Wire, data: bytes) -> None:
        """Take bytes of one line."""
        self._arrivals = sorted([*self._arrivals, *self._reader.arrivals(line, data)])
        wait_ns = line.settings.wire_ns(HALF_A_BUFFER)
        now_ns = self._instants.now_ns()
        self._instants.call_at(now_ns + wait_ns, Phase.INPUTS, self._name, lambda: self._put(now_ns))

    def close(self) -> None:
        """Let the line go; may be called twice."""
        self._arrivals.clear()
        self._reader.close()

    def _put(self, until_ns: int) -> None:
        ripe = [one for one in self._arrivals if one[0] <= until_ns]
        del self._arrivals[: len(ripe)]
        self._reader.put(b"".join(byte for _, _, byte in ripe))


@dataclass(frozen=True, slots=True, kw_only=True)
class FarCable:
    """A cable from a talker in another process.

    Attributes:
        talker: Its name.
        where: Address and port of its serial port.
        reader: Name of who listens, by which the cable is cut; empty for the tester, whose is never cut.
        own: The reader's own address.
        token: The run's secret.
    """

    talker: str
    where: tuple[str, int]
    reader: str
    own: str
    token: str

    async def hear(self, loop: FarmLoop, tap: Tap) -> None:
        """Listen for good; what comes out goes to the tap."""
        loop.links.exempt(self.where[0])  # it is none of the network's
        line = FarWire(self.talker)
        while True:
            writer: asyncio.StreamWriter | None = None
            try:
                stream, writer = await asyncio.open_connection(
                    *self.where, local_addr=(self.own, 0), limit=control.LONGEST_BYTES
                )
                _notice_death(writer.get_extra_info("socket"))
                writer.write(encode("serial", token=self.token, reader=self.reader))
                await stream.readuntil(welcome(self.token))  # whatever comes before it is for anybody
                async for message in control.messages(stream):
                    tap.deliver(line, line.take(message))
            except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, control.Garbage):
                pass  # as on a wire: nothing is heard until somebody is there again
            finally:
                if writer is not None:
                    writer.close()
            await asyncio.sleep(RETRY_S)


def _notice_death(sock: socket.socket) -> None:
    """Find out soon that the other machine is gone without goodbye."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, DEAD_PEER_REAL_S)


# --- both ends as a device and a bench want them


class DevicePorts:
    """The serial ports of a device that has a process of its own.

    Args:
        loop: The clock.
        instants: The device's agenda.
        name: The device.
        spawn: Runs a watched task.
        trace: Takes an event and its fields.
        begin: What the bench said: ``token``, and ``serial`` with the container's ``own`` address, the labels of the
            ports that it ``talks`` on, and by label and talker where it ``hears`` one: an address, or a device file.
    """

    def __init__(
        self,
        loop: FarmLoop,
        instants: Instants,
        name: str,
        *,
        spawn: Spawn,
        trace: Callable[..., None],
        begin: Message,
    ) -> None:
        self._loop, self._instants, self._name, self._spawn = loop, instants, name, spawn
        self._trace = trace
        self._token: str = begin["token"]
        self._own: str = begin["serial"]["own"]
        self._hears: Mapping[str, Mapping[str, str]] = begin["serial"]["hears"]
        self._talkers = {label: Talker(SerialLine(instants, name), self._token) for label in begin["serial"]["talks"]}
        self._listening: set[str] = set()

    async def open(self, label: str, settings: SerialSettings, receive: Callable[[bytes], None]) -> Port:
        """Open a port; a talker's is at its TCP port from then on, also while it restarts."""
        if label in self._talkers:
            talker = self._talkers[label]
            if label not in self._listening:
                self._listening.add(label)
                await talker.listen(self._loop, self._own, PORTS[label])
            return Port(settings, talker.line, lambda: None)
        return Port(settings, None, self._reader(label, settings, receive))

    def set_cut(self, label: str, reader: str, is_cut: bool) -> None:
        """Pull the cable from this talker to a reader, or plug it in again."""
        self._talkers[label].set_cut(reader, is_cut)

    def close(self) -> None:
        """Hang up on everybody."""
        for talker in self._talkers.values():
            talker.close()

    def _real_port(self, talker: str, trouble: str) -> None:
        self._trace("serial_port", state="gone" if trouble else "back", talker=talker)

    def _reader(self, label: str, settings: SerialSettings, receive: Callable[[bytes], None]) -> Callable[[], None]:
        """Listen to every talker whose cable is in this port; return how to stop."""
        hears = self._hears.get(label, {})
        real = [
            RealPort(self._loop, at, settings, receive, partial(self._real_port, talker))
            for talker, at in hears.items()
            if at.startswith("/")
        ]
        reader = Reader(self._loop, settings, receive)
        tap = FarCollision(reader, self._instants, self._name) if len(hears) > 1 else reader
        tasks = [
            self._spawn(
                FarCable(
                    talker=talker, where=(at, PORTS[label]), reader=self._name, own=self._own, token=self._token
                ).hear(self._loop, tap),
                name=f"{label} cable from {talker} to {self._name}",
            )
            for talker, at in hears.items()
            if not at.startswith("/")
        ]

        def closed() -> None:
            for task in tasks:
                task.cancel()
            for one in (*real, tap):
                one.close()

        return closed


class CarriedLines(SerialLines):
    """The serial lines of a site whose devices are in processes of their own, as the bench sees them.

    Args:
        loop: The clock.
        instants: The agenda.
        cables: (port label, talker, reader) of each cable.
        spawn: Runs a watched task.
        token: The run's secret.
        where: Returns a talker's address and the tester's own beside it.
        tell: Sends a message to a device.
    """

    def __init__(
        self,
        loop: FarmLoop,
        instants: Instants,
        cables: Iterable[tuple[str, str, str]],
        *,
        spawn: Callable[[Coroutine[Any, Any, None], str], asyncio.Task[None]],
        token: str,
        where: Callable[[str], tuple[str, str]],
        tell: Callable[..., None],
    ) -> None:
        super().__init__(loop, instants, cables, (), outside={}, trace=lambda *_words, **_fields: None)
        self._spawn, self._token, self._where, self._tell = spawn, token, where, tell

    def listen(
        self, name: str, label: str, receive: Callable[[bytes], None], settings: SerialSettings | None = None
    ) -> None:
        """Let the tester listen to a talker over TCP, on an outlet of the splitter that nobody cuts."""
        tap = Reader(self._loop, settings, receive)
        self._listeners.append(tap)
        there, own = self._where(name)
        cable = FarCable(talker=name, where=(there, PORTS[label]), reader="", own=own, token=self._token)
        self._spawn(cable.hear(self._loop, tap), f"the tester's {label} cable from {name}")

    def cut(self, cables: Iterable[tuple[str, str, str]]) -> None:
        """Pull cables: their talkers send nothing over them."""
        self._set_cut(cables, True)

    def restore(self, cables: Iterable[tuple[str, str, str]]) -> None:
        """Plug cables in again; what was sent meanwhile is lost."""
        self._set_cut(cables, False)

    def _set_cut(self, cables: Iterable[tuple[str, str, str]], is_cut: bool) -> None:
        for label, talker, reader in cables:
            self._tell(talker, "cable", label=label, reader=reader, is_cut=is_cut)
