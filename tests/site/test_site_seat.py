"""A device in a process of its own (`hil device`) and the bench that talks to it over the control channel."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from emulators.kit.pilot import NO_OFFER
from hil.bench.memory import AfterPowerLoss
from hil.clock import FarmLoop
from hil.clock.link_faults import Delay, Loss
from hil.errors import BenchError, DeviceFault, DeviceSilent, ScenarioError
from hil.process import control, processes, remote
from hil.process.control import decode, encode
from hil.process.remote import ContainerSeat, RemoteSeat
from hil.run.session import Session, build_site

from .processes import TOKEN, Processes, launch

NAME = "mennekes/standalone-excluding"
JOINED = b'{"kind":"joined"}\n'
ANSWER_REAL_S = 30.0
SITE = {  # ports that nobody needs a right for
    "devices.CP1.parameters.Modbus TCP Server Base Port": "15502",
    "devices.CP1.parameters.Port number of Second Meter": "15503",
    "meters.M2.parameters.Modbus Port": "15503",
    "meters.M1": "null",
}


@pytest.fixture(scope="module")
def devices() -> Iterator[Processes]:
    running = Processes()
    yield running
    running.close()


Opening = Callable[[str], Session]


@pytest.fixture
def opened(devices: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Opening]:
    """Open sessions at a speed; they are closed at the end."""
    with ExitStack() as stack:

        def at(speed: str) -> Session:
            devices.choose(monkeypatch, tmp_path / "run", speed=speed)
            one = Session(build_site(NAME, SITE), "t")
            stack.callback(one.close)
            return one

        yield at


@pytest.fixture(params=["max", "5"], ids=["lock-step", "scaled"])
def session(request: pytest.FixtureRequest, opened: Opening) -> Session:
    return opened(request.param)


@pytest.fixture
def granted(opened: Opening) -> Session:
    return opened("max")


@pytest.fixture
def scaled(opened: Opening) -> Session:
    return opened("5")


def signalled_a(session: Session) -> float:
    row = session.farm.site.require("CP1").family.observations["signalled current"][0]
    return float(str(session.ask(lambda: session.tester.ports.probe("CP1").read(row))))


def is_refused(guest: socket.socket) -> bool:
    try:
        return guest.recv(100) == b""
    except ConnectionResetError:  # it did not read everything
        return True


def edit(session: Session, parameter: str, value: str) -> list[str]:
    form = session.tester.form("CP1")
    session.call(form.edit(parameter, value))
    return list(session.call(form.save()))


def test_a_point_charges_and_its_meter_and_pages_say_so(session: Session) -> None:
    farm = session.farm
    session.call(session.tester.vehicle("CP1").plug(farm.site.vehicle("zoe")))
    session.do(
        lambda: farm.installation.set_load(
            "house", farm.installation.plant.currents_a("F2", farm.env.instants.now_ns()).all(20.0)
        )
    )
    session.wait(60)
    assert signalled_a(session) == 15  # 35 A less 20 A of the house
    assert session.do(lambda: [*farm.installation.plant.currents_a("Q1", farm.env.instants.now_ns())]) == pytest.approx(
        [15] * 3
    )
    assert float(str(session.ask(lambda: session.tester.ports.probe("M2").read("I_L1")))) == pytest.approx(20, abs=0.01)
    assert session.call(farm.seat("CP1").page())["Error(s)"] == "no errors"
    assert session.do(lambda: farm.seat("CP1").shown.leds["LED info field"]) == "Charging: green steady"
    assert "signals 15 A" in session.call(farm.seat("CP1").explain())


def test_parameters_are_edited_refused_and_act_after_a_restart(session: Session) -> None:
    with pytest.raises(ScenarioError, match=r"CP1: Installation Current Limit .* is not possible. Allowed"):
        edit(session, "Installation Current Limit [A]", "-1")
    farm = session.farm
    session.call(session.tester.vehicle("CP1").plug(farm.site.vehicle("zoe")))
    assert edit(session, "Installation Current Limit [A]", "10") == []
    session.wait(20)
    assert signalled_a(session) == 10
    assert edit(session, "Modbus TCP Server Base Port", "15504") == ["Modbus TCP Server Base Port"]
    session.ask(farm.seat("CP1").restart)
    assert signalled_a(session) <= 10  # it answers at the new port
    assert session.do(lambda: session.tester.ports.modbus_at("CP1")) == (
        farm.env.addresses.local("192.168.0.11"),
        15504,
    )


def test_a_fault_of_the_device_is_planted_and_an_unknown_one_refused(session: Session) -> None:
    meter = session.farm.seat("M2")
    with pytest.raises(ValueError, match=r"M2 has no fault 'smoke'. It has: exceptions"):
        session.ask(lambda: meter.fault("smoke"))
    session.ask(lambda: meter.fault("exceptions"))
    with pytest.raises(DeviceFault):
        session.ask(lambda: session.tester.ports.probe("M2").read("I_L1"))


def test_each_farm_has_a_fresh_device(session: Session) -> None:
    assert session.do(lambda: session.farm.seat("CP1").in_force("Installation Current Limit [A]")) != 10
    assert session.now_s() < 30


def test_who_does_not_know_the_token_is_refused_and_garbage_too(session: Session, devices: Processes) -> None:
    for hello in (
        encode("clock", token="guessed", name="CP1"),
        b"GET / HTTP/1.1\r\n\r\n",
        encode("begin", token=""),
        encode("look", token=TOKEN, name="CP1"),
    ):
        with socket.create_connection(
            (devices.last.plan.addresses["CP1"], control.PORT), timeout=ANSWER_REAL_S
        ) as guest:
            guest.sendall(hello)
            assert is_refused(guest)
    assert session.call(session.farm.seat("CP1").page())["DLM Master/Slave"].startswith("DLM Master")


def test_the_clock_of_a_devices_machine_is_told_beside_its_farm(session: Session, devices: Processes) -> None:
    with socket.create_connection((devices.last.plan.addresses["M2"], control.PORT), timeout=ANSWER_REAL_S) as guest:
        lines = guest.makefile("rb")
        guest.sendall(encode("clock", token=TOKEN, name="M2"))
        assert decode(lines.readline())["value"] is None
        before_s = FarmLoop.real_s()
        guest.sendall(encode("clock") + encode("clock"))
        first_s, second_s = (decode(lines.readline())["value"] for _ in range(2))
        assert before_s <= first_s <= second_s <= FarmLoop.real_s()


@pytest.fixture
def unasked(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Let nothing be asked of a device from now on: what is known of it then, it has said by itself."""

    async def ask(seat: RemoteSeat, what: str, *_: object) -> None:
        raise AssertionError(f"{seat.name} was asked: {what}")

    return lambda: monkeypatch.setattr(RemoteSeat, "call", ask)


def test_leds_and_parameters_that_change_are_known_without_asking(
    session: Session, unasked: Callable[[], None]
) -> None:
    form, limit = session.tester.form("CP1"), "Installation Current Limit [A]"
    seat = session.farm.seat("CP1")
    dark, before = seat.shown.leds["LED info field"], seat.in_force(limit)
    session.call(form.edit(limit, "15"))
    assert seat.in_force(limit) == before != 15  # not saved
    session.call(form.save())
    assert session.farm.seat("M2").in_force("Modbus Port") == 15503  # as the site says: nothing has changed it
    unasked()
    assert seat.in_force(limit) == 15
    session.call(session.tester.vehicle("CP1").plug(session.farm.site.vehicle("zoe")))
    session.wait(60)
    assert seat.shown.leds["LED info field"] == "Charging: green steady" != dark
    session.call(session.tester.vehicle("CP1").take(0.0))
    session.wait(10)
    assert seat.shown.leds["LED info field"] == "Charging: green pulsing"


@pytest.mark.parametrize("speed", ["max", "5"])
def test_a_display_and_a_log_that_change_are_known_without_asking(
    speed: str, devices: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unasked: Callable[[], None]
) -> None:
    devices.choose(monkeypatch, tmp_path / "run", speed=speed)
    with closing(Session(build_site("alfen/alb-p1", {"devices.CP1.parameters.Data Source": "Meter"}), "t")) as session:
        seat = session.farm.seat("CP1")
        unasked()
        booted, *_ = seat.shown.log_lines
        assert "Booted, firmware" in booted
        session.wait(20)
        known, shown = seat.shown.log_lines, seat.shown.display
        assert "P1 lost" not in shown
        session.do(lambda: session.farm.faults.cut("P1", "CP1"))
        session.wait(45)
        assert "P1 lost" in seat.shown.display
        now = seat.shown.log_lines
        assert now[: len(known)] == known
        assert any("P1" in line for line in now[len(known) :])


def test_a_device_that_stands_still_is_asked_in_vain_and_the_farm_goes_on(
    scaled: Session, devices: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The farm does not know that it stands still: nobody has told it."""
    session, seat = scaled, scaled.farm.seats["M2"]
    assert isinstance(seat, RemoteSeat)
    monkeypatch.setattr(remote, "ANSWER_REAL_S", 1.0)
    session.ask(seat.pause)
    ticks: list[float] = []

    async def page() -> None:
        async def tick() -> None:
            while True:
                await asyncio.sleep(0.5)
                ticks.append(session.now_s())

        other = asyncio.create_task(tick())
        try:
            await seat.page()
        finally:
            other.cancel()

    with pytest.raises(BenchError, match=r"M2: its process does not answer for 1 s"):
        session.ask(page)
    assert len(ticks) > 2
    assert seat.in_force("Modbus Port") == 15503  # what was known is known
    monkeypatch.undo()

    async def again() -> str:
        devices.act("resume", "M2")
        answer = await seat.explain()
        await seat.forget_lag()
        return answer

    assert session.ask(again).startswith("M2 ")  # and not the page, which comes now, too


@pytest.mark.parametrize("speed", ["max", "5"])
def test_a_process_that_dies_is_the_farms_failure(speed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    devices = Processes()
    try:
        devices.choose(monkeypatch, tmp_path / "run", speed=speed)
        one = Session(build_site(NAME, SITE), "t")
        devices.last.running["M2"].kill()
        devices.last.running["M2"].wait()
        with pytest.raises(BenchError, match="M2: its process has closed the control channel"):
            one.wait(10)
        one.close()
        devices.last.running["M2"] = launch("conductor", "--port", "0")  # so that it is not started again
        with pytest.raises(BenchError, match="M2: no control port at"):
            Session(build_site(NAME, SITE), "u")
    finally:
        devices.close()


def test_what_is_not_there_is_named(devices: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    devices.choose(monkeypatch, tmp_path / "run", speed="max")
    monkeypatch.setenv("HIL_CONDUCTOR_PORT", "1")
    with pytest.raises(BenchError, match=r"tester: no conductor at 127\.[0-9.]+:1: .*refused"):
        Session(build_site(NAME, SITE), "t")
    monkeypatch.setenv("HIL_HOST", str(tmp_path / "nobody"))
    with pytest.raises(BenchError, match=r"the process that has started this run does not answer: .*No such file"):
        Session(build_site(NAME, SITE), "t")
    monkeypatch.delenv("HIL_HOST")
    with pytest.raises(BenchError, match="inside of its containers: hil run --bench compose"):
        Session(build_site(NAME, SITE), "t")


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", r"M2: b'HTTP/1.1 400 Bad Request"),
        (b"[" * 100_000 + b"\n", r"M2: b'\[\[.*' is no message of the control channel"),
        (
            JOINED + b'{"kind": "offer", "duty_pct": 50, "fault": false}\n',
            r"M2: .*'offer'.* makes no sense here: KeyError",
        ),
        (
            JOINED + b'{"kind": "contactor", "socket": 1, "closed": true}\n',  # a meter has no sockets
            r"M2: .*'contactor'.* makes no sense here: KeyError",
        ),
        (JOINED + b'{"kind": "begun", "refused": 7}\n', r"M2: .*makes no sense here: TypeError"),
        (b'{"kind": "smoke"}\n', r"M2: {'kind': 'smoke'} is no answer"),
        (JOINED + b'{"kind": "smoke"}\n', r"M2: a bench takes no message 'smoke'"),
        (b"", r"M2: b'' is no message of the control channel"),
        (JOINED, r"M2: its process has closed the control channel"),
    ],
)
def test_a_container_that_answers_with_garbage_is_named(
    said: bytes, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At M2's control port somebody else listens."""
    devices = Processes()
    try:
        devices.choose(monkeypatch, tmp_path / "run", speed="5")
        devices.need(build_site(NAME, SITE))
        devices.act("kill", "M2")
        devices.last.running["M2"] = launch("conductor", "--port", "0")  # so that it is not started again
        with socket.create_server((devices.last.plan.addresses["M2"], control.PORT)) as stranger:

            def answer() -> None:
                guest, _ = stranger.accept()
                with guest:
                    guest.recv(1 << 16)
                    guest.sendall(said)

            thread = threading.Thread(target=answer)
            thread.start()
            with pytest.raises(BenchError, match=told):
                Session(build_site(NAME, SITE), "t")
            thread.join()
    finally:
        devices.close()


def test_a_port_that_is_in_use_is_named(devices: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control port is the only one of a container that a setting can meet."""
    devices.choose(monkeypatch, tmp_path / "run", speed="5")
    port = {"devices.CP1.parameters.Modbus TCP Server Base Port": str(control.PORT)}
    with pytest.raises(BenchError, match=r"CP1 cannot start: .*address already in use"):
        Session(build_site(NAME, SITE | port), "t")


def charging(session: Session) -> None:
    """CP1 charges with 15 A: 35 A less 20 A of the house."""
    farm = session.farm
    session.call(session.tester.vehicle("CP1").plug(farm.site.vehicle("zoe")))
    session.do(
        lambda: farm.installation.set_load(
            "house", farm.installation.plant.currents_a("F2", farm.env.instants.now_ns()).all(20.0)
        )
    )
    session.wait(60)
    assert signalled_a(session) == 15


@pytest.mark.parametrize(("settings", "limit_a"), [("kept", 15), ("factory", 32)])
def test_power_comes_back_with_settings_kept_or_of_the_factory(
    granted: Session, settings: AfterPowerLoss, limit_a: int
) -> None:
    assert type(granted.farm.seat("CP1")) is RemoteSeat
    kill_and_restart(granted, settings, limit_a)


def test_the_engine_does_the_same_to_a_container(scaled: Session) -> None:
    assert type(scaled.farm.seat("CP1")) is ContainerSeat
    kill_and_restart(scaled, "kept", 15)


def kill_and_restart(session: Session, settings: AfterPowerLoss, limit_a: int) -> None:
    farm = session.farm
    edit(session, "Installation Current Limit [A]", "15")
    session.call(session.tester.vehicle("CP1").plug(farm.site.vehicle("zoe")))
    session.wait(60)
    assert session.do(lambda: farm.installation.bay("CP1").currents_a()[0]) == pytest.approx(15)
    session.ask(lambda: farm.faults.kill("CP1"))
    assert session.do(lambda: [*farm.installation.bay("CP1").currents_a()]) == [
        0,
        0,
        0,
    ]  # at once, whatever the process does
    assert farm.installation.bay("CP1").offer == NO_OFFER
    with pytest.raises(ScenarioError, match="CP1 is switched off since"):
        session.do(lambda: farm.seat("CP1"))
    assert session.call(farm.explain("CP1")) == "CP1 is switched off."
    session.ask(lambda: farm.faults.restart("CP1", settings))
    assert session.do(lambda: farm.seat("CP1").in_force("Installation Current Limit [A]")) == limit_a
    if settings == "kept":
        session.wait(60)
        assert session.do(lambda: farm.installation.bay("CP1").currents_a()[0]) == pytest.approx(15)


def test_a_paused_device_is_silent_and_its_lag_is_not_the_machines(scaled: Session) -> None:
    session, farm = scaled, scaled.farm
    with pytest.raises(ScenarioError, match=r"M2 is not paused\. Paused: none"):
        session.ask(lambda: farm.faults.resume("M2"))
    session.ask(lambda: farm.faults.pause("M2"))
    with pytest.raises(DeviceSilent):
        session.ask(lambda: session.tester.ports.probe("M2").read("I_L1"))
    with pytest.raises(ScenarioError, match=r"M2 is paused since .* 'Resume    M2' lets it go on"):
        session.ask(lambda: farm.faults.kill("M2"))
    assert any("M2 is paused since" in line for line in farm.faults.describe())
    session.wait(20)  # much more than a lag that a run is allowed
    session.ask(lambda: farm.faults.resume("M2"))
    session.wait(20)
    assert farm.lag_s() < 1
    session.ask(lambda: session.tester.ports.probe("M2").read("I_L1"))


def test_links_are_slow_lossy_and_reset_in_every_process(granted: Session) -> None:
    """The master waits 3 s for its meter: two ways of 1 s are in time, of 2 s are not."""
    session, farm = granted, granted.farm
    charging(session)
    session.do(lambda: farm.faults.spoil("CP1", "M2", Delay(1.0, 0.0)))
    session.wait(60)
    assert signalled_a(session) == 15
    session.do(lambda: farm.faults.spoil("M2", None, Delay(2.0, 0.0)))
    session.wait(100)
    assert signalled_a(session) == 0
    session.do(farm.faults.heal)
    session.wait(100)
    assert signalled_a(session) == 15
    session.ask(lambda: farm.faults.reset("CP1", "M2"))
    session.do(lambda: farm.faults.spoil("M2", None, Loss(0.3)))
    session.wait(60)
    assert signalled_a(session) == 15
    assert session.call(farm.seat("CP1").page())["Error(s)"] == "no errors"


@pytest.mark.parametrize(("settings", "shown"), [("kept", "E2"), ("site", "E1"), ("factory", "")])
def test_saved_settings_outlive_the_process(
    settings: str, shown: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, begin = "Equipment identifier", processes.Processes.begin_of
    site = {"devices.CP1": "null", "links": "[]", f"meters.P1.parameters.{name}": "E1"}
    devices = Processes()
    try:
        devices.choose(monkeypatch, tmp_path / "run", speed="max")
        first = Session(build_site("alfen/alb-p1", site), "t")
        form = first.tester.form("P1")
        first.call(form.edit(name, "E2"))
        first.call(form.save())
        first.call(form.edit(name, "E3"))  # never saved
        first.close()
        devices.act("kill", "P1")
        monkeypatch.setattr(processes.Processes, "begin_of", lambda self, device: begin(self, device, settings))  # type: ignore[arg-type]
        second = Session(build_site("alfen/alb-p1", site), "u")
        assert second.do(lambda: second.farm.seat("P1").in_force(name)) == shown
        second.close()
    finally:
        devices.close()
