"""What the station's display, its LED and the tool's Live monitoring tab show. Sans-I/O.

Guide: Alfen smart charging implementation guide 2.7.1, 4.2, 5.2, 5.3.4, 10.8, 10.11. Figures of the guide that show a
display are lost; the arrangement of the texts is assumed.
"""

from __future__ import annotations

from collections.abc import Mapping

from emulators.alfen_ng9xx.model import EMS, P1, Binding, Station
from emulators.kit.phases import PerPhase
from emulators.kit.pilot import offer_of_current

#: Error numbers of the display: P1 port, Modbus TCP port (domoticz AlfenEve.cpp, leeyuentuen/alfen_wallbox).
P1_ERROR, MODBUS_ERROR = 209, 210
IDLE, IN_USE = "Not in use (communication idle)", "In use (communication normal)"  #: The second text is assumed.


def display_text(station: Station, power_w: float, connector_a: float) -> str:
    """Return the text on the display.

    While a vehicle charges it is the power, and current and maximum of the socket (guide 4.2); a paused session shows
    0 kW (guide 2.7.1); a lost data source shows its error number.

    Args:
        station: Its state.
        power_w: What the socket's own meter measures [W].
        connector_a: Maximum of the socket [A].
    """
    lines = []
    if station.source_lost:
        is_p1 = station.balancer is not None and station.protocol == P1
        lines.append(f"{P1_ERROR if is_p1 else MODBUS_ERROR}: {station.lost_text}")
    if not station.connected:
        lines.append("Available")
    elif not station.signalled_a and station.binding is Binding.PROFILE:
        lines.append("Chargepoint ready, waiting for power")  # guide 2.7.1
    elif station.binding is Binding.NOT_AUTHORISED:
        lines.append("Present your card")
    else:
        lines.append(f"{power_w / 1000:.1f} kW {station.signalled_a:.1f} A of {connector_a:.1f} A")
    return "\n".join(lines)


def led_text(station: Station, currents_a: PerPhase) -> str:
    """Return what the status LED does.

    Dark blue while charging, flashing dark blue while the vehicle still draws more than it is offered, flashing light
    blue while paused (guide 2.7.1, 4.2). Green for a free socket is assumed.
    """
    if not station.connected:
        return "green steady"
    if max(currents_a) > station.signalled_a + 0.5:  # the same half ampere that counts as 'as offered' everywhere here
        return "dark blue flashing"
    if not station.signalled_a:
        return "light blue flashing"
    return "dark blue steady" if station.asks else "light blue steady"


def live_monitoring(station: Station, currents_a: PerPhase, *, ems_in_use: bool) -> Mapping[str, str]:
    """Return the Live monitoring tab and the settings that it names, as text by field.

    Args:
        station: Its state.
        currents_a: Currents in the socket's conductors [A].
        ems_in_use: A Modbus master has spoken within the keep-alive time.
    """
    meter_a = station.balancer.meter_a if station.balancer is not None else None
    if station.source == EMS:
        in_use = ems_in_use and not station.source_lost
    else:
        in_use = meter_a is not None and station.protocol != P1
    return {
        "Mode 3 state": station.mode_3_state,
        "PWM duty cycle (%)": f"{offer_of_current(station.signalled_a).duty_pct:.1f}",
        "Actual applied max current": f"{station.limit_a:.1f} A",
        "Limited by": station.binding.value,
        # A lost meter shows 0 A (guide 5.3.4.1, 10.11).
        "Smart meter currents": f"{(meter_a or PerPhase.zero()).map(_tenths)} A",
        "Socket currents": f"{currents_a.map(_tenths)} A",
        "Modbus TCP/IP Connection State": IN_USE if in_use else IDLE,
        "Smart charging error": station.lost_text if station.source_lost else "none",
    }


def _tenths(value: float) -> float:
    return round(value, 1) + 0.0  # no minus before a zero
