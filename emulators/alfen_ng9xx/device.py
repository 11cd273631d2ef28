"""Binds the station to its socket, its P1 port, a Modbus TCP meter and the Modbus TCP slave. No behaviour in here.

:mod:`model` decides what is offered, :mod:`meter` reads meters, :mod:`display` says what the station shows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from emulators.alfen_ng9xx.backend import backend_of
from emulators.alfen_ng9xx.display import display_text, led_text, live_monitoring
from emulators.alfen_ng9xx.faults import FAULTS
from emulators.alfen_ng9xx.meter import P1Port, meter_of
from emulators.alfen_ng9xx.model import MODBUS, Station
from emulators.alfen_ng9xx.registers import ABSENT, BLOCKS, Registers, SocketMeter
from emulators.kit.family import DeviceConfig
from emulators.kit.front import Front
from emulators.kit.host import NS_PER_S, Cancel, Host, SerialPort, SerialSettings
from emulators.kit.modbus import ModbusClient, ModbusFault, ModbusServer
from emulators.kit.parameters import ParameterError, ParameterStore, ParameterTable
from emulators.kit.phases import SINGLE_PHASE_ORDERS, PerPhase
from emulators.kit.pilot import NO_OFFER, Output, PilotState
from emulators.kit.readable import ReadableMeter
from emulators.kit.registers import RegisterBank, RegisterTable

FOLDER: Final = Path(__file__).parent
PARAMETERS: Final = ParameterTable.load(FOLDER / "parameters.csv")
REGISTERS: Final = RegisterTable.load(FOLDER / "registers.csv")
#: Model codes (leeyuentuen/alfen_wallbox const.py): three phases with socket or cable, one phase with socket or cable.
VARIANTS: Final = ("NG910-60023", "NG910-60027", "NG910-60003", "NG910-60007")
SINGLE_PHASE: Final = VARIANTS[2:]
PORT: Final = 502
MASTERS: Final = 2  #: Modbus masters at a time (Modbus slave document v2.3).
KEEP_ALIVE_S: Final = 60  #: After this time without a request a master's connection is closed (guide 5.3.1.2).
UNKNOWN_UNIT: Final = 0x0B  #: Exception for another unit than 200 and 1 (assumed).
TICK_S: Final = 1.0  #: The socket's own meter, display and LED (assumed).
POLL_S: Final = 10  #: A Modbus meter is read this often (evcc-io/evcc issue 22686).
ANSWER_S: Final = 60.0  #: ... and has this long to answer (guide 9.2.2).
LICENCE: Final = "License Key features"


class AlfenNg9xx:
    """A single-socket NG9xx station on a host.

    Public observations: the Modbus slave, display, LED and device log (:attr:`front`), :meth:`page` (the tool's tab
    Live monitoring).
    """

    def __init__(self, host: Host, config: DeviceConfig) -> None:
        if config.variant in SINGLE_PHASE and config.phase_order not in SINGLE_PHASE_ORDERS:
            what = f"{config.phase_order} is not possible with {config.variant}, which has one phase."
            raise ParameterError("phase_order", what, f"Allowed: {', '.join(SINGLE_PHASE_ORDERS)}.")
        self.name = config.name
        self.front = Front(host)
        values = {"Phase rotation": config.phase_order} | dict(config.parameters)
        self.parameters = ParameterStore(PARAMETERS, values)
        self._host, self._config, self._firmware = host, config, config.firmware
        self._wiring = host.charger_wiring()
        self._running = False
        self._wiring.on_pilot(self._pilot_changed)

    async def start(self) -> None:
        """Power up: measuring, Modbus slave, and the meter that the parameters name."""
        host, now_ns = self._host, self._host.now_ns()
        self.station = Station(self.parameters, now_ns=now_ns, log=self.front.log)
        self.meter = SocketMeter(self._wiring, now_ns)
        self._output: Output | None = None
        self._deadline: Cancel | None = None
        self._ticking: Cancel | None = None
        self._server: ModbusServer | None = None
        self._serial: SerialPort | None = None
        self._polling: asyncio.Task[None] | None = None
        self._asked_ns: int | None = None
        self.backend = backend_of(host, self._config, self._wiring, self)
        self._running = True
        self.front.log(f"Booted, firmware {self._firmware}")
        if self.station.serves_modbus:
            await self._serve()
        if self.station.balancer is not None:
            await self._open_meter()
        self.station.pilot_changed(self._wiring.pilot_state(), self._wiring.cable_a())
        if self.backend is not None:
            self.backend.start(self.station.pilot)
        self._ticking = host.every(TICK_S, self._tick)
        self._update()

    async def stop(self) -> None:
        """Power down: contactor open, nothing offered, every connection closed."""
        if not self._running:
            return
        self._running = False
        if self._ticking is not None:  # it was stopped on its way up
            self._ticking.cancel()
        if self._deadline is not None:
            self._deadline.cancel()
        if self._polling is not None:
            self._polling.cancel()
            await asyncio.gather(self._polling, return_exceptions=True)
        if self._serial is not None:
            self._serial.close()
        if self.backend is not None:
            await self.backend.stop()
        if self._server is not None:
            await self._server.stop()
        self._wiring.set_contactor(False)
        self._wiring.set_offer(NO_OFFER)

    async def restart(self) -> None:
        """Reboot: unsaved edits are lost, saved parameters act, a setpoint is forgotten."""
        if self._running and self.backend is not None:
            self.backend.restarting()
        await self.stop()
        self.parameters.restart()
        await self.start()

    def parameters_changed(self) -> None:
        """Let saved parameters that need no reboot act; another licence reboots the station by itself (guide 2.2.1)."""
        if self.parameters.text(LICENCE) != self.parameters[LICENCE]:
            self._host.spawn(self.restart(), name=f"{self.name} reboots with another licence")
        elif self._running:
            self._update()

    def refresh(self) -> None:
        """Let what the back office allows act."""
        if self._running:
            self._update()

    def card(self, id_tag: str) -> None:
        """Take a card at the RFID reader; without a back office charging is free, and nothing happens."""
        self._host.trace("card", id_tag=id_tag)
        if self.backend is not None:
            self.backend.card(id_tag)

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
        text = f"{self.name} offers {station.offered_a:g} A, limited by {station.binding.value}"
        if station.source_lost:
            text += f"; {station.lost_text}"
        return text + f" (since {station.since_ns / NS_PER_S:g} s farm time)."

    async def fault(self, kind: str | None) -> None:
        """Refuse (raises ValueError): a station's faults come from outside (meter, cable, vehicle)."""
        if kind is not None:
            FAULTS.parse(self.name, kind)

    # --- Modbus TCP slave

    async def _serve(self) -> None:
        registers = Registers(self.station, self.meter, self._host, self._firmware, self._update)
        table = REGISTERS.select(self._firmware)
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
        await self._server.start(*self._host.listen_at(PORT))

    def _master_spoke(self) -> None:
        self._asked_ns = self._host.now_ns()

    # --- smart meter

    async def _open_meter(self) -> None:
        if self.station.protocol == MODBUS:
            self._polling = self._host.spawn(self._poll(), name=f"{self.name} polls its smart meter")
        elif self.parameters["RJ11-Mode"] == "DSMR P1":
            self._p1 = P1Port()
            self._serial = await self._host.serial_port("P1", SerialSettings(), self._receive)

    def _receive(self, data: bytes) -> None:
        if not self._running:
            return
        readings = self._p1.receive(data, self._wiring.currents_a())
        for line in self._p1.complaints(self._host.now_ns()):
            self.front.log(line)
        for meter_a, own_a in readings:
            self._read(meter_a, own_a)

    async def _poll(self) -> None:
        address, meter = str(self.parameters["IP address"]), meter_of(self.parameters)
        client = ModbusClient(
            *self._host.resolve(address, PORT), source_address=self._host.source_address(), timeout_s=ANSWER_S
        )
        start_ns, polls = self._host.now_ns(), 0
        try:
            while True:
                await self._ask(client, meter, address)
                # Due at start + k * period; what was missed while the meter was silent is not made up for.
                polls = max(polls, (self._host.now_ns() - start_ns) // (POLL_S * NS_PER_S)) + 1
                await asyncio.sleep((start_ns - self._host.now_ns()) / NS_PER_S + polls * POLL_S)
        finally:
            client.close()

    async def _ask(self, client: ModbusClient, meter: ReadableMeter, address: str) -> None:
        own_a = self._wiring.currents_a()
        self.station.meter_asked(self._host.now_ns())
        self._update()
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
            self.front.log(f"Communication error for modbus unit {PORT} ({address};{PORT})")
        else:
            self._read(meter_a, own_a)

    def _read(self, meter_a: PerPhase, own_a: PerPhase) -> None:
        before = self.station.balancer.meter_a if self.station.balancer is not None else None
        self.station.reading(self._host.now_ns(), meter_a, own_a)
        if meter_a != before:
            l1_a, l2_a, l3_a = meter_a
            self._host.trace("smart_meter", l1_a=l1_a, l2_a=l2_a, l3_a=l3_a)
        self._update()

    # --- socket

    def _pilot_changed(self, state: PilotState) -> None:
        if self._running:
            self.station.pilot_changed(state, self._wiring.cable_a())
            if self.backend is not None:
                self.backend.pilot_changed(state)
            self._update()

    def _tick(self) -> None:
        self.meter.sample(self._host.now_ns())
        self.station.measured(self.meter.currents_a)
        self._update()

    def _update(self) -> None:
        station, now_ns = self.station, self._host.now_ns()
        if self.backend is not None:
            station.profile_a, station.permitted = self.backend.profile_a, self.backend.permits
            station.reaches_back_office = self.backend.ocpp.connected
        before = (station.limit_a, station.offered_a, station.binding)
        output = station.advance_to(now_ns)
        if self._output is None or output.offer != self._output.offer:
            self._wiring.set_offer(output.offer)
        if self._output is None or output.contactor != self._output.contactor:
            self._wiring.set_contactor(output.contactor)
            self._host.trace("contactor", closed=output.contactor)
        self._output = output
        if (station.limit_a, station.offered_a, station.binding) != before:
            self._host.trace(
                "signalled", current_a=station.offered_a, limit_a=station.limit_a, binding=station.binding.value
            )
        if self.backend is not None:
            self.backend.offered(station.offered_a)
        connector_a = float(str(self.parameters["Connector 1 max current"]))
        self.front.show(display_text(station, self.meter.power_w, connector_a))
        self.front.light("status", led_text(station, self.meter.currents_a))
        if self._deadline is not None:
            self._deadline.cancel()
        deadline_ns = station.next_deadline_ns()
        self._deadline = (
            self._host.call_at(max(deadline_ns, now_ns + 1), self._update) if deadline_ns is not None else None
        )
