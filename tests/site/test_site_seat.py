"""A device in a process of its own (`hil device`) and the bench that talks to it over the control channel."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from hil.bench import control
from hil.bench.compose import ComposeFarm
from hil.bench.control import decode, encode
from hil.configure import Form
from hil.errors import BenchError, DeviceFault, ScenarioError
from hil.keywords.session import Session, build_site

from .running import Devices

TOKEN = "a token of this test"
ANSWER_REAL_S = 30.0
SITE = {  # ports that nobody needs a right for
    "devices.CP1.parameters.Modbus TCP Server Base Port": "15502",
    "devices.CP1.parameters.Port number of Second Meter": "15503",
    "meters.M2.parameters.Modbus Port": "15503",
    "meters.M1": "null",
}


def processes() -> Devices:
    """The device processes of mennekes/standalone-excluding."""
    return Devices(TOKEN, {"CP1": ("mennekes_ecu", 11), "M2": ("pac2200", 20)})


@pytest.fixture(scope="module")
def devices() -> Iterator[Devices]:
    running = processes()
    yield running
    running.close()


@pytest.fixture
def session(devices: Devices, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    monkeypatch.setenv("HIL_RUN_DIR", str(tmp_path / "run"))
    monkeypatch.setenv("HIL_BENCH", "compose")
    monkeypatch.setenv("HIL_SPEED", "5")
    monkeypatch.setenv("HIL_TOKEN", TOKEN)
    monkeypatch.setenv("HIL_SUBNETS", json.dumps({"lan": str(devices.subnet)}))
    one = Session(build_site("mennekes/standalone-excluding", SITE), "t")
    yield one
    one.close()


def signalled_a(session: Session) -> float:
    row = session.farm.site.require("CP1").family.observations["signalled current"][0]
    return float(str(session.ask(lambda: session.farm.probe("CP1").read(row))))


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


def test_who_does_not_know_the_token_is_refused_and_garbage_too(session: Session, devices: Devices) -> None:
    for hello in (encode("look", token="guessed"), b"GET / HTTP/1.1\r\n\r\n", encode("begin", token="")):
        with socket.create_connection((devices.address(11), control.PORT), timeout=ANSWER_REAL_S) as guest:
            guest.sendall(hello)
            assert guest.recv(100) == b""
    assert session.do(lambda: session.farm.device("CP1").page())["DLM Master/Slave"].startswith("DLM Master")


def test_a_look_is_answered_in_order(session: Session, devices: Devices) -> None:
    with socket.create_connection((devices.address(20), control.PORT), timeout=ANSWER_REAL_S) as guest:
        lines = guest.makefile("rb")
        guest.sendall(encode("look", token=TOKEN))
        assert decode(lines.readline())["value"] is None
        guest.sendall(encode("look", what="in_force", args=["Modbus Port"]))
        assert decode(lines.readline())["value"] == "15503"


def test_a_process_that_dies_is_the_farms_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    devices = processes()
    try:
        for name, value in {
            "HIL_RUN_DIR": str(tmp_path / "run"), "HIL_BENCH": "compose", "HIL_SPEED": "5", "HIL_TOKEN": TOKEN,
            "HIL_SUBNETS": json.dumps({"lan": str(devices.subnet)}),
        }.items():  # fmt: skip
            monkeypatch.setenv(name, value)
        one = Session(build_site("mennekes/standalone-excluding", SITE), "t")
        devices.processes["M2"].kill()
        devices.processes["M2"].wait()
        with pytest.raises(BenchError, match="M2: its process has closed the control channel"):
            one.wait(10)
        one.close()
        with pytest.raises(BenchError, match="M2: no control port at"):
            Session(build_site("mennekes/standalone-excluding", SITE), "u")
    finally:
        devices.close()


def test_virtual_time_and_another_sites_networks_are_refused(
    devices: Devices, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HIL_RUN_DIR", str(tmp_path / "run"))
    monkeypatch.setenv("HIL_BENCH", "compose")
    monkeypatch.setenv("HIL_TOKEN", TOKEN)
    monkeypatch.setenv("HIL_SUBNETS", json.dumps({"lan": str(devices.subnet)}))
    with pytest.raises(ScenarioError, match="scaled time: choose a --speed such as 10, not max"):
        Session(build_site("mennekes/standalone-excluding", SITE), "t")
    monkeypatch.setenv("HIL_SPEED", "5")
    monkeypatch.setenv("HIL_SUBNETS", json.dumps({"office": str(devices.subnet)}))
    with pytest.raises(
        ScenarioError, match="this run has containers on office: site standalone-excluding needs others"
    ):
        Session(build_site("mennekes/standalone-excluding", SITE), "t")


@pytest.mark.parametrize(("settings", "shown"), [("kept", "E2"), ("site", "E1"), ("factory", "")])
def test_saved_settings_outlive_the_process(
    settings: str, shown: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, begin = "Equipment identifier", ComposeFarm.begin
    site = {"devices.CP1": "null", "links": "[]", f"meters.P1.parameters.{name}": "E1"}
    devices = Devices(TOKEN, {"P1": ("dsmr_p1", 252)}, {"P1": ("--settings", str(tmp_path / "settings.json"))})
    try:
        monkeypatch.setenv("HIL_RUN_DIR", str(tmp_path / "run"))
        for one, value in devices.settings().items():
            monkeypatch.setenv(one, value)
        first = Session(build_site("alfen/alb-p1", site), "t")
        form = Form(first.farm.device("P1"))
        first.do(lambda: form.edit(name, "E2"))
        first.do(form.save)
        first.do(lambda: form.edit(name, "E3"))  # never saved
        first.close()
        devices.end("P1")
        devices.begin("P1")
        devices.wait_for("P1")
        monkeypatch.setattr(ComposeFarm, "begin", lambda self, device: begin(self, device, settings))  # type: ignore[arg-type]
        second = Session(build_site("alfen/alb-p1", site), "u")
        assert second.do(lambda: second.farm.device("P1").parameters[name]) == shown
        second.close()
    finally:
        devices.close()
