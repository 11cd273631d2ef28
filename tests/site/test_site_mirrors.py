"""What one interface of a charger sets or says, another one shows: Modbus registers, OCPP, parameters and pages.

Each row is checked where the value is what it was from the start, and where somebody has just changed it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from emulators.alfen_ng9xx.backend import KEYS as ALFEN_KEYS
from emulators.kit.ocpp.point.keys import KeyTable
from emulators.mennekes_ecu.backend import KEYS as ECU_KEYS
from hil.run.session import Session, build_site
from hil.site import VehicleSpec

SET = "devices.CP1.parameters."
ALFEN = {
    f"{SET}Active Load Balancing": "On",
    f"{SET}Data Source": "Energy Management System",
    f"{SET}Identity": "ALF_1000",
    f"{SET}Safe current (A)": 7,
    f"{SET}Station maximum current": 25,
    f"{SET}Chameleon min current (A)": 16,
}
OPERATOR = "Operator EVSE Sub-Distribution Limit (L1/L2/L3) [A]"
ECU = {
    f"{SET}DLM Master/Slave": "DLM Master (With internal DLM-Slave)",
    f"{SET}EVSE Sub-Distribution Limit (L1/L2/L3) [A]": "40/40/40",
    f"{SET}{OPERATOR}": "30/31/32",
}
DLM = "DLM_OPERATOR_EVSE_SUB_DISTRIBUTION_LIMIT_L"


class Rig:
    """A running site with a charger CP1 and its backend."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.probe, self.identity = session.do(lambda: session.tester.ports.backend_of("CP1"))

    def register(self, name: str) -> Any:
        value = self.session.ask(lambda: self.session.tester.ports.probe("CP1").read(name))
        return round(value, 3) if isinstance(value, float) else value

    def write(self, name: str, value: float) -> None:
        self.session.ask(lambda: self.session.tester.ports.probe("CP1").write(name, value))
        self.session.wait(1)

    def send(self, action: str, **fields: Any) -> Any:
        answer = self.session.ask(lambda: self.probe.send(self.identity, action, fields))
        self.session.wait(1)
        return answer

    def configure(self, key: str, value: str) -> str:
        return str(self.send("ChangeConfiguration", key=key, value=value)["status"])

    def key(self, name: str) -> str:
        return str(self.send("GetConfiguration", key=[name])["configurationKey"][0]["value"])

    def last(self, action: str) -> Any:
        return self.session.ask(lambda: self.probe.received(self.identity, action))[-1]

    def status(self) -> str:
        self.send("TriggerMessage", requestedMessage="StatusNotification", connectorId=1)
        return str(self.last("StatusNotification")["status"])

    def sampled(self, entries: str) -> list[Any]:
        assert self.configure("MeterValuesSampledData", entries) == "Accepted", entries
        answer = self.send("TriggerMessage", requestedMessage="MeterValues", connectorId=1)
        assert answer == {"status": "Accepted"}, entries
        return list(self.last("MeterValues")["meterValue"][0]["sampledValue"])

    def metered(self, entry: str) -> float:
        return float(self.sampled(entry)[0]["value"])

    def save(self, parameter: str, value: object) -> None:
        form = self.session.tester.form("CP1")
        self.session.call(form.edit(parameter, value))
        self.session.call(form.save())

    def page(self) -> Any:
        return self.session.call(self.session.tester.page("CP1").fields())

    def plug(self, phases: int = 3, max_current_a: float = 16.0) -> None:
        vehicle = VehicleSpec(phases=phases, max_current_a=max_current_a)
        self.session.call(self.session.tester.vehicle("CP1").plug(vehicle))

    def drawn(self) -> list[float]:
        return [round(one, 1) for one in self.session.do(self.session.farm.installation.bays["CP1"].currents_a)]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Rig]]:
    monkeypatch.setenv("HIL_RUN_DIR", str(tmp_path))
    monkeypatch.setenv("HIL_SPEED", "max")
    sessions: list[Session] = []

    def starter(site: str, overrides: dict[str, Any]) -> Rig:
        sessions.append(Session(build_site(site, overrides), "mirrors"))
        sessions[-1].wait(20)
        return Rig(sessions[-1])

    yield starter
    for session in sessions:
        session.close()


Start = Callable[..., Rig]

#: Alfen register, and what another interface says of the same.
ALFEN_SAYS: dict[str, Callable[[Rig], Any]] = {
    "name": lambda rig: rig.key("Identity"),
    "station_serial_number": lambda rig: rig.last("BootNotification")["chargePointSerialNumber"],
    "firmware_version": lambda rig: rig.last("BootNotification")["firmwareVersion"],
    "nr_of_sockets": lambda rig: int(rig.key("NumberOfConnectors")),
    "ocpp_state": lambda rig: int(rig.page()["Back office"] == "connected"),
    "station_active_max_current": lambda _: 25,
    "active_load_balancing_safe_current": lambda _: 7,
    "actual_applied_max_current": lambda rig: rig.metered("Current.Offered"),
    "voltage_l2n": lambda rig: rig.metered("Voltage.L2-N"),
    "current_l3": lambda rig: rig.metered("Current.Import.L3"),
    "real_power_sum": lambda rig: rig.metered("Power.Active.Import"),
    "frequency": lambda rig: rig.metered("Frequency"),
    "power_factor_sum": lambda rig: rig.metered("Power.Factor"),
    "temperature": lambda rig: rig.metered("Temperature"),
    "availability": lambda rig: int(rig.status() != "Unavailable"),
}


def test_alfen_registers_say_what_the_other_interfaces_say(start: Start) -> None:
    rig = start("alfen/back-office", ALFEN)
    rig.plug()
    rig.write("modbus_slave_max_current", 13)
    rig.session.wait(20)
    assert rig.drawn() == [13, 13, 13]
    differ = {}
    for name, says in ALFEN_SAYS.items():
        if (said := says(rig)) != (shown := rig.register(name)):
            differ[name] = (shown, said)
        rig.write("modbus_slave_max_current", 13)  # it lapses after a minute
    assert differ == {}
    assert (rig.register("name"), rig.identity, rig.register("ocpp_state")) == ("ALF_1000", "ALF_1000", 1)
    assert (rig.register("temperature"), rig.register("power_factor_sum")) == (30, 1)
    assert rig.metered("Energy.Active.Import.Register") == pytest.approx(
        rig.register("real_energy_delivered_sum"), abs=5
    )


def limit(rig: Rig, limit_a: float, phases: int | None = None) -> None:
    period = {"startPeriod": 0, "limit": limit_a} | ({} if phases is None else {"numberPhases": phases})
    schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [period]}
    profile = {
        "chargingProfileId": 1, "stackLevel": 0, "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Absolute", "chargingSchedule": schedule,
    }  # fmt: skip
    assert rig.send("SetChargingProfile", connectorId=1, csChargingProfiles=profile) == {"status": "Accepted"}


def available(rig: Rig, kind: str) -> None:
    assert rig.send("ChangeAvailability", connectorId=1, type=kind) == {"status": "Accepted"}


def set_clock(rig: Rig) -> None:
    later = {"currentTime": "2026-06-01T09:10:11Z"}
    rig.session.ask(lambda: rig.probe.script(rig.identity, "Heartbeat", payload=later))
    rig.send("TriggerMessage", requestedMessage="Heartbeat")


#: Alfen: what somebody does, the register that has to follow, and its value before and after.
ALFEN_FOLLOWS: list[tuple[str, Callable[[Rig], Any], str, Any, Any]] = [
    ("the station's limit is saved", lambda rig: rig.save("Station maximum current", "20"),
     "station_active_max_current", 25, 20),
    ("an EMS sets less", lambda rig: rig.write("modbus_slave_max_current", 9), "station_active_max_current", 25, 25),
    ("an EMS sets more", lambda rig: rig.write("modbus_slave_max_current", 9), "actual_applied_max_current", 7, 9),
    ("a profile is set", lambda rig: limit(rig, 6.5), "actual_applied_max_current", 7, 6.5),
    ("the backend takes it out of service", lambda rig: available(rig, "Inoperative"), "availability", 1, 0),
    ("the backend sets the clock", set_clock, "time_hour", 6, 9),
    ("the backend is cut off", lambda rig: rig.session.call(rig.session.farm.seats["backend"].stop()),
     "ocpp_state", 1, 0),
]  # fmt: skip


@pytest.mark.parametrize(
    ("do", "name", "before", "after"), [row[1:] for row in ALFEN_FOLLOWS], ids=[row[0] for row in ALFEN_FOLLOWS]
)
def test_an_alfen_register_follows(start: Start, do: Callable[[Rig], Any], name: str, before: Any, after: Any) -> None:
    rig = start("alfen/back-office", ALFEN)
    assert rig.register(name) == before
    do(rig)
    rig.session.wait(5)
    assert rig.register(name) == after


def test_alfen_takes_a_remote_start_with_the_plug_and_charge_identifier_only(start: Start) -> None:
    rig = start("alfen/back-office", ALFEN | {f"{SET}Plug and charge identifier": "FREE1"})

    def begin(id_tag: str) -> str:
        return str(rig.send("RemoteStartTransaction", idTag=id_tag, connectorId=1)["status"])

    assert rig.key("PlugAndChargeIdentifier") == "FREE1"
    assert [begin("evcc"), begin("ALF_1000"), begin("free1")] == ["Rejected", "Rejected", "Accepted"]


def test_alfen_in_rfid_mode_takes_a_remote_start_with_a_card_that_it_knows(start: Start) -> None:
    rig = start("alfen/back-office", ALFEN | {f"{SET}Authorization mode": "RFID"})

    def begin(id_tag: str) -> str:
        return str(rig.send("RemoteStartTransaction", idTag=id_tag, connectorId=1)["status"])

    cards = [
        {"idTag": "A1B2C3D4", "idTagInfo": {"status": "Accepted"}},
        {"idTag": "B1", "idTagInfo": {"status": "Blocked"}},
    ]
    assert begin("A1B2C3D4") == "Rejected"
    full = {"listVersion": 1, "updateType": "Full", "localAuthorizationList": cards}
    assert rig.send("SendLocalList", **full) == {"status": "Accepted"}
    assert [begin("STRANGER"), begin("B1"), begin("a1b2c3d4")] == ["Rejected", "Rejected", "Accepted"]
    rig.plug()
    rig.session.wait(2)
    assert rig.last("StartTransaction")["idTag"] == "a1b2c3d4"


@pytest.mark.parametrize(
    ("site", "table"),
    [("alfen/back-office", KeyTable.load(ALFEN_KEYS)), ("mennekes/backend-lan", KeyTable.load(ECU_KEYS))],
    ids=["alfen", "ecu"],
)
def test_every_measurand_that_a_key_takes_comes(start: Start, site: str, table: KeyTable) -> None:
    rig = start(site, {})
    for entry in table["MeterValuesSampledData"].values:
        values = rig.sampled(entry)
        assert values and {value["measurand"] for value in values} == {entry}
    for name in ("MeterValuesAlignedData", "StopTxnAlignedData", "StopTxnSampledData"):
        for entry in table[name].values:
            assert rig.configure(name, entry) == "Accepted", (name, entry)


def test_alfen_tells_power_factor_and_temperature_as_its_owners_saw_them(start: Start) -> None:
    rig = start("alfen/back-office", {})
    found = {one["measurand"]: one for one in rig.sampled("Frequency,Power.Factor,Temperature")}
    assert found["Frequency"]["unit"] == "Hertz"
    assert not {"phase", "unit"} & set(found["Power.Factor"])
    assert (found["Temperature"]["location"], found["Temperature"]["unit"]) == ("Body", "Celsius")
    for entry in ("Power.Factor.L1", "SoC"):
        assert rig.configure("MeterValuesSampledData", entry) == "Rejected"
    assert rig.configure("StopTxnSampledData", "Frequency") == "Rejected"


@pytest.mark.parametrize("site", ["alfen/back-office", "mennekes/backend-lan"])
def test_nothing_is_triggered_that_would_not_come(start: Start, site: str) -> None:
    rig = start(site, {})
    rejected = {"status": "Rejected"}
    assert rig.send("TriggerMessage", requestedMessage="MeterValues", connectorId=0) == rejected
    assert rig.configure("MeterValuesSampledData", "") == "Accepted"
    assert rig.send("TriggerMessage", requestedMessage="MeterValues", connectorId=1) == rejected
    assert rig.send("TriggerMessage", requestedMessage="MeterValues") == rejected


@pytest.mark.parametrize(
    ("site", "settings", "most_a"),
    [
        ("alfen/back-office", {"Station maximum current": 25}, 25),
        ("alfen/back-office", {"Connector 1 max current": 20}, 20),
        ("mennekes/backend-lan", {"Installation Current Limit [A]": 20}, 20),
        ("mennekes/backend-lan", {"Operator Current Limit [A]": 13}, 13),
    ],
)
def test_a_forecast_tells_what_will_be_drawn(start: Start, site: str, settings: dict[str, Any], most_a: int) -> None:
    free = {"Free Charging": "On"} if site.startswith("mennekes") else {"Chameleon min current (A)": 32}
    rig = start(site, {SET + name: value for name, value in (settings | free).items()})

    def forecast() -> list[dict[str, float]]:
        answer = rig.send("GetCompositeSchedule", connectorId=1, duration=60)
        return list(answer["chargingSchedule"]["chargingSchedulePeriod"])

    rig.plug(max_current_a=32)
    rig.session.wait(20)
    assert forecast() == [{"startPeriod": 0, "limit": most_a, "numberPhases": 3}]
    assert rig.drawn() == [most_a] * 3
    limit(rig, 10, phases=1)  # neither station can leave phases out
    rig.session.wait(20)
    assert forecast() == [{"startPeriod": 0, "limit": 10, "numberPhases": 3}]
    assert rig.drawn() == [10, 10, 10]


# --- ECU


def test_ecu_registers_say_what_the_other_interfaces_say(start: Start) -> None:
    rig = start("mennekes/backend-lan", ECU | {f"{SET}Free Charging": "On"})
    rig.plug(max_current_a=13)
    rig.session.wait(60)
    assert rig.drawn() == [13, 13, 13]
    pairs: dict[str, Callable[[Rig], float]] = {
        "SIGNALED_CURRENT": lambda rig: rig.metered("Current.Offered"),
        "METER_CUR_L2": lambda rig: rig.metered("Current.Import.L2") * 1000,
        "METER_POW_L3": lambda rig: rig.metered("Power.Active.Import.L3"),
        "METER_VOL_L1": lambda rig: rig.metered("Voltage.L1"),
        "OCPP_CP_STATUS": lambda rig: {"Charging": 6}[rig.status()],
    }
    assert {name: rig.register(name) for name in pairs} == {name: says(rig) for name, says in pairs.items()}
    assert rig.page()["Operator EVSE Sub-Distribution Limit"] == "30/31/32 A"


def test_a_written_operator_limit_leaves_the_other_phases_to_backend_and_page(start: Start) -> None:
    rig = start("mennekes/backend-lan", ECU)

    def shown() -> list[int]:
        found = [rig.register(f"{DLM}{phase}") for phase in (1, 2, 3)]
        assert rig.page()["Operator EVSE Sub-Distribution Limit"] == "{}/{}/{} A".format(*found)
        return found

    assert rig.configure("DlmOperatorPhase1Limit", "24") == "Accepted"
    assert shown() == [24, 31, 32]
    rig.write(f"{DLM}2", 40)
    assert shown() == [24, 40, 32]
    assert rig.configure("DlmOperatorPhase1Limit", "9999") == "Accepted"
    assert shown() == [30, 40, 32]
    assert rig.configure("DlmOperatorPhase2Limit", "12") == "Accepted"
    assert shown() == [30, 12, 32]
    assert rig.configure("DlmOperatorPhase2Limit", "9999") == "Accepted"
    rig.save("Installation Current Limit [A]", "30")  # another field of the form
    assert shown() == [30, 40, 32]
    rig.save(OPERATOR, "20/21/22")
    assert shown() == [20, 21, 22]


def test_availability_is_one_for_modbus_and_backend(start: Start) -> None:
    rig = start("mennekes/backend-lan", {})

    def seen() -> tuple[int, int, str]:
        return rig.register("CP_AVAILABILITY"), rig.register("OCPP_CP_STATUS"), rig.status()

    there, gone = (1, 0, "Available"), (0, 3, "Unavailable")
    assert seen() == there
    rig.write("CP_AVAILABILITY", 0)
    assert seen() == gone
    rig.write("CP_AVAILABILITY", 1)
    assert seen() == there
    available(rig, "Inoperative")
    assert seen() == gone
    rig.write("CP_AVAILABILITY", 1)  # the backend's word stands
    assert seen() == gone
    available(rig, "Operative")
    assert seen() == there
