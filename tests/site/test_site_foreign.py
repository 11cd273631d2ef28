"""Seats that the farm does not fill: a meter script of one's own, a charger that is no more than an open port."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import subprocess
import sys
import threading
from collections.abc import Coroutine, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from emulators.kit.phases import PerPhase
from hil.clock.link_faults import Delay, Loss
from hil.compose.plan import Plan
from hil.errors import BenchError, ScenarioError, SiteFileError
from hil.process import foreign
from hil.process.control import WIRES_PORT
from hil.run.benches import bench_for
from hil.run.session import Session, build_site
from hil.site import VehicleSpec

from .processes import ROOT, TOKEN, Processes

METER = ROOT / "tests" / "container" / "foreign" / "meter.py"
PORT = "15503"
OWN_METER = {
    "devices.CP1.parameters.Modbus TCP Server Base Port": "15502",
    "devices.CP1.parameters.Port number of Second Meter": PORT,
    "meters.M2.parameters.Modbus Port": PORT,
    "meters.M1": "null",
    "meters.M2.seat": "image",
    "meters.M2.image": "my-meter",
}
ANSWER_REAL_S = 10.0


@pytest.fixture(scope="module")
def devices() -> Iterator[Processes]:
    running = Processes()
    yield running
    running.close()


@pytest.fixture
def bench(devices: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Processes:
    monkeypatch.setenv("HIL_RUN_DIR", str(tmp_path / "run"))
    monkeypatch.setenv("HIL_SPEED", "5")
    for name, value in devices.settings.items():
        monkeypatch.setenv(name, value)
    return devices


def plan_of(bench: Processes, site: dict[str, str]) -> Plan:
    """Return the addresses of a site, whose processes run then."""
    bench.need(build_site("mennekes/standalone-excluding", site))
    return bench.last.plan


class OwnMeter:
    """The script, as its container would run it."""

    def __init__(self, bench: Processes, phases: str) -> None:
        plan = plan_of(bench, OWN_METER)
        wires = f"http://{plan.tester('lan')}:{WIRES_PORT}/wires/M2"
        own = {"METER_HOST": plan.hidden["M2"], "METER_PORT": PORT, "METER_PHASES": phases}
        self.process = subprocess.Popen(
            [sys.executable, str(METER)],
            env={"PATH": os.environ["PATH"], "HIL_WIRES": wires, "HIL_WIRES_TOKEN": TOKEN, **own},
        )

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()


HELLO = b"hello"  #: What the neighbour says first.


class OwnPort:
    """The Modbus port of a container of the user's, served in a thread beside the farm: the test says what it sends.

    Attributes:
        heard: All bytes that came.
        ends: How each connection ended.
    """

    def __init__(self, host: str, port: int) -> None:
        self.heard, self.ends = b"", list[str]()
        self._met = -1
        self._writers: list[asyncio.StreamWriter] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._server = self._do(asyncio.start_server(self._serve, host, port))

    def send(self, data: bytes) -> None:
        """Send on the connection that has said hello; the master has others, one after the other."""

        async def write() -> None:
            self._writers[self._met].write(data)

        self._do(write())

    def close(self) -> None:
        async def end() -> None:
            self._server.close()
            for writer in self._writers:
                writer.transport.abort()

        self._do(end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(ANSWER_REAL_S)
        self._loop.close()

    def _do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(ANSWER_REAL_S)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = len(self._writers)
        self._writers.append(writer)
        try:
            while data := await reader.read(1 << 16):
                if HELLO in data:
                    self._met = number
                self.heard += data
            self.ends.append("closed")
        except ConnectionResetError:
            self.ends.append("reset")


def running(site: dict[str, str]) -> closing[Session]:
    return closing(Session(build_site("mennekes/standalone-excluding", site), "t"))


def meter_a(session: Session) -> list[float]:
    probe = session.do(lambda: session.tester.ports.probe("M2"))
    return [float(str(session.ask(lambda name=name: probe.read(name)))) for name in ("I_L1", "I_L2", "I_L3")]


@pytest.mark.parametrize(
    ("phases", "shown", "left_a"), [("123", [20, 5, 0], 35 - 20), ("213", [5, 20, 0], 35 - 5)], ids=["right", "swapped"]
)
def test_a_script_that_asks_the_farm_is_the_meter_and_is_judged(
    bench: Processes, phases: str, shown: list[float], left_a: float
) -> None:
    with OwnMeter(bench, phases), running(OWN_METER) as session:
        farm = session.farm
        session.expect("limit")  # clamps that sit on other phases let L1 carry more than its fuse
        session.call(session.tester.vehicle("CP1").plug(VehicleSpec(phases=1, max_current_a=32)))
        session.wait(60)  # by then the point knows that the vehicle takes L1 alone
        session.do(lambda: farm.installation.set_load("house", PerPhase(20, 5, 0)))
        session.wait(60)
        assert meter_a(session) == pytest.approx(shown)
        drawn = session.do(lambda: farm.installation.plant.currents_a("Q1", farm.env.instants.now_ns()).l1)
        assert drawn == pytest.approx(left_a, abs=0.1)


def test_what_only_the_farms_own_devices_have_is_refused(bench: Processes) -> None:
    with OwnMeter(bench, "123"), running(OWN_METER) as session:
        meter = session.farm.seat("M2")
        has_no = r"M2 is a container of your own \(my-meter\): it has no {} for the farm, .*\[Tags\]    needs:{}$"
        for capability, ask in {
            "display": lambda: meter.shown.display,
            "leds": lambda: meter.shown.leds,
            "log": lambda: meter.shown.log_lines,
        }.items():
            with pytest.raises(ScenarioError, match=has_no.format(capability, capability)):
                ask()
        for capability, work in {
            "page": meter.page,
            "parameters": lambda: meter.edit("CT primary [A]", 100),
            "device-restart": meter.restart,
            "device-faults": lambda: meter.fault("nan"),
        }.items():
            with pytest.raises(ScenarioError, match=has_no.format(capability, capability)):
                session.ask(work)  # type: ignore[arg-type]
        for fault in (session.farm.faults.kill, session.farm.faults.pause):
            with pytest.raises(ScenarioError, match="M2 is a container of your own: that is done to it by hand"):
                session.ask(lambda fault=fault: fault("M2"))
        assert session.farm.faults.describe() == []


def test_nobody_at_the_port_of_a_foreign_device_is_said(bench: Processes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreign, "READY_REAL_S", 1.0)
    with pytest.raises(BenchError, match=r"M2 \(my-meter\): nobody listens at 192.168.0.20:15503 after 1 s"):
        Session(build_site("mennekes/standalone-excluding", OWN_METER), "t")


def asked(host: str, method: str, path: str, body: str = "", token: str = TOKEN) -> tuple[int, dict[str, Any]]:
    """Ask for wires as a container does, beside the farm's thread."""
    found: list[tuple[int, dict[str, Any]]] = []

    def ask() -> None:
        connection = http.client.HTTPConnection(host, WIRES_PORT, timeout=ANSWER_REAL_S)
        connection.request(method, path, body, {"Authorization": f"Bearer {token}"})
        answer = connection.getresponse()
        found.append((answer.status, json.loads(answer.read())))
        connection.close()

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join(ANSWER_REAL_S)
    return found[0]


def test_a_foreign_charger_sees_its_vehicle_and_works_its_contactor(bench: Processes) -> None:
    site = {
        "devices.CP1.parameters.Modbus TCP Server Base Port": "15502", "devices.CP1.seat": "image",
        "devices.CP1.image": "my-charger", "meters.M1": "null", "meters.M2": "null",
        "devices.CP1.parameters.External Meter Support": "Off",
    }  # fmt: skip
    plan = plan_of(bench, site)
    port = OwnPort(plan.hidden["CP1"], 15502)
    try:
        with running(site) as session:
            farm, tester = session.farm, plan.tester("lan")
            session.call(session.tester.vehicle("CP1").plug(VehicleSpec(phases=3, max_current_a=32)))
            session.wait(5)
            assert asked(tester, "GET", "/wires/CP1")[1]["pilot"] == "B"
            offer = json.dumps({"duty_pct": 26.6667, "contactor": True})  # 16 A
            session.wait(1)
            assert asked(tester, "PUT", "/wires/CP1", offer)[0] == 200
            session.wait(20)
            status, seen = asked(tester, "GET", "/wires/CP1")
            assert (status, seen["pilot"], seen["cable_a"]) == (200, "C", 32)
            assert seen["current_a"] == pytest.approx([16] * 3, abs=0.1)
            assert min(seen["import_wh"]) > 0 == max(seen["export_wh"])
            assert asked(tester, "PUT", "/wires/CP1", '{"duty_pct": 120, "contactor": true}')[0] == 400
            assert asked(tester, "PUT", "/wires/CP1", "garbage")[0] == 400
            assert asked(tester, "GET", "/wires/M2")[0] == 404
            assert asked(tester, "GET", "/wires/CP1", token="guessed")[0] == 401
            assert session.call(farm.explain("CP1")) == "CP1 is a container of your own: what it does is its own."
    finally:
        port.close()


Ends = tuple[Session, OwnPort, asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
def ends(bench: Processes) -> Iterator[Ends]:
    """Both ends of a connection from a neighbour in the farm to a container of the user's, the meter M2."""
    plan = plan_of(bench, OWN_METER)
    container = OwnPort(plan.hidden["M2"], int(PORT))
    try:
        with running(OWN_METER) as session:

            async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
                neighbour = plan.local("192.168.0.77")
                return await asyncio.open_connection(plan.addresses["M2"], int(PORT), local_addr=(neighbour, 0))

            reader, writer = session.ask(connect)
            hello(session, container, writer)
            yield session, container, reader, writer
            session.do(writer.transport.abort)
    finally:
        container.close()


def hello(session: Session, container: OwnPort, writer: asyncio.StreamWriter) -> None:
    """Return when the container has met this neighbour."""
    session.do(lambda: writer.write(HELLO))
    until_heard(session, container, HELLO)


def until_heard(session: Session, container: OwnPort, data: bytes) -> None:
    for _ in range(100):
        if data in container.heard:
            return
        session.wait(0.5)
    raise AssertionError(f"{data!r} never came")


def heard_after_s(session: Session, reader: asyncio.StreamReader, data: bytes) -> float:
    """Return after how long these very bytes came [s of farm time]."""
    before_s = session.now_s()
    assert session.ask(lambda: asyncio.wait_for(reader.readexactly(len(data)), 600)) == data
    return session.now_s() - before_s


def is_silent(session: Session, reader: asyncio.StreamReader, seconds: float) -> bool:
    try:
        session.ask(lambda: asyncio.wait_for(reader.read(1), seconds))
    except TimeoutError:
        return True
    return False


def test_what_a_foreign_device_sends_is_delayed(ends: Ends) -> None:
    session, container, reader, _ = ends
    container.send(b"at once")
    assert heard_after_s(session, reader, b"at once") < 3
    session.do(lambda: session.farm.faults.spoil("M2", None, Delay(5, 0)))
    container.send(b"later")
    assert 4 < heard_after_s(session, reader, b"later") < 9


def test_a_cut_link_of_a_foreign_device_is_silent_both_ways_and_loses_nothing(ends: Ends) -> None:
    session, container, reader, writer = ends
    session.do(lambda: session.farm.faults.cut("M2"))
    container.send(b"\x00\xffgarbage")
    session.do(lambda: writer.write(b"question"))
    assert is_silent(session, reader, 20)
    assert b"question" not in container.heard
    assert session.farm.faults.describe() != []
    session.do(lambda: session.farm.faults.restore("M2"))
    assert heard_after_s(session, reader, b"\x00\xffgarbage") < 3
    until_heard(session, container, b"question")


def test_a_path_to_a_foreign_device_is_cut_for_that_neighbour_only(ends: Ends) -> None:
    session, container, reader, _ = ends
    session.do(lambda: session.farm.faults.partition([["CP1"], ["M2"]]))
    container.send(b"for others")
    assert heard_after_s(session, reader, b"for others") < 3


def test_what_a_foreign_device_sends_over_a_lossy_link_comes_late(ends: Ends) -> None:
    session, container, reader, _ = ends
    session.do(lambda: session.farm.faults.spoil("M2", None, Loss(0.7)))

    def is_late() -> bool:
        container.send(b"again and again")
        try:
            session.ask(lambda: asyncio.wait_for(reader.readexactly(len(b"again and again")), 1.3))
        except TimeoutError:  # it may take minutes: what is repeated can be lost again and again
            return True
        return False

    assert any(is_late() for _ in range(40))  # three losses in a row, which each has with 0.34


def test_a_reset_link_is_reset_at_both_ends(ends: Ends) -> None:
    session, container, reader, _ = ends
    session.ask(lambda: session.farm.faults.reset("M2"))
    with pytest.raises(ConnectionResetError):
        session.ask(lambda: reader.read(1))
    for _ in range(100):
        if container.ends:
            break
        session.wait(0.5)
    assert container.ends[-1] == "reset"


def test_seats_that_no_bench_or_no_time_fits_are_refused(bench: Processes, monkeypatch: pytest.MonkeyPatch) -> None:
    there = bench_for(build_site("mennekes/standalone-excluding", OWN_METER), "max")
    assert there.notice == (
        "M2 is a container of your own, whose time nobody can stop. Site standalone-excluding runs in real time."
    )
    loop = there.make_loop()
    assert loop.factor == 1
    loop.close()
    at_usb = {"meters.P1.seat": "real", "meters.P1.at": "/dev/ttyUSB0"}
    with pytest.raises(ScenarioError, match=r"P1: a real device keeps real time. Choose --speed 1, not 5"):
        Session(build_site("alfen/alb-p1", at_usb), "t")
    for ref, seat, said in (
        ("alfen/alb-p1", {"meters.P1.seat": "image", "meters.P1.image": "x"}, "image for a device with Modbus TCP"),
        ("mennekes/car-park", {"devices.CP1.seat": "real", "devices.CP1.at": "10.0.0.7"}, "needs the attach bench"),
    ):
        with pytest.raises(SiteFileError, match=said):
            Session(build_site(ref, seat), "t")
