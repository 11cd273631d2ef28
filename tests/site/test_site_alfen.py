"""Alfen stations in whole sites: the meter's bytes, the station's reaction, the plant; what goes wrong on the way."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from emulators.kit.p1 import MAX_TELEGRAM
from emulators.kit.phases import PerPhase
from hil.keywords.session import Session, build_site
from hil.site import VehicleSpec

P1, MODBUS = "alfen/alb-p1", "alfen/alb-modbus-meter"
SET = "devices.CP1.parameters."
EXCLUDING = {SET + "Received Measurements": "Exclude charging EV"}


class Rig:
    """A running site with one station, CP1."""

    def __init__(self, session: Session, meter: str) -> None:
        self.session, self.farm, self.meter = session, session.farm, meter
        self.device: Any = session.farm.devices["CP1"]

    def house(self, *current_a: float) -> None:
        self._source("house", current_a, self.farm.set_load)

    def pv(self, *current_a: float) -> None:
        self._source("roof", current_a, self.farm.set_pv)

    def _source(self, name: str, current_a: tuple[float, ...], change: Callable[[str, PerPhase], None]) -> None:
        each = PerPhase(*current_a) if len(current_a) == 3 else PerPhase.all(current_a[0])
        self.session.do(lambda: change(name, each))

    def plug(self, phases: int = 3, **traits: Any) -> None:
        spec = VehicleSpec(phases=phases, **traits)
        self.session.do(lambda: self.farm.plug("CP1", spec.traits(voltage_v=230)))

    def fault(self, kind: str | None) -> None:
        self.session.call(self.farm.devices[self.meter].fault(kind))

    def after(self, seconds: float) -> list[float]:
        """Let time pass; return what the vehicle draws."""
        self.session.wait(seconds)
        return [round(value, 1) for value in self.session.do(self.farm.bays["CP1"].currents_a)]

    def node_a(self, node: str = "supply") -> list[float]:
        now_ns = self.farm.instants.now_ns
        return [round(value, 1) for value in self.session.do(lambda: self.farm.plant.currents_a(node, now_ns()))]

    def register(self, name: str) -> Any:
        value = self.session.ask(lambda: self.farm.probe("CP1").read(name))
        return round(value, 3) if isinstance(value, float) else value

    def burden(self) -> tuple[int, int, int]:
        """Return how many tasks, ptys and agenda entries the farm has."""
        farm = self.farm
        return self.session.do(
            lambda: (len(asyncio.all_tasks(farm.loop)), len(farm.loop.ledger.ptys), len(farm.instants._agenda))
        )

    @property
    def log(self) -> list[str]:
        return [line.partition(" ")[2] for line in self.device.front.log_lines]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Rig]]:
    monkeypatch.setenv("HIL_RUN_DIR", str(tmp_path))
    monkeypatch.setenv("HIL_SPEED", "max")
    sessions: list[Session] = []

    def starter(site: str, overrides: dict[str, Any] | None = None, *, test: str = "", **more: Any) -> Rig:
        built = build_site(site, (overrides or {}) | more)
        sessions.append(Session(built, test or f"alfen/{len(sessions)}"))
        return Rig(sessions[-1], next(iter(built.meters)))

    yield starter
    for session in sessions:
        session.close()


Start = Callable[..., Rig]


def excluding(meter: str) -> dict[str, Any]:
    """Return the overrides that put the meter in front of the house only."""
    return EXCLUDING | {f"meters.{meter}.node": "H1", f"meters.{meter}.measures": "excluding"}


@pytest.mark.parametrize(
    ("site", "overrides"),
    [
        (P1, {}),
        (P1, excluding("P1")),
        (P1, {"meters.P1.firmware": "4.2.2"}),
        (MODBUS, {}),
        (MODBUS, excluding("M1")),
    ],
)
def test_the_vehicle_takes_what_the_house_leaves(start: Start, site: str, overrides: dict[str, Any]) -> None:
    rig = start(site, overrides)
    rig.plug()
    rig.after(12)
    assert rig.after(40) == [14, 14, 14]  # probing
    assert rig.after(40) == [25, 25, 25]
    for house, left in (((10,), 15), ((5, 15, 0), 10), ((17,), 8), ((20,), 0), ((0,), 25)):
        rig.house(*house)
        assert rig.after(40) == [left] * 3, house
        assert rig.register("actual_applied_max_current") == left
        assert max(rig.node_a()) <= 25
    assert rig.farm.findings == []


@pytest.mark.parametrize("site", [P1, MODBUS])
def test_returned_current_raises_what_the_vehicle_may_take(start: Start, site: str) -> None:
    rig = start(site, {SET + "Maximum smart meter current (A)": 20})
    rig.pv(6)
    rig.plug(phases=1)
    assert rig.after(100) == [26, 0, 0]
    assert rig.node_a() == [20, -6, -6]
    rig.pv(0, 12, 0)  # a surplus on another phase gives nothing
    assert rig.after(40) == [20, 0, 0]


@pytest.mark.parametrize(("site", "meter"), [(P1, "P1"), (MODBUS, "M1")])
def test_returned_current_is_seen_as_negative(start: Start, site: str, meter: str) -> None:
    """ALF-PV-017: the currents on the wire have no sign; read without one, 10 A would leave 15 A instead of 32."""
    rig = start(site, excluding(meter))
    rig.pv(12)
    rig.house(2)
    rig.plug()
    assert rig.after(100) == [32, 32, 32]  # 25 + 10, capped by the socket
    assert rig.device.page()["Smart meter currents"] == "-10/-10/-10 A"


@pytest.mark.parametrize(("site", "lost_s", "number"), [(P1, 30, "209"), (MODBUS, 60, "210")])
def test_a_lost_meter_gives_the_safe_current_until_it_is_back(
    start: Start, site: str, lost_s: int, number: str
) -> None:
    rig = start(site)
    rig.plug()
    rig.after(100)
    rig.session.do(lambda: rig.farm.faults.cut(rig.meter))
    assert rig.after(lost_s - 5) == [25, 25, 25]
    assert rig.after(25) == [7, 7, 7]
    assert "Enter ActiveLB safeMode: 7.0A" in rig.log
    assert rig.device.front.display.startswith(f"{number}: ")
    assert rig.device.page()["Smart meter currents"] == "0/0/0 A"
    assert rig.register("actual_applied_max_current") == 7
    rig.session.do(lambda: rig.farm.faults.restore(rig.meter))
    assert rig.after(60) == [25, 25, 25]
    assert rig.log[-1] == "Leave ActiveLB safeMode"


def test_a_short_loss_is_no_loss(start: Start) -> None:
    rig = start(MODBUS)
    rig.plug()
    rig.after(100)
    rig.session.do(lambda: rig.farm.faults.cut("M1"))
    rig.after(50)
    rig.session.do(lambda: rig.farm.faults.restore("M1"))
    rig.house(10)
    assert rig.after(30) == [15, 15, 15]
    assert len(rig.log) == 1  # nothing after the boot


@pytest.mark.parametrize(
    ("fault", "line"),
    [
        ("crc", "P1 Device failure: Read CRC Error"),
        ("half", "P1 Device failure: a telegram of"),
        ("noise", "P1 Device failure: "),
        ("binary", "P1 Device failure: "),
        ("silent", "P1 Device failure: Read Timeout Error"),
        ("request_dropped", "P1 Device failure: Read Timeout Error"),
    ],
)
def test_rubbish_on_the_p1_line_is_left_out_and_said(start: Start, fault: str, line: str) -> None:
    rig = start(P1)
    rig.plug()
    rig.after(100)
    rig.fault(fault)
    assert rig.after(60) == [7, 7, 7]
    assert any(said.startswith(line) for said in rig.log[1:]), rig.log
    assert 3 <= len(rig.log) < 30  # each kind of rubbish once in ten seconds
    rig.fault(None)
    assert rig.after(30) == [25, 25, 25]
    assert rig.log[-1] == "Leave ActiveLB safeMode"


@pytest.mark.parametrize("fault", ["binary", "half"])
def test_an_hour_of_rubbish_leaves_nothing_behind(start: Start, fault: str) -> None:
    rig = start(P1)
    rig.plug()
    rig.after(100)
    before = rig.burden()
    rig.fault(fault)
    assert rig.after(3600) == [7, 7, 7]
    assert rig.device._p1.pending_bytes <= MAX_TELEGRAM
    assert rig.session.do(lambda: rig.farm.loop.ledger.pty_owed) == 0
    assert len(rig.log) <= 400 * 3  # six lines a minute of each kind of rubbish
    rig.fault(None)
    rig.after(2)
    assert rig.log[-1] == "Leave ActiveLB safeMode"
    assert rig.after(60) == [25, 25, 25]
    assert rig.burden() == before  # no task died or was left, nothing piles up
    assert rig.device._p1.pending_bytes == 0
    assert rig.farm.failures == rig.farm.findings == []
    trace = rig.session.trace.path.read_text(encoding="utf-8")
    told = [f'"fault":"{fault}"', "Enter ActiveLB safeMode: 7.0A", '"fault":"none"', "Leave ActiveLB safeMode"]
    assert [trace.count(text) for text in told] == [1] * 4
    assert sorted(told, key=trace.index) == told


def test_a_station_that_is_off_for_an_hour_and_a_program_that_never_reads(start: Start) -> None:
    rig = start(P1)
    rig.plug()
    rig.after(100)
    path = rig.session.do(lambda: rig.farm.serial.outlet("P1", "P1").path)  # type: ignore[union-attr]
    idle = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        before = rig.burden()
        rig.session.call(rig.device.stop())
        assert rig.after(3600) == [0, 0, 0]
        rig.house(10)
        rig.session.call(rig.device.start())
        assert rig.after(100) == [15, 15, 15]
        log = rig.log[rig.log.index("Booted, firmware 6.1.0-4159", 1) :]
        assert log == ["Booted, firmware 6.1.0-4159"]  # nothing old was waiting at the port
        assert rig.burden() == before
        assert len(os.read(idle, 65536)) > 0
    finally:
        os.close(idle)


def test_the_same_rubbish_gives_the_same_trace(start: Start) -> None:
    traces = []
    for _ in range(2):
        rig = start(P1, test="twice")
        rig.plug()
        for fault in ("noise", "crc", "restart", "binary", "half"):
            rig.fault(fault)
            rig.after(45)
        traces.append(rig.session.trace.path.read_bytes())
    assert traces[0] == traces[1]
    assert b"Read CRC Error" in traces[0]


@pytest.mark.parametrize("fault", ["timeouts", "closed_port", "exceptions"])
def test_a_modbus_meter_that_does_not_answer_is_lost(start: Start, fault: str) -> None:
    rig = start(MODBUS)
    rig.plug()
    rig.after(100)
    rig.fault(fault)
    assert rig.after(85) == [7, 7, 7]
    assert "Communication error for modbus unit 502 (192.168.0.5;502)" in rig.log
    assert rig.log.index("Modbus TCP/IP lost, in safe mode max 7.0A") > 0
    rig.fault(None)
    assert rig.after(60) == [25, 25, 25]


def test_one_phase_station_and_rotated_feeder(start: Start) -> None:
    one = start(P1, {"devices.CP1.variant": "NG910-60003", "devices.CP1.phase_order": "L2"})
    one.house(20, 10, 20)
    one.plug()
    assert one.after(100) == [15, 0, 0]
    assert one.node_a() == [20, 25, 20]
    rotated = start(P1, {"devices.CP1.phase_order": "L3L1L2"})
    rotated.house(20, 5, 10)
    rotated.plug(phases=1)
    assert rotated.after(30) == [0, 0, 0]  # probing has to look at every wired phase: L1 leaves 5 A
    rotated.house(10, 5, 10)
    rotated.after(100)
    rotated.house(20, 5, 10)
    assert rotated.after(30) == [15, 0, 0]  # the vehicle uses L3 only
    assert rotated.node_a() == [20, 5, 25]


def test_an_energy_manager_sets_the_socket(start: Start) -> None:
    rig = start(MODBUS, {SET + "Data Source": "Energy Management System", SET + "Maximum smart meter current (A)": 10})
    rig.plug()
    assert rig.after(100) == [7, 7, 7]
    for setpoint_a, drawn_a in ((16.0, 16), (12.5, 12.5), (5.0, 0), (8.0, 8)):
        rig.session.ask(lambda a=setpoint_a: rig.farm.probe("CP1").write("modbus_slave_max_current", a))
        assert rig.after(10) == [drawn_a] * 3
        assert rig.register("modbus_slave_max_current_valid_time") == 50
    assert rig.device.page()["Modbus TCP/IP Connection State"] == "In use (communication normal)"
    assert rig.after(45) == [8, 8, 8]
    assert rig.after(15) == [7, 7, 7]
    assert (rig.register("modbus_slave_max_current_valid_time"), rig.register("modbus_slave_max_current")) == (0, 7)
    assert rig.device.page()["Modbus TCP/IP Connection State"] == "Not in use (communication idle)"
    assert rig.log[-2:] == ["Modbus TCP/IP lost, in safe mode max 7.0A", "Enter ActiveLB safeMode: 7.0A"]


def test_a_silent_master_is_disconnected_after_a_minute(start: Start) -> None:
    rig = start(MODBUS)
    assert rig.register("nr_of_sockets") == 1
    rig.after(40)
    assert rig.register("modbus_table_version") == 1
    server = rig.device._server
    rig.after(59)
    assert len(server.connections) == 1
    rig.after(2)
    assert len(server.connections) == 0
    assert rig.register("nr_of_sockets") == 1  # it may come again


def test_settings_act_after_a_reboot_and_alb_needs_its_licence(start: Start) -> None:
    rig = start(P1, {SET + "License Key features": "None", SET + "Active Load Balancing": "Off"})
    form = rig.device.parameters
    rig.house(0)
    rig.plug()
    assert rig.after(100) == [32, 32, 32]
    assert "Active Load Balancing" not in form.offered()
    form.set("License Key features", "Active Load Balancing")
    assert form.save() == ["License Key features"]
    rig.session.do(rig.device.parameters_changed)
    rig.after(1)
    assert rig.log.count("Booted, firmware 6.1.0-4159") == 2  # it reboots by itself
    assert "Active Load Balancing" in form.offered() and "Safe current (A)" not in form.offered()
    form.set("Active Load Balancing", "On")
    assert {"Data Source", "Received Measurements", "Safe current (A)", "Phase rotation"} <= {*form.offered()}
    form.save()
    assert rig.after(100) == [32, 32, 32]
    rig.session.call(rig.device.restart())
    assert rig.after(100) == [25, 25, 25]
