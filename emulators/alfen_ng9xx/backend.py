"""The station's way to its back office: what its parameters make of connection and authorisation."""

from __future__ import annotations

from pathlib import Path
from typing import Final, cast

from emulators.alfen_ng9xx.registers import serial_number
from emulators.alfen_ng9xx.site_rules import IDENTITY, PASSWORD, PRESET, URL
from emulators.kit.family import DeviceConfig
from emulators.kit.host import ChargerWiring, Host
from emulators.kit.ocpp.point.config import LONGEST_ID_TAG, LONGEST_SERIAL, ChargePointConfig
from emulators.kit.ocpp.point.keys import KeyTable
from emulators.kit.ocpp.profiles.rates import Supply
from emulators.kit.ocpp.shell.one_connector import Charger, OneConnector
from emulators.kit.ocpp.shell.security import Profile, Security
from emulators.kit.phases import SINGLE_PHASE_ORDERS

KEYS: Final = Path(__file__).parent / "ocpp_keys.csv"
VENDOR: Final = "Alfen BV"
#: BootNotification goes out so long after the WebSocket is up (steve-community/steve issue 1347, lbbrhzn/ocpp 337).
BOOT_AFTER_S: Final = 5


def backend_of(host: Host, config: DeviceConfig, wiring: ChargerWiring, device: Charger) -> OneConnector | None:
    """Return a station's half of OCPP, None where it has no back office: then charging is free."""
    parameters = device.parameters
    if parameters[PRESET] == "None" or not parameters[URL]:
        return None
    number, identity = serial_number(config.name), str(parameters[IDENTITY]) or config.name
    plug_and_charge = str(parameters["Plug and charge identifier"]) or number
    profile = cast(Profile, parameters["Security profile"])
    is_single = config.phase_order in SINGLE_PHASE_ORDERS
    return OneConnector(
        host,
        wiring,
        device,
        config=ChargePointConfig(
            vendor=VENDOR,
            model=config.variant,
            firmware=config.firmware,
            serial=number,
            box_serial=identity[:LONGEST_SERIAL],
            boot_after_s=BOOT_AFTER_S,
            supply=Supply(phases=1 if is_single else 3),
            free_id_tag=plug_and_charge[:LONGEST_ID_TAG]
            if parameters["Authorization mode"] == "Plug and charge"
            else None,
        ),
        keys=KeyTable.load(KEYS, config.firmware),
        settings={
            "DeviceIdentity": identity,
            "FeatureObjectId": number,
            "Identity": identity,
            "PlugAndChargeIdentifier": plug_and_charge,
            "UnlockedFeatures": str(parameters["License Key features"]),
        },
        url=str(parameters[URL]) if parameters["OCPP version"] == "1.6" else "",
        identity=identity,
        security=Security(profile=profile, password=str(parameters[PASSWORD]).encode(), trusted=host.authority()[0]),
    )
