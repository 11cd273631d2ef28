"""Faults of links and power in whole sites: the same trace each time, balanced books, and what the plant sees."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from emulators.kit.phases import PerPhase
from hil.bench.in_process import LocalSeat
from hil.clock.link_faults import Delay, Loss
from hil.errors import ScenarioError
from hil.run.session import Session, build_site
from hil.site import VehicleSpec
from hil.trace import read_trace

Start = Callable[..., Session]
METER_SITE, CAR_PARK = "mennekes/meter-excluding", "mennekes/car-park"


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Start sessions, each in a run folder of its own, with the frames in the trace."""
    monkeypatch.setenv("HIL_TRACE", "frames")
    monkeypatch.setenv("HIL_SPEED", "max")
    sessions: list[Session] = []

    def begin(site: str, *, seed: int = 0, **overrides: Any) -> Session:
        monkeypatch.setenv("HIL_SEED", str(seed))
        monkeypatch.setenv("HIL_RUN_DIR", str(tmp_path / f"run{len(sessions)}"))
        sessions.append(Session(build_site(site, overrides), "t"))
        return sessions[-1]

    yield begin
    for session in sessions:
        if not session.farm.loop.is_closed():
            session.close()


def plug(session: Session, *points: str) -> None:
    for point in points:
        session.call(session.tester.vehicle(point).plug(VehicleSpec(phases=3)))


def at(session: Session, name: str) -> LocalSeat:
    seat = session.farm.seats[name]
    assert isinstance(seat, LocalSeat)
    return seat


def supply_a(session: Session) -> float:
    def look() -> PerPhase:
        return session.farm.installation.plant.currents_a("supply", session.farm.env.instants.now_ns())

    return round(session.do(look).l1, 1)


def kill(session: Session, name: str) -> None:
    session.ask(lambda: session.tester.mains(name).kill())


def restart(session: Session, name: str, settings: Any = "kept") -> None:
    session.ask(lambda: session.tester.mains(name).restart(settings))


def everything(session: Session) -> str:
    """Do everything to a site, with frames in its trace; return the trace's hash."""
    faults = session.farm.faults
    session.do(lambda: session.farm.installation.set_load("house", PerPhase.all(40)))
    plug(session, "CP1", "CP2", "CP3", "CP4")
    session.wait(40)
    session.do(lambda: faults.spoil("CP1", "M2", Delay(0.4, 0.3)))
    session.do(lambda: faults.spoil("CP1", "M2", Loss(0.2)))
    session.do(lambda: faults.spoil("CP3", None, Loss(0.4)))
    session.do(lambda: faults.spoil("CP2", None, Delay(0.05, 0.05)))
    session.wait(120)
    kill(session, "CP4")
    session.wait(60)
    session.do(lambda: faults.partition([["CP1", "M2"], ["CP2", "CP3"]]))
    session.wait(60)
    session.do(faults.heal)
    restart(session, "CP4")
    session.wait(30)
    session.ask(lambda: faults.reset("M2"))
    restart(session, "CP1", "factory")
    session.wait(60)
    assert session.farm.loop.anomalies == 0
    session.finish("PASS")
    (record,) = (session.trace.path.parent / "index.jsonl").read_text(encoding="utf-8").splitlines()
    return record.partition('"sha256": "')[2].partition('"')[0]


def test_equal_runs_with_every_fault_have_equal_traces(start: Start) -> None:
    once, again, other_seed = (everything(start(METER_SITE, seed=seed)) for seed in (1, 1, 2))
    assert once == again
    assert once != other_seed


def test_nothing_is_in_flight_when_everything_is_over(start: Start) -> None:
    session = start(METER_SITE)
    session.do(lambda: session.farm.faults.spoil("CP1", None, Delay(2.0, 0.0)))
    session.wait(30)
    kill(session, "M2")
    session.wait(30)
    assert session.farm.loop.anomalies == 0
    assert session.farm.loop.ledger.in_flight == 0
    restart(session, "M2")
    session.do(session.farm.faults.heal)
    session.wait(30)
    assert session.farm.loop.links.is_clean
    assert session.farm.loop.ledger.in_flight == 0
    assert session.farm.faults.describe() == []


def test_a_killed_point_carries_no_current_from_that_instant_on(start: Start) -> None:
    session = start(CAR_PARK)
    plug(session, "CP1", "CP2")
    session.wait(60)
    assert supply_a(session) == 64
    kill(session, "CP2")
    bay = session.farm.installation.bays["CP2"]
    assert supply_a(session) == 32
    assert bay.offer.current_a == 0
    assert bay.currents_a() == PerPhase.zero()
    assert "CP2 is switched off since 60 s" in session.why()
    with pytest.raises(ScenarioError, match=r"CP2 is switched off since 60 s\. 'Restart    CP2' switches it on"):
        kill(session, "CP2")
    restart(session, "CP2")
    session.wait(60)
    assert supply_a(session) == 64


def test_settings_are_kept_or_lost_and_edits_are_lost(start: Start) -> None:
    session = start(CAR_PARK)
    parameters = at(session, "CP2").device.parameters
    session.do(lambda: parameters.set("DLM Network Id", "7"))
    restart(session, "CP2")
    assert (parameters["DLM Master/Slave"], parameters["DLM Network Id"]) == ("DLM Slave (Master-Auto-Discovery)", 0)
    session.do(lambda: parameters.set("DLM Network Id", "7"))
    session.do(parameters.save)
    restart(session, "CP2")
    assert parameters["DLM Network Id"] == 7
    restart(session, "CP2", "factory")
    assert parameters["DLM Master/Slave"] == "Disabled"
    restart(session, "CP2")
    assert parameters["DLM Master/Slave"] == "Disabled"


def test_what_a_device_keeps_beside_its_settings(start: Start) -> None:
    session = start(CAR_PARK)
    memory = at(session, "CP2").host.memory
    memory.write("diary", "1")
    restart(session, "CP2")
    assert memory.read("diary") == "1"
    assert at(session, "CP1").host.memory.read("diary") is None
    restart(session, "CP2", "factory")
    assert memory.read("diary") is None


def test_every_device_survives_a_power_cut(start: Start) -> None:
    for site in (METER_SITE, "alfen/alb-p1", "alfen/alb-modbus-meter"):
        session = start(site)
        session.wait(20)
        for settings in ("kept", "factory"):
            for name in session.farm.seats:
                kill(session, name)
                session.wait(5)
                restart(session, name, settings)
                session.wait(5)
        assert session.farm.faults.killed == {}
        session.close()


def test_a_fault_is_in_the_trace_by_the_names_of_the_site(start: Start) -> None:
    session = start(METER_SITE)
    faults = session.farm.faults
    session.wait(5)
    session.do(lambda: faults.spoil("CP1", "M2", Delay(0.5, 0.25)))
    session.do(lambda: faults.spoil("CP3", None, Loss(0.2)))
    session.ask(lambda: faults.reset("M2", "CP1"))
    session.do(lambda: faults.cut("CP4"))
    assert faults.cut_links == ["CP4"]
    assert faults.describe() == [
        "link CP1-M2 delays by 0.5 s and up to 0.25 s more since 5 s",
        "link CP3 loses 20% since 5 s",
        "link CP4 is cut since 5 s",
    ]
    session.do(lambda: faults.restore("M2", "CP1"))  # in either order
    kill(session, "CP1")
    restart(session, "CP1", "factory")
    session.finish("PASS")
    events = read_trace(session.trace.path).events
    said = [event for event in events if str(event["event"]).startswith(("link_", "killed", "powered_up"))]
    assert [{key: value for key, value in event.items() if key not in ("n", "kind", "t_ns")} for event in said] == [
        {"who": "CP1", "event": "link_delayed", "other": "M2", "delay_s": 0.5, "jitter_s": 0.25},
        {"who": "CP3", "event": "link_lossy", "other": "all", "probability": 0.2},
        {"who": "M2", "event": "link_reset", "other": "CP1", "ends": 2},
        {"who": "CP4", "event": "link_cut", "other": "all"},
        {"who": "M2", "event": "link_restored", "other": "CP1"},
        {"who": "CP1", "event": "killed"},
        {"who": "CP1", "event": "powered_up", "settings": "factory"},
    ]


def test_a_device_in_the_farms_own_process_cannot_be_paused(start: Start) -> None:
    session = start(CAR_PARK)
    with pytest.raises(ScenarioError, match=r"CP1 cannot be paused here\. Allowed: on the compose bench"):
        session.ask(lambda: session.farm.faults.pause("CP1"))
    with pytest.raises(ScenarioError, match=r"CP1 is not paused\. Paused: none\."):
        session.ask(lambda: session.farm.faults.resume("CP1"))
