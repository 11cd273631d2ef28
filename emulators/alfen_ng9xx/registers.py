"""What the Modbus registers say: a name of ``registers.csv``, a value of the station or of its socket's meter."""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from emulators.alfen_ng9xx.model import Station
from emulators.kit.host import NS_PER_S, ChargerWiring, Host
from emulators.kit.phases import PHASES, PerPhase
from emulators.kit.registers import ILLEGAL_ADDRESS, Value, WriteRefused

STATION_UNIT, SOCKET_UNIT = 200, 1
#: Addresses that read FFFFh where no register is (Modbus slave document v2.3; gaps assumed alike), by unit.
BLOCKS: Final = {STATION_UNIT: ((100, 178), (1100, 1431)), SOCKET_UNIT: ((300, 1215),)}
ABSENT: Final = 0xFFFF  #: Each word of what is not available (Modbus slave document v2.3).
MANUFACTURER, PLATFORM, TABLE_VERSION = "Alfen NV", "NG910", 1
HEALTHY_METER, BUILT_IN_METER = 3, 0
FREQUENCY_HZ: Final = 50.0
BOARD_C: Final = 30.0  #: Of the controller board (assumed; always the same) [degC].
LONGEST_NAME: Final = 33  #: Characters; a zero has to follow.
_OUTSIDE_SCN: Final[dict[str, Value]] = {"scn_name": "", "scn_sockets": 0, "scn_modbus_slave_max_current_enable": 0}
_CLOCK: Final = {f"date_{part}": part for part in ("year", "month", "day")} | {
    f"time_{part}": part for part in ("hour", "minute", "second")
}


def serial_number(name: str) -> str:
    """Return an object number that is the same for the same device name."""
    return f"ACE{zlib.crc32(name.encode()) % 10_000_000:07d}"


class SocketMeter:
    """The built-in meter of the socket: what it measured last.

    Args:
        wiring: The socket's terminals.

    Attributes:
        at_ns: Farm time of its last measurement, before the first one 0 [ns].
        currents_a: In the socket's conductors [A].
        voltage_v: At them [V].
        energy_wh: Through all of them since the start [Wh].
    """

    def __init__(self, wiring: ChargerWiring) -> None:
        self._wiring = wiring
        self.at_ns = 0
        self.currents_a = self.voltage_v = PerPhase.zero()
        self.energy_wh = 0.0

    def sample(self, now_ns: int) -> None:
        """Measure."""
        self.at_ns = now_ns
        self.currents_a, self.voltage_v = self._wiring.currents_a(), self._wiring.voltage_v()
        self.energy_wh = sum(self._wiring.energy_wh())

    @property
    def power_w(self) -> float:
        """Return the active power of all phases [W]."""
        return sum(self.currents_a.combine(self.voltage_v, lambda current, voltage: current * voltage))

    def value(self, name: str, now_ns: int, conductors: int) -> Value:
        """Return a register's value, None for what the built-in meter of a real station does not give."""
        quantity, _, place = name.rpartition("_")
        match quantity, place:
            case "meter", "state":
                return HEALTHY_METER
            case "meter", "type":
                return BUILT_IN_METER
            case "meter_last_value", "timestamp":
                return (now_ns - self.at_ns) / NS_PER_S
            case "voltage", "l1n" | "l2n" | "l3n":
                return self._phase(self.voltage_v, place[:2], conductors) or 0.0
            case "current", "l1" | "l2" | "l3":
                return self._phase(self.currents_a, place, conductors)
            case "power_factor", "sum":
                return 1.0 if any(self.currents_a) else 0.0
            case "real_power", "sum":
                return self.power_w
            case "real_energy_delivered", "sum":
                return self.energy_wh
        return FREQUENCY_HZ if name == "frequency" else None

    @staticmethod
    def _phase(values: PerPhase, phase: str, conductors: int) -> float | None:
        index = PHASES.index(phase.upper())
        return values[index] if index < conductors else None


@dataclass(frozen=True, slots=True, kw_only=True)
class StationFacts:
    """What the registers show of the device that is not its model's.

    Attributes:
        identity: As the back office knows the station.
        firmware: As in the site.
        utc: Returns what the station's own clock shows; a back office sets it.
        is_operative: Returns whether the socket is operative; a back office may say otherwise.
    """

    identity: str
    firmware: str
    utc: Callable[[], datetime]
    is_operative: Callable[[], bool]


class Registers:
    """Reads and writes by register name.

    Args:
        station: Whose state is shown.
        meter: The socket's own meter.
        host: For the time, and the trace of what was written.
        who: Whose registers they are.
        refresh: Called when a written value has to act.
    """

    def __init__(
        self, station: Station, meter: SocketMeter, host: Host, who: StationFacts, refresh: Callable[[], None]
    ) -> None:
        self._station, self._meter, self._host = station, meter, host
        self._who, self._refresh = who, refresh
        self._booted_ns = host.now_ns()

    def read(self, name: str) -> Value:
        """Return a register's value, None when it is not available."""
        if name in _CLOCK:
            clock = self._who.utc()
            return int(getattr(clock, _CLOCK[name]))
        if name.startswith(("scn_", "remaining_")):
            return self._scn(name)
        return self._socket(name) if name in _SOCKET else self._product(name)

    def write(self, name: str, value: Value) -> None:
        """Take a written value.

        Raises:
            WriteRefused: This station does not take the register now, or the value is no current.
        """
        if name != "modbus_slave_max_current":
            code = {"charge_using_1_or_3_phases": 3}.get(name, ILLEGAL_ADDRESS)
            raise WriteRefused(code, f"{name} cannot be written with this station's settings")
        if not self._station.takes_setpoints:
            raise WriteRefused(ILLEGAL_ADDRESS, "no energy management system may set the maximum of the socket")
        if not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
            raise WriteRefused(why=f"{value!r} is no current")
        self._station.set_maximum(self._host.now_ns(), value)
        self._host.trace("setpoint", by="modbus", current_a=round(value, 3))
        self._refresh()

    def _product(self, name: str) -> Value:
        match name:
            case "name":
                return self._who.identity[:LONGEST_NAME]
            case "manufacturer":
                return MANUFACTURER
            case "modbus_table_version":
                return TABLE_VERSION
            case "firmware_version":
                return self._who.firmware
            case "platform_type":
                return PLATFORM
            case "station_serial_number":
                return serial_number(self._host.name)
            case "uptime":
                return (self._host.now_ns() - self._booted_ns) / NS_PER_S
            case "time_zone":
                return 0
            case "temperature":
                return BOARD_C
            case "ocpp_state":
                return int(self._station.reaches_back_office)
            case "station_active_max_current":
                return self._station.station_a()
            case "nr_of_sockets":
                return 1
        return self._meter.value(name, self._host.now_ns(), len(self._station.wired))

    def _socket(self, name: str) -> Value:
        station, now_ns = self._station, self._host.now_ns()
        match name:
            case "availability":
                return int(self._who.is_operative())
            case "mode_3_state":
                return station.mode_3_state
            case "actual_applied_max_current":
                return station.limit_a
            case "modbus_slave_max_current_valid_time":
                return station.setpoint_left_s(now_ns)
            case "modbus_slave_max_current":
                return station.safe_a if station.setpoint is None else station.setpoint.current_a
            case "active_load_balancing_safe_current":
                return station.safe_a
            case "modbus_slave_received_setpoint_accounted_for":
                return int(station.takes_setpoints)
        return len(station.wired)  # charge_using_1_or_3_phases

    def _scn(self, name: str) -> Value:
        """Return what a station outside a network reads (dump of a real station, PyPI alfen-eve-modbus-tcp)."""
        if name.startswith("scn_max_current") or name == "scn_safe_current":
            return self._station.safe_a
        return _OUTSIDE_SCN.get(name, 0)


_SOCKET: Final = (
    *("availability", "mode_3_state", "actual_applied_max_current", "modbus_slave_max_current_valid_time"),
    *("modbus_slave_max_current", "active_load_balancing_safe_current"),
    *("modbus_slave_received_setpoint_accounted_for", "charge_using_1_or_3_phases"),
)
