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
from hil.run.session import Session, build_site
from hil.site import VehicleSpec

P1, MODBUS = "alfen/alb-p1", "alfen/alb-modbus-meter"
SET = "devices.CP1.parameters."


class Rig:
    """A running site with one station, CP1."""

    def __init__(self, session: Session, meter: str) -> None:
        self.session, self.farm, self.meter = session, session.farm, meter
        self.device: Any = session.farm.seats["CP1"]

    def house(self, *current_a: float) -> None:
        self._source("house", current_a, self.farm.installation.set_load)

    def _source(self, name: str, current_a: tuple[float, ...], change: Callable[[str, PerPhase], None]) -> None:
        each = PerPhase(*current_a) if len(current_a) == 3 else PerPhase.all(current_a[0])
        self.session.do(lambda: change(name, each))

    def plug(self, phases: int = 3, **traits: Any) -> None:
        spec = VehicleSpec(phases=phases, **traits)
        self.session.call(self.session.tester.vehicle("CP1").plug(spec))

    def fault(self, kind: str | None) -> None:
        self.session.call(self.farm.seats[self.meter].fault(kind))

    def after(self, seconds: float) -> list[float]:
        """Let time pass; return what the vehicle draws."""
        self.session.wait(seconds)
        return [round(value, 1) for value in self.session.do(self.farm.installation.bays["CP1"].currents_a)]

    def node_a(self, node: str = "supply") -> list[float]:
        now_ns = self.farm.env.instants.now_ns
        return [
            round(value, 1)
            for value in self.session.do(lambda: self.farm.installation.plant.currents_a(node, now_ns()))
        ]

    def register(self, name: str) -> Any:
        value = self.session.ask(lambda: self.session.tester.ports.probe("CP1").read(name))
        return round(value, 3) if isinstance(value, float) else value

    def burden(self) -> tuple[int, int, int]:
        """Return how many tasks, ptys and agenda entries the farm has."""
        farm = self.farm
        return self.session.do(
            lambda: (len(asyncio.all_tasks(farm.loop)), len(farm.loop.ledger.ptys), len(farm.env.instants._agenda))
        )

    @property
    def log(self) -> list[str]:
        return [line.partition(" ")[2] for line in self.device.shown.log_lines]


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


@pytest.mark.parametrize("fault", ["binary", "half"])
def test_an_hour_of_rubbish_leaves_nothing_behind(start: Start, fault: str) -> None:
    rig = start(P1)
    rig.plug()
    rig.after(100)
    before = rig.burden()
    rig.fault(fault)
    assert rig.after(3600) == [7, 7, 7]
    assert rig.device.device._p1.pending_bytes <= MAX_TELEGRAM
    assert rig.session.do(lambda: rig.farm.loop.ledger.pty_owed) == 0
    assert len(rig.log) <= 400 * 3  # six lines a minute of each kind of rubbish
    rig.fault(None)
    rig.after(2)
    assert rig.log[-1] == "Leave ActiveLB safeMode"
    assert rig.after(60) == [25, 25, 25]
    assert rig.burden() == before  # no task died or was left, nothing piles up
    assert rig.device.device._p1.pending_bytes == 0
    assert rig.farm.env.failures == rig.farm.installation.findings == []
    trace = rig.session.trace.path.read_text(encoding="utf-8")
    told = [f'"fault":"{fault}"', "Enter ActiveLB safeMode: 7.0A", '"fault":"none"', "Leave ActiveLB safeMode"]
    assert [trace.count(text) for text in told] == [1] * 4
    assert sorted(told, key=trace.index) == told


def test_a_station_that_is_off_for_an_hour_and_a_program_that_never_reads(start: Start) -> None:
    rig = start(P1)
    rig.plug()
    rig.after(100)
    path = rig.session.do(lambda: rig.farm.env.serial.free_end("P1", "P1").path)  # type: ignore[union-attr]
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


def test_a_silent_master_is_disconnected_after_a_minute(start: Start) -> None:
    rig = start(MODBUS)
    assert rig.register("nr_of_sockets") == 1
    rig.after(40)
    assert rig.register("modbus_table_version") == 1
    server = rig.device.device._server
    rig.after(59)
    assert len(server.connections) == 1
    rig.after(2)
    assert len(server.connections) == 0
    assert rig.register("nr_of_sockets") == 1  # it may come again
