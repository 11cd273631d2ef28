"""A central system of the user's, outside the farm: our charging points report to it, in real time."""

from __future__ import annotations

import asyncio
import base64
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call_result
from ocpp.v16.enums import Action, RegistrationStatus
from websockets.asyncio.server import ServerConnection, serve

from hil.clock.link_faults import Delay, Loss
from hil.errors import ScenarioError
from hil.run.session import Session, build_site

ANSWER_REAL_S = 20.0
URL = "devices.{}.parameters.WebSockets JSON OCPP URL of the Backend"
POINTS = ("CP1", "CP2", "CP3")


class Theirs(ChargePoint):  # type: ignore[misc] # the library has no types
    """As in the examples of the library ``ocpp``."""

    told: SimpleQueue[tuple[str, str]]

    @on(Action.boot_notification)  # type: ignore[untyped-decorator]
    def on_boot(self, charge_point_vendor: str, **_: Any) -> call_result.BootNotification:
        self.told.put((self.id, charge_point_vendor))
        now = datetime(2026, 6, 1, 6, 0, tzinfo=UTC).isoformat()
        return call_result.BootNotification(current_time=now, interval=10, status=RegistrationStatus.accepted)

    @on(Action.status_notification)  # type: ignore[untyped-decorator]
    def on_status(self, connector_id: int, status: str, **_: Any) -> call_result.StatusNotification:
        self.told.put((self.id, f"{connector_id} {status}"))
        return call_result.StatusNotification()


@contextmanager
def central_system() -> Iterator[tuple[int, SimpleQueue[tuple[str, str]]]]:
    """A central system on a loop and in a thread of its own; yields its port and what it was told."""
    told: SimpleQueue[tuple[str, str]] = SimpleQueue()
    ports: SimpleQueue[int] = SimpleQueue()
    loop = asyncio.new_event_loop()
    ending = asyncio.Event()

    async def serve_one(connection: ServerConnection) -> None:
        assert connection.request is not None
        point = Theirs(connection.request.path.rpartition("/")[2], connection)
        point.told = told
        await point.start()

    async def work() -> None:
        async with serve(serve_one, "127.0.0.1", 0, subprotocols=["ocpp1.6"]) as server:  # type: ignore[list-item]
            ports.put(next(iter(server.sockets)).getsockname()[1])
            await ending.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(work(),), daemon=True)
    thread.start()
    try:
        yield ports.get(timeout=ANSWER_REAL_S), told
    finally:
        loop.call_soon_threadsafe(ending.set)
        thread.join(ANSWER_REAL_S)
        loop.close()


def site_at(host: str, port: int) -> Any:
    urls = {URL.format(name): f"ws://{host}:{port}/ocpp" for name in POINTS}
    return build_site("mennekes/backend-lan", urls | {"backends": "null"})


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_our_points_report_to_a_backend_of_the_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    monkeypatch.setenv("HIL_RUN_DIR", str(tmp_path))
    monkeypatch.setenv("HIL_SPEED", "1")
    with central_system() as (port, told), closing(Session(site_at(host, port), "t")) as session:
        wanted = {(name, "MENNEKES") for name in POINTS} | {(name, "1 Available") for name in POINTS}
        while wanted:
            session.wait(0.1)
            while not told.empty():
                wanted.discard(told.get())
            assert session.now_s() < ANSWER_REAL_S, wanted
        assert session.call(session.farm.seat("CP1").page())["Backend"] == "connected"
        with pytest.raises(ScenarioError, match=f"CP1 reports to {host}, whose interface the farm does not know"):
            session.do(lambda: session.tester.ports.backend_of("CP1"))
        refuses_what_cannot_act(session, host)


def refuses_what_cannot_act(session: Session, host: str) -> None:
    """The connection leaves the farm's own sockets, so no fault of the point's cable would reach it."""
    links, outside = session.tester.links, f"CP1 reports to {host}, outside the farm"
    for act in (
        lambda: links.cut("CP1"),
        lambda: links.spoil("CP1", None, Delay(1.0, 0.0)),
        lambda: links.spoil("CP1", None, Loss(0.5)),
        lambda: links.reset("CP1"),
    ):
        with pytest.raises(ScenarioError, match=f"{outside}: its connection there cannot be"):
            session.ask(act)
    with pytest.raises(ScenarioError, match=f"{outside}, where no link of the farm's leads: stop the program there"):
        session.do(lambda: session.tester.ports.way_to_backend("CP1"))
    assert not session.tester.links.cuts
    session.call(links.cut("CP1", "CP2"))  # no connection to the backend is on this path
    assert list(session.tester.links.cuts) == ["CP1-CP2"]


@contextmanager
def ear() -> Iterator[tuple[int, SimpleQueue[bytes]]]:
    """Somebody who hears what a charging point says first; yields the port and what was heard."""
    heard: SimpleQueue[bytes] = SimpleQueue()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def listen() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection:
                        heard.put(connection.recv(65536))

        threading.Thread(target=listen, daemon=True).start()
        yield server.getsockname()[1], heard
        server.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(("scheme", "readable"), [("ws", True), ("wss", False)])
def test_a_password_is_readable_on_the_way_unless_tls_hides_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str, readable: bool
) -> None:
    monkeypatch.setenv("HIL_RUN_DIR", str(tmp_path))
    monkeypatch.setenv("HIL_SPEED", "1")
    secret = {f"devices.{name}.parameters.HTTP Basic Authentication password": "secret-1" for name in POINTS}
    with ear() as (port, heard):
        urls = {URL.format(name): f"{scheme}://localhost:{port}/ocpp" for name in POINTS}
        with closing(Session(build_site("mennekes/backend-lan", urls | secret | {"backends": "null"}), "t")) as session:
            while heard.empty():
                session.wait(0.1)
                assert session.now_s() < ANSWER_REAL_S
        said = heard.get()
    header = next((line for line in said.splitlines() if line.lower().startswith(b"authorization: basic ")), b"")
    decoded = base64.b64decode(header.rpartition(b" ")[2]).decode()
    assert (decoded[3:] == ":secret-1", b"GET /ocpp/CP" in said) == (readable, readable)


def test_in_virtual_time_a_backend_outside_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HIL_RUN_DIR", str(tmp_path))
    monkeypatch.delenv("HIL_SPEED", raising=False)
    with pytest.raises(ScenarioError, match=r"the backend at localhost is outside the farm\. Allowed: --speed 1"):
        Session(site_at("localhost", 9), "t")
