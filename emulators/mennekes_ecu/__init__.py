"""MENNEKES AMTRON Professional charging point with ECU, its Modbus TCP server and its Dynamic Load Management."""

from pathlib import Path
from typing import Final

from emulators.kit.device import Device
from emulators.kit.family import DeviceConfig, Family
from emulators.kit.host import Host
from emulators.kit.parameters import ParameterTable
from emulators.mennekes_ecu.faults import FAULTS
from emulators.mennekes_ecu.registers import BLOCKS
from emulators.mennekes_ecu.site_backend import VARIANTS, backend_link, gateway_in_use
from emulators.mennekes_ecu.site_rules import POINT_LIMIT, site_rules

FOLDER: Final = Path(__file__).parent


def _create(host: Host, config: DeviceConfig) -> Device:
    from emulators.mennekes_ecu.device import MennekesEcu  # noqa: PLC0415  a site and a list need none of it

    return MennekesEcu(host, config)


FAMILY = Family(
    type="mennekes_ecu",
    role="charger",
    maker="MENNEKES",
    product="AMTRON Professional (ECU)",
    firmware=("5.22", "5.12", "5.33"),
    variants=VARIANTS,
    limit_parameter=POINT_LIMIT,
    parameters=ParameterTable.load(FOLDER / "parameters.csv"),
    registers=FOLDER / "registers.csv",
    modbus_port=502,
    modbus_blocks=BLOCKS,
    modbus_port_parameter="Modbus TCP Server Base Port",
    modbus_switches={"Modbus TCP Server": (True,)},
    observations={
        "signalled current": ("SIGNALED_CURRENT",),
        "charging current": ("METER_CUR_L1", "METER_CUR_L2", "METER_CUR_L3"),
    },
    signalled_in_trace="current_a",
    site_rules=site_rules,
    backend=backend_link,
    gateway=gateway_in_use,
    headline={"DLM Master/Slave": "{}", "DLM Network Id": "network {}"},
    has_card_reader=True,
    tables={"meters that it reads": FOLDER / "meters.csv", "OCPP configuration keys": FOLDER / "ocpp_keys.csv"},
    faults=FAULTS,
    create=_create,
    sheet=FOLDER / "fidelity.md",
)
