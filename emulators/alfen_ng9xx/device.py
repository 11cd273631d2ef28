"""Binds the station to its P1 port, a Modbus TCP meter and the Modbus TCP slave. No behaviour in here.

:mod:`model` decides what is offered, :mod:`meter` reads meters, :mod:`display` says what the station shows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final, cast

from emulators.alfen_ng9xx.backend import backend_of, identity_of
from emulators.alfen_ng9xx.display import display_text, led_text, live_monitoring
from emulators.alfen_ng9xx.faults import FAULTS
from emulators.alfen_ng9xx.meter import P1Port, meter_of
from emulators.alfen_ng9xx.model import MODBUS, SINGLE_PHASE, Station
from emulators.alfen_ng9xx.registers import (
    ABSENT,
    BLOCKS,
    BOARD_C,
    FREQUENCY_HZ,
    Registers,
    SocketMeter,
    StationFacts,
)
from emulators.kit.charger import Charger, Point
from emulators.kit.family import DeviceConfig
from emulators.kit.host import NS_PER_S, Host, SerialSettings
from emulators.kit.modbus import ModbusServer
from emulators.kit.modbus.client import ModbusClient, ModbusFault
from emulators.kit.modbus.poller import Poller
from emulators.kit.ocpp.point.equipment import Readings
from emulators.kit.ocpp.shell.sockets import Sockets
from emulators.kit.ocpp.shell.station import OcppStation
from emulators.kit.parameters import ParameterError, ParameterTable
from emulators.kit.phases import SINGLE_PHASE_ORDERS, PerPhase
from emulators.kit.readable import ReadableMeter
from emulators.kit.registers import RegisterBank, RegisterTable

FOLDER: Final = Path(__file__).parent
PARAMETERS: Final = ParameterTable.load(FOLDER / "parameters.csv")
REGISTERS: Final = RegisterTable.load(FOLDER / "registers.csv")
PORT: Final = 502
MASTERS: Final = 2  #: Modbus masters at a time (Modbus slave document v2.3).
KEEP_ALIVE_S: Final = 60  #: After this time without a request a master's connection is closed (guide 5.3.1.2).
UNKNOWN_UNIT: Final = 0x0B  #: Exception for another unit than 200 and 1 (assumed).
POLL_S: Final = 10  #: A Modbus meter is read this often (evcc-io/evcc issue 22686).
ANSWER_S: Final = 60.0  #: ... and has this long to answer (guide 9.2.2).
LICENCE: Final = "License Key features"


class AlfenNg9xx(Charger):
    """A single-socket NG9xx station on a host.

    Public observations: the Modbus slave, display, LED and device log (:attr:`hmi`), :meth:`page` (the tool's tab
    Live monitoring).
    """

    def __init__(self, host: Host, config: DeviceConfig) -> None:
        if config.variant in SINGLE_PHASE and config.phase_order not in SINGLE_PHASE_ORDERS:
            what = f"{config.phase_order} is not possible with {config.variant}, which has one phase."
            raise ParameterError("phase_order", what, f"Allowed: {', '.join(SINGLE_PHASE_ORDERS)}.")
        super().__init__(host, config, PARAMETERS, {"Phase rotation": config.phase_order} | dict(config.parameters))
        self._wiring = self._wirings[1]
        self.meter = SocketMeter(self._wiring)
        self.station = Station(self.parameters, now_ns=0, log=self.hmi.log)
        self._server: ModbusServer | None = None
        self._asked_ns: int | None = None  # when a Modbus master has spoken last
        self._p1 = P1Port()

    # --- as every charger

    def power_up(self, now_ns: int) -> Mapping[int, Point]:
        """Begin anew: a setpoint is forgotten."""
        self.station = Station(self.parameters, now_ns=now_ns, log=self.hmi.log)
        self.meter.sample(now_ns)
        self._server, self._asked_ns, self._p1 = None, None, P1Port()
        return {1: self.station}

    def backend_of(self, sockets: Sockets) -> OcppStation | None:
        """Return its half of OCPP, None without a back office."""
        return backend_of(self._host, self._config, self.parameters, sockets, log=self.hmi.log)

    async def open(self) -> None:
        """Start the Modbus slave, and read the meter that the parameters name."""
        self.hmi.log(f"Booted, firmware {self._config.firmware}")
        if self.station.serves_modbus:
            await self._serve()
        if self.station.balancer is not None:
            await self._open_meter()

    def tick(self) -> None:
        """Measure."""
        self.meter.sample(self._host.now_ns())
        self.station.measured(self.meter.currents_a)
        self.update()

    def update(self) -> None:
        """Let the station decide, and do what it says."""
        if self.backend is not None:
            self.station.reaches_back_office = self.backend.connected
        super().update()

    def show(self) -> None:
        """Let display and LED follow."""
        connector_a = self.parameters.number("Connector 1 max current")
        self.hmi.show(display_text(self.station, self.meter.power_w, connector_a))
        self.hmi.light("status", led_text(self.station, self.meter.currents_a))

    def phase_order(self, _socket: int) -> str:
        """Return how its socket hangs on the grid, as the parameter says."""
        return self.parameters.text("Phase rotation")

    # --- what a person does and sees

    def parameters_changed(self) -> None:
        """Let saved parameters that need no reboot act; another licence reboots the station by itself (guide 2.2.1)."""
        if self.parameters.shown(LICENCE) != self.parameters.text(LICENCE):
            self._host.spawn(self.restart(), name=f"{self.name} reboots with another licence")
        else:
            self.refresh()

    def page(self) -> Mapping[str, str]:
        """Return what the installer tool's Live monitoring tab shows, as text by field."""
        spoken = self._asked_ns is not None and self._host.now_ns() - self._asked_ns <= KEEP_ALIVE_S * NS_PER_S
        shown = live_monitoring(self.station, self.meter.currents_a, ems_in_use=spoken)
        if self.backend is None:
            return shown
        return {**shown, "Back office": self.backend.connection_text}

    def explain(self) -> str:
        """Return in one sentence what is offered, since when, and which limit decides."""
        station = self.station
        text = f"{self.name} offers {station.signalled_a:g} A, limited by {station.binding.value}"
        if station.source_lost:
            text += f"; {station.lost_text}"
        return text + f" (since {station.since_ns / NS_PER_S:g} s farm time)."

    async def fault(self, kind: str | None) -> None:
        """Refuse (raises ValueError): a station's faults come from outside (meter, cable, vehicle)."""
        if kind is not None:
            FAULTS.parse(self.name, kind)

    # --- what its back office hears of it

    def readings(self, _socket: int, measured: Readings) -> Readings:
        """Return what the socket's own meter shows, with what else stands in its registers."""
        factor = self.meter.value("power_factor_sum", self._host.now_ns(), len(self.station.wired))
        return replace(
            measured, frequency_hz=FREQUENCY_HZ, total_power_factor=cast(float, factor), temperature_c=BOARD_C
        )

    def maximum_a(self, _socket: int) -> float:
        """Return the most that its socket can offer [A]."""
        return self.station.socket_a()

    # --- Modbus TCP slave

    def _facts(self) -> StationFacts:
        return StationFacts(
            identity=identity_of(self.parameters, self.name),
            firmware=self._config.firmware,
            utc=lambda: self._host.utc() if self.backend is None else self.backend.utc,
            is_operative=lambda: self.backend is None or self.backend.is_operative(1),
        )

    async def _serve(self) -> None:
        registers = Registers(self.station, self.meter, self._host, self._facts(), self.update)
        table = REGISTERS.select(self._config.firmware)
        banks = {
            unit: RegisterBank(
                table.of_unit(unit),
                registers.read,
                registers.write,
                blocks=blocks,
                whole_writes=True,
                absent_word=ABSENT,
            )
            for unit, blocks in BLOCKS.items()
        }
        self._server = ModbusServer(
            banks.get,
            frozenset({3, 6, 16}),
            on_frame=self._host.frame_hook("modbus"),
            on_bad_request=lambda why: self._host.trace("modbus_bad_request", why=why),
            on_activity=self._master_spoke,
            unknown_unit=UNKNOWN_UNIT,
            connection_limit=MASTERS,
            idle_timeout_s=KEEP_ALIVE_S,
        )
        self.opened.push_async_callback(self._server.stop)
        await self._server.start(*self._host.listen_at(PORT))

    def _master_spoke(self) -> None:
        self._asked_ns = self._host.now_ns()

    # --- smart meter

    async def _open_meter(self) -> None:
        if self.station.protocol == MODBUS:
            address, meter = self.parameters.text("IP address"), meter_of(self.parameters)
            poller = Poller(
                self._host,
                (address, PORT),
                lambda client: self._ask(client, meter, address),
                name=f"{self.name} polls its smart meter",
                period_s=POLL_S,
                timeout_s=ANSWER_S,
            )
            self.opened.push_async_callback(poller.stop)
            poller.start()
        elif self.parameters.text("RJ11-Mode") == "DSMR P1":
            port = await self._host.serial_port("P1", SerialSettings(), self._receive)
            self.opened.callback(port.close)

    def _receive(self, data: bytes) -> None:
        if not self._running:
            return
        readings = self._p1.receive(data, self._wiring.currents_a())
        for line in self._p1.complaints(self._host.now_ns()):
            self.hmi.log(line)
        for meter_a, own_a in readings:
            self._read(meter_a, own_a)

    async def _ask(self, client: ModbusClient, meter: ReadableMeter, address: str) -> None:
        own_a = self._wiring.currents_a()
        self.station.meter_asked(self._host.now_ns())
        self.update()
        try:
            # A meter that is lost already is asked anew with each poll, so that it is found again soon.
            async with asyncio.timeout(POLL_S if self.station.source_lost else ANSWER_S):
                answers = [await client.read_holding(first, count, meter.unit) for first, count in meter.requests]
        except (ModbusFault, TimeoutError):
            client.close()
            meter_a = None
        else:
            meter_a = meter.currents_a(answers)
        if meter_a is None:
            self.hmi.log(f"Communication error for modbus unit {PORT} ({address};{PORT})")
        else:
            self._read(meter_a, own_a)

    def _read(self, meter_a: PerPhase, own_a: PerPhase) -> None:
        before = self.station.balancer.meter_a if self.station.balancer is not None else None
        self.station.reading(self._host.now_ns(), meter_a, own_a)
        if meter_a != before:
            l1_a, l2_a, l3_a = meter_a
            self._host.trace("smart_meter", l1_a=l1_a, l2_a=l2_a, l3_a=l3_a)
        self.update()
