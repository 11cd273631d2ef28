"""What the ECU's Modbus registers say: a name of ``registers.csv``, a value of the point, its meter or its master."""

from __future__ import annotations

from typing import Final, Protocol

from emulators.kit.host import NS_PER_S, ChargerWiring, Host
from emulators.kit.parameters import ParameterStore
from emulators.kit.pilot import PilotState
from emulators.kit.registers import Value, WriteRefused
from emulators.mennekes_ecu.dlm import Limits
from emulators.mennekes_ecu.dlm_member import DlmMember
from emulators.mennekes_ecu.model import DLM_MODES, ChargingPoint

#: Served ranges: an undefined address reads 0 inside and is refused outside (Bender Modbus documentation, as quoted in
#: Tinkerforge/esp32-firmware modbus_tcp). 730 stands outside: a client takes any answer for the
#: state of charge (evcc-io/evcc charger/bender.go).
BLOCKS: Final = ((100, 157), (200, 227), (600, 635), (700, 729), (731, 746), (1000, 1000), (1110, 1119))
MODEL_TEXT: Final = "CC612_2S0R".ljust(20, "\0")
PROTOCOL_VERSION: Final = "0.9c"
_STATES: Final = {state: number for number, state in enumerate(PilotState, start=1)}
_HEMS_MINIMUM_A, _HIGHEST_A, _SATURATED = 6, 80, 0xFFFF
_HEMS_DEFAULT_A, _HEMS_DEFAULT_LEGACY_A = 32, 6


class Controller(Protocol):
    """What the registers show and change of their device."""

    parameters: ParameterStore
    point: ChargingPoint
    member: DlmMember
    operator_written_a: dict[str, float]

    def limits(self) -> Limits:
        """Return the master's limits as they act now."""
        ...

    def ocpp_status(self) -> int:
        """Return the connector's state as register 104 numbers it."""
        ...

    def is_available(self) -> bool:
        """Return whether the point is available, as register 124 numbers it."""
        ...

    def refresh(self) -> None:
        """Let a written register act."""
        ...


class Registers:
    """Reads and writes by register name.

    Args:
        device: The device whose state is shown.
        host: For the time of day.
        wiring: The point's own meter.
        firmware: As in the site.
        legacy: Firmware before 5.22: availability (124) has the other polarity, 1000 reads 6 until it is written.
    """

    def __init__(self, device: Controller, host: Host, wiring: ChargerWiring, firmware: str, *, legacy: bool) -> None:
        self._device, self._host, self._wiring = device, host, wiring
        self._firmware, self._legacy = firmware, legacy

    def read(self, name: str) -> Value:
        """Return a register's value, None for a meter value that is not available."""
        if name.startswith("METER_"):
            return self._meter(name)
        if name.startswith("DLM_"):
            return self._dlm(name)
        if name.startswith(("CHARGEPOINT_MODEL_", "IDTAG_")):
            at = 4 * (int(name[-1]) - 1)
            return MODEL_TEXT[at : at + 4] if name.startswith("CHARGEPOINT") else "    "
        return self._point(name)

    def write(self, name: str, value: Value) -> None:
        """Take a written value.

        Raises:
            WriteRefused: The value is out of range, or the role does not have the register.
        """
        point, now_ns = self._device.point, self._host.now_ns()
        number = int(value) if isinstance(value, int | float) else 0
        match name:
            case "HEMS_CURRENT_LIMIT":
                if number > _HIGHEST_A:
                    raise WriteRefused(why=f"{number} A is above {_HIGHEST_A} A")
                point.hems_a = number
            case "SAFE_CURRENT":
                point.safe_current_a = number
            case "COMM_TIMEOUT":
                point.comm_timeout_s = number
            case "CP_AVAILABILITY":
                if number not in (0, 1):
                    raise WriteRefused(why="availability is 0 or 1")
                point.available = bool(number) != self._legacy
            case _ if name.startswith("DLM_OPERATOR"):
                if self._device.member.master is None:
                    raise WriteRefused(why="only a DLM master has this register")
                self._device.operator_written_a[name[-2:]] = number  # the other phases stay what they are
                self._host.trace("operator_limit", by="modbus", phase=name[-2:], current_a=number)
            case _:
                raise WriteRefused(why=f"{name} is not emulated for writing")
        point.client_spoke(now_ns)
        self._device.refresh()

    def _point(self, name: str) -> Value:  # noqa: PLR0912 - one case per register
        point, now_ns = self._device.point, self._host.now_ns()
        session_s = (now_ns - point.plugged_ns) // NS_PER_S if point.plugged_ns is not None else 0
        match name:
            case "FIRMWARE_VERSION":
                return self._firmware[:4]
            case "PROTOCOL_VERSION":
                return PROTOCOL_VERSION
            case "OCPP_CP_STATUS":
                return self._device.ocpp_status()
            case "VEHICLE_STATE":
                return _STATES[point.pilot]
            case "VEHICLE_STATE_HEX":
                return _STATES[point.pilot] + 9
            case "CP_AVAILABILITY":
                return int(self._device.is_available() != self._legacy)
            case "SAFE_CURRENT":
                return point.safe_current_a
            case "COMM_TIMEOUT":
                return point.comm_timeout_s
            case "OPERATOR_CURRENT_LIMIT":
                return self._device.parameters.whole("Operator Current Limit [A]")
            case "HARDWARE_CURRENT_LIMIT":
                return self._device.parameters.whole("Installation Current Limit [A]")
            case "RELAY_STATE":
                return int(point.contactor)
            case "DEVICE_ID":
                return 0xEBEE
            case "PLUG_LOCK_STATUS":
                return int(point.charging)
            case "SIGNALED_CURRENT":
                return point.signalled_a
            case "MINIMUM_CUR_LIMIT":
                return self._device.parameters.whole("Minimum Current Limit [A]")
            case "MAX_CUR_EV":
                return int(point.cable_a or 0)
            case "CHARGED_ENERGY":
                return self._session_wh()
            case "CHARGED_ENERGY_16":
                return min(self._session_wh(), _SATURATED)
            case "CHARGE_DURATION":
                return session_s
            case "CHARGE_DURATION_16":
                return min(session_s, _SATURATED)
            case "HEMS_CURRENT_LIMIT":
                default_a = _HEMS_DEFAULT_LEGACY_A if self._legacy else _HEMS_DEFAULT_A
                return default_a if point.hems_a is None else point.hems_a
        return "" if name.startswith(("EVCCID", "WRITE")) else 0

    def _session_wh(self) -> int:
        return int(sum(self._wiring.energy_wh()) - self._device.point.session_start_wh)

    def _meter(self, name: str) -> Value:
        _, quantity, phase = name.split("_") if name.count("_") == 2 else ("", "", "")
        currents_a, voltage_v = self._wiring.currents_a(), self._wiring.voltage_v()
        powers_w = currents_a.combine(voltage_v, lambda i, u: i * u)
        if name == "METER_TOTAL_POW":
            return round(sum(powers_w))
        if name == "METER_TOTAL_ENERG" or (quantity, phase) == ("ENERG", "L1"):
            return int(sum(self._wiring.energy_wh()))
        match quantity:
            case "POW":
                return round(powers_w[phase])
            case "CUR":
                return round(currents_a[phase] * 1000)
            case "VOL":
                return round(voltage_v[phase])
        return None  # energy of L2 and L3: no listed meter has it (specification's table of meters)

    def _dlm(self, name: str) -> Value:
        device = self._device
        if name == "DLM_MODE":
            return DLM_MODES[device.point.role]
        master = device.member.master
        if master is None:
            return 0
        if name == "DLM_EXTERNAL_METER_SUPPORT":
            return int(device.parameters.flag("External Meter Support"))
        if name == "DLM_NUM_SLAVES_CONNECTED":
            return len(device.member.connected_slaves())
        values = {
            "DLM_EVSE_SUB_DISTRIBUTION_LIMIT": device.parameters.per_phase(
                "EVSE Sub-Distribution Limit (L1/L2/L3) [A]"
            ),
            "DLM_OPERATOR_EVSE_SUB_DISTRIBUTION_LIMIT": device.limits().operator_a,
            "DLM_OVERALL_CURRENT_APPLIED": master.applied_a(),
            "DLM_OVERALL_CURRENT_AVAILABLE": master.available_a,
        }[name[:-3]]
        return int(values[name[-2:]] + 0.05)
