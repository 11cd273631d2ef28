"""The tester of an emulated site: its roles act and look as a person there would, and refuse what nobody can do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from emulators.kit.phases import PerPhase
from hil.errors import ScenarioError
from hil.run.session import Session, build_site
from hil.site import VehicleSpec
from hil.tester import Tester
from hil.trace import read_trace

OVERRIDES = {"meters.M2.parameters.Digital Input action": "On/Off-Peak"}  # with none the input shows nothing
Look = Callable[[Tester], Awaitable[Any]]


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    """Run a site with a PAC2200 in virtual time."""
    monkeypatch.setenv("HIL_RUN_DIR", str(tmp_path / "run"))
    running = Session(build_site("mennekes/meter-excluding", OVERRIDES), "tester")
    yield running
    if not running.farm.loop.is_closed():
        running.close()


def input_of(session: Session) -> object:
    return session.ask(lambda: session.tester.ports.probe("M2").read("DI_STATUS"))


def test_a_contact_moves_the_meters_input(session: Session) -> None:
    contact = session.tester.contact("M2", "digital_input")
    session.wait(2)
    assert input_of(session) == 0
    session.call(contact.close())
    session.wait(2)
    assert input_of(session) == 1
    session.call(contact.open())
    session.wait(2)
    assert input_of(session) == 0
    session.finish("PASS")
    moved = [event for event in read_trace(session.trace.path).events if event["event"] == "contact"]
    assert [(one["who"], one["contact"], one["closed"]) for one in moved] == [
        ("M2", "digital_input", True), ("M2", "digital_input", False)
    ]  # fmt: skip


def test_a_vehicle_is_seen_at_its_socket_and_takes_what_it_is_told(session: Session) -> None:
    vehicle = session.tester.vehicle("CP1")
    assert session.call(vehicle.look()).phases is None
    session.call(vehicle.plug(VehicleSpec(phases=3, max_current_a=20)))
    session.wait(60)
    seen = session.call(vehicle.look())
    assert (seen.phases, seen.pilot, [*seen.current_a]) == (3, "C", [20, 20, 20])
    assert seen.offered_a >= 20
    session.call(vehicle.take(7))
    session.wait(60)
    assert [*session.call(vehicle.look()).current_a] == [7, 7, 7]
    session.call(vehicle.unplug())
    assert session.call(vehicle.look()).pilot == "A"


def test_sources_and_faults_are_told_with_what_every_charger_does(session: Session) -> None:
    tester = session.tester
    session.call(tester.load("house").set(PerPhase.all(10)))
    session.call(tester.links.cut("M2"))
    session.call(tester.mains("CP2").kill())
    told = session.why()
    assert "house draws 10/10/10 A." in told
    assert "link M2 is cut since 0 s" in told
    assert "CP2 is switched off." in told
    assert session.tester.silence("CP2") == "is switched off"
    assert list(tester.links.cuts) == ["M2"]
    assert [*session.call(tester.installation.current_a("supply"))] == [10, 10, 10]


def test_a_probe_of_a_device_that_lost_its_power_connects_again(session: Session) -> None:
    assert input_of(session) == 0
    old = session.do(lambda: session.tester.ports.probe("M2"))
    session.ask(lambda: session.tester.mains("M2").restart())
    assert input_of(session) == 0
    assert session.do(lambda: session.tester.ports.probe("M2")) is not old


LOOKS: dict[str, Look] = {
    "display": lambda tester: tester.display("CP1").text(),
    "LEDs": lambda tester: tester.leds("CP1").lit(),
    "log": lambda tester: tester.log("CP1").lines(),
    "page": lambda tester: tester.page("CP1").fields(),
    "parameter": lambda tester: tester.form("CP1").shown("DLM Network Id"),
    "own fault": lambda tester: tester.defect("CP1").set(None),
}


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_nobody_sees_anything_on_a_device_without_power(session: Session, look: Look) -> None:
    session.ask(lambda: look(session.tester))
    session.ask(lambda: session.tester.mains("CP1").kill())
    with pytest.raises(ScenarioError, match=r"CP1 is switched off since .* 'Restart    CP1' switches it on"):
        session.ask(lambda: look(session.tester))


def test_roles_of_what_the_site_has_not_are_refused_with_the_nearest(session: Session) -> None:
    tester = session.tester
    for role in (tester.card, tester.mains, tester.display, tester.leds, tester.log, tester.page, tester.form):
        with pytest.raises(ScenarioError, match=r"there is no device 'CP11'. Did you mean 'CP1'"):
            role("CP11")
    with pytest.raises(ScenarioError, match=r"there is no charging point 'CP11'. Did you mean 'CP1'"):
        tester.vehicle("CP11")
