"""Several devices in one process (`pack: N`): the same farm with fewer processes."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from emulators.kit.pilot import NO_OFFER
from hil.errors import BenchError, DeviceSilent, ScenarioError
from hil.process import control, processes
from hil.process.control import encode
from hil.run.session import Session, build_site

from .processes import TOKEN, Processes, launch

ANSWER_REAL_S = 30.0
POINTS = ("CP1", "CP2", "CP3", "CP4")
SITE = {f"devices.{name}.parameters.Modbus TCP Server Base Port": "15502" for name in POINTS}
METERS = {
    "pack": "2",
    "devices.CP1.parameters.Modbus TCP Server Base Port": "15502",
    "devices.CP1.parameters.Port number of Second Meter": "15503",
    "meters.M1.parameters.Modbus Port": "15503",
    "meters.M2.parameters.Modbus Port": "15503",
}


@pytest.fixture(scope="module")
def devices() -> Iterator[Processes]:
    running = Processes()
    yield running
    running.close()


def car_park(monkeypatch: pytest.MonkeyPatch, devices: Processes, folder: Path, *, pack: int) -> Session:
    devices.choose(monkeypatch, folder, speed="max")
    return Session(build_site("mennekes/car-park", {**SITE, "pack": str(pack)}), "t")


def plug_in_everybody(session: Session) -> None:
    farm = session.farm
    for name in POINTS:
        session.call(session.tester.vehicle(name).plug(farm.site.vehicle("zoe")))


def signalled_a(session: Session, *names: str) -> list[float]:
    row = session.farm.site.require("CP1").family.observations["signalled current"][0]

    async def ask() -> list[float]:
        return [float(str(await session.tester.ports.probe(name).read(row))) for name in names or POINTS]

    return session.ask(ask)


def a_day(session: Session) -> None:
    """Everybody charges, one is cut off, one loses its power and gets it back, the master is restarted."""
    farm = session.farm
    with closing(session):
        session.wait(30)
        plug_in_everybody(session)
        session.wait(60)
        assert signalled_a(session) == [25, 25, 25, 25]
        session.do(lambda: farm.faults.cut("CP1", "CP2"))
        session.wait(60)
        session.do(farm.faults.heal)
        session.ask(session.tester.mains("CP3").kill)
        session.wait(60)
        assert farm.installation.bays["CP3"].offer == NO_OFFER
        session.ask(session.tester.mains("CP3").restart)
        session.ask(farm.seat("CP1").restart)
        session.wait(120)
        assert signalled_a(session) == [25, 25, 25, 25]
        assert session.do(lambda: farm.seat("CP4").shown.leds["LED info field"]) == "Charging: green steady"


def traced(folder: Path) -> tuple[bytes, list[bytes]]:
    """Return a trace, and its lines sorted, without the header: within an instant their order may differ."""
    (file,) = (folder / "trace").glob("*.jsonl")
    whole = file.read_bytes()
    return whole, sorted(whole.splitlines()[1:])


def test_the_trace_is_that_of_a_process_for_each_device(
    devices: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = {}
    for run, pack in {"alone": 1, "pairs": 2, "again": 2, "three and one": 3}.items():
        a_day(car_park(monkeypatch, devices, tmp_path / run, pack=pack))
        assert len(devices.last.running) == {1: 4, 2: 2, 3: 2}[pack]
        found[run] = traced(tmp_path / run)
    assert found["pairs"][0] == found["again"][0]
    assert len(found["alone"][1]) > 100
    assert b'"who":"CP3","event":"master_lost"' not in found["alone"][0]  # a device without power notices nothing
    assert found["pairs"][1] == found["alone"][1]
    assert found["three and one"][1] == found["alone"][1]


def test_in_scaled_time_one_loses_its_power_and_the_others_go_on(
    devices: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    devices.choose(monkeypatch, tmp_path, speed="5")
    session = Session(build_site("mennekes/standalone-excluding", METERS), "t")
    farm = session.farm

    def current_a(name: str) -> float:
        return float(str(session.ask(lambda: session.tester.ports.probe(name).read("I_L1"))))

    with closing(session):
        assert list(devices.last.running) == ["M2", "CP1"]
        session.do(
            lambda: farm.installation.set_load(
                "house", farm.installation.plant.currents_a("F2", farm.env.instants.now_ns()).all(20.0)
            )
        )
        session.wait(10)
        assert (current_a("M1"), current_a("M2")) == pytest.approx((20, 20), abs=0.01)
        with pytest.raises(ScenarioError, match=r"M1 cannot be paused alone: M2, M1 share a container\. Allowed"):
            session.ask(lambda: farm.faults.pause("M1"))
        session.ask(lambda: farm.faults.pause("CP1"))  # nobody is with it
        session.ask(lambda: farm.faults.resume("CP1"))
        session.ask(session.tester.mains("M2").kill)
        with pytest.raises(DeviceSilent):
            current_a("M2")
        assert current_a("M1") == pytest.approx(20, abs=0.01)
        session.ask(session.tester.mains("M2").restart)
        assert current_a("M2") == pytest.approx(20, abs=0.01)
        assert farm.lag_s() < 1


def test_a_pack_that_dies_takes_all_its_devices_along(
    devices: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = car_park(monkeypatch, devices, tmp_path, pack=2)
    with closing(session):
        devices.act("kill", "CP3")
        with pytest.raises(BenchError, match=r"CP3: its process has closed the control channel(.|\n)*CP4: its process"):
            session.wait(10)
    with closing(car_park(monkeypatch, devices, tmp_path, pack=2)) as again:
        again.wait(10)


def test_a_device_that_a_process_has_not_is_refused(
    devices: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(car_park(monkeypatch, devices, tmp_path, pack=2)) as session:
        (filler,) = session.farm.fillers
        assert isinstance(filler, processes.Processes)
        where = (devices.last.plan.addresses["CP1"], control.PORT)
        for name, expected in (("CP3", b""), ("CP2", encode("answer", value=None))):
            with socket.create_connection(where, timeout=ANSWER_REAL_S) as guest:
                guest.sendall(encode("clock", token=TOKEN, name=name))
                assert guest.recv(1 << 16) == expected
        begin = {**filler.begin_of("CP2"), "token": TOKEN, "name": "CP2"}
        with socket.create_connection(where, timeout=ANSWER_REAL_S) as guest:
            guest.sendall(encode("begin", **begin))
            assert b"CP2 has begun already" in guest.recv(1 << 16)
        session.wait(10)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("mennekes_ecu",), r"'mennekes_ecu' is no device\. Allowed: NAME=TYPE with a TYPE of `hil devices`"),
        (("CP1=mennekes_ecu", "CP1=mennekes_ecu"), "CP1 is there twice"),
        (("CP1=toaster",), "toaster"),
    ],
)
def test_what_is_no_device_is_refused(words: tuple[str, ...], said: str) -> None:
    process = launch("device", *words)
    output, _ = process.communicate(timeout=ANSWER_REAL_S)
    assert process.returncode == 2
    assert re.search(said, output)
