"""Dutch smart meter (DSMR) with a P1 port."""

from emulators.dsmr_p1.device import PARAMETERS, PORT, DsmrP1
from emulators.dsmr_p1.faults import FAULTS
from emulators.dsmr_p1.versions import FOLDER, VERSIONS
from emulators.kit.family import Family

FAMILY = Family(
    type="dsmr_p1",
    role="meter",
    product="DSMR meter with P1 port",
    firmware=tuple(VERSIONS),
    variants=("three-phase", "single-phase"),
    parameters=PARAMETERS,
    serial_ports={PORT: next(iter(VERSIONS.values())).settings},
    tables={"lines of a telegram": FOLDER / "obis.csv", "versions of the P1 standard": FOLDER / "versions.csv"},
    observations={"meter current": ("1-0:31.7.0", "1-0:51.7.0", "1-0:71.7.0")},
    faults=FAULTS,
    create=DsmrP1,
    sheet=FOLDER / "fidelity.md",
)
