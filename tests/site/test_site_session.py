"""A test's farm from the side of Robot's thread: the end of its trace, the port of a probe, seats it cannot fill."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from emulators.kit.host import NS_PER_S, Phase
from hil.cli.keep import endpoints
from hil.errors import DeviceSilent, ScenarioError, SiteFileError
from hil.run.session import Session, build_site
from hil.trace import read_trace

Start = Callable[..., Session]

PORT, SWITCH = "Modbus TCP Server Base Port", "Modbus TCP Server"
METER_PORT = "Modbus Port"


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Start sessions in a run folder of the test's own; those that run still are closed in the end."""
    monkeypatch.setenv("HIL_RUN_DIR", str(tmp_path / "run"))
    sessions: list[Session] = []

    def begin(site: str, test: str = "t", /, *, speed: str = "max", **overrides: str) -> Session:
        monkeypatch.setenv("HIL_SPEED", speed)
        sessions.append(Session(build_site(site, overrides), test))
        return sessions[-1]

    yield begin
    for session in sessions:
        if not session.farm.loop.is_closed():
            session.close()


def configure(session: Session, device: str, **values: str) -> None:
    """Set parameters of a device, save, restart."""

    form = session.tester.form(device)
    for name, value in values.items():
        session.call(form.edit(name, value))
    session.call(form.save())
    session.ask(form.restart)


def read(session: Session, device: str, register: str) -> Any:
    return session.ask(lambda: session.tester.ports.probe(device).read(register))


# the end of a trace


@pytest.mark.parametrize("status", ["PASS", "FAIL"])
def test_the_verdict_is_the_last_line_of_a_farm_that_goes_on(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: str
) -> None:
    folder = tmp_path / "run" / "trace"
    session = start("mennekes/car-park", speed="5")  # faster would ask more of a busy machine
    again, verdict = threading.Event(), session.trace.verdict

    def chatter() -> None:
        session.farm.env.trace_state("CP1", "chatter")
        again.set()

    def late_verdict(t_ns: int, who: str, event: str, /, **fields: object) -> None:
        again.clear()
        again.wait(0.5)  # if the farm can still write something, it does it now
        verdict(t_ns, who, event, **fields)

    monkeypatch.setattr(session.trace, "verdict", late_verdict)
    session.do(lambda: session.farm.env.instants.every(NS_PER_S // 20, Phase.DEVICES, "CP1", chatter))
    session.wait(2)
    session.finish(status)
    assert session.farm.env.failures == []
    record = json.loads((folder / "index.jsonl").read_text(encoding="utf-8"))
    events = read_trace(folder / record["file"]).events
    assert any(event["event"] == "chatter" for event in events)
    assert (events[-1]["kind"], events[-1]["event"], events[-1]["t_ns"]) == (
        "verdict",
        status.lower(),
        record["farm_ns"],
    )
    assert sum(event["kind"] == "verdict" for event in events) == 1
    assert hashlib.sha256((folder / record["file"]).read_bytes()).hexdigest() == record["sha256"]


# where a device's server is


def test_a_probe_finds_a_server_that_the_site_has_moved(start: Start) -> None:
    session = start(
        "mennekes/meter-excluding",
        **{f"devices.CP1.parameters.{PORT}": "1502", f"meters.M2.parameters.{METER_PORT}": "5020"},
    )
    assert read(session, "CP1", "DLM_MODE") == 1
    assert read(session, "CP2", "DLM_MODE") == 3
    assert read(session, "M2", "V_L1_N") == 230
    found: Mapping[str, Any] = session.do(lambda: endpoints(session.tester, "http://nowhere")["devices"])
    assert (found["CP1"]["modbus"]["port"], found["M2"]["modbus"]["port"]) == (1502, 5020)
    assert found["CP2"]["modbus"]["port"] in (502, 20502)


def test_a_probe_follows_a_server_that_is_moved_with_the_restart_not_with_the_save(start: Start) -> None:
    session = start("mennekes/car-park")
    assert read(session, "CP1", "DLM_MODE") == 1
    form = session.tester.form("CP1")
    session.call(form.edit(PORT, "1502"))
    session.call(form.save())
    assert read(session, "CP1", "DLM_MODE") == 1
    session.ask(form.restart)
    assert session.tester.ports.modbus_at("CP1") == (session.farm.env.addresses.local("192.168.0.11"), 1502)
    assert read(session, "CP1", "DLM_MODE") == 1


def test_a_server_that_is_switched_off_is_no_endpoint_and_says_so_to_a_probe(start: Start) -> None:
    session = start("mennekes/car-park")
    configure(session, "CP1", **{SWITCH: "Off"})
    with pytest.raises(ScenarioError, match=r"is closed: 'Modbus TCP Server' is Off; it opens with On"):
        read(session, "CP1", "DLM_MODE")
    found = session.do(lambda: endpoints(session.tester, "http://nowhere")["devices"])
    assert found["CP1"] == {"type": "mennekes_ecu"}
    assert "modbus" in found["CP2"]
    configure(session, "CP1", **{SWITCH: "On"})
    assert read(session, "CP1", "DLM_MODE") == 1


def test_a_meter_that_is_set_to_another_port_does_not_answer_where_it_was(start: Start) -> None:
    session = start("mennekes/meter-excluding")
    old = session.do(lambda: session.tester.ports.probe("M2"))
    configure(session, "M2", **{METER_PORT: "5020"})
    assert read(session, "M2", "V_L1_N") == 230
    with pytest.raises(DeviceSilent):
        session.ask(lambda: old.read("V_L1_N"))


# seats


def test_every_seat_that_the_bench_cannot_fill_is_reported_with_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HIL_RUN_DIR", str(tmp_path / "run"))
    (tmp_path / "lab.yaml").write_text(
        "include: mennekes/meter-excluding\nsite: lab\ndevices:\n  CP1: {seat: real, at: 10.0.0.17}\n"
        "meters:\n  M2:\n    seat: image\n    image: mine/meter:1\n"
    )
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SiteFileError) as caught:
        Session(build_site("lab.yaml", {}), "t")
    device, meter = caught.value.problems
    assert (device.file, device.line, device.field) == ("lab.yaml", 4, "devices.CP1.seat")
    assert device.message == "the embedded bench cannot fill the seat 'real' (10.0.0.17)."
    assert device.allowed == "Allowed there: emulated. A seat 'real' needs the attach bench."
    assert (meter.file, meter.line, meter.field) == ("lab.yaml", 7, "meters.M2.seat")
    assert meter.message == "the embedded bench cannot fill the seat 'image' (mine/meter:1)."
    assert meter.allowed == "Allowed there: emulated. A seat 'image' needs the compose bench."
