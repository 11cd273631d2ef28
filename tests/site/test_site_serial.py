"""A P1 meter and a station in processes of their own: the cable between them, and who else may listen, over TCP."""

from __future__ import annotations

import os
import pty
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest
import serial

from emulators.dsmr_p1.device import LOCAL, PARAMETERS
from emulators.dsmr_p1.model import Meter, Terminals
from emulators.dsmr_p1.versions import VERSIONS
from emulators.kit.parameters import ParameterStore
from emulators.kit.phases import PerPhase
from hil.errors import DeviceSilent, ScenarioError
from hil.process.serial_tcp import PORTS
from hil.run.session import Session, build_site
from hil.site import VehicleSpec

from .processes import Processes

SITE = {"devices.CP1.parameters.Data Source": "Meter"}  # no server on a port that somebody needs a right for
ANSWER_REAL_S = 10.0


@pytest.fixture(scope="module")
def devices() -> Iterator[Processes]:
    running = Processes()
    yield running
    running.close()


@pytest.fixture
def choose(devices: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return what chooses the time: `max` is lock-step."""
    monkeypatch.setenv("HIL_RUN_DIR", str(tmp_path / "run"))
    for name, value in devices.settings.items():
        monkeypatch.setenv(name, value)
    return lambda speed: monkeypatch.setenv("HIL_SPEED", speed)


@pytest.fixture
def session(choose: Callable[[str], None], request: pytest.FixtureRequest) -> Iterator[Session]:
    choose(getattr(request, "param", "5"))
    with closing(Session(build_site("alfen/alb-p1", SITE), "t")) as one:
        yield one


def p1_address(devices: Processes) -> str:
    return devices.last.plan.addresses["P1"]


def flows_a(session: Session) -> float:
    farm = session.farm
    return session.do(lambda: max(farm.installation.plant.currents_a("Q1", farm.env.instants.now_ns())))


@pytest.mark.parametrize("session", ["max", "5"], indirect=True)
def test_a_station_follows_its_p1_meter_until_the_cable_is_pulled(session: Session) -> None:
    farm = session.farm
    session.do(lambda: farm.installation.set_load("house", PerPhase.all(10.0)))
    session.call(session.tester.vehicle("CP1").plug(VehicleSpec(max_current_a=32)))
    session.wait(100)
    assert flows_a(session) == pytest.approx(15, abs=0.5)  # 25 A less 10 A of the house
    probe = session.do(lambda: session.tester.ports.p1("P1"))
    telegram = session.ask(lambda: probe.next(5))
    assert telegram.signed_currents_a() == pytest.approx((25, 25, 25), abs=1)
    session.do(lambda: farm.faults.cut("P1", "CP1"))
    session.wait(45)
    assert flows_a(session) == pytest.approx(7, abs=0.1)  # the safe current
    assert "P1 lost" in session.do(lambda: farm.seat("CP1").shown.display)
    before = probe.telegrams
    session.do(lambda: farm.faults.restore("P1", "CP1"))
    session.wait(85)
    assert flows_a(session) == pytest.approx(15, abs=0.5)
    assert probe.telegrams >= before + 80  # the tester's own cable was not cut
    assert probe.rejected == {}


def test_other_programs_read_the_meter_raw_and_by_rfc_2217(session: Session, devices: Processes) -> None:
    farm, where = session.farm, f"{p1_address(devices)}:{PORTS['P1']}"
    session.do(lambda: farm.installation.set_load("house", PerPhase(3.0, 4.0, 5.0)))
    heard: dict[str, bytes] = {}

    def read(url: str, baudrate: int) -> None:
        with serial.serial_for_url(f"{url}://{where}", baudrate=baudrate, timeout=ANSWER_REAL_S) as port:
            heard[f"{url} {baudrate}"] = port.read(1600)

    ends = [("socket", 115200), ("rfc2217", 115200), ("rfc2217", 9600)]
    threads = [threading.Thread(target=read, args=end) for end in ends]
    for thread in threads:
        thread.start()
    session.wait(40)
    for thread in threads:
        thread.join()
    for kind in ("socket 115200", "rfc2217 115200"):
        assert b"1-0:51.7.0(004*A)" in heard[kind]
        assert b"/Ene5" in heard[kind]
    assert len(heard["rfc2217 9600"]) > 100
    assert b"Ene5" not in heard["rfc2217 9600"]  # garbage: the meter sends at 115200


def test_nobody_else_is_let_in_as_a_reader_of_the_farm(session: Session, devices: Processes) -> None:
    with socket.create_connection((p1_address(devices), PORTS["P1"]), timeout=ANSWER_REAL_S) as guest:
        guest.sendall(b'{"kind":"serial","token":"guessed","reader":"CP1"}\n')
        while guest.recv(4096):
            pass  # bytes as they are, then the end


def test_a_meter_without_power_says_nothing_and_is_heard_again(session: Session) -> None:
    probe = session.do(lambda: session.tester.ports.p1("P1"))
    assert session.ask(lambda: probe.next(5)).signed_currents_a() == (0, 0, 0)
    session.ask(lambda: session.tester.mains("P1").kill())
    with pytest.raises(DeviceSilent):
        session.ask(lambda: probe.next(5))
    session.ask(lambda: session.tester.mains("P1").restart("kept"))
    assert session.ask(lambda: probe.next(5)).signed_currents_a() == (0, 0, 0)


def test_a_real_meter_on_a_cable_takes_the_meters_seat(choose: Callable[[str], None]) -> None:
    """A pseudo-terminal stands for the USB cable, a telegram each second for the meter."""
    master, slave = pty.openpty()
    meter = Meter(VERSIONS["5.0.2"], 3, "P1", ParameterStore(PARAMETERS, {}))
    volts = PerPhase.all(230.0)
    meter.sample(Terminals(PerPhase(11.0, 12.0, 13.0), volts, PerPhase.zero(), PerPhase.zero()))
    telegram = meter.telegram(datetime(2026, 6, 1, 8, tzinfo=LOCAL))
    ended = threading.Event()

    def speak() -> None:
        while not ended.wait(1.0):
            os.write(master, telegram)

    threading.Thread(target=speak, daemon=True).start()
    try:
        choose("1")
        real = {"meters.P1.seat": "real", "meters.P1.at": os.ttyname(slave)}
        session = Session(build_site("alfen/alb-p1", SITE | real), "t")
        session.wait(4)
        shown = session.call(session.farm.seat("CP1").page())
        assert shown["Smart meter currents"] == "11/12/13 A"
        with pytest.raises(ScenarioError, match="P1 is a real device: only its station hears its P1 port"):
            session.do(lambda: session.tester.ports.p1("P1"))
        with pytest.raises(ScenarioError, match="P1 is a real device: that is done to it by hand"):
            session.do(lambda: session.farm.faults.cut("P1", "CP1"))
        session.close()
    finally:
        ended.set()
        os.close(slave)
        os.close(master)
