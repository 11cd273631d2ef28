"""Binds the charging point and its load management to terminals, Modbus TCP, the DLM's UDP group, the second meter.

No behaviour in here: :mod:`model` decides what the point offers, :mod:`dlm` who gets how much.
"""

from __future__ import annotations

import asyncio
import csv
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

from emulators.kit.family import DeviceConfig
from emulators.kit.front import Front
from emulators.kit.host import NS_PER_S, Cancel, Host, UdpGroup
from emulators.kit.modbus import ModbusServer
from emulators.kit.parameters import ParameterStore, ParameterTable
from emulators.kit.phases import PerPhase
from emulators.kit.pilot import Offer, PilotState
from emulators.kit.registers import RegisterBank, RegisterTable
from emulators.mennekes_ecu import dlm
from emulators.mennekes_ecu.backend import OPERATOR_KEYS, STATUS_NUMBERS, Way, backend_of, dhcp_of, gateway_of, way_to
from emulators.mennekes_ecu.dlm_link import PORT, Beacon, Grant, NotATelegram, SlaveReport, Telegram, decode, encode
from emulators.mennekes_ecu.faults import FAULTS
from emulators.mennekes_ecu.model import MASTER_ROLES, METER_ERROR, OTHER_MASTER, SLAVE_ROLES, ChargingPoint, per_phase
from emulators.mennekes_ecu.registers import BLOCKS, Registers
from emulators.mennekes_ecu.second_meter import SecondMeter, meter_of

FOLDER: Final = Path(__file__).parent
PARAMETERS: Final = ParameterTable.load(FOLDER / "parameters.csv")
REGISTERS: Final = RegisterTable.load(FOLDER / "registers.csv")
LED: Final = "LED info field"  #: The manual's name (AMTRON Professional+ E 7,4 manual 7.1).
with (FOLDER / "leds.csv").open(encoding="utf-8", newline="") as _file:
    LEDS: Final = {int(row["status"]): row["shows"] for row in csv.DictReader(_file)}  #: By the status of register 104.

TICK_S: Final = (
    1.0  #: Reports, meter readings and the master's samples (assumed; MEN-MTR-014 reads 'at regular intervals').
)
#: Beacons, grants, and reports that say nothing new are repeated this often, so that a loss is noticed (assumed).
REPEAT_TICKS: Final = 5


class MennekesEcu:
    """An AMTRON Professional charging point on a host.

    Public observations: the Modbus server, :meth:`page` (what the web interface's dashboard shows), the host's log.
    """

    def __init__(self, host: Host, config: DeviceConfig) -> None:
        self.name = config.name
        self._host = host
        self._config = config
        self.front = Front(host)
        self._wiring = host.charger_wiring()
        values = {"Phase rotation": config.phase_order} | dict(config.parameters)
        self.parameters = ParameterStore(PARAMETERS, values)
        self._legacy = tuple(int(part) for part in config.firmware.split(".")) < (5, 22)
        self._running = False
        self._wiring.on_pilot(self._pilot_changed)

    async def start(self) -> None:
        """Power up: Modbus server, DLM role, meter polling."""
        host, now_ns = self._host, self._host.now_ns()
        self.point = ChargingPoint(self.parameters, now_ns=now_ns, legacy=self._legacy)
        self.operator_override_a: PerPhase | None = None
        self.master: dlm.Master | None = None
        self._master_name: str | None = None
        self._master_address = ""
        self._master_heard_ns = now_ns
        self._addresses: dict[str, str] = {}
        self._ticks = 0
        self._reported: dlm.Report | None = None
        self._deadline: Cancel | None = None
        self._ticking: Cancel | None = None
        self._output: tuple[Offer, bool] | None = None
        self._group: UdpGroup | None = None
        self._server: ModbusServer | None = None
        self._meter: SecondMeter | None = None
        self._other_master = ""
        self._dhcp = dhcp_of(host, self._config, self.parameters)
        self.backend = backend_of(host, self._config, self._wiring, self, lambda: self._way.route)
        self._router = gateway_of(host, self._config, self.parameters)
        self._running = True
        if self.point.role in MASTER_ROLES:
            sample_s = float(str(self.parameters["DLM Algorithm Sample Rate"]).split()[0])
            self.master = dlm.Master(sample_s=sample_s, start_ns=now_ns)
            self._meter = meter_of(host, self._config, self.parameters, self.master, period_s=TICK_S)
        if self.parameters["Modbus TCP Server"]:
            await self._serve()
        if self.point.role != "Disabled":
            self._group = await host.udp_group(PORT, self._datagram)
        if self._meter is not None:
            self._meter.start()
        if self._router is not None:
            await self._router.start()
        if self._dhcp is not None:
            await self._dhcp.start()
        self.point.pilot_changed(now_ns, self._wiring.pilot_state(), self._wiring.cable_a())
        if self.backend is not None:
            self.backend.start(self.point.pilot)
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
        if self._meter is not None:
            await self._meter.stop()
        if self.backend is not None:
            await self.backend.stop()
        if self._router is not None:
            await self._router.stop()
        if self._dhcp is not None:
            await self._dhcp.stop()
        if self._server is not None:
            await self._server.stop()
        if self._group is not None:
            self._group.close()
            await asyncio.sleep(0)  # the socket itself is closed in the loop's next turn: a restart binds it again
        self._wiring.set_contactor(False)
        self._wiring.set_offer(Offer())
        self.front.light(LED, "off")

    async def restart(self) -> None:
        """Restart as after *Save, Restart*: unsaved edits are lost, saved parameters act."""
        if self._running and self.backend is not None:
            self.backend.restarting()
        await self.stop()
        self.parameters.restart()
        await self.start()

    def parameters_changed(self) -> None:
        """Let saved parameters that need no restart act."""
        self.operator_override_a = None
        self._update()

    def refresh(self) -> None:
        """Let a written register, or what the backend allows, act."""
        if self._running:
            self._update()

    async def fault(self, kind: str | None) -> None:
        """Let the clock go wrong, None to set it right.

        Raises:
            ValueError: There is no such fault, or the point has no backend; the message says what there is.
        """
        planted = None if kind is None else FAULTS.parse(self.name, kind)
        if self.backend is not None:
            self.backend.set_clock_ahead(0 if planted is None else planted.number)
        elif planted is not None:
            raise ValueError(f"{self.name} has no backend, and without one no fault {kind!r}.")

    def page(self) -> Mapping[str, str]:
        """Return what the dashboard shows (System Status, DLM Status), as text by field."""
        errors = [METER_ERROR] if self._meter is not None and self._meter.lost else []
        errors += [OTHER_MASTER.format(self._other_master)] if self._other_master else []
        fields = {
            "Error(s)": ", ".join(errors) or "no errors",
            "DLM Master/Slave": self.point.role,
            "Signalled current": f"{self.point.signalled_a} A",
            "Limited by": self.point.binding.value,
        }
        if self.point.role != "Disabled":
            fields["DLM Network Id"] = str(self.parameters["DLM Network Id"])
        if self.point.role in SLAVE_ROLES:
            fields["DLM Master"] = self._master_name or "none"
        if self.master is not None:
            fields["DLM Connected Slaves"] = ", ".join(self.connected_slaves())
            fields["Operator EVSE Sub-Distribution Limit"] = f"{self.limits().operator_a} A"
            if self._meter is not None and not self._meter.lost:
                fields["Second Meter"] = f"{self._meter.currents_a} A"
        if self.backend is not None:
            fields["Connection Type"] = self._way.text
            fields["Backend"] = self.backend.connection_text
            fields["System Time"] = f"{self.backend.utc:%Y-%m-%d %H:%M:%S}"
        return fields

    def card(self, id_tag: str) -> None:
        """Take a card at the RFID reader; without a backend charging is free, and nothing happens."""
        self._host.trace("card", id_tag=id_tag)
        if self.backend is not None:
            self.backend.card(id_tag)

    def ocpp_status(self) -> int:
        """Return register 104: the connector's state, as the backend has it where there is one."""
        if self.backend is None or not self.point.available:
            return self.point.ocpp_status()
        return STATUS_NUMBERS[self.backend.status]

    def connected_slaves(self) -> list[str]:
        """Return the names that 'DLM Connected Slaves' lists, the internal slave included (open: MEN-DLM-023)."""
        if self.master is None:
            return []
        return sorted(name for name, slave in self.master.slaves.items() if not slave.lost)

    def explain(self) -> str:
        """Return in one sentence what is signalled, since when, and which limit decides."""
        text = f"{self.name} signals {self.point.signalled_a} A, limited by {self.point.binding.value}"
        if self.point.role in SLAVE_ROLES and self.point.master_lost:
            text += f"; it has not heard a DLM master since {self._master_heard_ns / NS_PER_S:g} s"
        if self._meter is not None and self._meter.lost:
            text += f"; {METER_ERROR}"
        return text + f" (since {self.point.since_ns / NS_PER_S:g} s farm time)."

    def limits(self) -> dlm.Limits:
        """Return the master's limits as they act now."""
        parameters = self.parameters
        metered = bool(parameters["External Meter Support"])
        schedule = parameters["Maximum Current Scheduler"]
        return dlm.Limits(
            evse_a=per_phase(parameters["EVSE Sub-Distribution Limit (L1/L2/L3) [A]"]),
            operator_a=self._operator_a(),
            scheduled_a=dlm.scheduled_current(schedule, self._utc().hour) if isinstance(schedule, tuple) else None,
            main_a=per_phase(parameters["Main Distribution Limit (L1/L2/L3) [A]"]) if metered else None,
            headroom_a=per_phase(parameters["External Load Headroom (L1/L2/L3) [A]"]),
            fallback_a=per_phase(parameters["External Load Fallback (L1/L2/L3) [A]"]),
            meter_includes_evse=str(parameters["External Meter Location"]).startswith("Including"),
        )

    @property
    def _way(self) -> Way:
        """Return how the backend is reached."""
        leased = self._dhcp.gateway if self._dhcp is not None else ""
        return way_to(self.parameters, self._config, self._host, leased)

    def _utc(self) -> datetime:
        """Return what the point's own clock shows; without a backend it is right."""
        return self._host.utc() if self.backend is None else self.backend.utc

    def _operator_a(self) -> PerPhase:
        """Return the operator's limit of the group: the written one, and never more than the backend's keys say [A]."""
        parameter = self.parameters["Operator EVSE Sub-Distribution Limit (L1/L2/L3) [A]"]
        operator_a = self.operator_override_a or per_phase(parameter)
        if self.backend is None:
            return operator_a
        return operator_a.combine(PerPhase(*(float(self.backend.key(name)) for name in OPERATOR_KEYS)), min)

    # --- Modbus TCP server

    async def _serve(self) -> None:
        bender = self.parameters["Modbus TCP Server Register Address Set"] == "Bender"
        registers = Registers(self, self._host, self._wiring, self._config.firmware, legacy=self._legacy)
        bank = RegisterBank(
            REGISTERS.select(self._config.firmware, "Bender" if bender else "MENNEKES"),
            registers.read,
            registers.write,
            blocks=BLOCKS,
            missing=1,
            missing_write=2,
        )
        self._server = ModbusServer(
            lambda unit: bank if 1 <= unit <= 255 else None,
            frozenset({3, 6, 16}),
            on_frame=self._host.frame_hook("modbus"),
            on_bad_request=lambda why: self._host.trace("modbus_bad_request", why=why),
            on_activity=self._client_spoke,
        )
        port = self.parameters["Modbus TCP Server Base Port"]
        await self._server.start(*self._host.listen_at(int(str(port))))

    def _client_spoke(self) -> None:
        self.point.client_spoke(self._host.now_ns())
        if self.point.comm_timeout_s:
            self._update()  # a client that is back lifts the safe current

    # --- terminals

    def _pilot_changed(self, state: PilotState) -> None:
        if not self._running:
            return
        self.point.pilot_changed(self._host.now_ns(), state, self._wiring.cable_a())
        if state is not PilotState.A and self.point.plugged_ns == self._host.now_ns():
            self.point.session_start_wh = sum(self._wiring.energy_wh())
        if self.backend is not None:
            self.backend.pilot_changed(state)
        self._update()
        self._report(self._own_report())

    def _update(self) -> None:
        now_ns = self._host.now_ns()
        if self.backend is not None:
            self.point.profile_a, self.point.permitted = self.backend.profile_a, self.backend.permits
        before = (self.point.signalled_a, self.point.binding)
        output = self.point.advance_to(now_ns)
        if self._output is None or output.offer != self._output[0]:
            self._wiring.set_offer(output.offer)
        if self._output is None or output.contactor != self._output[1]:
            self._wiring.set_contactor(output.contactor)
            self._host.trace("contactor", closed=output.contactor)
        self._output = (output.offer, output.contactor)
        if (self.point.signalled_a, self.point.binding) != before:
            self._host.trace("signalled", current_a=self.point.signalled_a, binding=self.point.binding.value)
        if self.backend is not None:
            self.backend.offered(self.point.signalled_a)
        self.front.light(LED, LEDS[self.ocpp_status()])
        if self._deadline is not None:
            self._deadline.cancel()
        deadline_ns = self.point.next_deadline_ns()
        self._deadline = (
            self._host.call_at(max(deadline_ns, now_ns + 1), self._update) if deadline_ns is not None else None
        )

    # --- load management

    def _tick(self) -> None:
        now_ns = self._host.now_ns()
        self._ticks += 1
        self._watch_master(now_ns)
        report = self._own_report()
        if report != self._reported or self._ticks % REPEAT_TICKS == 0:
            self._report(report)
        if self.master is not None:
            if self._meter is not None:
                self._meter.watch(now_ns)
            self.master.sample(now_ns)
            if now_ns >= self.master.next_deadline_ns():
                self._apply(self.master.advance_to(now_ns, self.limits()))
                l1_a, l2_a, l3_a = self.master.available_a
                self._host.trace("available", l1_a=l1_a, l2_a=l2_a, l3_a=l3_a)
            if self._ticks % REPEAT_TICKS == 1:
                self._repeat()

    def _own_report(self) -> dlm.Report:
        return dlm.Report(
            name=self.name,
            connected=self.point.connected and self.point.permitted,
            charging=self.point.charging,
            cap_a=self.point.cap_a(self._host.now_ns()),
            offered_a=self.point.signalled_a,
            disconnected_a=int(str(self.parameters["Disconnected Limit [A]"])),
            order=str(self.parameters["Phase rotation"]),
            currents_a=self._wiring.currents_a().map(_milliamperes) if self.point.contactor else PerPhase.zero(),
        )

    def _report(self, report: dlm.Report) -> None:
        """Tell the master, the internal one directly, how this point is."""
        role = self.point.role
        self._reported = report
        if role == MASTER_ROLES[0] and self.master is not None:
            self._apply(self.master.report(self._host.now_ns(), report, self.limits()))
        elif role in SLAVE_ROLES and self._group is not None:
            address = self._master_address or str(self.parameters["DLM Master IP"])
            if address:
                self._send(address, SlaveReport(self._network, report))

    def _apply(self, grants: Mapping[str, int]) -> None:
        for name, current_a in grants.items():
            self._host.trace("grant", to=name, current_a=current_a)
            if name == self.name:
                self.point.dlm_a = current_a
                self._update()
            elif name in self._addresses:
                self._send(self._addresses[name], Grant(self._network, self.name, current_a, self._allows_wakeup))

    def _repeat(self) -> None:
        if self.master is None or self._group is None:
            return
        if not self.parameters["Disable Discovery Broadcasting"]:
            self._group.send(encode(Beacon(self._network, self.name)))
        for name in sorted(self._addresses):
            slave = self.master.slaves[name]
            self._send(self._addresses[name], Grant(self._network, self.name, slave.granted_a, self._allows_wakeup))

    def _send(self, address: str, telegram: Telegram) -> None:
        if self._group is not None:
            self._group.send_to(address, encode(telegram))

    def _datagram(self, payload: bytes, sender: str) -> None:
        if not self._running:
            return
        try:
            telegram = decode(payload)
        except NotATelegram as error:
            self._host.trace("dlm_ignored", sender=sender, why=str(error))
            return
        if telegram.network != self._network:
            return
        match telegram:
            case Beacon() if self.point.role == SLAVE_ROLES[0] and self._master_name in (None, telegram.master):
                self._hear_master(telegram.master, sender)
            case Beacon() if self.master is not None and self._other_master != telegram.master:
                self._other_master = telegram.master
                self.front.log(OTHER_MASTER.format(telegram.master))
            case Grant() if self._is_master(telegram, sender):
                self._hear_master(telegram.master, sender)
                self.point.dlm_a, self.point.wakeup_granted = telegram.current_a, telegram.wake
                self._update()
            case SlaveReport() if self.master is not None:
                self._addresses[telegram.report.name] = sender
                known = telegram.report.name in self.master.slaves
                grants = self.master.report(self._host.now_ns(), telegram.report, self.limits())
                if not known:
                    self._host.trace("slave_connected", slave=telegram.report.name)
                    grants = {telegram.report.name: self.master.slaves[telegram.report.name].granted_a} | grants
                self._apply(grants)

    def _is_master(self, grant: Grant, sender: str) -> bool:
        fixed = self.point.role == SLAVE_ROLES[1] and sender == self.parameters["DLM Master IP"]
        return self.point.role in SLAVE_ROLES and (fixed or grant.master == self._master_name)

    def _hear_master(self, master: str, address: str) -> None:
        self._master_heard_ns = self._host.now_ns()
        if self._master_name is None:
            self._master_name, self._master_address = master, address
            self.point.master_lost = False
            self.point.dlm_a = 0
            self._host.trace("master_found", master=master)
            self._report(self._own_report())

    def _watch_master(self, now_ns: int) -> None:
        silent = now_ns - self._master_heard_ns >= round(dlm.SILENT_S * NS_PER_S)
        if silent and self._master_name is not None and self.point.role in SLAVE_ROLES:
            self._host.trace("master_lost", master=self._master_name)
            self._master_name, self._master_address = None, ""
            self.point.master_lost = True
            self._update()

    @property
    def _network(self) -> int:
        return int(str(self.parameters["DLM Network Id"]))

    @property
    def _allows_wakeup(self) -> bool:
        return bool(self.parameters["Allow EV Wakeup"])


def _milliamperes(current_a: float) -> float:
    return round(current_a, 3)
