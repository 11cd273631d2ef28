"""A charger with two sockets in the words: each is named, one alone is refused, and a name says unit and connector."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from robot.running import TestSuite as Suite

from emulators.kit import family as kit
from emulators.kit.registers import Register, RegisterTable, Value
from hil.errors import ScenarioError
from hil.hand.watch import lines, picture
from hil.keywords.context import Context
from hil.keywords.Farm import Farm
from hil.keywords.names import check_names
from hil.keywords.observations import currents_a
from hil.keywords.topics.modbus import Modbus
from hil.keywords.topics.ocpp import Ocpp
from hil.run.session import Session
from hil.site import Site, load_site
from hil.tester import Tester

SITE = """
site: twins
supply: {main_fuse: {rating_a: 63}}
devices:
  CP1: {type: alfen_ng9xx, feeder: supply, address: 192.168.0.11}
  CP2: {type: mennekes_ecu, feeder: supply, address: 192.168.0.12}
"""
BOTH = r"CP1 has 2 sockets. Say which: CP1/1, CP1/2"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Return a site with a double and a single charger: one family's charger gets a second socket here."""
    found = dict(kit.families())
    found["alfen_ng9xx"] = replace(found["alfen_ng9xx"], sockets={"": 2})
    monkeypatch.setattr(kit, "family_types", lambda: tuple(found))
    monkeypatch.setattr(kit, "family", found.__getitem__)
    file = tmp_path / "twins.yaml"
    file.write_text(SITE, encoding="utf-8")
    return load_site(file)


@dataclass
class Looks:
    """A probe that notes what it is asked for, and reads the socket's number in every register."""

    spec: Any
    asked: list[tuple[list[str], int]] = field(default_factory=list)
    written: list[tuple[str, Value, int]] = field(default_factory=list)

    def register(self, name: str) -> Register:
        return RegisterTable.load(self.spec.family.registers).select(self.spec.config().firmware).named(name)

    async def read_many(self, names: list[str], *, socket: int = 1) -> list[Value]:
        self.asked.append((list(names), socket))
        return [float(socket)] * len(names)

    async def write(self, name: str, value: Value, *, socket: int = 1) -> None:
        self.written.append((name, value, socket))


@dataclass
class Backend:
    """A backend's probe: what it was told to send, and what it has."""

    sent: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)

    async def send(
        self, identity: str, action: str, payload: dict[str, Any], *, is_checked: bool = True
    ) -> dict[str, Any]:
        self.sent.append((identity, action, payload))
        return {"status": "Accepted"}

    async def received(self, _identity: str, _action: str) -> list[dict[str, Any]]:
        return [{"connectorId": number, "status": "Charging"} for number in (0, 1, 2)]

    async def transactions(self, _identity: str) -> list[dict[str, Any]]:
        return [{"id": 10 + number, "connector": number, "stopped_at": None} for number in (1, 2)]

    async def meter_values(self, _identity: str, _measurand: str) -> list[dict[str, Any]]:
        return [{"connector": number, "phase": "L1", "value": str(number), "unit": "A"} for number in (2, 1)]


class Running:
    """A session whose farm is not there: what it is asked for is done at once."""

    def __init__(self, site: Site) -> None:
        self.looks = {name: Looks(spec) for name, spec in site.devices.items()}
        self.backend, self.backend_asked = Backend(), cast("list[str]", [])
        ports = SimpleNamespace(probe=self.looks.__getitem__, backend_of=self._backend_of)
        self.tester = SimpleNamespace(site=site, ports=ports)

    def _backend_of(self, point: str) -> tuple[Backend, str]:
        self.backend_asked.append(point)
        return self.backend, f"identity of {point}"

    def ask(self, question: Callable[[], Awaitable[Any]]) -> Any:
        work = question()
        try:
            work.send(None)  # type: ignore[attr-defined] # nothing here waits
        except StopIteration as end:
            return end.value
        raise AssertionError("it waits")

    def do(self, action: Callable[[], Any]) -> Any:
        return action()

    def now_s(self) -> float:
        return 0.0


@pytest.fixture
def running(site: Site) -> Running:
    return Running(site)


def context_of(running: Running) -> Context:
    context = Context()
    context._session = cast("Session", running)
    return context


def test_a_vehicle_comes_to_one_socket_and_of_two_it_is_said_which(site: Site) -> None:
    tester = Tester(cast("Any", SimpleNamespace(site=site)))
    with pytest.raises(ScenarioError, match=BOTH):
        tester.vehicle("CP1")
    with pytest.raises(ScenarioError, match=r"no socket 'CP1/3'. Did you mean 'CP1/"):
        tester.vehicle("CP1/3")
    assert all(tester.vehicle(name) for name in ("CP1/1", "CP1/2", "CP2", "CP2/1"))


def test_names_are_checked_before_a_farm_starts(site: Site) -> None:
    def check(*calls: str) -> None:
        text = "".join(f"    {call}\n" for call in calls)
        body = list(Suite.from_string(f"*** Test Cases ***\nT\n{text}").tests[0].body)
        check_names(site, body, Farm().context.signatures)

    check("Plug In Vehicle    CP1/2", "Signalled Current    CP1/1    is    0 A", "Backend Should See    CP1")
    check("Get Register    CP1/2    current_l1", "Backend Sends    CP1/2    Reset    type=Soft", "Kill    CP1")
    for call in ("Plug In Vehicle    CP1", "Charging Current    CP1    is    0 A", "Vehicle Takes    CP1    6 A"):
        with pytest.raises(ScenarioError, match=BOTH):
            check(call)


def test_a_look_is_at_the_socket_that_is_named(running: Running) -> None:
    session = cast("Session", running)
    assert currents_a(session, "CP1/2", "signalled current") == [2]
    assert currents_a(session, "CP1/1", "charging current") == [1, 1, 1]
    assert [socket for _, socket in running.looks["CP1"].asked] == [2, 1]
    with pytest.raises(ScenarioError, match=BOTH):
        currents_a(session, "CP1", "signalled current")
    assert currents_a(session, "CP2", "signalled current") == [1]


def test_a_register_is_the_sockets_or_the_stations(running: Running) -> None:
    words = Modbus(context_of(running))
    assert words.get_register("CP1/2", "current_l1") == 2
    words.write_register("CP1/2", "modbus_slave_max_current", 7)
    assert running.looks["CP1"].written == [("modbus_slave_max_current", 7, 2)]
    for call in (words.get_register, lambda place, name: words.write_register(place, name, 1)):
        with pytest.raises(ScenarioError, match=BOTH):
            call("CP1", "current_l1")
    assert words.get_register("CP1", "station_active_max_current") == 1  # there is one only
    assert words.get_register("CP2", "SIGNALED_CURRENT") == 1


def test_to_the_backend_a_socket_is_a_connector(running: Running) -> None:
    words, sent = Ocpp(context_of(running)), running.backend.sent
    words.backend_sends("CP1/2", "RemoteStartTransaction", idTag="A")
    words.backend_sends("CP1/2", "Reset", type="Soft")  # it has no connector
    words.backend_sends("CP1", "RemoteStartTransaction", idTag="A")
    words.backend_sends("CP1/2", "UnlockConnector", connectorId="1")  # what is written out counts
    words.charging_profile_is_set("CP1/2", limits="10 A", starts="2026-06-01T06:00:00Z")
    words.charging_profile_is_set("CP1", limits="9 A", purpose="ChargePointMaxProfile", starts="2026-06-01T06:00:00Z")
    words.composite_schedule("CP1/1")
    assert [(action, payload.get("connectorId")) for _, action, payload in sent] == [
        ("RemoteStartTransaction", 2), ("Reset", None), ("RemoteStartTransaction", None), ("UnlockConnector", 1),
        ("SetChargingProfile", 2), ("SetChargingProfile", 0), ("GetCompositeSchedule", 1),
    ]  # fmt: skip
    assert {identity for identity, _, _ in sent} == {"identity of CP1"}
    assert set(running.backend_asked) == {"CP1"}
    for call in (lambda: words.charging_profile_is_set("CP1", limits="9 A"), lambda: words.composite_schedule("CP1")):
        with pytest.raises(ScenarioError, match=BOTH):
            call()


def test_what_the_backend_has_is_that_of_the_socket(running: Running) -> None:
    words = Ocpp(context_of(running))
    assert words.backend_should_have_received("CP1/2", "StatusNotification", times=1)["connectorId"] == 2
    assert len(words.get_backend_messages("CP1", "StatusNotification")) == 3
    assert [one["connectorId"] for one in words.get_backend_messages("CP1/1", "StatusNotification")] == [1]
    assert [one["id"] for one in words.get_backend_transactions("CP1/2")] == [12]
    assert [one["id"] for one in words.get_backend_transactions("CP1")] == [11, 12]
    assert words.get_metered_value("CP1/2", "Current.Import") == 2
    words.charging_profile_is_set(
        "CP1/1", limits="8 A", purpose="TxProfile", starts="2026-06-01T06:00:00Z", answer=None
    )
    assert running.backend.sent[-1][2]["csChargingProfiles"]["transactionId"] == 11


def test_watching_shows_a_line_for_each_socket() -> None:
    def point(current_a: float) -> dict[str, Any]:
        return {
            "vehicle": {"phases": 3}, "pilot": "C", "offered_a": 16, "current_a": [current_a] * 3, "display": "",
            "why": "",
        }  # fmt: skip

    state = {
        "site": "twins", "utc": "2026-06-01T06:00:00", "points": {"CP1/1": point(6), "CP1/2": point(7)}, "nodes": {},
        "ports": {}, "faults": [], "findings": [],
    }  # fmt: skip
    assert [line for _, line in lines(state)] == [
        "CP1/1  state C  offers 16.0 A  draws 6.0/6.0/6.0 A", "CP1/2  state C  offers 16.0 A  draws 7.0/7.0/7.0 A",
    ]  # fmt: skip
    assert picture(state) is not None
