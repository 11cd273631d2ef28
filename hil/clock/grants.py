"""What members of a lock-step run and their conductor say to each other: small binary messages over TCP.

A message is its length, its kind and its content. All a conductor has to know of the traffic between members is how
much each of them has sent where since it was last asked: counts, keyed by what a packet's header has.
"""

from __future__ import annotations

import json
import math
import select
import socket
import struct
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from enum import IntEnum
from typing import Any, Final

from hil.errors import BenchError

LONGEST_BYTES: Final = 1 << 22
"""Of one message."""

HELLO_TIMEOUT_REAL_S: Final = 10.0

Counts = dict[bytes, int]
"""Bytes and goodbyes of a TCP direction, connects, or datagrams, by `key`."""

_HEAD: Final = struct.Struct("<IB")
_BODY: Final = struct.Struct("<dB")
_COUNT: Final = struct.Struct("<13sI")
_KEY: Final = struct.Struct(">c4sH4sH")


class Traffic:
    """Kinds of what is counted; the first byte of a key."""

    STREAM: Final = b"T"  #: Bytes of a TCP connection, and one for its FIN.
    CONNECT: Final = b"S"
    DATAGRAM: Final = b"U"


class MessageKind(IntEnum):
    """Kinds of messages."""

    HELLO = 1  #: A member's first; JSON.
    WELCOME = 2  #: The CPU on which all members shall run, as text.
    REFUSED = 3  #: Why, as text.
    REPORT = 4  #: A member has nothing more to do at this instant.
    WISH = 5  #: A member that has reported would like to run: another thread has called in.
    STEP = 6  #: A member may run.


class Idle:
    """What a member says about itself in a report; bits, since an enumeration's cost a fifth of a turn."""

    PLAIN: Final = 0
    FLOWS: Final = 1  #: Somebody waits in farm time.
    SETTLES: Final = 2  #: Somebody waits for the end of this instant.
    WRITES: Final = 4  #: The other end of a connection has to read before it can go on.


class Turn:
    """How a member may run; bits."""

    PLAIN: Final = 0
    SETTLED: Final = 1  #: Everything that can happen at this instant has happened.
    CALLS_ONLY: Final = 2  #: Only what other threads have called; what has arrived stays where it is.
    LEFT: Final = 4  #: The runner is gone: there is nothing more to do but to go too.


@dataclass(frozen=True, slots=True)
class MemberHello:
    """Who a member is.

    Attributes:
        token: The run's secret.
        session: Which farm of the run.
        name: Its name in the site.
        rank: When it has its turn in an instant (``hil.clock.conductor``).
        addresses: IP addresses at which it hears.
    """

    token: str
    session: str
    name: str
    rank: int
    addresses: tuple[str, ...]

    def encode(self) -> bytes:
        """Return the message."""
        return message(MessageKind.HELLO, json.dumps(asdict(self)).encode())

    @classmethod
    def decode(cls, content: bytes) -> MemberHello:
        """Return what a message says.

        Raises:
            BenchError: It is none.
        """
        try:
            return cls.of(json.loads(content))
        except ValueError as error:
            raise BenchError(f"{content[:80]!r} is no greeting of a member: {error}") from error

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> MemberHello:
        """Return what the fields of a message say (errors as :meth:`decode`)."""
        try:
            token, session, name = (str(fields[one]) for one in ("token", "session", "name"))
            addresses = tuple(socket.inet_ntoa(socket.inet_aton(one)) for one in fields["addresses"])
            return cls(token, session, name, int(fields["rank"]), addresses)
        except (ValueError, TypeError, KeyError, OSError) as error:
            raise BenchError(f"{fields!r} is no greeting of a member: {error!r}") from error


@dataclass(frozen=True, slots=True)
class TurnReport:
    """A member has nothing more to do at this instant.

    Attributes:
        next_s: Its next timer [s of farm time], infinite without one.
        idle: What else there is to say.
        sent: What it has sent to others since its last report.
    """

    next_s: float = math.inf
    idle: int = Idle.PLAIN
    sent: Counts = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GrantedStep:
    """A member may run.

    Attributes:
        now_s: Farm time [s].
        turn: How.
        owed: What others have sent to it; it comes to rest when it has all of it, or does not want it.
    """

    now_s: float
    turn: int = Turn.PLAIN
    owed: Counts = field(default_factory=dict)


def key(traffic: bytes, source: tuple[str, int], target: tuple[str, int]) -> bytes:
    """Return what traffic from one address and port to another is counted by; of datagrams only the target counts."""
    if traffic == Traffic.DATAGRAM:
        return _KEY.pack(traffic, b"\0\0\0\0", 0, socket.inet_aton(target[0]), target[1])
    return _KEY.pack(traffic, socket.inet_aton(source[0]), source[1], socket.inet_aton(target[0]), target[1])


def target(one: bytes) -> bytes:
    """Return the packed IP address that a key's traffic goes to."""
    return one[7:11]


def address_of(one: bytes) -> tuple[str, int]:
    """Return the address and port that a key's traffic goes to."""
    _, _, _, ip, port = _KEY.unpack(one)
    return socket.inet_ntoa(ip), port


def message(kind: MessageKind, content: bytes = b"") -> bytes:
    """Return a message as it goes over the wire."""
    return _HEAD.pack(len(content), kind) + content


def encode(what: TurnReport | GrantedStep) -> bytes:
    """Return a report or a step as it goes over the wire."""
    match what:
        case TurnReport(at_s, flags, counts):
            kind = MessageKind.REPORT
        case GrantedStep(at_s, flags, counts):
            kind = MessageKind.STEP
    content = _BODY.pack(at_s, flags) + b"".join(_COUNT.pack(one, count) for one, count in counts.items())
    return _HEAD.pack(len(content), kind) + content


def report(content: bytes) -> TurnReport:
    """Return what a report says.

    Raises:
        BenchError: It is none.
    """
    next_s, flags, counts = _decode(content)
    return TurnReport(next_s, flags, counts)


def step(content: bytes) -> GrantedStep:
    """Return what a step says (errors as :func:`report`)."""
    now_s, flags, counts = _decode(content)
    return GrantedStep(now_s, flags, counts)


def _decode(content: bytes) -> tuple[float, int, Counts]:
    try:
        at_s, flags = _BODY.unpack_from(content)
        counts: Iterable[tuple[bytes, int]] = _COUNT.iter_unpack(content[_BODY.size :])
        return at_s, flags, dict(counts)
    except struct.error as error:
        raise BenchError(f"{content[:80]!r} is no message between a member and its conductor: {error}") from error


class ConductorWire:
    """One end of a connection between a member and its conductor: whole messages out, whole messages in.

    Args:
        sock: The connection; blocking.

    Attributes:
        messages: What has come and was not taken yet: kind and content.
    """

    def __init__(self, sock: socket.socket) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock = sock
        self.messages: deque[tuple[int, bytes]] = deque()
        self._rest = b""

    def send(self, data: bytes) -> None:
        """Send a message."""
        self.sock.sendall(data)

    def receive(self) -> bool:
        """Wait for input and put the messages that it completes to the others; return False at the end.

        Raises:
            BenchError: It is garbage.
        """
        try:
            data = self.sock.recv(1 << 16)
        except ConnectionError:
            return False
        if not data:
            return False
        data, start = self._rest + data if self._rest else data, 0
        while len(data) - start >= _HEAD.size:
            length, kind = _HEAD.unpack_from(data, start)
            if length > LONGEST_BYTES:
                raise BenchError(f"{data[start : start + 80]!r} is no message between a member and its conductor.")
            end = start + _HEAD.size + length
            if end > len(data):
                break
            self.messages.append((kind, data[start + _HEAD.size : end]))
            start = end
        self._rest = data[start:]
        return True

    def close(self) -> None:
        """Close the connection."""
        self.sock.close()


class Conducted:
    """A member's end: it joins, and waits for its turns.

    Args:
        address: Where the conductor is.
        hello: Who the member is.

    Raises:
        BenchError: Nobody is there, or the conductor refuses.

    Attributes:
        cpu: Where all members run: since one does at a time, handing over on one CPU takes half the time.
    """

    def __init__(self, address: tuple[str, int], hello: MemberHello) -> None:
        self._where = f"{address[0]}:{address[1]}"
        try:
            sock = socket.create_connection(address, timeout=HELLO_TIMEOUT_REAL_S)
        except OSError as error:
            raise BenchError(f"{hello.name}: no conductor at {self._where}: {error}") from error
        self._wire = ConductorWire(sock)
        try:
            self._wire.send(hello.encode())
            kind, content = self._next()
        except OSError as error:
            sock.close()
            raise BenchError(f"{hello.name}: the conductor at {self._where} does not answer: {error}") from error
        if kind != MessageKind.WELCOME:
            sock.close()
            why = content.decode(errors="replace")
            raise BenchError(f"{hello.name}: the conductor at {self._where} refuses: {why}")
        sock.settimeout(None)
        self.cpu = int(content)
        self._both, self._only_own = select.poll(), select.poll()  # made once: a turn waits thousands of times a second
        for one in (self._both, self._only_own):
            one.register(sock, select.POLLIN)

    def report(self, what: TurnReport) -> None:
        """Tell that there is nothing more to do at this instant."""
        self._wire.send(encode(what))

    def wake_by(self, wake_fd: int) -> None:
        """Take input on a file for another thread's wish to have a turn."""
        self._both.register(wake_fd, select.POLLIN)

    def await_step(self) -> GrantedStep:
        """Wait for the next turn.

        Raises:
            BenchError: The conductor has gone, or talks garbage.
        """
        own, waiting = self._wire.sock.fileno(), self._both
        while not self._wire.messages:
            if own in [fd for fd, _ in waiting.poll()]:
                self._receive()
            else:
                waiting = self._only_own
                self._wire.send(message(MessageKind.WISH))
        kind, content = self._wire.messages.popleft()
        if kind != MessageKind.STEP:
            raise BenchError(f"the conductor at {self._where} talks garbage: a message of kind {kind}.")
        return step(content)

    def close(self) -> None:
        """Leave."""
        self._wire.close()

    def _next(self) -> tuple[int, bytes]:
        while not self._wire.messages:
            self._receive()
        return self._wire.messages.popleft()

    def _receive(self) -> None:
        if not self._wire.receive():
            raise BenchError(f"the conductor at {self._where} has gone.")
