"""The central system as its users meet it: charge points at its WebSocket, tests at its HTTP interface."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from emulators.backend import FAMILY
from emulators.backend.device import PARAMETERS, Backend
from emulators.kit.family import DeviceConfig, Service
from emulators.kit.ocpp.shell.security import Authority, Certificate, Security
from emulators.kit.ocpp.shell.session import (
    Answer,
    CallTimeout,
    ConnectionLost,
    OcppSession,
    Silent,
    UpgradeRefused,
    connect,
)
from emulators.kit.ocpp.wire.rpc import CallError, InvalidAnswer, Payload
from emulators.kit.parameters import ParameterError
from tests.protocol.conftest import FakeHost

Run = Callable[[Coroutine[Any, Any, None]], None]
BOOT = {"chargePointVendor": "v", "chargePointModel": "m"}
START = {"connectorId": 1, "idTag": "T1", "meterStart": 0, "timestamp": "2026-06-01T05:59:00Z"}


@pytest.fixture
def host() -> FakeHost:
    found = FakeHost()
    found.name = "CSMS"
    return found


def config(**parameters: object) -> DeviceConfig:
    typed = {name.replace("_", " "): value for name, value in parameters.items()}
    values = {name: PARAMETERS.named(name).parse(value) for name, value in typed.items()}
    return DeviceConfig(
        name="CSMS", address="127.0.0.1", firmware="1", variant="", phase_order="L1L2L3", parameters=values
    )


class Api:
    """A script at the HTTP interface."""

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self.http, self.url = http, url

    async def ask(self, verb: str, *, expects: int = 200, **body: object) -> dict[str, Any]:
        async with self.http.post(f"{self.url}/v1/{verb}", json=body) as answer:
            found: dict[str, Any] = await answer.json()
            assert answer.status == expects, found
            return found


class Scene:
    """A central system with its API, and charge points that come in."""

    def __init__(self, host: FakeHost, backend: Backend, http: aiohttp.ClientSession) -> None:
        self.host, self.backend = host, backend
        assert backend._api is not None
        self.api = Api(http, backend._api.url)

    def url(self, scheme: str = "ws") -> str:
        assert self.backend._server is not None
        return f"{scheme}://127.0.0.1:{self.backend._server.port}/ocpp"

    async def station(self, identity: str = "CP1", **settings: Any) -> OcppSession:
        settings = {"on_call": lambda *_: {"status": "Accepted"}} | settings
        return await connect(FakeHost(), settings.pop("url", self.url()), identity=identity, **settings)


@asynccontextmanager
async def scene(host: FakeHost, **parameters: object) -> AsyncIterator[Scene]:
    backend = Backend(host, config(**parameters))
    await backend.start()
    async with aiohttp.ClientSession() as http:
        yield Scene(host, backend, http)
    await backend.stop()
    await backend.stop()


def test_a_day_at_the_interface(run: Run, host: FakeHost) -> None:
    async def scenario() -> None:
        async with scene(host, Id_tags="T2=Blocked") as one:
            station = await one.station()
            assert (await station.call("BootNotification", BOOT, timeout_s=5))["status"] == "Accepted"
            status = {"connectorId": 1, "errorCode": "NoError", "status": "Charging"}
            await station.call("StatusNotification", status, timeout_s=5)
            begun = await station.call("StartTransaction", START, timeout_s=5)
            assert begun == {"transactionId": 1, "idTagInfo": {"status": "Accepted"}}
            sample = [{"timestamp": "2026-06-01T06:00:00Z", "sampledValue": [{"value": "7"}]}]
            values = {"connectorId": 1, "transactionId": 1, "meterValue": sample}
            await station.call("MeterValues", values, timeout_s=5)
            assert (await station.call("Authorize", {"idTag": "T2"}, timeout_s=5))["idTagInfo"]["status"] == "Blocked"
            await one.api.ask("tag", tag="T2", status="Accepted")
            assert (await station.call("Authorize", {"idTag": "T2"}, timeout_s=5))["idTagInfo"]["status"] == "Accepted"

            async with one.api.http.get(f"{one.api.url}/v1/state") as answer:
                state = await answer.json()
            (point,) = state["charge_points"]
            assert (point["identity"], point["is_connected"], point["vendor"]) == ("CP1", True, "v")
            assert point["connectors"][0]["status"] == "Charging"
            assert [item["id"] for item in state["open_transactions"]] == [1]
            assert state["utc"] == "2026-06-01T06:00:00.000Z"
            assert (await one.api.ask("transactions", charge_point="CP1"))["transactions"][0]["id_tag"] == "T1"
            assert (await one.api.ask("transactions", charge_point="CP2"))["transactions"] == []
            found = (await one.api.ask("meter_values", transaction_id=1))["meter_values"]
            assert [item["value"] for item in found] == ["7"]
            messages = (await one.api.ask("messages", action="Authorize"))["messages"]
            assert [(item["direction"], item["kind"]) for item in messages] == [("in", "call"), ("out", "result")] * 2
            assert messages[1]["payload"] == {"idTagInfo": {"status": "Blocked"}}
            async with one.api.http.get(f"{one.api.url}/v1/openapi.json") as answer:
                described = await answer.json()
            assert described["info"]["title"] == "hilfarm central system"
            assert "/v1/send" in described["paths"]
            assert "security" not in described
            assert one.backend.page() == {"CP1": "connected from 127.0.0.1"}
            assert one.backend.explain() == "CSMS is connected with CP1."
            await one.api.ask("disconnect", charge_point="CP1", code=1012, reason="restart")
            assert (await station.closed()).code == 1012
            assert one.backend.page() == {"CP1": "not connected"}

    run(scenario())


def test_commands_and_what_becomes_of_them(run: Run, host: FakeHost) -> None:
    asked: list[tuple[str, Payload]] = []

    def handle(action: str, payload: Payload) -> Answer:
        asked.append((action, payload))
        if action == "ClearCache":
            raise CallError("NotSupported", "no cache", {"a": 1})
        return Silent() if action == "Reset" else {"status": "Accepted"}

    async def scenario() -> None:
        async with scene(host) as one:
            station = await one.station(on_call=handle)
            send = {"charge_point": "CP1", "action": "RemoteStartTransaction", "payload": {"idTag": "T1"}}
            found = await one.api.ask("send", **send)
            assert found == {"ok": True, "outcome": "answered", "answer": {"status": "Accepted"}}
            assert asked == [("RemoteStartTransaction", {"idTag": "T1"})]
            found = await one.api.ask("send", charge_point="CP1", action="ClearCache")
            assert (found["outcome"], found["error"]["code"]) == ("refused", "NotSupported")
            reset = {"charge_point": "CP1", "action": "Reset", "payload": {"type": "Soft"}}
            assert (await one.api.ask("send", **reset, timeout_s=0.05))["outcome"] == "no answer"
            waiting = asyncio.create_task(one.api.ask("send", **reset))
            while len(asked) < 4:
                await asyncio.sleep(0)
            station.cut()
            assert (await waiting)["outcome"] == "lost"
            await one.station(on_call=handle)
            found = await one.api.ask("send", expects=400, charge_point="CP1", action="Reset", payload={"type": 5})
            assert "Reset request: type: 5 has the wrong type" in found["errors"][0]
            found = await one.api.ask("send", expects=400, charge_point="CP9", action="ClearCache")
            assert found["errors"] == ["charge_point: 'CP9' is not connected. Connected: CP1."]
            found = await one.api.ask("send", charge_point="CP1", action="Reset", payload={"type": 5}, is_checked=False)
            assert (found["outcome"], found["error"]["code"]) == ("refused", "TypeConstraintViolation")
            kinds = [
                (item["direction"], item["kind"]) for item in one.backend.book.rows("messages", action="ClearCache")
            ]
            assert kinds == [("out", "call"), ("in", "error")]
            sent = [item["payload"] for item in one.backend.book.rows("messages", action="Reset", kind="call")]
            assert sent == [{"type": "Soft"}, {"type": "Soft"}, {"type": 5}]

    run(scenario())


def test_pending_then_accepted(run: Run, host: FakeHost) -> None:
    async def scenario() -> None:
        async with scene(host) as one:
            step = {"charge_point": "CP1", "action": "BootNotification"}
            await one.api.ask("script", **step, payload={"status": "Pending", "interval": 7})
            station = await one.station()
            first = await station.call("BootNotification", BOOT, timeout_s=5)
            assert (first["status"], first["interval"]) == ("Pending", 7)
            assert (await station.call("BootNotification", BOOT, timeout_s=5))["status"] == "Accepted"

    run(scenario())


@pytest.mark.parametrize("manner", ["silent", "garbage", "cut"])
def test_a_lost_answer_is_asked_again_and_booked_once(run: Run, host: FakeHost, manner: str) -> None:
    async def scenario() -> None:
        async with scene(host) as one:
            await one.api.ask("script", action="StartTransaction", manner=manner, text="[3,")
            station = await one.station()
            with pytest.raises(ConnectionLost if manner == "cut" else CallTimeout):
                await station.call("StartTransaction", START, timeout_s=0.2)
            if manner == "cut":
                station = await one.station()
            assert (await station.call("StartTransaction", START, timeout_s=5))["transactionId"] == 1
            assert len((await one.api.ask("transactions"))["transactions"]) == 1
            assert [item["is_repeat"] for item in one.backend.book.rows("messages", kind="call")] == [0, 1]

    run(scenario())


def test_refused_delayed_and_wrong_answers(run: Run, host: FakeHost) -> None:
    async def scenario() -> None:
        async with scene(host) as one:
            station = await one.station()
            await one.api.ask("script", action="Heartbeat", manner="refuse", code="SecurityError", text="not you")
            with pytest.raises(CallError, match="SecurityError: not you"):
                await station.call("Heartbeat", {}, timeout_s=5)
            await one.api.ask("script", action="Heartbeat", payload={"currentTime": 5}, is_checked=False)
            with pytest.raises(InvalidAnswer, match="currentTime: 5 has the wrong type"):
                await station.call("Heartbeat", {}, timeout_s=5)
            await one.api.ask("script", action="Heartbeat", delay_s=0.2, times=None)
            began = asyncio.get_running_loop().time()
            await station.call("Heartbeat", {}, timeout_s=5)
            assert asyncio.get_running_loop().time() - began >= 0.2
            await one.api.ask("unscript", action="Heartbeat")
            async with one.api.http.get(f"{one.api.url}/v1/state") as answer:
                assert (await answer.json())["script"] == []
            wrong = await one.api.ask("script", expects=400, action="Hearbeat")
            assert "action: 'Hearbeat' is none. Allowed: Authorize," in wrong["errors"][0]
            wrong = await one.api.ask("script", expects=400, action="Heartbeat", manner="late")
            assert "manner: is wrong. Allowed: answer, refuse" in wrong["errors"][0]

    run(scenario())


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"action": "StartTransaction", "payload": {"idTagInfo": '{"status":"Blocked"}'}}, "idTagInfo: .* wrong type"),
        ({"action": "StartTransaction", "payload": {"idTagInfo": {}}}, "idTagInfo.status: is missing"),
        ({"action": "Heartbeat", "payload": {"now": "x"}}, "'now' is no field.* with is_checked=false"),
        ({"action": "Heartbeat", "payload": {"now": float("nan")}, "is_checked": False}, "no JSON"),
        ({"action": "Heartbeat", "manner": "refuse", "payload": {"code": "x"}}, "the manner 'refuse' has none"),
        ({"action": "Reset", "payload": {"status": "Accepted"}}, "'Reset' is none that charge points send"),
    ],
)
def test_a_scripted_answer_is_checked_when_it_is_given(
    run: Run, host: FakeHost, body: dict[str, Any], why: str
) -> None:
    async def scenario() -> None:
        async with scene(host) as one:
            wrong = await one.api.ask("script", expects=400, **body)
            assert re.search(why, wrong["errors"][0]), wrong
            async with one.api.http.get(f"{one.api.url}/v1/state") as answer:
                assert (await answer.json())["script"] == []

    run(scenario())


def test_only_registered_charge_points_on_the_path_come_in(run: Run, host: FakeHost) -> None:
    async def scenario() -> None:
        async with scene(host, Charge_points="CP1, CP2", Path="/ocpp") as one:
            await one.station("CP2")
            for identity, url in (("CP3", one.url()), ("CP1", one.url().replace("/ocpp", "/other"))):
                with pytest.raises(UpgradeRefused, match="HTTP 404"):
                    await one.station(identity, url=url)
            one.backend.parameters.set("Charge points", "CP3")
            assert one.backend.parameters.save() == []
            one.backend.parameters_changed()
            await one.station("CP3")

    run(scenario())


def test_what_is_booked_outlives_a_restart(run: Run, host: FakeHost) -> None:
    async def scenario() -> None:
        async with scene(host) as one:
            station = await one.station()
            await station.call("StartTransaction", START, timeout_s=5)
            await one.backend.restart()
            assert (await station.closed()).code == 1006
            station = await one.station()
            assert (await station.call("StartTransaction", START, timeout_s=5))["transactionId"] == 1

    run(scenario())


def test_faults(run: Run, host: FakeHost) -> None:
    async def scenario() -> None:
        async with scene(host) as one:
            station = await one.station()
            await one.backend.fault("silent")
            with pytest.raises(CallTimeout):
                await station.call("Heartbeat", {}, timeout_s=0.05)
            await one.backend.fault("closed_port")
            assert (await station.closed()).code == 1006
            assert one.backend.explain() == "CSMS has the fault closed_port."
            with pytest.raises(RuntimeError, match="not listening"):
                one.url()
            assert (await one.api.ask("transactions"))["transactions"] == []  # only the WebSocket's port is closed
            await one.backend.fault(None)
            station = await one.station()
            await station.call("Heartbeat", {}, timeout_s=5)
            with pytest.raises(ValueError, match="It has: closed_port, silent"):
                await one.backend.fault("fire")

    run(scenario())


@pytest.mark.parametrize(
    ("profile", "certificate", "told"),
    [
        ("0", "valid", ""),
        ("1", "valid", ""),
        ("2", "valid", ""),
        ("3", "valid", ""),
        ("2", "expired", "certificate has expired"),
        ("3", "other host", "IP address mismatch"),
    ],
)
def test_security_profiles_by_its_settings(run: Run, host: FakeHost, profile: str, certificate: str, told: str) -> None:
    authority = Authority(Certificate(*host.authority()))
    security = Security(
        profile=int(profile),  # type: ignore[arg-type]
        password=b"secret",
        trusted=authority.root,
        certificate=authority.issue("CP1"),
    )

    async def scenario() -> None:
        settings = {"Security_profile": profile, "Certificate": certificate, "Passwords": "CP1=secret"}
        async with scene(host, **settings) as one:
            found = FAMILY.services(one.backend.parameters.__getitem__)["ocpp"]
            assert found == Service("wss" if profile in "23" else "ws", 8080, "/ocpp")
            url = one.url(found.scheme)
            if told:
                with pytest.raises(UpgradeRefused, match=told):
                    await one.station(url=url, security=security)
                return
            station = await one.station(url=url, security=security)
            await station.call("Heartbeat", {}, timeout_s=5)
            if profile in "12":
                with pytest.raises(UpgradeRefused, match="HTTP 401"):
                    await one.station("CP2", url=url, security=security)

    run(scenario())


def test_the_interface_wants_its_token(run: Run, host: FakeHost) -> None:
    async def scenario() -> None:
        async with scene(host, API_token="secret") as one:
            assert "Authorization" in (await one.api.ask("transactions", expects=401))["errors"][0]
            one.api.http.headers["Authorization"] = "Bearer secret"
            assert (await one.api.ask("transactions"))["transactions"] == []

    run(scenario())


def test_without_a_token_no_page_of_a_browser_is_served(run: Run, host: FakeHost) -> None:
    async def scenario() -> None:
        async with scene(host) as one:
            url = f"{one.api.url}/v1/transactions"
            for headers, data in (
                ({"Origin": "http://evil.example"}, b"{}"),
                ({"Host": "evil.example"}, b"{}"),
                ({"Content-Type": "text/plain"}, b"{}"),
            ):
                async with one.api.http.post(url, headers=headers, data=data) as answer:
                    assert answer.status == 403, headers

    run(scenario())


def test_beyond_loopback_there_is_no_interface_without_a_token(host: FakeHost) -> None:
    class Elsewhere(FakeHost):
        def listen_at(self, port: int) -> tuple[str, int]:
            return "192.0.2.1", port

    async def scenario() -> None:
        backend = Backend(elsewhere, config())
        await backend._start_api()
        assert backend._api is None
        await backend.stop()

    elsewhere = Elsewhere()
    asyncio.run(scenario())
    assert [event for event, _ in elsewhere.traced] == ["api_closed"]


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("Id tags", "T1=Sleepy", "Allowed: NAME=STATUS with Accepted, Blocked"),
        ("Passwords", "CP1", "Allowed: NAME=VALUE"),
        ("Database file", "/proc/nowhere/x", "unable to open"),
    ],
)
def test_settings_that_cannot_be(host: FakeHost, name: str, value: str, text: str) -> None:
    with pytest.raises(ParameterError, match=text):
        Backend(host, config(**{name: value}))
