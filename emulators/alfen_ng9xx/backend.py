"""The station's way to its back office: what its parameters make of connection and authorisation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, cast

from emulators.alfen_ng9xx.registers import serial_number
from emulators.alfen_ng9xx.site_rules import IDENTITY, PASSWORD, PRESET, URL
from emulators.kit.family import DeviceConfig
from emulators.kit.host import Host
from emulators.kit.ocpp.point.config import LONGEST_ID_TAG, LONGEST_SERIAL, ChargePointConfig
from emulators.kit.ocpp.point.keys import KeyTable
from emulators.kit.ocpp.profiles.rates import StationSupply
from emulators.kit.ocpp.shell.security import Profile, Security
from emulators.kit.ocpp.shell.sockets import Sockets
from emulators.kit.ocpp.shell.station import OcppStation
from emulators.kit.parameters import ParameterStore
from emulators.kit.phases import SINGLE_PHASE_ORDERS

KEYS: Final = Path(__file__).parent / "ocpp_keys.csv"
VENDOR: Final = "Alfen BV"
#: BootNotification goes out so long after the WebSocket is up (steve-community/steve issue 1347, lbbrhzn/ocpp 337).
BOOT_AFTER_S: Final = 5


def identity_of(parameters: ParameterStore, name: str) -> str:
    """Return the station's identity; it is named like its device as long as nobody has given it one."""
    return parameters.text(IDENTITY) or name


def backend_of(
    host: Host, config: DeviceConfig, parameters: ParameterStore, sockets: Sockets, *, log: Callable[[str], None]
) -> OcppStation | None:
    """Return a station's half of OCPP, None where it has no back office: then charging is free."""
    if parameters.text(PRESET) == "None" or not parameters.text(URL):
        return None
    number, identity = serial_number(config.name), identity_of(parameters, config.name)
    plug_and_charge = parameters.text("Plug and charge identifier") or number
    is_free = parameters.text("Authorization mode") == "Plug and charge"
    is_single = config.phase_order in SINGLE_PHASE_ORDERS
    return OcppStation(
        host,
        sockets,
        ChargePointConfig(
            vendor=VENDOR,
            model=config.variant,
            firmware=config.firmware,
            serial=number,
            connectors=len(config.sockets),
            box_serial=identity[:LONGEST_SERIAL],
            boot_after_s=BOOT_AFTER_S,
            supply=StationSupply(phases=1 if is_single else 3, switches=False),
            free_id_tag=plug_and_charge[:LONGEST_ID_TAG] if is_free else None,
            starts_known_only=True,
        ),
        KeyTable.load(KEYS, config.firmware),
        settings={
            **sockets.settings,
            "DeviceIdentity": identity,
            "FeatureObjectId": number,
            "Identity": identity,
            "PlugAndChargeIdentifier": plug_and_charge,
            "UnlockedFeatures": parameters.text("License Key features"),
        },
        url=parameters.text(URL) if parameters.text("OCPP version") == "1.6" else "",
        identity=identity,
        security=Security(
            profile=cast(Profile, parameters.whole("Security profile")),
            password=parameters.text(PASSWORD).encode(),
            trusted=host.authority()[0],
        ),
        log=log,
    )
