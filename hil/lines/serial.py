"""The site's serial lines: bytes take the time of the wire, and each reader has a pseudo-terminal of its own.

A cable goes from one talker to one reader; several cables at a talker are a splitter, several at a reader collide. What
nobody reads is lost. A pty shows its reader's speed but not its format, and has no modem lines: a reader asks for data
on a real serial port only (:mod:`hil.lines.adapter`).
"""

from __future__ import annotations

import errno
import itertools
import os
import re
import select
import termios
import tty
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from emulators.kit.host import Cancel, Phase, SerialSettings
from hil.clock import FarmLoop
from hil.clock.instants import Instants
from hil.errors import BenchError
from hil.lines.wire import Tap, Wire

if TYPE_CHECKING:
    from hil.lines.adapter import Adapter
    from hil.site import Link

PIECE: Final = 128  #: Bytes that are handed over together, at the instant of their last one.
HALF_A_BUFFER: Final = 2048  #: What a pty takes in any case: half of the kernel's line buffer [bytes].
#: Length of the first piece of what is written and of each further one. A reader in the farm wants to know when a
#: telegram begins, and has it when its last byte is there; nothing depends on the pieces between.
INSIDE: Final = (PIECE, HALF_A_BUFFER)
#: A program outside may show bytes as they come.
OUTSIDE: Final = (PIECE, PIECE)
QUEUE: Final = 65536  #: More than this is never kept for the wire [bytes].

_SPEEDS: Final = {getattr(termios, name): int(name[1:]) for name in dir(termios) if re.fullmatch(r"B[1-9]\d*", name)}
_CODES: Final = {speed: code for code, speed in _SPEEDS.items()}


def heard(data: bytes, sent: SerialSettings, read: SerialSettings) -> bytes:
    """Return what a reader makes of bytes that were sent with other settings; the same input, the same garbage.

    The line's bits are sampled as a UART does: in the middle of each bit after a start bit. Parity and framing errors
    are let through, as a serial port does that was not told otherwise.
    """
    if sent == read:
        return data
    line = list(itertools.chain.from_iterable(_bits(byte, sent) for byte in data))
    # All positions in halves of a read bit, in units of 1 / (2 * read.baudrate) sent bits.
    found, position, step = bytearray(), 0, 2 * read.baudrate
    while (start := _next_start(line, position // step)) is not None:
        position = max(position, start * step)
        samples = (position + (2 * bit + 3) * sent.baudrate for bit in range(read.bytesize))
        found.append(sum(_level(line, at // step) << bit for bit, at in enumerate(samples)))
        position += (2 * read.bits_per_byte - 1) * sent.baudrate  # from the middle of the stop bit it looks again
    return bytes(found)


def _bits(byte: int, settings: SerialSettings) -> list[int]:
    data = [byte >> bit & 1 for bit in range(settings.bytesize)]
    parity = {"N": [], "E": [sum(data) & 1], "O": [1 - (sum(data) & 1)]}[settings.parity]
    return [0, *data, *parity, *[1] * settings.stopbits]


def _level(line: list[int], at: int) -> int:
    return line[at] if at < len(line) else 1


def _next_start(line: list[int], begin: int) -> int | None:
    try:
        return line.index(0, begin)
    except ValueError:
        return None


class Reader:
    """A reader inside the farm, on a pty whose two ends are in the clock's books.

    Args:
        loop: The clock.
        settings: Of its port, None = always as the talker's.
        receive: Gets what arrives.

    Attributes:
        cuts: Talkers whose cable is cut.
    """

    def __init__(self, loop: FarmLoop, settings: SerialSettings | None, receive: Callable[[bytes], None]) -> None:
        self._loop, self._settings, self._receive = loop, settings, receive
        self.cuts: set[str] = set()
        self._master, self._slave = _openpty()
        self._link = loop.register_pty(self._master, self._slave)
        loop.add_reader(self._slave, self._read)

    def deliver(self, line: Wire, data: bytes) -> None:
        """Put bytes on this end of the cable."""
        self.put(self.hears(line, data))

    def hears(self, line: Wire, data: bytes) -> bytes:
        """Return what comes through the cable from a line, as its port understands it."""
        return b"" if line.name in self.cuts else heard(data, line.settings, self._settings or line.settings)

    def arrivals(self, line: Wire, data: bytes) -> list[tuple[int, str, bytes]]:
        """Return when each byte of a delivery was over [ns], from whom, and what the port makes of it alone."""
        first = line.arrived - len(data)
        return [
            (line.over_ns(first + count), line.name, self.hears(line, data[count - 1 : count]))
            for count in range(1, len(data) + 1)
        ]

    def put(self, data: bytes) -> None:
        """Write what the port has heard."""
        with suppress(BlockingIOError):  # an overrun: lost, as in a UART
            if data:
                self._link.master.write(data)

    def close(self) -> None:
        """Let the line go; may be called twice."""
        if self._slave >= 0:
            self._loop.remove_reader(self._slave)
            self._link.close()
            os.close(self._master)
            os.close(self._slave)
            self._master = self._slave = -1

    def _read(self) -> None:
        slave = self._link.slave
        if slave is None:
            return
        try:
            data = slave.read()
        except BlockingIOError:
            return
        self._receive(data)


class Collision:
    """Several talkers at one reader: their bytes come to it in the order of their instants.

    Args:
        reader: Who hears them.
        lines: The talkers' lines.
    """

    def __init__(self, reader: Reader, lines: Sequence[SerialLine]) -> None:
        self._reader, self._lines = reader, lines
        self._arrivals: list[tuple[int, str, bytes]] | None = None

    def deliver(self, line: Wire, data: bytes) -> None:
        """Take bytes of one line; all others are asked for theirs, so that none comes too late."""
        bytes_ns = self._reader.arrivals(line, data)
        if self._arrivals is not None:
            self._arrivals += bytes_ns
            return
        self._arrivals = bytes_ns
        for other in self._lines:
            other.advance()
        arrivals, self._arrivals = sorted(self._arrivals), None
        self._reader.put(b"".join(byte for _, _, byte in arrivals))

    def close(self) -> None:
        """Let the line go; may be called twice."""
        self._reader.close()


class FreeEnd:
    """A reader outside the farm: a path that any program may open.

    Attributes:
        path: The pseudo-terminal's path.
        settings: As the talker's when it was made.
    """

    def __init__(self, settings: SerialSettings) -> None:
        self.settings = settings
        self._master, slave = _openpty()
        tty.setraw(slave)
        attributes = termios.tcgetattr(slave)
        attributes[4] = attributes[5] = _CODES[settings.baudrate]
        termios.tcsetattr(slave, termios.TCSANOW, attributes)
        self.path = os.ttyname(slave)
        os.close(slave)
        os.set_blocking(self._master, False)
        self._poll = select.poll()
        self._poll.register(self._master, 0)  # a hang-up is told in any case: nobody has it open
        self._is_stale = False

    def deliver(self, line: Wire, data: bytes) -> None:
        """Give bytes to whoever has the path open; what does not fit into the kernel's buffer is lost."""
        if self._poll.poll(0):
            self._forget()
            return
        self._swallow()
        speed = _SPEEDS.get(termios.tcgetattr(self._master)[5], 0)
        if speed:
            with suppress(BlockingIOError):
                os.write(self._master, heard(data, line.settings, replace(line.settings, baudrate=speed)))
            self._is_stale = True

    def close(self) -> None:
        """Take the path away; may be called twice."""
        if self._master >= 0:
            os.close(self._master)
            self._master = -1

    def _forget(self) -> None:
        """Drop what the last reader left: the next one hears what comes from then on."""
        if self._is_stale:
            slave = os.open(self.path, os.O_RDWR | os.O_NOCTTY)
            termios.tcflush(slave, termios.TCIFLUSH)
            os.close(slave)
            self._is_stale = False

    def _swallow(self) -> None:
        """Read what was written into the path: there is no wire in that direction."""
        try:
            while os.read(self._master, PIECE):
                pass
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EIO):
                raise


class SerialLine:
    """The wire that leaves one talker.

    Attributes:
        name: The talker.
        taps: Where its bytes come out.
        settings: Of what is on its way.
        arrived: How many bytes have come over since the line was idle.
    """

    def __init__(self, instants: Instants, name: str) -> None:
        self._instants, self.name = instants, name
        self.taps: list[Tap] = []
        self.pieces = INSIDE
        self.settings = SerialSettings()
        self._queue = bytearray()
        self._start_ns = 0
        self.arrived = 0
        self._due: Cancel | None = None

    def write(self, data: bytes, settings: SerialSettings) -> None:
        """Send bytes behind those that are still on their way."""
        if not self.taps:
            return
        self.advance()
        if not self._queue:
            self.settings, self._start_ns, self.arrived = settings, self._instants.now_ns(), 0
        self._queue += data[: QUEUE - len(self._queue)]
        self._plan()

    def add(self, tap: Tap, pieces: tuple[int, int] = INSIDE) -> None:
        """Let somebody hear what comes from now on, in pieces that are no longer than these."""
        self.advance()
        self.taps.append(tap)
        self.pieces = min(self.pieces, pieces)

    def advance(self) -> None:
        """Deliver what has arrived by now."""
        arrived = self.settings.bytes_in(self._instants.now_ns() - self._start_ns)
        count = min(arrived - self.arrived, len(self._queue))
        if count <= 0:
            return
        data = bytes(self._queue[:count])
        del self._queue[:count]
        self.arrived += count
        for tap in self.taps:
            tap.deliver(self, data)

    def over_ns(self, count: int) -> int:
        """Return when so many bytes were over, or will be, counted since the line was idle [ns]."""
        return self._start_ns + self.settings.wire_ns(count)

    def discard(self) -> None:
        """Stop sending: bytes that are not over are never sent."""
        self.advance()
        self._queue.clear()
        if self._due is not None:
            self._due.cancel()
            self._due = None

    def _plan(self) -> None:
        if self._due is None and self._queue:
            count = self.arrived + min(self.pieces[self.arrived > 0], len(self._queue))
            self._due = self._instants.call_at(self.over_ns(count), Phase.INPUTS, self.name, self._arrive)

    def _arrive(self) -> None:
        self._due = None
        self.advance()
        self._plan()


class Port:
    """A device's serial port (``emulators.kit.host.SerialPort``); a talker's has a line, a reader's a tap."""

    def __init__(
        self,
        settings: SerialSettings,
        line: SerialLine | None,
        closed: Callable[[], None],
        adapter: Adapter | None = None,
    ) -> None:
        self.settings = settings
        self._line, self._closed, self._adapter = line, closed, adapter
        self._is_open = True

    def on_data_request(self, changed: Callable[[bool], None]) -> bool:
        """Return whether the reader asks for data now, and call back whenever that changes."""
        if self._adapter is None:
            return True
        self._adapter.changed = changed
        return self._adapter.is_requested

    def write(self, data: bytes) -> None:
        """Send bytes."""
        if self._is_open and self._line is not None:
            self._line.write(data, self.settings)

    def discard(self) -> None:
        """Stop sending at once."""
        if self._is_open and self._line is not None:
            self._line.discard()

    def close(self) -> None:
        """Close the port."""
        if self._is_open:
            self.discard()
            self._is_open = False
            self._closed()


class SerialLines:
    """Every serial line of a site.

    Args:
        loop: The clock.
        instants: The agenda.
        cables: (port label, talker, reader) of each cable.
        talkers: (port label, device) of those that send.
        outside: Cables to a reader at a real serial port, by talker.
        trace: Takes a talker, an event and its fields.
    """

    def __init__(
        self,
        loop: FarmLoop,
        instants: Instants,
        cables: Iterable[tuple[str, str, str]],
        talkers: Iterable[tuple[str, str]],
        *,
        outside: Mapping[tuple[str, str], Link],
        trace: Callable[..., None],
    ) -> None:
        self._loop = loop
        self._instants = instants
        self._outside = outside
        self._trace = trace
        self._cables = tuple(cables)
        self._lines = {talker: SerialLine(instants, talker[1]) for talker in talkers}
        self._readers: dict[tuple[str, str], Reader] = {}
        self._free_ends: dict[tuple[str, str], FreeEnd] = {}
        self.adapters: dict[tuple[str, str], Adapter] = {}
        self._listeners: list[Reader] = []
        self._cut: defaultdict[str, set[str]] = defaultdict(set)  # by reader
        self.settings: dict[tuple[str, str], SerialSettings] = {}

    async def open(self, name: str, label: str, settings: SerialSettings, receive: Callable[[bytes], None]) -> Port:
        """Open a device's port.

        Raises:
            ScenarioError: It is on a real serial port that cannot be opened.
        """
        key = (label, name)
        line = self._lines.get(key)
        if line is not None:
            adapter = await self._adapter(key, line, settings)
            self.settings[key] = settings
            return Port(settings, line, lambda: self.settings.__delitem__(key), adapter)
        lines = [self._lines[label, talker] for at, talker, reader in self._cables if (at, reader) == key]
        reader = Reader(self._loop, settings, receive)
        reader.cuts = self._cut[name]
        self._readers[key] = reader
        tap = Collision(reader, lines) if len(lines) > 1 else reader
        for one in lines:
            one.add(tap)

        def closed() -> None:
            for one in lines:
                one.advance()
                one.taps.remove(tap)
            tap.close()

        return Port(settings, None, closed)

    async def _adapter(self, key: tuple[str, str], line: SerialLine, settings: SerialSettings) -> Adapter | None:
        """Return the real serial port that a talker's line goes to; it stays open until the farm stops."""
        link = self._outside.get(key)
        if link is None or link.port is None or key in self.adapters:
            return self.adapters.get(key)
        # Only here, for a device's own process has neither real ports nor a site.
        from hil.lines.adapter import Adapter  # noqa: PLC0415
        from hil.site import OUTSIDE as FAR_END  # noqa: PLC0415

        def told(trouble: str) -> None:
            self._trace(key[1], "serial_port", state="gone" if trouble else "back")

        adapter = Adapter(
            self._loop, key[1], port=link.port, data_request=link.data_request, settings=settings, told=told
        )
        adapter.cuts = self._cut[FAR_END]
        await adapter.open()
        self.adapters[key] = adapter
        line.add(adapter, OUTSIDE)
        return adapter

    def listen(
        self, name: str, label: str, receive: Callable[[bytes], None], settings: SerialSettings | None = None
    ) -> None:
        """Let the tester listen to a talker, on an outlet of the splitter that nobody cuts.

        Args:
            name: The talker.
            label: Of its port.
            receive: Gets what arrives.
            settings: Of the tester's port, None = as the talker's.
        """
        tap = Reader(self._loop, settings, receive)
        self._listeners.append(tap)
        self._lines[label, name].add(tap)

    def free_end(self, name: str, label: str) -> FreeEnd | None:
        """Return the path at which other programs hear a talker; None while its port is closed."""
        key = (label, name)
        if key not in self._free_ends:
            if key not in self.settings:
                return None
            self._free_ends[key] = FreeEnd(self.settings[key])
            self._lines[key].add(self._free_ends[key], OUTSIDE)
        return self._free_ends[key]

    def ports(self) -> dict[str, dict[str, Any]]:
        """Return the real serial ports by talker, as :meth:`Adapter.describe`."""
        return {name: adapter.describe() for (_, name), adapter in self.adapters.items()}

    def ends(self, name: str, other: str | None) -> list[tuple[str, str, str]]:
        """Return the cables of a device, or those between two devices."""
        wanted = {name} if other is None else {name, other}
        return [cable for cable in self._cables if wanted <= set(cable[1:])]

    def cut(self, cables: Iterable[tuple[str, str, str]]) -> None:
        """Pull cables; what has come over before is heard."""
        for label, talker, reader in cables:
            self._lines[label, talker].advance()
            self._cut[reader].add(talker)
        self._look_again()

    def restore(self, cables: Iterable[tuple[str, str, str]]) -> None:
        """Plug cables in again; what was sent meanwhile is lost."""
        for label, talker, reader in cables:
            self._lines[label, talker].advance()
            self._cut[reader].discard(talker)
        self._look_again()

    def _look_again(self) -> None:
        for adapter in self.adapters.values():
            adapter.look_again()

    async def close(self) -> None:
        """Close every pty and serial port that is still open."""
        taps: list[Tap] = [*self._listeners, *self._readers.values(), *self._free_ends.values()]
        for tap in taps:
            tap.close()
        for adapter in self.adapters.values():
            await adapter.closed()


def _openpty() -> tuple[int, int]:
    try:
        return os.openpty()
    except OSError as error:
        raise BenchError(f"this machine gives no pseudo-terminal for a serial line: {error}") from error
