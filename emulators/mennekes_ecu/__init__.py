"""MENNEKES AMTRON Professional charging point with ECU, its Modbus TCP server and its Dynamic Load Management."""

from pathlib import Path
from typing import Final

from emulators.kit.device import Device
from emulators.kit.family import DeviceConfig, Family
from emulators.kit.host import Host
from emulators.kit.parameters import ParameterTable

FOLDER: Final = Path(__file__).parent


def _create(host: Host, config: DeviceConfig) -> Device:
    from emulators.mennekes_ecu.device import MennekesEcu  # noqa: PLC0415  a site and a list need none of it

    return MennekesEcu(host, config)


FAMILY = Family(
    type="mennekes_ecu",
    role="charger",
    product="AMTRON Professional (ECU)",
    firmware=("5.22", "5.12", "5.33"),
    parameters=ParameterTable.load(FOLDER / "parameters.csv"),
    registers=FOLDER / "registers.csv",
    modbus_port=502,
    modbus_port_parameter="Modbus TCP Server Base Port",
    modbus_switches={"Modbus TCP Server": (True,)},
    observations={
        "signalled current": ("SIGNALED_CURRENT",),
        "charging current": ("METER_CUR_L1", "METER_CUR_L2", "METER_CUR_L3"),
    },
    has_card_reader=True,
    tables={"OCPP configuration keys": FOLDER / "ocpp_keys.csv"},
    create=_create,
    sheet=FOLDER / "fidelity.md",
)
