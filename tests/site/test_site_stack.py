"""The swarm bench without a swarm: devices and the relay in processes, names and addresses of this test's own.

Loopback carries no broadcasts between 127.x addresses, as an overlay network carries none: charging points find each
other by the relay or not at all. Every process has a clock of its own, as hosts have.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest

from hil.bench.addresses import Slot
from hil.clock.link_faults import Loss
from hil.compose import hosts as stack
from hil.errors import BenchError, ScenarioError
from hil.process.processes import Processes
from hil.run.session import Session, build_site

ROOT = Path(__file__).parents[2]
TOKEN = "a token of this test"
SITE = {f"devices.CP{number}.parameters.Modbus TCP Server Base Port": "15502" for number in (1, 2, 3, 4)}
AHEAD_S = {"CP1": 1000.0, "CP2": -500.0, "CP3": 0.0, "CP4": 86_400.5}
MAIN = """
import sys, time
from hil.clock import FarmLoop
FarmLoop.real_s = staticmethod(lambda: time.monotonic() + {ahead_s})
from hil.cli import main
sys.exit(main())
"""


class Hosts:
    """The processes of mennekes/car-park's stack; nobody is where the site says."""

    def __init__(self, ahead_s: Mapping[str, float]) -> None:
        self.slot = Slot()
        self.names = {
            name: f"127.{self.slot.number}.9.{31 + number}" for number, name in enumerate([*ahead_s, "relay.lan"])
        }
        self.relay = self._process(0.0, "relay", "--host", self.names["relay.lan"])
        self.devices = {
            name: self._process(ahead, "device", f"{name}=mennekes_ecu", "--host", self.names[name])
            for name, ahead in ahead_s.items()
        }
        self.said = {process: process.stdout.readline() for process in self.all if process.stdout is not None}

    @property
    def all(self) -> list[subprocess.Popen[str]]:
        return [self.relay, *self.devices.values()]

    def _process(self, ahead_s: float, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", MAIN.format(ahead_s=ahead_s), *words],
            env={**os.environ, "HIL_TOKEN": TOKEN, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def close(self) -> None:
        for process in self.all:
            process.kill()
            process.communicate()
        self.slot.release()


@pytest.fixture
def hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hosts]:
    running = Hosts(AHEAD_S)
    for name, value in {
        "HIL_RUN_DIR": str(tmp_path / "run"), "HIL_BENCH": "swarm", "HIL_SPEED": "5", "HIL_TOKEN": TOKEN,
        "HIL_SEATS": json.dumps([*running.devices]),
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(stack, "look_up", running.names.__getitem__)
    yield running
    running.close()


def car_park() -> closing[Session]:
    return closing(Session(build_site("mennekes/car-park", SITE), "t"))


@pytest.fixture
def session(hosts: Hosts) -> Iterator[Session]:
    with car_park() as one:
        yield one


def clocks(session: Session) -> stack.StackHosts:
    (filler,) = session.farm.fillers
    assert isinstance(filler, Processes) and isinstance(filler._hosts, stack.StackHosts)
    return filler._hosts


def plug_in_everybody(session: Session) -> None:
    farm = session.farm
    for name in AHEAD_S:
        session.call(session.tester.vehicle(name).plug(farm.site.vehicle("zoe")))


def signalled_a(session: Session) -> list[float]:
    row = session.farm.site.require("CP1").family.observations["signalled current"][0]

    async def ask() -> list[float]:
        return [float(str(await session.tester.ports.probe(name).read(row))) for name in AHEAD_S]

    return session.ask(ask)


def test_points_that_find_each_other_by_the_relay_share_what_there_is(hosts: Hosts) -> None:
    with car_park() as session:
        farm = session.farm
        plug_in_everybody(session)
        session.wait(90)
        assert signalled_a(session) == [25, 25, 25, 25]  # without the others each would take 32 A
        assert {name: clocks(session).ahead_s(name) for name in AHEAD_S} == pytest.approx(AHEAD_S, abs=0.2)
        assert farm.lag_s() <= 1
    assert hosts.relay.stdout is not None
    said = hosts.relay.stdout.readline()  # when the last one has left
    counts = {what: int(number) for number, what in re.findall(r"(\d+) ([a-z ]+)", said)}
    assert counts["joined"] == counts["left"] == 4
    assert counts["relayed"] > 4
    assert "garbage" not in counts
    assert "stranger" not in counts


def test_a_cut_link_parts_members_although_the_relay_reaches_all(session: Session) -> None:
    farm = session.farm
    session.do(lambda: farm.faults.cut("CP4"))
    plug_in_everybody(session)
    session.wait(90)
    *others, alone = signalled_a(session)
    assert (others, alone) == ([32, 32, 32], 0)  # the master has never heard of CP4
    session.do(lambda: farm.faults.restore("CP4"))
    session.wait(90)
    assert signalled_a(session) == [25, 25, 25, 25]


def test_losses_strike_relayed_datagrams_and_a_killed_point_comes_back(session: Session) -> None:
    farm = session.farm
    session.do(lambda: farm.faults.spoil("CP4", None, Loss(0.999999)))
    plug_in_everybody(session)
    session.wait(90)
    assert signalled_a(session) == [32, 32, 32, 0]
    session.do(lambda: farm.faults.restore("CP4"))
    session.ask(session.tester.mains("CP4").kill)
    session.wait(30)
    session.ask(session.tester.mains("CP4").restart)
    session.wait(120)
    assert signalled_a(session) == [25, 25, 25, 25]


def test_devices_agree_on_farm_time_although_their_clocks_do_not(hosts: Hosts) -> None:
    with car_park() as session:
        session.wait(5)
        plug_in_everybody(session)
        session.wait(20)
    (file,) = (Path(os.environ["HIL_RUN_DIR"]) / "trace").glob("*.jsonl")
    found = [json.loads(line) for line in file.read_text("utf-8").splitlines() if "device_ns" in line]
    off_s = {event["who"]: abs(event["t_ns"] - event["device_ns"]) / 1e9 for event in found}
    assert set(off_s) == set(AHEAD_S)
    assert max(off_s.values()) < 1


def test_a_clock_that_runs_away_ends_the_run(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    session.do(lambda: clocks(session)._ahead_s.update(CP3=0.5))
    with pytest.raises(BenchError, match=r"CP3: its host's clock may be 0\.5\d\d s off, 2\.\d s of farm time"):
        session.wait(120)


def test_a_relay_that_does_not_answer_is_the_farms_failure(hosts: Hosts) -> None:
    hosts.relay.kill()
    hosts.relay.wait()
    with pytest.raises(BenchError, match=r"the relay at 127\.\S+:7305 does not answer: there are no broadcasts"):
        Session(build_site("mennekes/car-park", SITE), "t")


def test_a_site_with_other_seats_and_virtual_time_are_refused(hosts: Hosts, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ScenarioError, match=r"this run's stack has CP1, CP2, CP3, CP4: .* needs M2"):
        Session(build_site("mennekes/standalone-excluding", {}), "t")
    monkeypatch.setenv("HIL_SPEED", "max")
    with pytest.raises(ScenarioError, match="over several hosts there is no virtual time: choose a --speed"):
        Session(build_site("mennekes/car-park", SITE), "t")
    monkeypatch.delenv("HIL_SEATS")
    with pytest.raises(BenchError, match="the swarm bench runs inside of its stack"):
        Session(build_site("mennekes/car-park", SITE), "t")
