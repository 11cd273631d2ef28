"""MENNEKES AMTRON Professional charging point with ECU, its Modbus TCP server and its Dynamic Load Management."""

from emulators.kit.family import Family
from emulators.mennekes_ecu.backend import KEYS
from emulators.mennekes_ecu.device import FOLDER, PARAMETERS, MennekesEcu
from emulators.mennekes_ecu.registers import BLOCKS

FAMILY = Family(
    type="mennekes_ecu",
    role="charger",
    product="AMTRON Professional (ECU)",
    firmware=("5.22", "5.12", "5.33"),
    parameters=PARAMETERS,
    registers=FOLDER / "registers.csv",
    modbus_port=502,
    modbus_blocks=BLOCKS,
    modbus_port_parameter="Modbus TCP Server Base Port",
    modbus_switches={"Modbus TCP Server": (True,)},
    observations={
        "signalled current": ("SIGNALED_CURRENT",),
        "charging current": ("METER_CUR_L1", "METER_CUR_L2", "METER_CUR_L3"),
    },
    has_card_reader=True,
    tables={"OCPP configuration keys": KEYS},
    create=MennekesEcu,
    sheet=FOLDER / "fidelity.md",
)
