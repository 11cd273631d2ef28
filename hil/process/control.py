"""The control channel between the bench and a device in a process of its own: messages and what they carry.

Newline-delimited JSON over TCP, each message an object with ``kind``. The bench connects to the device's control port
and begins with the run's token. A connection that begins with ``begin`` powers a device up and, when the device has
answered ``joined``, carries its terminals; what the device shows comes without asking. One that begins with ``clock``
is for questions about the clock of the device's machine, answered in order.

Currents are sent as the straight lines along which they move, not as samples: the device works out its own from the
time that it shares with the bench (the conductor's, or the machine's monotonic clock).
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from emulators.kit.parameters import ParameterError
from emulators.kit.phases import PerPhase
from hil.errors import BenchError
from hil.plant import WH_PER_AS_AND_V, Line

PORT: Final = 7301  #: Of a device.
WIRES_PORT: Final = 7303  #: Where the bench tells foreign devices what is at their terminals.
CONDUCTOR_PORT: Final = 7304
LONGEST_BYTES: Final = 1 << 22  #: Of one message.

Message = Mapping[str, Any]


class Garbage(BenchError):
    """Something on the control channel is no message."""


def ask(sock: socket.socket, kind: str, **fields: object) -> Message:
    """Send a message over a blocking connection and return the answer.

    Raises:
        Garbage: The answer is no message.
        OSError: There is none.
    """
    sock.sendall(encode(kind, **fields))
    return decode(first_line(sock))


class FarClock:
    """The monotonic clock of another machine, over a blocking connection.

    Args:
        sock: A connection that has begun with ``clock``.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock

    def read_s(self) -> float:
        """Return what it shows [s] (errors as of :func:`ask`)."""
        return float(ask(self._sock, "clock")["value"])

    def close(self) -> None:
        """Hang up."""
        self._sock.close()


def first_line(sock: socket.socket) -> bytes:
    """Return the next line of a blocking connection and leave what follows it to others; without its end at the end."""
    found = b""
    while not found.endswith(b"\n") and len(found) < LONGEST_BYTES:
        there = sock.recv(1 << 16, socket.MSG_PEEK)
        if not there:
            break
        found += sock.recv(there.find(b"\n") + 1 or len(there))
    return found


def encode(kind: str, **fields: object) -> bytes:
    """Return a message as one line."""
    return json.dumps({"kind": kind, **fields}, separators=(",", ":")).encode() + b"\n"


def decode(line: bytes) -> Message:
    """Return the message in a line.

    Raises:
        Garbage: It is none.
    """
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        message = None
    if not isinstance(message, dict) or not isinstance(message.get("kind"), str) or not line.endswith(b"\n"):
        raise Garbage(f"{line[:80]!r} is no message of the control channel.")
    return message


async def messages(reader: asyncio.StreamReader) -> AsyncIterator[Message]:
    """Yield the messages of a connection up to its end.

    Raises:
        Garbage: Something else came.
    """
    while True:
        try:
            line = await reader.readline()
        except ConnectionError:
            return
        except ValueError:
            raise Garbage(f"a message of the control channel is longer than {LONGEST_BYTES} bytes.") from None
        if not line:
            return
        yield decode(line)


@dataclass(frozen=True, slots=True)
class TerminalState:
    """What is at a device's terminals, from a moment on until the next such message.

    Attributes:
        at_ns: The moment, farm time [ns].
        lines: The lines along which the currents in L1, L2, L3 move.
        forward_wh: Energy that went through each conductor, away from the supply, up to the moment [Wh].
        backward_wh: The same towards the supply [Wh].
        voltage_v: Voltage at each conductor [V].
        nominal_v: Voltage of the site, by which energy is counted [V].
    """

    at_ns: int
    lines: tuple[Line, Line, Line]
    forward_wh: PerPhase
    backward_wh: PerPhase
    voltage_v: PerPhase
    nominal_v: float

    @classmethod
    def idle(cls, nominal_v: float) -> TerminalState:
        """Return terminals under voltage at which nothing flows."""
        nothing = (Line(0, 0.0),) * 3
        return cls(0, nothing, PerPhase.zero(), PerPhase.zero(), PerPhase.all(nominal_v), nominal_v)

    def currents_a(self, now_ns: int) -> PerPhase:
        """Return the signed currents [A]; a line that has ended stays where it ended."""
        return PerPhase(*(line.at(_until(line, now_ns)) for line in self.lines))

    def energy_wh(self, now_ns: int) -> tuple[PerPhase, PerPhase]:
        """Return the energies forward and backward since the start [Wh]."""
        now_ns = max(now_ns, self.at_ns)
        forward, backward = [], []
        for line in self.lines:
            end_ns = _until(line, now_ns)
            ahead_as, back_as = line.charge_as(self.at_ns, end_ns)
            more_as, less_as = Line(end_ns, line.at(end_ns)).charge_as(end_ns, now_ns)
            forward.append((ahead_as + more_as) * self.nominal_v * WH_PER_AS_AND_V)
            backward.append((back_as + less_as) * self.nominal_v * WH_PER_AS_AND_V)
        return self.forward_wh + PerPhase(*forward), self.backward_wh + PerPhase(*backward)

    def differs(self, before: TerminalState | None) -> bool:
        """Return whether a device that knows ``before`` has to be told."""
        return before is None or (before.voltage_v, before.courses(self.at_ns)) != (
            self.voltage_v,
            self.courses(self.at_ns),
        )

    def courses(self, now_ns: int) -> list[tuple[float, float, int | None]]:
        """Return each line from a moment on, however it was anchored: current, slope, end."""
        return [(round(line.at(now_ns), 9), line.slope_a_per_s, line.until_ns) for line in self.lines]

    def as_fields(self) -> dict[str, object]:
        """Return it for a message."""
        return {
            "at_ns": self.at_ns,
            "lines": [[line.t0_ns, line.a, line.slope_a_per_s, line.until_ns] for line in self.lines],
            "forward_wh": [*self.forward_wh],
            "backward_wh": [*self.backward_wh],
            "voltage_v": [*self.voltage_v],
            "nominal_v": self.nominal_v,
        }

    @classmethod
    def of(cls, fields: Message) -> TerminalState:
        """Return what a message carries."""
        l1, l2, l3 = (Line(*line) for line in fields["lines"])
        return cls(
            fields["at_ns"],
            (l1, l2, l3),
            PerPhase(*fields["forward_wh"]),
            PerPhase(*fields["backward_wh"]),
            PerPhase(*fields["voltage_v"]),
            fields["nominal_v"],
        )


def _until(line: Line, now_ns: int) -> int:
    return now_ns if line.until_ns is None else min(now_ns, line.until_ns)


def refusal(error: Exception) -> dict[str, object]:
    """Return what an answer says of an error that is the asker's to see."""
    if isinstance(error, ParameterError):
        return {"parameter": error.parameter, "message": error.message, "allowed": error.allowed}
    return {"message": str(error), "system": isinstance(error, OSError)}


def refused(answer: Message) -> Exception:
    """Return the error that an answer speaks of."""
    error = answer["refused"]
    if "parameter" in error:
        return ParameterError(error["parameter"], error["message"], error["allowed"])
    return OSError(error["message"]) if error.get("system") else ValueError(error["message"])
