"""Binds the charging point and its load management to Modbus TCP, the DLM's UDP group and the second meter.

No behaviour in here: :mod:`model` decides what the point offers, :mod:`dlm_member` what is said in its group,
:mod:`dlm` who gets how much.
"""

from __future__ import annotations

import asyncio
import csv
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

from emulators.kit.charger import TICK_S, Charger, Point
from emulators.kit.family import DeviceConfig
from emulators.kit.host import NS_PER_S, Host, UdpGroup
from emulators.kit.modbus import ModbusServer
from emulators.kit.ocpp.shell.sockets import Sockets
from emulators.kit.ocpp.shell.station import OcppStation
from emulators.kit.parameters import ParameterTable, Value
from emulators.kit.phases import PHASES, PerPhase
from emulators.kit.pilot import PilotState
from emulators.kit.registers import RegisterBank, RegisterTable
from emulators.mennekes_ecu import dlm
from emulators.mennekes_ecu.backend import (
    OPERATOR_KEYS,
    STATUS_NUMBERS,
    Uplink,
    backend_of,
    dhcp_of,
    gateway_of,
    lan_of,
    way_to,
)
from emulators.mennekes_ecu.dhcp import Dhcp
from emulators.mennekes_ecu.dlm_link import PORT
from emulators.mennekes_ecu.dlm_member import DlmMember
from emulators.mennekes_ecu.faults import FAULTS
from emulators.mennekes_ecu.model import METER_ERROR, OTHER_MASTER, SLAVE_ROLES, ChargingPoint
from emulators.mennekes_ecu.registers import BLOCKS, Registers
from emulators.mennekes_ecu.second_meter import SecondMeter, meter_of
from emulators.mennekes_ecu.site_backend import CONNECTION, MODEM_MENU, STATIC_IP, has_modem

FOLDER: Final = Path(__file__).parent
PARAMETERS: Final = ParameterTable.load(FOLDER / "parameters.csv")
REGISTERS: Final = RegisterTable.load(FOLDER / "registers.csv")
OPERATOR_LIMIT: Final = "Operator EVSE Sub-Distribution Limit (L1/L2/L3) [A]"
LED: Final = "LED info field"  #: The manual's name (AMTRON Professional+ E 7,4 manual 7.1).
with (FOLDER / "leds.csv").open(encoding="utf-8", newline="") as _file:
    LEDS: Final = {int(row["status"]): row["shows"] for row in csv.DictReader(_file)}  #: By the status of register 104.


class MennekesEcu(Charger):
    """An AMTRON Professional charging point on a host.

    Public observations: the Modbus server, :meth:`page` (what the web interface's dashboard shows), the host's log.

    Attributes:
        point: What it offers.
        operator_written_a: Operator limit of its group as written over Modbus, by phase; the parameter counts on the
            others [A].
        member: Its part in its DLM group.
    """

    def __init__(self, host: Host, config: DeviceConfig) -> None:
        super().__init__(host, config, PARAMETERS, {"Phase rotation": config.phase_order} | dict(config.parameters))
        if not has_modem(config.variant):
            self.parameters.lacks = frozenset(name for name, row in PARAMETERS.items() if row.menu == MODEM_MENU)
        self.parameters.refuse = self._refuses
        self._legacy = tuple(int(part) for part in config.firmware.split(".")) < (5, 22)
        self.point = ChargingPoint(self.parameters, now_ns=0, legacy=self._legacy)
        self.operator_written_a: dict[str, float] = {}
        self._operator_set_a = self.parameters.per_phase(OPERATOR_LIMIT)  # as saved last [A]
        self.member = self._join(0)
        self._meter: SecondMeter | None = None
        self._server: ModbusServer | None = None
        self._dhcp: Dhcp | None = None
        self._group: UdpGroup | None = None  # the DLM's

    # --- as every charger

    def power_up(self, now_ns: int) -> Mapping[int, Point]:
        """Begin anew: nobody is known, and what Modbus clients wrote is forgotten."""
        self.point = ChargingPoint(self.parameters, now_ns=now_ns, legacy=self._legacy)
        self.operator_written_a = {}
        self._operator_set_a = self.parameters.per_phase(OPERATOR_LIMIT)
        self.member = self._join(now_ns)
        self._meter = self._server = self._group = None
        self._dhcp = dhcp_of(self._host, self._config, self.parameters)
        return {1: self.point}

    def backend_of(self, sockets: Sockets) -> OcppStation | None:
        """Return its half of OCPP, None where it is set up for no backend."""
        return backend_of(
            self._host, self._config, self.parameters, sockets, log=self.hmi.log, route=lambda: self._way.route
        )

    async def open(self) -> None:
        """Start the Modbus server, the DLM role, meter polling, the router and DHCP."""
        host, parameters = self._host, self.parameters
        self.opened.callback(self.hmi.light, LED, "off")
        if self._config.address is not None and lan_of(parameters, self._config) is None:
            return  # nobody finds it in its LAN, and it finds nobody
        if self.member.master is not None:
            self._meter = meter_of(host, self._config, parameters, self.member.master, period_s=TICK_S)
        if parameters.flag("Modbus TCP Server"):
            await self._serve()
        if self.point.role != "Disabled":
            self._group = await host.udp_group(PORT, self._datagram)
            self.opened.push_async_callback(_left, self._group)
        if self._meter is not None:
            self.opened.push_async_callback(self._meter.stop)
            self._meter.start()
        if (router := gateway_of(host, self._config, parameters)) is not None:
            self.opened.push_async_callback(router.stop)
            await router.start()
        if self._dhcp is not None:
            self.opened.push_async_callback(self._dhcp.stop)
            await self._dhcp.start()

    def _refuses(self, name: str, value: Value) -> str:
        """Return why its form takes no such value, nothing when it does."""
        if name == STATIC_IP and value not in ("", self._config.address):
            return f"Allowed: {self._config.address}, at which the site has {self.name}, or nothing."
        if name == CONNECTION and value == "GSM" and not has_modem(self._config.variant):
            return f"{self._config.variant} has no modem."
        return ""

    def _join(self, now_ns: int) -> DlmMember:
        return DlmMember(
            self.name, self.parameters, self.point, self, now_ns=now_ns, trace=self._host.trace, log=self.hmi.log
        )

    def show(self) -> None:
        """Let the LEDs follow."""
        self.hmi.light(LED, LEDS[self.ocpp_status()])

    def phase_order(self, _socket: int) -> str:
        """Return how its socket hangs on the grid, as the parameter says."""
        return self.parameters.text("Phase rotation")

    def pilot_changed(self, socket: int, state: PilotState) -> None:
        """Take a new pilot state; a session counts its energy from the plug on."""
        if not self.point.connected and state is not PilotState.A:
            self.point.session_start_wh = sum(self._wirings[socket].energy_wh())
        super().pilot_changed(socket, state)
        self.member.report(self._host.now_ns())

    # --- what a person does and sees

    def parameters_changed(self) -> None:
        """Let saved parameters that need no restart act; a saved operator limit takes the place of a written one."""
        saved_a = self.parameters.per_phase(OPERATOR_LIMIT)
        if saved_a != self._operator_set_a:
            self._operator_set_a, self.operator_written_a = saved_a, {}
        super().parameters_changed()

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
        errors += [OTHER_MASTER.format(self.member.other_master)] if self.member.other_master else []
        fields = {
            "Error(s)": ", ".join(errors) or "no errors",
            "DLM Master/Slave": self.point.role,
            "Signalled current": f"{self.point.signalled_a} A",
            "Limited by": self.point.binding.value,
        }
        if self.point.role != "Disabled":
            fields["DLM Network Id"] = str(self.parameters.whole("DLM Network Id"))
        if self.point.role in SLAVE_ROLES:
            fields["DLM Master"] = self.member.master_name or "none"
        if self.member.master is not None:
            fields["DLM Connected Slaves"] = ", ".join(self.member.connected_slaves())
            fields["Operator EVSE Sub-Distribution Limit"] = f"{self.limits().operator_a} A"
            if self._meter is not None and not self._meter.lost:
                fields["Second Meter"] = f"{self._meter.currents_a} A"
        if self.backend is not None:
            fields["Connection Type"] = self._way.text
            fields["Backend"] = self.backend.connection_text
            fields["System Time"] = f"{self.backend.utc:%Y-%m-%d %H:%M:%S}"
        return fields

    def ocpp_status(self) -> int:
        """Return register 104: the connector's state, as the backend has it where there is one."""
        if self.backend is None:
            return self.point.ocpp_status()
        return STATUS_NUMBERS[self.backend.status(1)]

    def is_available(self) -> bool:
        """Return register 124: neither a Modbus client nor the backend has made the point unavailable."""
        return self.point.available and (self.backend is None or self.backend.is_operative(1))

    def explain(self) -> str:
        """Return in one sentence what is signalled, since when, and which limit decides."""
        text = f"{self.name} signals {self.point.signalled_a} A, limited by {self.point.binding.value}"
        if self.point.role in SLAVE_ROLES and self.point.master_lost:
            text += f"; it has not heard a DLM master since {self.member.master_heard_ns / NS_PER_S:g} s"
        if self.member.master is not None:
            text += f"; as DLM master {self.member.master.explain()}"
        if self._meter is not None and self._meter.lost:
            text += f"; {METER_ERROR}"
        return text + f" (since {self.point.since_ns / NS_PER_S:g} s farm time)."

    def limits(self) -> dlm.Limits:
        """Return the master's limits as they act now."""
        parameters = self.parameters
        metered = parameters.flag("External Meter Support")
        return dlm.Limits(
            evse_a=parameters.per_phase("EVSE Sub-Distribution Limit (L1/L2/L3) [A]"),
            operator_a=self._operator_a(),
            scheduled_a=dlm.scheduled_current(parameters.rows("Maximum Current Scheduler"), self._utc().hour),
            main_a=parameters.per_phase("Main Distribution Limit (L1/L2/L3) [A]") if metered else None,
            headroom_a=parameters.per_phase("External Load Headroom (L1/L2/L3) [A]"),
            fallback_a=parameters.per_phase("External Load Fallback (L1/L2/L3) [A]"),
            meter_includes_evse=parameters.text("External Meter Location").startswith("Including"),
        )

    @property
    def _way(self) -> Uplink:
        """Return how the backend is reached."""
        leased = self._dhcp.gateway if self._dhcp is not None else ""
        return way_to(self.parameters, self._config, self._host, leased)

    def _utc(self) -> datetime:
        """Return what the point's own clock shows; without a backend it is right."""
        return self._host.utc() if self.backend is None else self.backend.utc

    def _operator_a(self) -> PerPhase:
        """Return the operator's limit of the group: the written one, and never more than the backend's keys say [A]."""
        set_a = self.parameters.per_phase(OPERATOR_LIMIT)
        operator_a = PerPhase(*(self.operator_written_a.get(phase, set_a[phase]) for phase in PHASES))
        if self.backend is None:
            return operator_a
        return operator_a.combine(PerPhase(*(float(self.backend.key(name)) for name in OPERATOR_KEYS)), min)

    # --- Modbus TCP server

    async def _serve(self) -> None:
        bender = self.parameters.text("Modbus TCP Server Register Address Set") == "Bender"
        registers = Registers(self, self._host, self._wirings[1], self._config.firmware, legacy=self._legacy)
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
        self.opened.push_async_callback(self._server.stop)
        await self._server.start(*self._host.listen_at(self.parameters.whole("Modbus TCP Server Base Port")))

    def _client_spoke(self) -> None:
        self.point.client_spoke(self._host.now_ns())
        if self.point.comm_timeout_s:
            self.update()  # a client that is back lifts the safe current

    # --- its backend

    def update(self) -> None:
        """Let the model decide and do what it says; the backend hears whether the point is available."""
        if self.backend is not None:
            self.backend.withdraw(1, withdrawn=not self.point.available)
        super().update()

    def maximum_a(self, _socket: int) -> float:
        """Return the most that it can offer by its parameters [A]."""
        limits = ("Installation Current Limit [A]", "Operator Current Limit [A]")
        return min(self.parameters.whole(name) for name in limits)

    # --- load management

    def tick(self) -> None:
        """Report, look at the meter, and as a master distribute."""
        now_ns = self._host.now_ns()
        self.member.look(now_ns)
        if self._meter is not None:
            self._meter.watch(now_ns)
        self.member.distribute(now_ns)

    def currents_a(self) -> PerPhase:
        """Return the currents in the socket's conductors now [A]."""
        return self._wirings[1].currents_a()

    def send(self, address: str, datagram: bytes) -> None:
        """Send a datagram to one member of the DLM's group."""
        if self._group is not None:
            self._group.send_to(address, datagram)

    def broadcast(self, datagram: bytes) -> None:
        """Send a datagram to every member of the DLM's group."""
        if self._group is not None:
            self._group.send(datagram)

    def _datagram(self, payload: bytes, sender: str) -> None:
        if self._running:
            self.member.take(self._host.now_ns(), payload, sender)


async def _left(group: UdpGroup) -> None:
    """Leave a group; the socket itself is closed in the loop's next turn: a restart binds it again."""
    group.close()
    await asyncio.sleep(0)
