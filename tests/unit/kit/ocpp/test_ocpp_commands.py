"""The backend's commands, each with its answers."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from emulators.kit.ocpp.point.equipment import Unlocked
from emulators.kit.ocpp.point.keys import KeyTable
from emulators.kit.ocpp.wire.rpc import CallError

KEYS = KeyTable.load()
LATER = "2026-06-01T06:10:00Z"


def profile(purpose: str = "TxDefaultProfile", limit: float = 10, **fields: Any) -> dict[str, Any]:
    return {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Absolute",
        "chargingSchedule": {
            "chargingRateUnit": "A",
            "startSchedule": "2026-06-01T05:00:00Z",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}],
        },
    } | fields


def start(one: Any, **fields: Any) -> str:
    return str(one.command("RemoteStartTransaction", idTag="TAG", **fields)["status"])


def reserve(one: Any, connector: int = 1, tag: str = "TAG", number: int = 7, **fields: Any) -> str:
    asked = {"connectorId": connector, "idTag": tag, "reservationId": number, "expiryDate": LATER}
    return str(one.command("ReserveNow", **(asked | fields))["status"])


# --- remote start and stop


def test_remote_start_with_a_vehicle_there(desk: Any) -> None:
    one = desk().pilot("B")
    assert start(one, connectorId=1) == "Accepted"
    assert one.all("StartTransaction")[0]["idTag"] == "TAG"
    assert not one.all("Authorize")


def test_remote_start_may_have_to_be_authorised(desk: Any) -> None:
    one = desk(settings={"AuthorizeRemoteTxRequests": "true"}).pilot("B")
    one.answers["Authorize"] = {"idTagInfo": {"status": "Invalid"}}
    assert start(one) == "Accepted"
    assert one.all("Authorize") and not one.all("StartTransaction")


def test_remote_start_waits_for_the_plug(desk: Any) -> None:
    one = desk(settings={"ConnectionTimeOut": "20"})
    assert start(one) == "Accepted"
    assert one.states()[-1] == "Preparing"
    assert start(one) == "Rejected"
    one.wait(20)
    assert one.states()[-1] == "Available"
    start(one)
    assert one.pilot("B").all("StartTransaction")


@pytest.mark.parametrize(("tag", "status"), [("FREE", "Accepted"), ("free", "Accepted"), ("TAG", "Rejected")])
def test_a_station_that_starts_known_cards_only_has_one_where_charging_is_free(
    desk: Any, tag: str, status: str
) -> None:
    one = desk(free_id_tag="FREE", starts_known_only=True)
    assert one.command("RemoteStartTransaction", idTag=tag) == {"status": status}
    assert desk(free_id_tag="FREE").command("RemoteStartTransaction", idTag=tag) == {"status": "Accepted"}


def test_a_station_that_starts_known_cards_only_looks_in_list_and_cache(desk: Any) -> None:
    one = desk(starts_known_only=True)
    assert start(one) == "Rejected"
    one.card("TAG").pilot("B").pilot("A")  # told Accepted by the backend, and kept in the cache
    assert start(one) == "Accepted"
    one.answers["Authorize"] = {"idTagInfo": {"status": "Blocked"}}
    asks = desk(starts_known_only=True, settings={"AuthorizeRemoteTxRequests": "true"})
    assert start(asks) == "Accepted"
    assert asks.all("Authorize")
    one = desk(starts_known_only=True)
    one.answers["Authorize"] = {"idTagInfo": {"status": "Blocked"}}
    one.card("TAG")
    assert start(one) == "Rejected"


@pytest.mark.parametrize("connector", [0, 3])
def test_remote_start_needs_a_connector_that_is_there(desk: Any, connector: int) -> None:
    assert start(desk(connectors=2), connectorId=connector) == "Rejected"


def test_remote_start_is_refused_where_nothing_can_start(desk: Any) -> None:
    one = desk().charge()
    assert start(one) == "Rejected"
    other = desk()
    other.command("ChangeAvailability", connectorId=1, type="Inoperative")
    assert start(other) == "Rejected"


def test_remote_start_takes_the_connector_with_a_vehicle(desk: Any) -> None:
    one = desk(connectors=3).pilot("B", 2)
    start(one)
    assert one.all("StartTransaction")[0]["connectorId"] == 2


def test_remote_start_brings_its_profile(desk: Any) -> None:
    one = desk().pilot("B")
    assert start(one, chargingProfile=profile("TxDefaultProfile")) == "Rejected"
    assert start(one, chargingProfile=profile("TxProfile", transactionId=3)) == "Rejected"
    assert start(one, chargingProfile=profile("TxProfile", 8)) == "Accepted"
    assert one.point.limit(1).current_a == 8
    one.card("TAG")
    assert one.point.limit(1) is None


def test_remote_stop(desk: Any) -> None:
    one = desk().charge()
    assert one.command("RemoteStopTransaction", transactionId=999) == {"status": "Rejected"}
    assert one.command("RemoteStopTransaction", transactionId=101) == {"status": "Accepted"}
    assert one.all("StopTransaction")[0]["reason"] == "Remote"
    assert one.states()[-1] == "Finishing"


def test_unlock(desk: Any) -> None:
    one = desk().charge()
    assert one.command("UnlockConnector", connectorId=1) == {"status": "Unlocked"}
    assert one.all("StopTransaction")[0]["reason"] == "UnlockCommand"
    assert one.device.unlocked == [1]
    assert one.command("UnlockConnector", connectorId=2) == {"status": "NotSupported"}
    assert one.command("UnlockConnector", connectorId=0) == {"status": "NotSupported"}
    one.device.unlocks = Unlocked.FAILED
    assert one.command("UnlockConnector", connectorId=1) == {"status": "UnlockFailed"}


# --- availability


def test_availability_waits_for_the_end_of_a_transaction(desk: Any) -> None:
    one = desk().charge()
    assert one.command("ChangeAvailability", connectorId=1, type="Inoperative") == {"status": "Scheduled"}
    assert one.states()[-1] == "Charging"
    one.card("TAG")
    assert one.states()[-1] == "Unavailable"
    assert one.card("TAG").point.status(1) == "Unavailable"
    assert one.command("ChangeAvailability", connectorId=1, type="Operative") == {"status": "Accepted"}
    assert one.states()[-1] == "Preparing"


def test_availability_of_the_whole_station(desk: Any) -> None:
    one = desk(connectors=2).forget()
    assert one.command("ChangeAvailability", connectorId=0, type="Inoperative") == {"status": "Accepted"}
    assert [one.states(number) for number in range(3)] == [["Unavailable"]] * 3
    assert one.command("ChangeAvailability", connectorId=3, type="Operative") == {"status": "Rejected"}
    one.command("ChangeAvailability", connectorId=0, type="Operative")
    assert one.states(2)[-1] == "Available"


def test_a_vehicle_without_a_transaction_does_not_keep_it_available(desk: Any) -> None:
    """The table has no way from Preparing to Unavailable: it goes by Finishing."""
    one = desk().pilot("B").forget()
    one.command("ChangeAvailability", connectorId=1, type="Inoperative")
    assert one.states() == ["Finishing", "Unavailable"]


# --- reservation


def test_a_reservation_holds_the_connector_for_its_card(desk: Any) -> None:
    one = desk().forget()
    assert reserve(one) == "Accepted"
    assert one.states() == ["Reserved"]
    one.pilot("B").card("OTHER")
    assert not one.all("StartTransaction")
    one.card("tag")
    assert one.all("StartTransaction")[0]["reservationId"] == 7
    assert one.states()[1:3] == ["Preparing", "SuspendedEVSE"]
    assert reserve(one, number=8) == "Occupied"


def test_a_reservation_for_a_group(desk: Any) -> None:
    one = desk()
    reserve(one, tag="HEAD", parentIdTag="FAMILY")
    one.answers["Authorize"] = {"idTagInfo": {"status": "Accepted", "parentIdTag": "FAMILY"}}
    one.pilot("B").card("CHILD")
    assert one.all("StartTransaction")[0]["reservationId"] == 7


def test_a_reservation_ends(desk: Any) -> None:
    one = desk()
    reserve(one)
    one.wait(599.9)
    assert one.states()[-1] == "Reserved"
    one.wait(0.1)
    assert one.states()[-1] == "Available"
    assert one.command("CancelReservation", reservationId=7) == {"status": "Rejected"}
    assert reserve(one) == "Rejected"  # it is over already
    reserve(one, expiryDate="2026-06-01T07:00:00Z")
    assert one.command("CancelReservation", reservationId=7) == {"status": "Accepted"}
    assert one.states()[-1] == "Available"


def test_reservations_outlive_a_restart(desk: Any) -> None:
    one = desk(connectors=2)
    reserve(one, connector=0, tag="GUEST", expiryDate="2026-06-01T06:05:00Z")
    reserve(one, connector=1, number=8, tag="HEAD", parentIdTag="FAMILY")
    one.wait(60).restart()
    one.connect()
    assert one.states()[-1] == "Reserved"
    one.pilot("B").pilot("B", 2).card("OTHER")  # the other connector is left for the guest
    assert not one.all("StartTransaction")
    one.answers["Authorize"] = {"idTagInfo": {"status": "Accepted", "parentIdTag": "FAMILY"}}
    one.card("CHILD", 1)
    assert one.all("StartTransaction")[0]["reservationId"] == 8
    one.restart()
    one.wait(300).connect()
    assert one.states(1)[-1] == "Available"
    assert one.command("CancelReservation", reservationId=7) == {"status": "Rejected"}  # it ended meanwhile
    assert one.command("CancelReservation", reservationId=8) == {"status": "Rejected"}  # it has been used


def test_reservations_are_refused(desk: Any) -> None:
    one = desk(connectors=2)
    reserve(one)
    assert reserve(one, number=8, tag="OTHER") == "Occupied"
    assert reserve(one, number=7, expiryDate="2026-06-01T06:20:00Z") == "Accepted"  # the same one, longer
    assert reserve(one, connector=3) == "Rejected"
    one.point.fault(2, "GroundFailure", one.now_ns)
    one.settle()
    assert reserve(one, connector=2, number=9) == "Faulted"
    one.command("ChangeAvailability", connectorId=1, type="Inoperative")
    assert reserve(one, connector=1, number=9) == "Unavailable"
    with pytest.raises(CallError, match="TypeConstraintViolation"):
        reserve(one, expiryDate="soon")


def test_a_reservation_of_any_connector_keeps_one_free(desk: Any) -> None:
    one = desk(connectors=2)
    assert reserve(one, connector=0, tag="GUEST") == "Accepted"
    one.pilot("B", 1).card("FIRST", 1)
    assert len(one.all("StartTransaction")) == 1
    one.pilot("B", 2).card("SECOND", 2)
    assert len(one.all("StartTransaction")) == 1
    one.card("GUEST", 2)
    assert one.all("StartTransaction")[1]["reservationId"] == 7


# --- lists and configuration


def test_the_local_list_is_updated(desk: Any) -> None:
    one = desk()

    def send(version: int, kind: str, *entries: dict[str, Any]) -> str:
        fields = {"localAuthorizationList": list(entries)} if entries else {}
        return str(one.command("SendLocalList", listVersion=version, updateType=kind, **fields)["status"])

    good = {"status": "Accepted"}
    assert one.command("GetLocalListVersion") == {"listVersion": 0}
    assert send(3, "Full", {"idTag": "A", "idTagInfo": good}, {"idTag": "B", "idTagInfo": good}) == "Accepted"
    assert send(3, "Differential") == "VersionMismatch"
    assert send(4, "Differential", {"idTag": "A"}, {"idTag": "C", "idTagInfo": {"status": "Blocked"}}) == "Accepted"
    known = [one.point.id_tags.known(tag) for tag in "ABC"]
    assert [None if info is None else info.status for info in known] == [None, "Accepted", "Blocked"]
    assert send(5, "Full", {"idTag": "D"}) == "Failed"
    assert send(5, "Differential", {"idTag": "E", "idTagInfo": good}, {"idTag": "e", "idTagInfo": good}) == "Failed"
    assert send(0, "Full") == "Failed"
    many = [{"idTag": f"T{number}", "idTagInfo": good} for number in range(101)]
    assert send(5, "Full", *many) == "Failed"
    assert one.command("GetLocalListVersion") == {"listVersion": 4}
    one.command("ChangeConfiguration", key="LocalAuthListEnabled", value="false")
    assert send(6, "Full") == "NotSupported"
    assert one.command("GetLocalListVersion") == {"listVersion": -1}


def test_the_cache_is_cleared(desk: Any) -> None:
    one = desk().charge().card("TAG").pilot("A")
    assert one.point.id_tags.known("tag") is not None
    assert one.command("ClearCache") == {"status": "Accepted"}
    assert one.point.id_tags.known("tag") is None
    one.command("ChangeConfiguration", key="AuthorizationCacheEnabled", value="false")
    assert one.command("ClearCache") == {"status": "Rejected"}


def test_the_configuration_is_read(desk: Any) -> None:
    one = desk()
    answer = one.command(
        "GetConfiguration", key=["NumberOfConnectors", "heartbeatinterval", "Nonsense", "AuthorizationKey"]
    )
    assert answer["configurationKey"] == [
        {"key": "NumberOfConnectors", "readonly": True, "value": "1"},
        {"key": "HeartbeatInterval", "readonly": False, "value": "3600"},
    ]
    assert answer["unknownKey"] == ["Nonsense", "AuthorizationKey"]
    everything = one.command("GetConfiguration")
    assert len(everything["configurationKey"]) > 40 and "unknownKey" not in everything
    with pytest.raises(CallError, match="GetConfigurationMaxKeys"):
        one.command("GetConfiguration", key=["x"] * 51)


@pytest.mark.parametrize(
    ("key", "value", "status"),
    [
        ("MeterValueSampleInterval", "30", "Accepted"),
        ("metervaluesampleinterval", "30", "Accepted"),
        ("MeterValueSampleInterval", "-1", "Rejected"),
        ("MeterValueSampleInterval", "soon", "Rejected"),
        ("WebSocketPingInterval", "-1", "Rejected"),
        ("WebSocketPingInterval", "0", "Accepted"),
        ("LocalPreAuthorize", "TRUE", "Accepted"),
        ("LocalPreAuthorize", "1", "Rejected"),
        ("NumberOfConnectors", "2", "Rejected"),
        ("Nonsense", "2", "NotSupported"),
        ("MeterValuesSampledData", "Voltage,Current.Import", "Accepted"),
        ("MeterValuesSampledData", "Voltage.L1", "Accepted"),
        ("MeterValuesSampledData", "Voltage.L4", "Rejected"),
        ("MeterValuesSampledData", "Temperature.L1", "Rejected"),
        ("MeterValuesSampledData", "Voltage,RPM", "Rejected"),
        ("MeterValuesSampledData", "", "Accepted"),
        ("MeterValuesSampledData", ",".join(["Voltage"] * 33), "Rejected"),
        ("ConnectorPhaseRotation", "0.RST,1.RTS", "Accepted"),
        ("ConnectorPhaseRotation", "1.Unknown", "Accepted"),
        ("ConnectorPhaseRotation", "2.RST", "Rejected"),
        ("ConnectorPhaseRotation", "1.RRT", "Rejected"),
        ("AuthorizationKey", "0123456789abcdef0123456789abcdef", "Accepted"),
        ("AuthorizationKey", "0123", "Rejected"),
        ("AuthorizationKey", "z123456789abcdef0123456789abcdef", "Rejected"),
        ("SecurityProfile", "2", "RebootRequired"),
        ("SecurityProfile", "4", "Rejected"),
    ],
)
def test_the_configuration_is_changed(desk: Any, key: str, value: str, status: str) -> None:
    one = desk()
    before = one.point.keys.as_json()
    assert one.command("ChangeConfiguration", key=key, value=value) == {"status": status}
    if status in ("Rejected", "NotSupported"):
        assert one.point.keys.as_json() == before
        assert not one.device.keys
    else:
        name = one.point.keys.name_of(key)
        assert name.casefold() == key.casefold() and name in KEYS
        assert one.device.keys == {name: one.point.keys.kept(name)}


def test_the_security_profile_is_only_raised_and_waits_for_the_reboot(desk: Any) -> None:
    one = desk(settings={"SecurityProfile": "2"})
    assert one.command("ChangeConfiguration", key="SecurityProfile", value="1") == {"status": "Rejected"}
    assert one.command("ChangeConfiguration", key="SecurityProfile", value="3") == {"status": "RebootRequired"}
    assert one.point.keys.integer("SecurityProfile") == 2
    one.settings = {}
    one.restart()
    assert one.point.keys.integer("SecurityProfile") == 3


# --- smart charging


def test_profiles_limit_and_are_cleared(desk: Any) -> None:
    one = desk(settings={}).charge()
    assert (
        one.command("SetChargingProfile", connectorId=1, csChargingProfiles=profile(limit=10))["status"] == "Accepted"
    )
    assert one.point.limit(1).current_a == 10
    ceiling = profile("ChargePointMaxProfile", 8, chargingProfileId=2)
    one.command("SetChargingProfile", connectorId=0, csChargingProfiles=ceiling)
    assert (one.point.limit(1).current_a, one.point.limit(0).current_a) == (8, 8)
    assert one.command("ClearChargingProfile", id=2) == {"status": "Accepted"}
    assert one.command("ClearChargingProfile", id=2) == {"status": "Unknown"}
    assert (one.point.limit(1).current_a, one.point.limit(0)) == (10, None)


def test_a_tx_profile_needs_its_transaction(desk: Any) -> None:
    one = desk()
    mine = profile("TxProfile", 9, transactionId=101)
    assert one.command("SetChargingProfile", connectorId=1, csChargingProfiles=mine)["status"] == "Rejected"
    one.charge()
    assert one.command("SetChargingProfile", connectorId=1, csChargingProfiles=mine)["status"] == "Accepted"
    other = profile("TxProfile", 9, transactionId=102)
    assert one.command("SetChargingProfile", connectorId=1, csChargingProfiles=other)["status"] == "Rejected"
    with pytest.raises(CallError, match="PropertyConstraintViolation"):
        one.command("SetChargingProfile", connectorId=5, csChargingProfiles=mine)


def test_the_moment_of_a_change_is_a_deadline(desk: Any) -> None:
    one = desk().charge()
    blocks = profile()
    blocks["chargingSchedule"]["startSchedule"] = "2026-06-01T06:00:00Z"
    periods = [{"startPeriod": 0, "limit": 16}, {"startPeriod": 47, "limit": 6}]
    blocks["chargingSchedule"]["chargingSchedulePeriod"] = periods
    one.command("SetChargingProfile", connectorId=1, csChargingProfiles=blocks)
    assert one.point.next_deadline_ns() == 47_000_000_000
    assert one.wait(46.9).point.limit(1).current_a == 16
    assert one.wait(0.1).point.limit(1).current_a == 6


def test_profiles_but_not_those_of_transactions_outlive_a_restart(desk: Any) -> None:
    one = desk().charge()
    one.command("SetChargingProfile", connectorId=1, csChargingProfiles=profile(limit=10))
    one.command("SetChargingProfile", connectorId=1, csChargingProfiles=profile("TxProfile", 7, chargingProfileId=2))
    assert one.point.limit(1).current_a == 7
    one.restart()
    assert one.point.limit(1).current_a == 10


def test_a_device_takes_a_connector_away_and_a_restart_forgets_it(desk: Any) -> None:
    one = desk()
    one.point.withdraw(1, one.now_ns, withdrawn=True)
    assert one.settle().states()[-1] == "Unavailable"
    assert (one.point.is_operative(1), start(one)) == (False, "Rejected")
    assert one.command("ChangeAvailability", connectorId=1, type="Operative") == {"status": "Accepted"}
    assert one.states()[-1] == "Unavailable"  # the device's word stands
    one.restart()
    assert one.point.is_operative(1)


def test_the_composite_schedule(desk: Any) -> None:
    one = desk(maximum_a=16.0, connectors=2)
    one.command("SetChargingProfile", connectorId=1, csChargingProfiles=profile(limit=10))
    answer = one.command("GetCompositeSchedule", connectorId=1, duration=60)
    assert (answer["status"], answer["scheduleStart"]) == ("Accepted", "2026-06-01T06:00:00Z")
    assert answer["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"] == 10
    whole = one.command("GetCompositeSchedule", connectorId=0, duration=60)
    assert whole["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"] == 32
    assert one.command("GetCompositeSchedule", connectorId=7, duration=60) == {"status": "Rejected"}
    watts = one.command("GetCompositeSchedule", connectorId=1, duration=60, chargingRateUnit="W")
    assert watts["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"] == 6900
    one.device.maximum = 13.0  # somebody has set it lower
    whole = one.command("GetCompositeSchedule", connectorId=0, duration=60)
    assert whole["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"] == 26


def test_a_station_without_a_feature_says_so(desk: Any) -> None:
    one = desk(settings={"SupportedFeatureProfiles": "Core"})
    with pytest.raises(CallError, match="NotSupported"):
        one.command("ClearChargingProfile")
    with pytest.raises(CallError, match="NotSupported"):
        one.command("GetLocalListVersion")
    with pytest.raises(CallError, match="NotSupported"):
        one.point.called("Authorize", {"idTag": "T"}, 0)


# --- trigger, firmware, diagnostics, logs


def test_what_can_be_triggered(desk: Any) -> None:
    one = desk(connectors=2).charge().forget()

    def trigger(message: str, **fields: Any) -> str:
        return str(one.command("TriggerMessage", requestedMessage=message, **fields)["status"])

    assert trigger("BootNotification") == "Rejected"
    assert trigger("Heartbeat") == "Accepted"
    assert trigger("MeterValues", connectorId=1) == "Accepted"
    assert trigger("StatusNotification") == "Accepted"
    assert trigger("StatusNotification", connectorId=3) == "Rejected"
    assert trigger("FirmwareStatusNotification") == "Accepted"
    assert one.actions() == ["Heartbeat", "MeterValues", *["StatusNotification"] * 3, "FirmwareStatusNotification"]
    value = one.all("MeterValues")[0]
    assert value["transactionId"] == 101
    assert value["meterValue"][0]["sampledValue"][0]["context"] == "Trigger"
    assert one.all("FirmwareStatusNotification") == [{"status": "Idle"}]


def steps(one: Any, action: str) -> list[tuple[float, str]]:
    return [(at, payload["status"]) for at, sent, payload in one.sent if sent == action]


def test_firmware_is_installed_when_nobody_charges(desk: Any) -> None:
    one = desk().charge()
    one.command("UpdateFirmware", location="ftp://files/fw.bin", retrieveDate="2026-06-01T06:01:00Z")
    one.wait(200)
    assert steps(one, "FirmwareStatusNotification") == [(60.0, "Downloading"), (90.0, "Downloaded")]
    one.card("TAG").wait(100)
    assert steps(one, "FirmwareStatusNotification")[2:] == [(200.0, "Installing"), (260.0, "Installed")]


def test_firmware_from_nowhere_fails_after_its_retries(desk: Any) -> None:
    one = desk()
    fields = {"location": "gopher://files/fw.bin", "retrieveDate": "2026-06-01T05:00:00Z"}
    one.command("UpdateFirmware", **fields, retries=2, retryInterval=10)
    one.wait(100)
    assert steps(one, "FirmwareStatusNotification") == [
        (0.0, "Downloading"),
        (10.0, "Downloading"),
        (20.0, "Downloading"),
        (50.0, "DownloadFailed"),
    ]


def test_diagnostics_and_logs(desk: Any) -> None:
    one = desk()
    assert one.command("GetDiagnostics", location="ftp://files/")["fileName"] == "diagnostics-S1-1.txt"
    one.wait(20)
    assert steps(one, "DiagnosticsStatusNotification") == [(0.0, "Uploading"), (10.0, "Uploaded")]
    log = {"remoteLocation": "https://files/"}
    assert one.command("GetLog", logType="SecurityLog", requestId=4, log=log)["status"] == "Accepted"
    assert one.command("GetLog", logType="SecurityLog", requestId=5, log=log)["status"] == "AcceptedCanceled"
    one.wait(20)
    assert one.all("LogStatusNotification")[-1] == {"status": "Uploaded", "requestId": 5}


# --- security


def test_certificates_are_installed_listed_and_deleted(desk: Any) -> None:
    one = desk()
    root = trustme.CA()
    pem = root.cert_pem.bytes().decode()
    use = "CentralSystemRootCertificate"
    assert one.command("GetInstalledCertificateIds", certificateType=use) == {"status": "NotFound"}
    assert one.command("InstallCertificate", certificateType=use, certificate="nonsense")["status"] == "Rejected"
    assert one.command("InstallCertificate", certificateType=use, certificate=pem)["status"] == "Accepted"
    one.restart()
    one.connect()
    found = one.command("GetInstalledCertificateIds", certificateType=use)["certificateHashData"]
    assert len(found) == 1
    certificate = x509.load_pem_x509_certificate(pem.encode())
    assert int(found[0]["serialNumber"], 16) == certificate.serial_number
    digest = hashes.Hash(hashes.SHA256())
    digest.update(certificate.issuer.public_bytes())
    assert found[0]["issuerNameHash"] == digest.finalize().hex()
    other = found[0] | {"issuerKeyHash": "00"}
    assert one.command("DeleteCertificate", certificateHashData=other) == {"status": "NotFound"}
    assert one.command("DeleteCertificate", certificateHashData=found[0]) == {"status": "Accepted"}
    assert one.command("GetInstalledCertificateIds", certificateType=use) == {"status": "NotFound"}


def test_a_certificate_is_requested_and_taken_only_for_its_key(desk: Any) -> None:
    one = desk(settings={"SecurityProfile": "2", "CpoName": "Operator"})
    answer = one.command("ExtendedTriggerMessage", requestedMessage="SignChargePointCertificate")
    assert answer == {"status": "Accepted"}
    request = x509.load_pem_x509_csr(one.all("SignCertificate")[0]["csr"].encode())
    assert request.is_signature_valid
    assert request.subject.rfc4514_string() == "O=Operator,CN=S1"
    stranger = trustme.CA().issue_cert("S1").cert_chain_pems[0].bytes().decode()
    assert one.command("CertificateSigned", certificateChain=stranger) == {"status": "Rejected"}
    assert one.all("SecurityEventNotification")[-1]["type"] == "InvalidChargePointCertificate"
    signer, begin = ec.generate_private_key(ec.SECP256R1()), datetime(2026, 1, 1)
    signed = (
        x509.CertificateBuilder(x509.Name([]), request.subject, request.public_key(), 5, begin)
        .not_valid_after(begin + timedelta(days=365))
        .sign(signer, hashes.SHA256())
    )
    chain = signed.public_bytes(Encoding.PEM).decode()
    assert one.command("CertificateSigned", certificateChain=chain) == {"status": "Accepted"}


def test_security_events_wait_for_the_backend(desk: Any) -> None:
    one = desk(settings={"SecurityProfile": "1"})
    assert [event["type"] for event in one.all("SecurityEventNotification")] == ["StartupOfTheDevice"]
    one.forget().cut()
    one.point.events.happened("InvalidCentralSystemCertificate", "expired")
    one.restart()
    one.connect()
    types = [event["type"] for event in one.all("SecurityEventNotification")]
    assert types == ["InvalidCentralSystemCertificate", "StartupOfTheDevice"]
    assert not desk().all("SecurityEventNotification")  # security profile 0


def test_the_newest_hundred_security_events_are_kept(desk: Any) -> None:
    one = desk(settings={"SecurityProfile": "1"}).cut().forget()
    for number in range(150):
        one.point.events.happened("InvalidCentralSystemCertificate", str(number))
    one.restart()
    one.answers["SecurityEventNotification"] = None
    one.connect()
    for number in range(3):  # while the first is under way
        one.point.events.happened("InvalidCentralSystemCertificate", f"more {number}")
    del one.answers["SecurityEventNotification"]
    one.give({}).cut().connect()
    told = [event.get("techInfo") for event in one.all("SecurityEventNotification")]
    assert told == [*map(str, range(51, 150)), None, "more 0", "more 1", "more 2"]


def test_who_triggers_faster_than_he_answers_is_refused(desk: Any) -> None:
    one = desk().forget()
    one.answers["Heartbeat"] = None
    asked = [one.command("TriggerMessage", requestedMessage="Heartbeat")["status"]]
    for _ in range(150):
        asked.append(one.command("TriggerMessage", requestedMessage="StatusNotification", connectorId=1)["status"])
    assert asked == ["Accepted"] * 100 + ["Rejected"] * 51
    one.give({"currentTime": "2026-06-01T06:00:00Z"})
    assert len(one.states()) == 99
    assert one.command("TriggerMessage", requestedMessage="StatusNotification", connectorId=1)["status"] == "Accepted"


def test_signed_firmware_needs_a_certificate(desk: Any) -> None:
    one = desk()
    firmware = {
        "location": "https://files/fw.bin",
        "retrieveDateTime": "2026-06-01T06:00:00Z",
        "signingCertificate": "nonsense",
        "signature": "AAAA",
    }
    asked = {"requestId": 3, "firmware": firmware}
    assert one.command("SignedUpdateFirmware", **asked) == {"status": "InvalidCertificate"}
    firmware["signingCertificate"] = trustme.CA().cert_pem.bytes().decode()
    assert one.command("SignedUpdateFirmware", **asked) == {"status": "Accepted"}
    one.wait(100)
    assert [status for _, status in steps(one, "SignedFirmwareStatusNotification")] == [
        "Downloading",
        "Downloaded",
        "SignatureVerified",
        "Installing",
        "Installed",
    ]
    assert one.command("DataTransfer", vendorId="ACME") == {"status": "UnknownVendorId"}
