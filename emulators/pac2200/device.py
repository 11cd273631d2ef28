"""A PAC2200 on a host. No behaviour in here: what it measures is :mod:`model`, its port is the kit's."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from emulators.kit.family import DeviceConfig
from emulators.kit.host import Host
from emulators.kit.modbus.meter import MeterDevice, MeterType
from emulators.kit.parameters import ParameterError, ParameterStore, ParameterTable
from emulators.kit.registers import RegisterTable
from emulators.pac2200.faults import FAULTS
from emulators.pac2200.model import SAMPLE_S, Meter

FOLDER: Final = Path(__file__).parent
PARAMETERS: Final = ParameterTable.load(FOLDER / "parameters.csv")
_CURRENTS: Final = ("I_L1", "I_L2", "I_L3")
#: Any unit id is answered and echoed (assumed).
PAC2200: Final = MeterType(
    registers=RegisterTable.load(FOLDER / "registers.csv"),
    currents=_CURRENTS,
    displayed=(
        *("V_L1_N", "V_L2_N", "V_L3_N", *_CURRENTS, "P_L1", "P_L2", "P_L3"),
        *("P_TOT", "EA_IMP_TOT_T1", "EA_IMP_TOT_T2", "EA_EXP_TOT_T1", "EA_EXP_TOT_T2"),
    ),
    sample_s=SAMPLE_S,
    port_parameter="Modbus Port",
    faults=FAULTS,
    whole_values=True,
)


def pac2200(host: Host, config: DeviceConfig) -> MeterDevice:
    """Return a Siemens SENTRON PAC2200 on a host.

    Raises:
        ParameterError: A transformer's current is set for a meter that measures directly.
    """
    if "CT primary [A]" in config.parameters and "-2EA40-" in config.variant:
        raise ParameterError("CT primary [A]", f"is not available on {config.variant}.", "It measures directly.")
    parameters = ParameterStore(PARAMETERS, config.parameters)
    meter = Meter(config.variant, config.firmware, f"LQN/{config.name}", config.address, parameters, trace=host.trace)
    identity = {0: "Siemens AG", 1: config.variant, 2: f"V{config.firmware}"}
    device = MeterDevice(host, config, PAC2200, parameters=parameters, model=meter, identity=identity)
    meter.on_apply = lambda: host.spawn(device.restart(), name=f"{device.name} applies its IP configuration")
    return device
