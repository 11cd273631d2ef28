"""Dutch smart meter (DSMR) with a P1 port."""

from emulators.dsmr_p1.faults import FAULTS
from emulators.dsmr_p1.versions import FOLDER, PORT, VERSIONS
from emulators.kit.device import Device
from emulators.kit.family import DeviceConfig, Family
from emulators.kit.host import Host
from emulators.kit.parameters import ParameterTable


def _create(host: Host, config: DeviceConfig) -> Device:
    from emulators.dsmr_p1.device import DsmrP1  # noqa: PLC0415  a site and a list need none of it

    return DsmrP1(host, config)


FAMILY = Family(
    type="dsmr_p1",
    role="meter",
    product="DSMR meter with P1 port",
    firmware=tuple(VERSIONS),
    variants=("three-phase", "single-phase"),
    parameters=ParameterTable.load(FOLDER / "parameters.csv"),
    serial_ports={PORT: next(iter(VERSIONS.values())).settings},
    tables={"lines of a telegram": FOLDER / "obis.csv", "versions of the P1 standard": FOLDER / "versions.csv"},
    observations={"meter current": ("1-0:31.7.0", "1-0:51.7.0", "1-0:71.7.0")},
    faults=FAULTS,
    create=_create,
    sheet=FOLDER / "fidelity.md",
)
