"""Charging points and their backend, in one process and with each device in a process of its own, in lock-step time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from hil.run.session import Session, build_site

from .processes import Processes

BENCHES = ("embedded", "compose")
POINTS = ("CS1", "CS2", "CS3")
PORTS = {f"devices.{name}.parameters.Modbus TCP Server Base Port": "15502" for name in POINTS}


@pytest.fixture(scope="module")
def processes() -> Iterator[Processes]:
    running = Processes()
    yield running
    running.close()


@pytest.fixture(params=BENCHES)
def bench(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    if request.param == "compose":
        request.getfixturevalue("processes").choose(monkeypatch, tmp_path, speed="max")
    else:
        monkeypatch.setenv("HIL_RUN_DIR", str(tmp_path))
        monkeypatch.delenv("HIL_BENCH", raising=False)
    return str(request.param)


def connected(session: Session) -> list[bool]:
    async def ask() -> list[bool]:
        found = []
        for point in POINTS:
            probe, identity = session.tester.ports.backend_of(point)
            found.append(await probe.is_connected(identity))
        return found

    return session.ask(ask)


def sent(session: Session, point: str, action: str) -> list[dict[str, object]]:
    probe, identity = session.do(lambda: session.tester.ports.backend_of(point))
    return session.ask(lambda: probe.received(identity, action))


def test_satellites_reach_the_backend_through_the_gateway_only(bench: str) -> None:
    session = Session(build_site("mennekes/backend-gateway", PORTS), "t")
    farm = session.farm
    with closing(session):
        session.wait(30)
        assert connected(session) == [True, True, True]
        session.call(session.tester.vehicle("CS2").plug(farm.site.vehicle("zoe")))
        session.call(session.tester.card("CS2").hold("ABC"))
        session.wait(30)
        assert [one["idTag"] for one in sent(session, "CS2", "StartTransaction")] == ["ABC"]
        assert "Charging" in [one["status"] for one in sent(session, "CS2", "StatusNotification")]
        session.ask(lambda: farm.faults.kill("CS1"))
        session.wait(180)
        pages = [session.call(farm.seat(name).page())["Backend"] for name in ("CS2", "CS3")]
        assert all(page.startswith("not connected") for page in pages)
        assert sum(farm.installation.bays["CS2"].currents_a()) > 10
        session.call(session.tester.card("CS2").hold("ABC"))
        session.ask(lambda: farm.faults.restart("CS1", "kept"))
        session.wait(240)
        assert connected(session) == [True, True, True]
        assert len(sent(session, "CS2", "StopTransaction")) == 1


def test_a_modem_without_its_gateway_reaches_nobody_else(bench: str) -> None:
    session = Session(build_site("mennekes/backend-gateway", PORTS | {"devices.CS1.sim": "null"}), "t")
    with closing(session):
        session.wait(60)
        assert connected(session) == [False, False, False]


def test_certificates_are_the_runs_own_in_every_process(bench: str) -> None:
    secured = {f"devices.{name}.parameters.HTTP Basic Authentication password": "secret-1" for name in POINTS}
    secured |= {
        f"devices.{name}.parameters.WebSockets JSON OCPP URL of the Backend": "wss://10.64.0.200:8080/ocpp"
        for name in POINTS
    }
    secured |= {
        "backends.backend.parameters.Security profile": "2",
        "backends.backend.parameters.Passwords": "CS1=secret-1, CS2=secret-1, CS3=other",
    }
    session = Session(build_site("mennekes/backend-gateway", PORTS | secured), "t")
    with closing(session):
        session.wait(60)
        assert connected(session) == [True, True, False]
        page = session.call(session.farm.seat("CS3").page())
        assert "HTTP 401" in page["Backend"]
