"""Alfen Eve Single Pro-line (NG9xx): Active Load Balancing by a P1 or Modbus TCP meter or an EMS."""

from pathlib import Path
from typing import Final

from emulators.alfen_ng9xx.faults import FAULTS
from emulators.alfen_ng9xx.model import SERVER_OPENS, SINGLE_PHASE, VARIANTS
from emulators.alfen_ng9xx.site_rules import backend_link, site_rules
from emulators.kit.device import Device
from emulators.kit.family import DeviceConfig, Family
from emulators.kit.host import Host, SerialSettings
from emulators.kit.parameters import ParameterTable

FOLDER: Final = Path(__file__).parent


def _create(host: Host, config: DeviceConfig) -> Device:
    from emulators.alfen_ng9xx.device import AlfenNg9xx  # noqa: PLC0415  a site and a list need none of it

    return AlfenNg9xx(host, config)


FAMILY = Family(
    type="alfen_ng9xx",
    role="charger",
    maker="Alfen",
    product="Alfen Eve Single Pro-line",
    firmware=("6.1.0-4159", "6.5.0-4217"),
    variants=VARIANTS,
    single_phase=SINGLE_PHASE,
    rated_current_a={"": 32},
    parameters=ParameterTable.load(FOLDER / "parameters.csv"),
    registers=FOLDER / "registers.csv",
    serial_ports={"P1": SerialSettings()},
    modbus_port=502,
    modbus_switches=SERVER_OPENS,
    modbus_unit=1,
    modbus_more_units=(200,),
    modbus_socket_units={1: 1, 2: 2},  # Modbus slave document v2.3: 1 the only or left socket, 2 the right one
    observations={
        "signalled current": ("actual_applied_max_current",),
        "charging current": ("current_l1", "current_l2", "current_l3"),
    },
    signalled_in_trace="limit_a",
    site_rules=site_rules,
    backend=backend_link,
    has_card_reader=True,
    tables={"meters that it reads": FOLDER / "meters.csv", "OCPP configuration keys": FOLDER / "ocpp_keys.csv"},
    faults=FAULTS,
    create=_create,
    sheet=FOLDER / "fidelity.md",
)
