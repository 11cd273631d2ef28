"""OCPP 1.6J central system: a thin binding of the kit's role."""

from emulators.backend.device import API_TOKEN, FOLDER, PARAMETERS, Backend, services
from emulators.backend.faults import FAULTS
from emulators.kit.family import Family

FAMILY = Family(
    type="backend",
    role="backend",
    product="OCPP 1.6J central system",
    firmware=("1",),
    parameters=PARAMETERS,
    services=services,
    api_token=API_TOKEN,
    faults=FAULTS,
    create=Backend,
    sheet=FOLDER / "fidelity.md",
)
