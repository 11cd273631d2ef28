"""What a bench gives to a device: time, randomness, addresses, tasks, a trace, and the wires.

A device is written against these protocols alone, so it runs unchanged in one process with its neighbours, in a
container of its own, or beside real hardware.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final, Protocol

from emulators.kit.phases import PerPhase
from emulators.kit.pilot import Offer, PilotState

if TYPE_CHECKING:
    import asyncio  # a command that runs nothing does without

NS_PER_S: Final = 1_000_000_000


class Phase(IntEnum):
    """The order of things that happen in the same instant; ties are broken by device name."""

    INPUTS = 0
    DEVICES = 1
    VEHICLES = 2
    PLANT = 3
    METERS = 4


class Cancel(Protocol):
    """A scheduled call that can be taken back."""

    def cancel(self) -> None: ...


class UdpGroup(Protocol):
    """A LAN's broadcast domain as one device sees it; datagrams of another run are never seen."""

    def send(self, payload: bytes) -> None:
        """Send one datagram to every other member of the group."""
        ...

    def send_to(self, address: str, payload: bytes) -> None:
        """Send one datagram to the member with this site address."""
        ...

    def close(self) -> None:
        """Leave the group."""
        ...


@dataclass(frozen=True, slots=True)
class SerialSettings:
    """How a serial line is set.

    Attributes:
        baudrate: Bits per second.
        bytesize: Data bits.
        parity: ``N``, ``E`` or ``O``.
        stopbits: Stop bits.
    """

    baudrate: int = 115200
    bytesize: int = 8
    parity: str = "N"
    stopbits: int = 1

    @property
    def bits_per_byte(self) -> int:
        """Return how many bits one byte takes on the wire, start, parity and stop bits included."""
        return 1 + self.bytesize + (self.parity != "N") + self.stopbits

    @property
    def format(self) -> str:
        """Return data bits, parity and stop bits as people write them: ``8N1``."""
        return f"{self.bytesize}{self.parity}{self.stopbits}"

    def wire_ns(self, count: int) -> int:
        """Return how long bytes that follow each other are on the wire [ns], rounded up."""
        return -(-count * self.bits_per_byte * NS_PER_S // self.baudrate)

    def bytes_in(self, duration_ns: int) -> int:
        """Return how many bytes are over after a time on the wire."""
        return duration_ns * self.baudrate // (self.bits_per_byte * NS_PER_S)

    def __str__(self) -> str:
        return f"{self.baudrate} {self.format}"


class SerialPort(Protocol):
    """A device's serial port; what arrives goes to the callback that opened it."""

    def write(self, data: bytes) -> None:
        """Send bytes; they arrive over the time the wire takes. What nobody reads is lost."""
        ...

    def on_data_request(self, changed: Callable[[bool], None]) -> bool:
        """Return whether the reader asks for data now, and call back whenever that changes.

        On a pseudo-terminal, which has no modem lines, it always does.
        """
        ...

    def discard(self) -> None:
        """Stop sending at once: what is not over the wire yet is never sent."""
        ...

    def close(self) -> None:
        """Close the port, which stops sending; may be called twice."""
        ...


class ChargerWiring(Protocol):
    """A charging point's terminals: control pilot, contactor, its own current transformers."""

    def set_offer(self, offer: Offer) -> None:
        """Drive the control pilot."""
        ...

    def pilot_state(self) -> PilotState:
        """Return what the vehicle makes of the pilot: A (nobody there), B, C, D, E."""
        ...

    def on_pilot(self, callback: Callable[[PilotState], None]) -> None:
        """Call back, in the devices' phase, when the vehicle changes the pilot state."""
        ...

    def set_contactor(self, closed: bool) -> None:
        """Close or open the contactor."""
        ...

    def currents_a(self) -> PerPhase:
        """Return the currents in the socket's conductors L1, L2, L3 now [A]."""
        ...

    def energy_wh(self) -> PerPhase:
        """Return the energy that went through the socket's conductors since the start [Wh]."""
        ...

    def voltage_v(self) -> PerPhase:
        """Return the voltage at the socket's conductors [V]."""
        ...

    def cable_a(self) -> float | None:
        """Return the current rating of the plugged cable [A], None without a plug."""
        ...


class MeterWiring(Protocol):
    """A meter's terminals at one node of the installation; positive is import from the supply."""

    def currents_a(self) -> PerPhase:
        """Return the signed currents now [A], positive = flowing away from the supply."""
        ...

    def neutral_a(self) -> float:
        """Return the RMS current in the neutral [A]."""
        ...

    def voltage_v(self) -> PerPhase:
        """Return the voltages L-N [V]."""
        ...

    def import_wh(self) -> PerPhase:
        """Return imported energy per phase since the start [Wh]."""
        ...

    def export_wh(self) -> PerPhase:
        """Return exported energy per phase since the start [Wh]."""
        ...


class UnreadableMemory(ValueError):
    """What a device kept is damaged; the text says how, without a path."""


class Memory(Protocol):
    """What a device keeps without power, beside its parameters: a text under each name."""

    def read(self, name: str) -> str | None:
        """Return what was kept, None for nothing.

        Raises:
            UnreadableMemory: Something is there that is no text, or may not be read.
        """
        ...

    def set_aside(self, name: str) -> None:
        """Put what was kept where a person finds it and this device does not."""
        ...

    def write(self, name: str, text: str) -> None:
        """Keep a text in the place of the one before."""
        ...


class Host(Protocol):
    """A device's view of the bench it runs on."""

    name: str
    rng: random.Random

    @property
    def memory(self) -> Memory:
        """Return what outlives this device's power."""
        ...

    def now_ns(self) -> int:
        """Return farm time since the scenario's start [ns]."""
        ...

    def utc(self) -> datetime:
        """Return the site's UTC time: its epoch plus farm time."""
        ...

    def spawn(self, work: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
        """Run a task that the bench watches: when it dies of an error, the run fails with its traceback."""
        ...

    def call_at(self, when_ns: int, callback: Callable[[], None], *, phase: Phase = Phase.DEVICES) -> Cancel:
        """Call back at a farm time, in the given phase of that instant."""
        ...

    def every(self, period_s: float, callback: Callable[[], None], *, phase: Phase = Phase.DEVICES) -> Cancel:
        """Call back at ``start + k * period`` for k = 1, 2, ..."""
        ...

    def trace(self, event: str, **fields: object) -> None:
        """Write one state event of this device into the run's trace."""
        ...

    def frame_hook(self, protocol: str) -> Callable[[str, str], None] | None:
        """Return where decoded frames of a protocol go, as ``hook("rx" or "tx", text)``; None: nowhere."""
        ...

    def listen_at(self, port: int) -> tuple[str, int]:
        """Return where this device's server for a documented port has to listen."""
        ...

    def resolve(self, address: str, port: int) -> tuple[str, int]:
        """Return where a site address and documented port are reached on this bench."""
        ...

    def reaches(self, address: str) -> bool:
        """Return whether a site address is in a network of one of this device's interfaces: others take a gateway."""
        ...

    def site_address(self, local: str) -> str:
        """Return the site address that an address of this bench stands for, such as that of who has connected."""
        ...

    def source_address(self) -> str:
        """Return the local address this device's own connections come from."""
        ...

    def reaches_outside(self) -> bool:
        """Return whether connections get out of the farm: in real time only, for nobody there keeps farm time."""
        ...

    async def udp_group(self, port: int, receive: Callable[[bytes, str], None]) -> UdpGroup:
        """Join the device's LAN on a port; ``receive`` gets the payload and the sender's site address."""
        ...

    async def serial_port(self, label: str, settings: SerialSettings, receive: Callable[[bytes], None]) -> SerialPort:
        """Open the serial port with this label (``P1``); with no cable in it nothing arrives and nothing is heard."""
        ...

    def charger_wiring(self, socket: int = 1) -> ChargerWiring:
        """Return the terminals of one of this charger's sockets, counted from 1."""
        ...

    def meter_wiring(self) -> MeterWiring:
        """Return the terminals of this meter."""
        ...

    def authority(self) -> tuple[bytes, bytes]:
        """Return the run's certificate authority, certificate and key as PEM, the same for every device of the run."""
        ...

    def contact(self, name: str) -> bool:
        """Return whether a potential-free contact wired to this device is closed (energised)."""
        ...
