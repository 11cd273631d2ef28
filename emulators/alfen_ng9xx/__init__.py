"""Alfen Eve Single Pro-line (NG9xx): Active Load Balancing by a P1 or Modbus TCP meter or an EMS."""

from emulators.alfen_ng9xx.backend import KEYS
from emulators.alfen_ng9xx.device import FOLDER, PARAMETERS, SINGLE_PHASE, VARIANTS, AlfenNg9xx
from emulators.alfen_ng9xx.model import SERVER_OPENS
from emulators.kit.family import Family
from emulators.kit.host import SerialSettings

FAMILY = Family(
    type="alfen_ng9xx",
    role="charger",
    product="Alfen Eve Single Pro-line",
    firmware=("6.1.0-4159", "6.5.0-4217"),
    variants=VARIANTS,
    single_phase=SINGLE_PHASE,
    rated_current_a={"": 32},
    parameters=PARAMETERS,
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
    has_card_reader=True,
    tables={"OCPP configuration keys": KEYS},
    create=AlfenNg9xx,
    sheet=FOLDER / "fidelity.md",
)
