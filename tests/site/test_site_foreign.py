"""Seats that the farm does not fill: a meter script of one's own, a charger that is no more than an open port."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from emulators.kit.phases import PerPhase
from hil.bench import foreign
from hil.bench.control import WIRES_PORT
from hil.bench.make import bench_for
from hil.compose.plan import Plan
from hil.errors import BenchError, ScenarioError, SiteFileError
from hil.keywords.session import Session, build_site
from hil.site.model import VehicleSpec

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


def running(site: dict[str, str]) -> closing[Session]:
    return closing(Session(build_site("mennekes/standalone-excluding", site), "t"))


def meter_a(session: Session) -> list[float]:
    probe = session.do(lambda: session.farm.probe("M2"))
    return [float(str(session.ask(lambda name=name: probe.read(name)))) for name in ("I_L1", "I_L2", "I_L3")]


@pytest.mark.parametrize(("phases", "shown"), [("123", [20, 5, 0]), ("213", [5, 20, 0])])
def test_a_script_that_asks_the_farm_is_the_meter_and_is_judged(
    bench: Processes, phases: str, shown: list[float]
) -> None:
    with OwnMeter(bench, phases), running(OWN_METER) as session:
        farm = session.farm
        session.do(lambda: farm.set_load("house", PerPhase(20, 5, 0)))
        session.do(lambda: farm.plug("CP1", VehicleSpec(phases=1, max_current_a=32).traits()))
        session.wait(60)
        assert meter_a(session) == pytest.approx(shown)
        drawn = session.do(lambda: farm.plant.currents_a("Q1", farm.instants.now_ns()).l1)
        assert drawn == pytest.approx(35 - 20, abs=0.1)  # the largest load decides, wherever the clamps sit


def test_what_only_the_farms_own_devices_have_is_refused(bench: Processes) -> None:
    with OwnMeter(bench, "123"), running(OWN_METER) as session:
        meter = session.farm.device("M2")
        has_no = r"M2 is a container of your own \(my-meter\): it has no {} for the farm, .*\[Tags\]    needs:{}$"
        for capability, ask in {
            "display": lambda: meter.front.display,
            "leds": lambda: meter.front.leds,
            "log": lambda: meter.front.log_lines,
            "page": meter.page,
            "parameters": lambda: meter.parameters.set("CT primary [A]", 100),
        }.items():
            with pytest.raises(ScenarioError, match=has_no.format(capability, capability)):
                ask()
        for capability, work in {"device-restart": meter.restart, "device-faults": lambda: meter.fault("nan")}.items():
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
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    port = asyncio.run_coroutine_threadsafe(
        asyncio.start_server(lambda _, writer: writer.close(), plan.hidden["CP1"], 15502), loop
    ).result(ANSWER_REAL_S)
    try:
        with running(site) as session:
            farm, tester = session.farm, plan.tester("lan")
            session.do(lambda: farm.plug("CP1", VehicleSpec(phases=3, max_current_a=32).traits()))
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
            assert session.farm.explain("CP1") == "CP1 is a container of your own: what it does is its own."
    finally:
        loop.call_soon_threadsafe(port.close)
        loop.call_soon_threadsafe(loop.stop)


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
