"""A device in a process of its own (`hil device`) and the bench that talks to it over the control channel."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from hil.bench import control
from hil.bench.control import decode, encode
from hil.configure import Form
from hil.errors import BenchError, DeviceFault, ScenarioError
from hil.keywords.session import Session, build_site

from .processes import TOKEN, Processes

NAME = "mennekes/standalone-excluding"
ANSWER_REAL_S = 30.0
SITE = {  # ports that nobody needs a right for
    "devices.CP1.parameters.Modbus TCP Server Base Port": "15502",
    "devices.CP1.parameters.Port number of Second Meter": "15503",
    "meters.M2.parameters.Modbus Port": "15503",
    "meters.M1": "null",
}


@pytest.fixture(scope="module")
def devices() -> Iterator[Processes]:
    running = Processes(build_site(NAME, SITE))
    yield running
    running.close()


@pytest.fixture(params=["max", "5"], ids=["lock-step", "scaled"])
def session(
    request: pytest.FixtureRequest, devices: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Session]:
    for name, value in {**devices.settings, "HIL_RUN_DIR": str(tmp_path / "run"), "HIL_SPEED": request.param}.items():
        monkeypatch.setenv(name, value)
    one = Session(build_site(NAME, SITE), "t")
    yield one
    one.close()


def signalled_a(session: Session) -> float:
    row = session.farm.site.require("CP1").family.observations["signalled current"][0]
    return float(str(session.ask(lambda: session.farm.probe("CP1").read(row))))


def is_refused(guest: socket.socket) -> bool:
    try:
        return guest.recv(100) == b""
    except ConnectionResetError:  # it did not read everything
        return True


def edit(session: Session, parameter: str, value: str) -> list[str]:
    def act() -> list[str]:
        form = Form(session.farm.device("CP1"))
        form.edit(parameter, value)
        return form.save()

    return session.do(act)


def test_a_point_charges_and_its_meter_and_pages_say_so(session: Session) -> None:
    farm = session.farm
    session.do(lambda: farm.plug("CP1", farm.site.vehicle("zoe").traits()))
    session.do(lambda: farm.set_load("house", farm.plant.currents_a("F2", farm.instants.now_ns()).all(20.0)))
    session.wait(60)
    assert signalled_a(session) == 15  # 35 A less 20 A of the house
    assert session.do(lambda: [*farm.plant.currents_a("Q1", farm.instants.now_ns())]) == pytest.approx([15] * 3)
    assert float(str(session.ask(lambda: farm.probe("M2").read("I_L1")))) == pytest.approx(20, abs=0.01)
    assert session.do(lambda: farm.device("CP1").page()["Error(s)"]) == "no errors"
    assert session.do(lambda: farm.device("CP1").front.leds["LED info field"]) == "Charging: green steady"
    assert "signals 15 A" in farm.device("CP1").explain()


def test_parameters_are_edited_refused_and_act_after_a_restart(session: Session) -> None:
    with pytest.raises(ScenarioError, match=r"CP1: Installation Current Limit .* is not possible. Allowed"):
        edit(session, "Installation Current Limit [A]", "-1")
    farm = session.farm
    session.do(lambda: farm.plug("CP1", farm.site.vehicle("zoe").traits()))
    assert edit(session, "Installation Current Limit [A]", "10") == []
    session.wait(20)
    assert signalled_a(session) == 10
    assert edit(session, "Modbus TCP Server Base Port", "15504") == ["Modbus TCP Server Base Port"]
    session.ask(farm.device("CP1").restart)
    assert signalled_a(session) <= 10  # it answers at the new port
    assert session.do(lambda: farm.modbus_at("CP1")) == (farm.resolver.local("192.168.0.11"), 15504)


def test_a_fault_of_the_device_is_planted_and_an_unknown_one_refused(session: Session) -> None:
    meter = session.farm.device("M2")
    with pytest.raises(ValueError, match=r"M2 has no fault 'smoke'. It has: exceptions"):
        session.ask(lambda: meter.fault("smoke"))
    session.ask(lambda: meter.fault("exceptions"))
    with pytest.raises(DeviceFault):
        session.ask(lambda: session.farm.probe("M2").read("I_L1"))


def test_each_farm_has_a_fresh_device(session: Session) -> None:
    assert session.do(lambda: session.farm.device("CP1").parameters["Installation Current Limit [A]"]) != 10
    assert session.now_s() < 30


def test_who_does_not_know_the_token_is_refused_and_garbage_too(session: Session, devices: Processes) -> None:
    for hello in (encode("look", token="guessed"), b"GET / HTTP/1.1\r\n\r\n", encode("begin", token="")):
        with socket.create_connection((devices.plan.addresses["CP1"], control.PORT), timeout=ANSWER_REAL_S) as guest:
            guest.sendall(hello)
            assert is_refused(guest)
    assert session.do(lambda: session.farm.device("CP1").page())["DLM Master/Slave"].startswith("DLM Master")


def test_a_look_is_answered_in_order(session: Session, devices: Processes) -> None:
    with socket.create_connection((devices.plan.addresses["M2"], control.PORT), timeout=ANSWER_REAL_S) as guest:
        lines = guest.makefile("rb")
        guest.sendall(encode("look", token=TOKEN))
        assert decode(lines.readline())["value"] is None
        guest.sendall(encode("look", what="in_force", args=["Modbus Port"]))
        assert decode(lines.readline())["value"] == "15503"


@pytest.mark.parametrize("speed", ["max", "5"])
def test_a_process_that_dies_is_the_farms_failure(speed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    devices = Processes(build_site(NAME, SITE))
    try:
        for name, value in {
            **devices.settings, "HIL_RUN_DIR": str(tmp_path / "run"), "HIL_SPEED": speed,
        }.items():  # fmt: skip
            monkeypatch.setenv(name, value)
        one = Session(build_site(NAME, SITE), "t")
        devices.running["M2"].kill()
        devices.running["M2"].wait()
        with pytest.raises(BenchError, match="M2: its process has closed the control channel"):
            one.wait(10)
        one.close()
        with pytest.raises(BenchError, match="M2: no control port at"):
            Session(build_site(NAME, SITE), "u")
    finally:
        devices.close()


def test_another_sites_networks_and_a_conductor_that_is_not_there_are_refused(
    devices: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**devices.settings, "HIL_RUN_DIR": str(tmp_path / "run"), "HIL_CONDUCTOR_PORT": "1"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(BenchError, match=r"tester: no conductor at 127\.[0-9.]+:1: .*refused"):
        Session(build_site(NAME, SITE), "t")
    monkeypatch.setenv("HIL_SUBNETS", json.dumps({"office": str(devices.subnets["lan"])}))
    with pytest.raises(
        ScenarioError, match="this run has containers on office: site standalone-excluding needs others"
    ):
        Session(build_site(NAME, SITE), "t")
