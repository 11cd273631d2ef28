"""What every charger does: power up and down, obey its models at its sockets, tell its backend, read cards.

A family brings a model for each socket (a :class:`Point`) and what is its own: servers, meters, what it shows. From top
to bottom: power, what a person does, what happens, what is done about it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AsyncExitStack
from functools import partial
from typing import Final, Protocol

from emulators.kit.family import DeviceConfig
from emulators.kit.hmi import Hmi
from emulators.kit.host import Cancel, Host
from emulators.kit.ocpp.point.equipment import Readings
from emulators.kit.ocpp.shell.sockets import Sockets
from emulators.kit.ocpp.shell.station import OcppStation
from emulators.kit.parameters import ParameterStore, ParameterTable, Value
from emulators.kit.pilot import NO_OFFER, Output, PilotState

TICK_S: Final = 1.0  #: Everything that is looked at again and again: own meters, pages, reports (assumed).


class Point(Protocol):
    """What decides at one socket: a family's model, without I/O.

    Attributes:
        profile_a: What the backend's charging profiles allow, None for everything [A].
        permitted: Whether the backend lets it charge; always, without a backend.
        signalled_a: What the pilot signals, 0 for nothing [A].
    """

    profile_a: float | None
    permitted: bool

    @property
    def signalled_a(self) -> float: ...

    def in_trace(self) -> dict[str, object]:
        """Return what is signalled and which limit decides, as the trace has it."""
        ...

    def pilot_changed(self, now_ns: int, state: PilotState, cable_a: float | None) -> None:
        """Take a new pilot state from the vehicle, and the rating of its cable [A]."""
        ...

    def advance_to(self, now_ns: int) -> Output:
        """Work out what to offer now, and return what the terminals do."""
        ...

    def next_deadline_ns(self) -> int | None:
        """Return when :meth:`advance_to` must be called at the latest, if ever."""
        ...


class Charger(ABC):
    """A charger on a host (:class:`emulators.kit.device.Device`, :class:`~emulators.kit.device.CardReader`).

    Args:
        host: The bench.
        config: What the site says.
        table: Its parameters.
        values: What is saved of them at first, where it is not the default.

    Attributes:
        backend: Its half of OCPP since it was powered up, None for a charger that is set up for none.
        opened: Closes at power-down what was opened since, the last one first.
    """

    def __init__(self, host: Host, config: DeviceConfig, table: ParameterTable, values: Mapping[str, Value]) -> None:
        self.name = config.name
        self.hmi = Hmi(host)
        self.parameters = ParameterStore(table, values)
        self.backend: OcppStation | None = None
        self.opened = AsyncExitStack()
        self._host, self._config = host, config
        self._wirings = {socket.number: host.charger_wiring(socket.number) for socket in config.sockets}
        self._sockets = Sockets(host, self, self._wirings)
        self._points: Mapping[int, Point] = {}  # since it was powered up
        self._outputs: dict[int, Output] = {}  # what was done last, by socket
        self._running = False
        self._ticking: Cancel | None = None
        self._deadline: Cancel | None = None  # when a model has to decide anew at the latest
        for number, wiring in self._wirings.items():
            wiring.on_pilot(partial(self._on_pilot, number))

    # --- what is a family's own

    @abstractmethod
    def power_up(self, now_ns: int) -> Mapping[int, Point]:
        """Begin anew; return the model of each socket."""

    def backend_of(self, _sockets: Sockets) -> OcppStation | None:
        """Return its half of OCPP, None where it is set up for no backend: then charging is free."""
        return None

    @abstractmethod
    async def open(self) -> None:
        """Start its servers and clients; what stops each of them goes to :attr:`opened` before."""

    @abstractmethod
    def tick(self) -> None:
        """Look again; called every :data:`TICK_S`."""

    @abstractmethod
    def show(self) -> None:
        """Let display and LEDs follow."""

    def phase_order(self, socket: int) -> str:
        """Return how a socket hangs on the grid, as the device believes."""
        return next(one.phase_order for one in self._config.sockets if one.number == socket)

    def readings(self, _socket: int, measured: Readings) -> Readings:
        """Return what a socket's meter shows, completed by what else the device measures there."""
        return measured

    def maximum_a(self, _socket: int) -> float | None:
        """Return what a socket can offer now by the device's settings [A per phase]; None: as it was made."""
        return None

    # --- power

    async def start(self) -> None:
        """Power up: servers, clients, backend."""
        now_ns = self._host.now_ns()
        self._outputs = {}
        self._points = self.power_up(now_ns)
        self.backend = self.backend_of(self._sockets)
        self._running = True
        await self.open()
        for number, point in self._points.items():
            wiring = self._wirings[number]
            point.pilot_changed(now_ns, wiring.pilot_state(), wiring.cable_a())
        if self.backend is not None:
            self.opened.push_async_callback(self.backend.stop)
            self.backend.start()
            for number, wiring in self._wirings.items():
                self.backend.pilot_changed(number, wiring.pilot_state())
        self._ticking = self._host.every(TICK_S, self.tick)
        self.update()

    async def stop(self) -> None:
        """Power down: contactors open, nothing offered, every connection closed."""
        if not self._running:
            return
        self._running = False
        for due in (self._ticking, self._deadline):
            if due is not None:  # it was stopped on its way up
                due.cancel()
        opened, self.opened = self.opened, AsyncExitStack()
        await opened.aclose()
        for wiring in self._wirings.values():
            wiring.set_contactor(False)
            wiring.set_offer(NO_OFFER)

    async def restart(self) -> None:
        """Restart: unsaved edits are lost, saved parameters act."""
        if self._running and self.backend is not None:
            self.backend.restarting()
        await self.stop()
        self.parameters.restart()
        await self.start()

    # --- what a person does

    def parameters_changed(self) -> None:
        """Let saved parameters that need no restart act."""
        self.refresh()

    def card(self, id_tag: str) -> None:
        """Take a card at the RFID reader; without a backend charging is free, and nothing happens."""
        self._host.trace("card", id_tag=id_tag)
        if self.backend is not None:
            self.backend.card(id_tag)

    # --- what happens

    def refresh(self) -> None:
        """Let a written register, or what the backend allows, act."""
        if self._running:
            self.update()

    def pilot_changed(self, socket: int, state: PilotState) -> None:
        """Take a new pilot state from a socket's vehicle."""
        self._points[socket].pilot_changed(self._host.now_ns(), state, self._wirings[socket].cable_a())
        if self.backend is not None:
            self.backend.pilot_changed(socket, state)
        self.update()

    def _on_pilot(self, socket: int, state: PilotState) -> None:
        if self._running:
            self.pilot_changed(socket, state)

    # --- what is done about it

    def update(self) -> None:
        """Let the models decide, and do what they say."""
        now_ns = self._host.now_ns()
        if self.backend is not None:
            for number, point in self._points.items():
                point.profile_a, point.permitted = self.backend.limit_a(number), self.backend.may_charge(number)
        for number, point in self._points.items():
            self._obey(number, point, now_ns)
        if self.backend is not None:
            for number, point in self._points.items():
                self.backend.offered(number, point.signalled_a)
        self.show()
        if self._deadline is not None:
            self._deadline.cancel()
        deadlines = [due_ns for point in self._points.values() if (due_ns := point.next_deadline_ns()) is not None]
        due_ns = max(min(deadlines), now_ns + 1) if deadlines else None
        self._deadline = None if due_ns is None else self._host.call_at(due_ns, self.update)

    def _obey(self, number: int, point: Point, now_ns: int) -> None:
        """Let one model decide; at the terminals only what changes is done."""
        before, last = point.in_trace(), self._outputs.get(number)
        output = point.advance_to(now_ns)
        if last is None or output.offer != last.offer:
            self._wirings[number].set_offer(output.offer)
        if last is None or output.contactor != last.contactor:
            self._wirings[number].set_contactor(output.contactor)
            self._trace(number, "contactor", closed=output.contactor)
        self._outputs[number] = output
        if (signalled := point.in_trace()) != before:
            self._trace(number, "signalled", **signalled)

    def _trace(self, socket: int, event: str, **fields: object) -> None:
        """Write a socket's event; a charger's only socket needs no number."""
        numbered = {"socket": socket} if len(self._wirings) > 1 else {}
        self._host.trace(event, **numbered, **fields)
