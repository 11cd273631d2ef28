"""Boot, clock, heartbeat, states and sessions of a charge point, each rule once."""

from __future__ import annotations

from typing import Any

import pytest

from emulators.kit.host import NS_PER_S
from emulators.kit.ocpp.wire.rpc import CallError
from emulators.kit.ocpp.wire.timestamps import format_utc, parse_utc

EPOCH = parse_utc("2026-06-01T06:00:00Z")
NOW = "2026-06-01T06:00:00Z"
REFUSED = {"idTagInfo": {"status": "Blocked"}}


def registration(status: str, interval: int = 30) -> dict[str, Any]:
    return {"status": status, "interval": interval, "currentTime": NOW}


def test_texts_that_no_message_takes_are_refused(make_desk: Any) -> None:
    with pytest.raises(ValueError, match="vendor of a charge point"):
        make_desk(vendor="V" * 21)
    with pytest.raises(ValueError, match="free_id_tag"):
        make_desk(free_id_tag="T" * 21)
    one = make_desk().connect()
    with pytest.raises(ValueError, match="1 to 20 characters"):
        one.card("T" * 21)
    one.point.fault(1, "OtherError", one.now_ns, "a long story " * 10)
    assert len(one.settle().all("StatusNotification")[-1]["info"]) == 50


# --- boot


def test_a_boot_tells_who_it_is_and_then_every_state(desk: Any) -> None:
    one = desk(connectors=2)
    assert one.sent[0][2] == {
        "chargePointVendor": "ACME",
        "chargePointModel": "One",
        "firmwareVersion": "1.0",
        "chargePointSerialNumber": "S1",
    }
    assert one.actions() == ["BootNotification", *["StatusNotification"] * 3]
    assert [(state["connectorId"], state["status"]) for state in one.all("StatusNotification")] == [
        (0, "Available"),
        (1, "Available"),
        (2, "Available"),
    ]


def test_rejected_it_is_silent_for_the_interval(make_desk: Any) -> None:
    one = make_desk()
    one.answers["BootNotification"] = registration("Rejected", 45)
    one.connect().charge().wait(44)
    assert one.actions() == ["BootNotification"]
    with pytest.raises(CallError, match="not been accepted"):
        one.command("GetConfiguration")
    del one.answers["BootNotification"]
    one.wait(1)
    assert one.sent[1][:2] == (45.0, "BootNotification")
    assert "StatusNotification" in one.actions()


def test_rejected_it_is_silent_over_a_new_connection_too(make_desk: Any) -> None:
    one = make_desk()
    one.answers["BootNotification"] = registration("Rejected", 45)
    one.connect().wait(10)
    one.cut().connect().wait(34)
    assert [at for at, _, _ in one.sent] == [0.0]
    one.wait(2)
    assert [at for at, _, _ in one.sent] == [0.0, 45.0]


def test_pending_it_answers_and_says_what_it_is_asked(make_desk: Any) -> None:
    one = make_desk()
    one.answers["BootNotification"] = registration("Pending")
    one.connect().pilot("B")
    assert one.command("GetConfiguration", key=["HeartbeatInterval"])["configurationKey"]
    assert one.command("RemoteStartTransaction", idTag="T") == {"status": "Rejected"}
    assert one.actions() == ["BootNotification"]
    assert one.command("TriggerMessage", requestedMessage="StatusNotification", connectorId=1)["status"] == "Accepted"
    assert one.states() == ["Preparing"]
    one.command("TriggerMessage", requestedMessage="BootNotification")
    assert one.actions().count("BootNotification") == 2


@pytest.mark.parametrize("answer", [RuntimeError, {"status": "Accepted", "interval": 5, "currentTime": "yesterday"}])
def test_a_boot_that_is_not_answered_well_is_sent_again(make_desk: Any, answer: Any) -> None:
    one = make_desk()
    one.answers["BootNotification"] = answer
    one.connect().wait(61)
    assert one.sent[0][:2] == (0.0, "BootNotification")
    assert [at for at, action, _ in one.sent if action == "BootNotification"] == [0.0, 60.0]
    assert one.states() == []


def test_a_new_connection_is_no_new_boot(desk: Any) -> None:
    one = desk().forget()
    one.cut().wait(100).connect()
    assert one.actions() == []


# --- clock and heartbeat


def test_the_clock_is_the_backends_within_a_second(make_desk: Any) -> None:
    """MEN-OCPP-017: two hours wrong at the start."""
    one = make_desk(clock_ahead_s=7200)
    assert one.point.clock.timestamp == "2026-06-01T08:00:00Z"
    one.connect()
    assert one.point.clock.utc_ns == EPOCH
    assert one.all("StatusNotification")[0]["timestamp"] == NOW
    one.restart()
    assert one.point.clock.utc_ns == EPOCH


def test_a_heartbeat_sets_the_clock_but_not_for_a_fraction_of_a_second(desk: Any) -> None:
    one = desk()
    one.answers["Heartbeat"] = {"currentTime": format_utc(EPOCH + 3600 * NS_PER_S + 900_000_000)}
    one.wait(3600)
    assert one.point.clock.utc_ns == EPOCH + 3600 * NS_PER_S
    one.answers["Heartbeat"] = {"currentTime": format_utc(EPOCH)}
    one.wait(3600)
    assert one.point.clock.utc_ns == EPOCH


def test_a_clock_in_its_last_year_stops_where_a_time_cannot_be_written(desk: Any) -> None:
    one = desk()
    one.answers["Heartbeat"] = {"currentTime": "9999-12-31T23:59:59Z"}
    one.wait(2 * 3600)
    assert one.point.clock.timestamp == "9999-12-31T23:59:59.999Z"
    one.answers["Heartbeat"] = {"currentTime": format_utc(EPOCH)}
    one.wait(3600)
    assert one.point.clock.utc_ns == EPOCH


def test_the_boots_interval_is_the_heartbeats(make_desk: Any) -> None:
    one = make_desk()
    one.answers["BootNotification"] = registration("Accepted", 100)
    one.connect().wait(350)
    assert [at for at, action, _ in one.sent if action == "Heartbeat"] == [100.0, 200.0, 300.0]
    one.command("ChangeConfiguration", key="HeartbeatInterval", value="200")
    one.forget().wait(450)
    assert [at for at, action, _ in one.sent if action == "Heartbeat"] == [550.0, 750.0]
    assert one.command("ChangeConfiguration", key="HeartbeatInterval", value="0")["status"] == "Accepted"
    assert one.forget().wait(5000).actions() == []


# --- states


def test_a_session_from_card_to_unplugging(desk: Any) -> None:
    one = desk().forget()
    one.pilot("B").wait(5)
    one.card("TAG").wait(1)
    one.offer(16).wait(2)
    one.pilot("C").wait(100)
    one.offer(0).pilot("B").wait(5)
    one.offer(10).wait(1)
    one.pilot("C").wait(10)
    one.card("tag").wait(5)
    one.pilot("A")
    assert one.states() == [
        "Preparing",
        "SuspendedEVSE",
        "SuspendedEV",
        "Charging",
        "SuspendedEVSE",
        "SuspendedEV",
        "Charging",
        "Finishing",
        "Available",
    ]
    assert one.actions()[:4] == ["StatusNotification", "Authorize", "StartTransaction", "StatusNotification"]
    assert one.all("StopTransaction")[0]["reason"] == "Local"
    assert one.all("StopTransaction")[0]["idTag"] == "tag"
    assert one.all("StopTransaction")[0]["transactionId"] == 101


def test_only_a_transaction_permits_charging(desk: Any) -> None:
    one = desk()
    assert not one.pilot("C").point.may_charge(1)
    assert one.card("TAG").point.may_charge(1)
    one.point.fault(1, "GroundFailure", one.now_ns)
    assert not one.settle().point.may_charge(1)
    one.point.fault(1, None, one.now_ns)
    assert one.settle().point.may_charge(1)
    one.point.fault(0, "InternalError", one.now_ns)
    assert not one.settle().point.may_charge(1)


def test_free_charging_begins_with_the_plug(desk: Any) -> None:
    one = desk(free_id_tag="FREE").forget()
    one.pilot("B")
    assert one.states() == ["Preparing", "SuspendedEVSE"]
    assert one.all("StartTransaction")[0]["idTag"] == "FREE"
    assert one.point.may_charge(1)
    assert not one.all("Authorize")


def test_free_charging_begins_as_soon_as_nothing_stands_against_it(desk: Any) -> None:
    one = desk(free_id_tag="FREE")
    one.point.fault(1, "GroundFailure", one.now_ns)
    one.pilot("B")
    assert not one.all("StartTransaction")
    one.point.fault(1, None, one.now_ns)
    assert len(one.settle().all("StartTransaction")) == 1
    one.command("RemoteStopTransaction", transactionId=101)
    assert len(one.wait(100).all("StartTransaction")) == 1  # who was stopped has to plug in again
    one.pilot("A").pilot("B")
    assert len(one.all("StartTransaction")) == 2


def test_a_card_that_is_shown_twice_counts_once(desk: Any) -> None:
    one = desk(connectors=2)
    one.answers["Authorize"] = None
    one.pilot("B", 1).pilot("B", 2).card("TAG").card("tag")
    one.answers.clear()
    one.give({"idTagInfo": {"status": "Accepted"}})
    assert len(one.all("Authorize")) == 1
    assert [start["connectorId"] for start in one.all("StartTransaction")] == [1]
    other = desk(connectors=2)
    other.card("TAG").card("TAG")
    assert [other.point.status(number) for number in (1, 2)] == ["Preparing", "Available"]


def test_a_state_too_short_is_not_told(desk: Any) -> None:
    one = desk(settings={"MinimumStatusDuration": "10"}).forget()
    one.pilot("B").wait(5)
    one.pilot("A").wait(20)
    assert one.states() == []
    one.pilot("B").wait(9)
    assert one.states() == []
    one.wait(1)
    assert one.states() == ["Preparing"]
    assert one.all("StatusNotification")[0]["timestamp"] == "2026-06-01T06:00:25Z"


def test_after_a_gap_only_the_present_state_is_told(desk: Any) -> None:
    one = desk().charge().forget()
    one.cut()
    one.offer(0).wait(5)
    one.offer(16).wait(5)
    one.offer(0).wait(5)
    one.connect()
    assert one.states() == ["SuspendedEVSE"]
    one.forget().cut().offer(16).wait(5)
    one.offer(0).connect()
    assert one.states() == []


def test_a_state_that_was_not_confirmed_is_told_again(desk: Any) -> None:
    one = desk().forget()
    one.answers["StatusNotification"] = None
    one.pilot("B")
    del one.answers["StatusNotification"]
    one.cut().connect()
    assert one.states() == ["Preparing", "Preparing"]


def test_a_fault_and_back(desk: Any) -> None:
    one = desk().charge().forget()
    one.point.fault(1, "OverCurrentFailure", one.now_ns, "F123")
    one.settle().wait(10)
    one.point.fault(1, None, one.now_ns)
    one.settle()
    first, second = one.all("StatusNotification")
    assert (first["status"], first["errorCode"], first["info"]) == ("Faulted", "OverCurrentFailure", "F123")
    assert (second["status"], second["errorCode"]) == ("Charging", "NoError")
    with pytest.raises(ValueError, match="Allowed: ConnectorLockFailure"):
        one.point.fault(1, "Fire", one.now_ns)


def test_a_warning_is_told_and_charging_goes_on(desk: Any) -> None:
    one = desk().charge().forget()
    one.point.fault(1, "EVCommunicationError", one.now_ns)
    one.settle()
    state = one.all("StatusNotification")[0]
    assert (state["status"], state["errorCode"]) == ("Charging", "EVCommunicationError")
    assert one.point.may_charge(1)


def test_the_vehicles_plug_is_pulled(desk: Any) -> None:
    one = desk().charge().forget()
    one.pilot("A")
    assert one.all("StopTransaction")[0]["reason"] == "EVDisconnected"
    assert one.device.unlocked == [1]
    assert one.states() == ["Available"]


def test_the_transaction_goes_on_without_the_plug_if_the_key_says_so(desk: Any) -> None:
    one = desk(settings={"StopTransactionOnEVSideDisconnect": "false"}).charge().forget()
    one.pilot("A")
    state = one.all("StatusNotification")[0]
    assert (state["status"], state["info"]) == ("SuspendedEV", "EV side disconnected")
    one.pilot("B").pilot("C")
    assert one.states()[-1] == "Charging"
    assert not one.all("StopTransaction")


# --- who may charge


def test_a_card_first_waits_for_the_plug(desk: Any) -> None:
    one = desk(settings={"ConnectionTimeOut": "30"}).forget()
    one.card("TAG").wait(29)
    assert one.states() == ["Preparing"]
    one.wait(1)
    assert one.states() == ["Preparing", "Available"]
    one.pilot("B")
    assert not one.all("StartTransaction")
    one.pilot("A").card("TAG").wait(10)
    one.pilot("B")
    assert len(one.all("StartTransaction")) == 1


def test_a_card_that_is_refused_starts_nothing(desk: Any) -> None:
    one = desk()
    one.answers["Authorize"] = REFUSED
    one.pilot("B").card("TAG")
    assert not one.all("StartTransaction")


def test_a_card_of_the_same_group_ends_the_transaction(desk: Any) -> None:
    one = desk()
    group = {"idTagInfo": {"status": "Accepted", "parentIdTag": "FAMILY"}}
    one.answers["Authorize"] = group
    one.answers["StartTransaction"] = {"transactionId": 7, **group}
    one.charge("ONE").card("TWO")
    assert one.all("StopTransaction")[0]["idTag"] == "TWO"
    one.answers["Authorize"] = {"idTagInfo": {"status": "Accepted", "parentIdTag": "OTHERS"}}
    one.card("ONE").card("THREE")
    assert len(one.all("StopTransaction")) == 1


def test_local_pre_authorize_asks_nobody_about_a_card_that_is_known(desk: Any) -> None:
    one = desk(settings={"LocalPreAuthorize": "true"})
    one.charge("TAG").card("TAG").pilot("A")
    assert len(one.all("Authorize")) == 1
    one.charge("tag")
    assert len(one.all("Authorize")) == 1
    assert len(one.all("StartTransaction")) == 2


def offline(one: Any, id_tag: str) -> bool:
    one.cut()
    one.pilot("B").card(id_tag)
    return bool(one.point.may_charge(1))


@pytest.mark.parametrize(
    ("settings", "id_tag", "expected"),
    [
        ({}, "KNOWN", True),
        ({}, "UNKNOWN", False),
        ({}, "BLOCKED", False),
        ({}, "OLD", False),
        ({"AllowOfflineTxForUnknownId": "true"}, "UNKNOWN", True),
        ({"AllowOfflineTxForUnknownId": "true"}, "BLOCKED", False),
        ({"LocalAuthorizeOffline": "false"}, "KNOWN", False),
        ({"LocalAuthListEnabled": "false"}, "KNOWN", False),
    ],
)
def test_without_the_backend_the_lists_decide(desk: Any, settings: dict[str, str], id_tag: str, expected: bool) -> None:
    one = desk()
    entries = [
        {"idTag": "KNOWN", "idTagInfo": {"status": "Accepted"}},
        {"idTag": "BLOCKED", "idTagInfo": {"status": "Blocked"}},
        {"idTag": "OLD", "idTagInfo": {"status": "Accepted", "expiryDate": "2026-06-01T05:59:59Z"}},
    ]
    answer = one.command("SendLocalList", listVersion=1, updateType="Full", localAuthorizationList=entries)
    assert answer == {"status": "Accepted"}
    for key, value in settings.items():
        assert one.command("ChangeConfiguration", key=key, value=value)["status"] == "Accepted"
    assert offline(one, id_tag) is expected


def test_an_authorize_that_the_gap_swallows_is_decided_here(desk: Any) -> None:
    one = desk(settings={"AllowOfflineTxForUnknownId": "true"})
    one.answers["Authorize"] = None
    one.pilot("B").card("TAG")
    assert not one.point.may_charge(1)
    assert one.cut().point.may_charge(1)


def test_an_invalid_card_ends_its_transaction(desk: Any) -> None:
    one = desk()
    one.answers["StartTransaction"] = {"transactionId": 5, **REFUSED}
    one.charge()
    stop = one.all("StopTransaction")[0]
    assert (stop["reason"], stop["transactionId"]) == ("DeAuthorized", 5)
    assert not one.point.may_charge(1)


def test_an_invalid_card_may_be_granted_some_energy(desk: Any) -> None:
    one = desk(settings={"StopTransactionOnInvalidId": "false", "MaxEnergyOnInvalidId": "100"})
    one.answers["StartTransaction"] = {"transactionId": 5, **REFUSED}
    one.charge()
    assert one.point.may_charge(1)
    one.device.energy_wh += 99
    assert one.wait(5).point.may_charge(1)
    one.device.energy_wh += 1
    assert not one.wait(1).point.may_charge(1)
    assert not one.all("StopTransaction")


def test_a_conflict_with_the_local_list_is_told(desk: Any) -> None:
    one = desk(settings={"LocalPreAuthorize": "true"})
    entries = [{"idTag": "TAG", "idTagInfo": {"status": "Accepted"}}]
    one.command("SendLocalList", listVersion=1, updateType="Full", localAuthorizationList=entries)
    one.answers["StartTransaction"] = {"transactionId": 5, **REFUSED}
    one.charge()
    codes = [(state["connectorId"], state["errorCode"]) for state in one.all("StatusNotification")]
    assert (0, "LocalListConflict") in codes


# --- over a restart


def test_a_restart_ends_the_transaction_and_says_why(desk: Any) -> None:
    one = desk().charge()
    one.device.energy_wh = 2500.4
    one.wait(100).forget()
    one.restart()
    one.pilot("C").connect()
    stop = one.all("StopTransaction")[0]
    assert (stop["transactionId"], stop["reason"], stop["meterStop"]) == (101, "PowerLoss", 2500)
    assert one.states()[-1] == "Preparing"
    assert not one.point.may_charge(1)


@pytest.mark.parametrize(("kind", "reason"), [("Soft", "SoftReset"), ("Hard", "HardReset")])
def test_a_reset_ends_transactions(desk: Any, kind: str, reason: str) -> None:
    one = desk().charge().forget()
    assert one.point.reboot_due is None
    assert one.command("Reset", type=kind) == {"status": "Accepted"}
    assert bool(one.all("StopTransaction")) is (kind == "Soft")
    assert one.point.reboot_due is (kind == "Hard")
    one.restart()
    one.connect()
    stops = one.all("StopTransaction")
    assert [stop["reason"] for stop in stops] == [reason]


def test_a_soft_reset_waits_for_its_last_messages_but_not_for_ever(desk: Any) -> None:
    one = desk().charge()
    one.answers["StopTransaction"] = None
    one.command("Reset", type="Soft")
    assert one.point.reboot_due is None
    one.wait(29.9)
    assert one.point.reboot_due is None
    one.wait(0.1)
    assert one.point.reboot_due is False


def test_what_is_kept_over_a_restart(desk: Any) -> None:
    one = desk(connectors=2)
    one.command("ChangeConfiguration", key="MeterValueSampleInterval", value="17")
    one.command("ChangeAvailability", connectorId=2, type="Inoperative")
    entries = [{"idTag": "TAG", "idTagInfo": {"status": "Accepted"}}]
    one.command("SendLocalList", listVersion=4, updateType="Full", localAuthorizationList=entries)
    one.restart()
    one.connect()
    assert one.point.keys.integer("MeterValueSampleInterval") == 17
    assert one.point.status(2) == "Unavailable"
    assert one.command("GetLocalListVersion") == {"listVersion": 4}


def test_the_device_may_say_why_it_restarts(desk: Any) -> None:
    one = desk().charge().forget()
    one.point.going_down("Reboot")
    one.restart()
    one.connect()
    assert one.all("StopTransaction")[0]["reason"] == "Reboot"
