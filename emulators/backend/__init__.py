"""OCPP 1.6J central system: a thin binding of the kit's role."""

from pathlib import Path
from typing import Final

from emulators.backend.faults import FAULTS
from emulators.backend.services import API_TOKEN, services
from emulators.kit.device import Device
from emulators.kit.family import DeviceConfig, Family
from emulators.kit.host import Host
from emulators.kit.parameters import ParameterTable

FOLDER: Final = Path(__file__).parent


def _create(host: Host, config: DeviceConfig) -> Device:
    from emulators.backend.device import Backend  # noqa: PLC0415  a site and a list need none of it

    return Backend(host, config)


FAMILY = Family(
    type="backend",
    role="backend",
    product="OCPP 1.6J central system",
    firmware=("1",),
    parameters=ParameterTable.load(FOLDER / "parameters.csv"),
    services=services,
    api_token=API_TOKEN,
    faults=FAULTS,
    create=_create,
    sheet=FOLDER / "fidelity.md",
)
