"""Tables of configuration keys: the standard's, and what a family makes of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from emulators.kit.ocpp.point.keys import Keys, KeyTable

HEAD = "key,type,min,max,values,default,unit,access,reboot,from_fw,source\n"
#: OCPP 1.6, chapter 9: the keys that every station has (9.1), and those of the feature profiles that are required.
REQUIRED = [
    "AuthorizeRemoteTxRequests",
    "ClockAlignedDataInterval",
    "ConnectionTimeOut",
    "ConnectorPhaseRotation",
    "GetConfigurationMaxKeys",
    "HeartbeatInterval",
    "LocalAuthorizeOffline",
    "LocalPreAuthorize",
    "MeterValuesAlignedData",
    "MeterValuesSampledData",
    "MeterValueSampleInterval",
    "NumberOfConnectors",
    "ResetRetries",
    "StopTransactionOnInvalidId",
    "StopTxnAlignedData",
    "StopTxnSampledData",
    "SupportedFeatureProfiles",
    "TransactionMessageAttempts",
    "TransactionMessageRetryInterval",
    "UnlockConnectorOnEVSideDisconnect",
    "LocalAuthListEnabled",
    "LocalAuthListMaxLength",
    "SendLocalListMaxLength",
    "ChargeProfileMaxStackLevel",
    "ChargingScheduleAllowedChargingRateUnit",
    "ChargingScheduleMaxPeriods",
    "MaxChargingProfilesInstalled",
]


def table(folder: Path, *rows: str, firmware: str = "") -> KeyTable:
    path = folder / "ocpp_keys.csv"
    path.write_text(HEAD + "".join(f"{row}\n" for row in rows), encoding="utf-8")
    return KeyTable.load(path, firmware)


def test_the_standards_table_is_whole_and_its_defaults_are_possible() -> None:
    standard = KeyTable.load()
    assert set(REQUIRED) <= set(standard)
    for name, key in standard.items():
        assert key.source, name
        if key.default or key.type == "measurands":
            assert key.takes(key.default, 1, None) == key.default, name


def test_a_family_completes_overrides_and_takes_away(tmp_path: Path) -> None:
    family = table(
        tmp_path,
        "HeartbeatInterval,integer,10,600,,60,s,RW,,,maker's manual",
        "Colour,enum,,,red|blue,red,,RW,yes,,maker's manual",
        "WebSocketPingInterval,integer,,,,0,s,-,,,maker's manual",
    )
    keys = Keys(family, 1, {})
    assert keys.change("HeartbeatInterval", "700") == "Rejected"
    assert keys.change("WebSocketPingInterval", "10") == "NotSupported"
    assert keys.change("Colour", "green") == "Rejected"
    assert keys.change("Colour", "blue") == "RebootRequired"
    assert (keys.text("Colour"), keys.kept("Colour")) == ("red", "blue")
    assert keys.change("Colour", "red") == "Accepted"
    assert keys.as_json() == {}


def test_later_firmware_has_more_keys(tmp_path: Path) -> None:
    row = "Colour,text,,8,,red,,RW,,5.12,maker's manual"
    assert "Colour" not in table(tmp_path, row, firmware="5.9")
    assert "Colour" in table(tmp_path, row, firmware="5.12.1")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("Colour,colour,,,,red,,RW,,,x", "ocpp_keys.csv: Colour: type 'colour'. Allowed: boolean"),
        ("Colour,text,,,,red,,X,,,x", "Colour: access 'X'. Allowed: R, RW, W, -"),
    ],
)
def test_a_wrong_row_is_named(tmp_path: Path, row: str, message: str) -> None:
    with pytest.raises(ValueError, match="Colour") as error:
        table(tmp_path, row)
    assert message in str(error.value)


def test_what_the_device_gives_has_to_be_possible() -> None:
    keys = Keys(KeyTable.load(), 1, {"Nonsense": "1"})
    keys.give("SecurityProfile", "2")
    assert keys.integer("SecurityProfile") == 2
    with pytest.raises(ValueError, match="'often' is not possible"):
        keys.give("HeartbeatInterval", "often")
    with pytest.raises(ValueError, match="Nonsense"):
        keys.give("Nonsense", "1")
