"""The table of docs/ocpp.md over real connections, in either role: what a wrong frame gets; the peer goes on."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.asyncio.client import connect as ws_connect
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode

from emulators.kit.ocpp.shell.server import Server
from emulators.kit.ocpp.shell.session import (
    LONGEST_FRAME,
    MOST_CALLS,
    Answer,
    CallTimeout,
    Closed,
    ConnectionLost,
    CutOff,
    GarbageFrame,
    OcppSession,
    Silent,
    Unchecked,
    Unreachable,
    UpgradeRefused,
    connect,
)
from emulators.kit.ocpp.wire.rpc import CallError, InvalidAnswer, MessageIds, OwnPayloadInvalid, Payload
from tests.protocol.conftest import FakeHost
from tests.protocol.ocpp_peers import NOW, ROLES, Role, ask, facing, goes_on

Run = Callable[[Coroutine[Any, Any, None]], None]
both_roles = pytest.mark.parametrize("role", ROLES)


def dropped(host: FakeHost) -> list[object]:
    return [fields["why"] for event, fields in host.traced if event == "ocpp_dropped"]


@both_roles
@pytest.mark.parametrize(
    ("frame", "why"),
    [
        ("no JSON at all", "no JSON"),
        ('{"a":1}', "no JSON array"),
        ('[2,7,"Heartbeat",{}]', "without a readable id"),
        ('[9,"7"]', "unknown message type 9"),
        ('[3,"7",{}]', "an answer to no call"),
        ("[" * 50_000, "nested too deep"),
        ("[" * 40 + "]" * 40, "nested deeper than 32"),
    ],
    ids=["no JSON", "no array", "no id", "unknown type", "no call", "very deep", "deep"],
)
def test_what_belongs_to_nothing_is_dropped_and_traced(
    run: Run, host: FakeHost, role: Role, frame: str, why: str
) -> None:
    async def scenario() -> None:
        async with facing(role, host) as (bare, _):
            await bare.send(frame)
            assert await goes_on(bare)

    run(scenario())
    (found,) = dropped(host)
    assert why in str(found)


@both_roles
@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ('[2,"7"]', "FormationViolation"),
        ('[2,"7","Heartbeat",[]]', "FormationViolation"),
        ('[2,"7","Heartbeat",{"x":1}]', "FormationViolation"),
        ('[2,"7","Hearbeat",{}]', "NotImplemented"),
        ('[2,"7","Authorize",{"idTag":5}]', "TypeConstraintViolation"),
        ('[2,"7","Authorize",{"idTag":"0123456789012345678901"}]', "TypeConstraintViolation"),
        ('[2,"7","Authorize",{}]', "OccurenceConstraintViolation"),
        ('[2,"7","Reset",{"type":"Warm"}]', "PropertyConstraintViolation"),
    ],
)
def test_a_wrong_call_gets_a_callerror(run: Run, host: FakeHost, role: Role, frame: str, code: str) -> None:
    async def scenario() -> None:
        async with facing(role, host) as (bare, _):
            answer = await ask(bare, frame)
            assert answer[:3] == [4, "7", code]
            assert answer[3]
            assert await goes_on(bare)

    run(scenario())
    assert [event for event, _ in host.traced if event == "ocpp_refused"] == ["ocpp_refused"]


@both_roles
def test_a_binary_frame_closes_with_1003(run: Run, host: FakeHost, role: Role) -> None:
    async def scenario() -> None:
        async with facing(role, host) as (bare, session):
            await bare.send(b'[2,"7","Heartbeat",{}]')
            with pytest.raises(ConnectionClosed):
                await bare.recv()
            assert bare.close_code == 1003
            assert await session.closed() == Closed(1003, "OCPP is text")

    run(scenario())
    assert dropped(host) == ["a binary frame: closed with 1003"]


@both_roles
def test_a_frame_that_is_too_long_closes_with_1009(run: Run, host: FakeHost, role: Role) -> None:
    async def scenario() -> None:
        async with facing(role, host) as (bare, session):
            await bare.send(" " * (LONGEST_FRAME - 30) + '[2,"7","Heartbeat",{}]')
            assert json.loads(await bare.recv())[:2] == [3, "7"]
            await bare.send(" " * (LONGEST_FRAME + 1))
            with pytest.raises(ConnectionClosed):
                await bare.recv()
            assert bare.close_code == 1009
            assert (await session.closed()).code == 1009

    run(scenario())
    assert "closed with 1009" in str(dropped(host))


@both_roles
def test_text_that_is_no_utf8_closes_with_1007(run: Run, host: FakeHost, role: Role) -> None:
    async def scenario() -> None:
        async with facing(role, host) as (bare, session):
            is_client = role == "central system"  # a client's frames are masked
            bare.transport.write(Frame(Opcode.TEXT, b"\xff\xfe").serialize(mask=is_client))
            with pytest.raises(ConnectionClosed):
                await bare.recv()
            assert bare.close_code == 1007
            assert (await session.closed()).code == 1007

    run(scenario())
    assert "closed with 1007" in str(dropped(host))


@both_roles
def test_an_id_is_answered_once(run: Run, host: FakeHost, role: Role) -> None:
    handled: list[str] = []

    def count(action: str, _payload: Payload) -> Answer:
        handled.append(action)
        return NOW

    async def scenario() -> None:
        async with facing(role, host, count) as (bare, _):
            assert await ask(bare, '[2,"7","Heartbeat",{}]') == [3, "7", NOW]
            await bare.send('[2,"7","Heartbeat",{}]')
            assert await goes_on(bare)  # this is the next answer that comes

    run(scenario())
    assert handled == ["Heartbeat", "Heartbeat"]
    assert dropped(host) == ["the id 7 for the second time"]


@both_roles
def test_own_calls_queue_up_one_outstanding(run: Run, host: FakeHost, role: Role) -> None:
    async def scenario() -> None:
        async with facing(role, host) as (bare, session):
            calls = [asyncio.create_task(session.call("ClearCache", {}, timeout_s=10)) for _ in range(3)]
            seen = []
            for _ in calls:
                frame = json.loads(await bare.recv())
                with pytest.raises(TimeoutError):  # no other comes before the answer
                    async with asyncio.timeout(0.02):
                        await bare.recv()
                seen.append(frame[1])
                await bare.send(json.dumps([3, frame[1], {"status": "Accepted"}]))
            assert await asyncio.gather(*calls) == [{"status": "Accepted"}] * 3
            assert len(set(seen)) == 3

    run(scenario())


@both_roles
@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ('[4,"{id}","NotSupported","no such thing",{{}}]', CallError),
        ('[3,"{id}",{{"status":"Perhaps"}}]', InvalidAnswer),
        ('[3,"{id}"]', InvalidAnswer),
    ],
)
def test_a_call_that_is_refused_or_answered_wrongly(
    run: Run, host: FakeHost, role: Role, answer: str, error: type[CallError]
) -> None:
    async def scenario() -> None:
        async with facing(role, host) as (bare, session):
            call = asyncio.create_task(session.call("ClearCache", {}, timeout_s=10))
            frame = json.loads(await bare.recv())
            await bare.send(answer.format(id=frame[1]))
            with pytest.raises(error):
                await call
            assert await goes_on(bare)

    run(scenario())


@both_roles
def test_a_call_without_an_answer(run: Run, host: FakeHost, role: Role) -> None:
    async def scenario() -> None:
        async with facing(role, host) as (bare, session):
            with pytest.raises(CallTimeout, match=r"ClearCache: no answer within 0\.05 s"):
                await session.call("ClearCache", {}, timeout_s=0.05)
            late = json.loads(await bare.recv())[1]
            await bare.send(json.dumps([3, late, {"status": "Accepted"}]))
            assert await goes_on(bare)
            lost = asyncio.create_task(session.call("ClearCache", {}, timeout_s=10))
            queued = asyncio.create_task(session.call("ClearCache", {}, timeout_s=10))
            await bare.recv()
            bare.transport.abort()
            for call in (lost, queued):
                with pytest.raises(ConnectionLost):
                    await call
            assert (await session.closed()).code == 1006

    run(scenario())
    assert len(dropped(host)) == 1


@both_roles
def test_a_wrong_payload_of_our_own_is_never_sent(run: Run, host: FakeHost, role: Role) -> None:
    async def scenario() -> None:
        async with facing(role, host) as (bare, session):
            with pytest.raises(OwnPayloadInvalid, match="Reset request: type: is missing"):
                await session.call("Reset", {}, timeout_s=1)
            assert await goes_on(bare)

    run(scenario())


@both_roles
def test_a_bug_in_a_handler_reaches_the_bench_and_the_peer_goes_on(host: FakeHost, role: Role) -> None:
    complaints: list[str] = []

    def broken(action: str, payload: Payload) -> Answer:
        if action == "ClearCache":
            raise ZeroDivisionError
        return {"unheard": 1} if action == "Authorize" else NOW

    async def scenario() -> None:
        asyncio.get_running_loop().set_exception_handler(
            lambda _, context: complaints.append(type(context["exception"]).__name__)
        )
        async with facing(role, host, broken) as (bare, _):
            assert (await ask(bare, '[2,"7","ClearCache",{}]'))[:3] == [4, "7", "InternalError"]
            assert (await ask(bare, '[2,"8","Authorize",{"idTag":"T"}]'))[:3] == [4, "8", "InternalError"]
            assert await goes_on(bare)

    asyncio.run(scenario())
    assert complaints == ["ZeroDivisionError", "OwnPayloadInvalid"]


@both_roles
def test_handlers_work_one_after_the_other_in_order(run: Run, host: FakeHost, role: Role) -> None:
    gate = asyncio.Event()
    order: list[str] = []

    async def slow(action: str, _payload: Payload) -> Answer:
        order.append(action)
        await gate.wait()
        if action == "Authorize":
            raise CallError("NotSupported", "not here", {"why": "a test"})
        return {}

    def handle(action: str, payload: Payload) -> Answer | Awaitable[Answer]:
        return slow(action, payload) if action != "Heartbeat" else NOW

    async def scenario() -> None:
        async with facing(role, host, handle) as (bare, session):
            await bare.send(
                '[2,"1","StopTransaction",{"transactionId":1,"meterStop":0,"timestamp":"2026-06-01T06:00:00Z"}]'
            )
            await bare.send('[2,"2","Authorize",{"idTag":"T"}]')
            await bare.send('[2,"3","Heartbeat",{}]')
            call = asyncio.create_task(session.call("ClearCache", {}, timeout_s=10))
            own = json.loads(await bare.recv())  # the connection goes on meanwhile
            await bare.send(json.dumps([3, own[1], {"status": "Accepted"}]))
            assert await call == {"status": "Accepted"}
            gate.set()
            answers = [json.loads(await bare.recv()) for _ in range(3)]
            assert answers == [[3, "1", {}], [4, "2", "NotSupported", "not here", {"why": "a test"}], [3, "3", NOW]]

    run(scenario())
    assert order == ["StopTransaction", "Authorize"]


@both_roles
def test_calls_that_nobody_waits_for_close_with_1008(run: Run, host: FakeHost, role: Role) -> None:
    handled: list[str] = []

    async def never(action: str, _payload: Payload) -> Answer:
        handled.append(action)
        await asyncio.get_running_loop().create_future()
        return {}

    async def scenario() -> None:
        async with facing(role, host, never) as (bare, session):
            for number in range(1 + MOST_CALLS):
                await bare.send(f'[2,"{number}","Heartbeat",{{}}]')
            await bare.ping()
            assert session.is_open
            await bare.send('[2,"one more","Heartbeat",{}]')
            with pytest.raises(ConnectionClosed):
                async with asyncio.timeout(10):
                    await bare.recv()
            assert bare.close_code == 1008
            assert await session.closed() == Closed(1008, f"more than {MOST_CALLS} calls wait for an answer")

    run(scenario())
    assert handled == ["Heartbeat"]
    assert dropped(host) == [f"more than {MOST_CALLS} calls wait for an answer: closed with 1008"]


@both_roles
def test_faults_that_a_handler_returns(run: Run, host: FakeHost, role: Role) -> None:
    faults = {
        "ClearCache": Silent(),
        "GetLocalListVersion": GarbageFrame("garbage"),
        "Authorize": Unchecked({"x": 1}),
        "GetConfiguration": CutOff({"configurationKey": []}),
        "Reset": GarbageFrame(b"\x00"),
    }

    def handle(action: str, _payload: Payload) -> Answer:
        return faults.get(action, NOW)

    async def scenario() -> None:
        async with facing(role, host, handle) as (bare, session):
            await bare.send('[2,"1","ClearCache",{}]')
            assert await goes_on(bare)
            await bare.send('[2,"2","GetLocalListVersion",{}]')
            assert await bare.recv() == "garbage"
            await bare.send('[2,"3","Reset",{"type":"Soft"}]')
            assert await bare.recv() == b"\x00"
            assert await ask(bare, '[2,"4","Authorize",{"idTag":"T"}]') == [3, "4", {"x": 1}]
            await bare.send('[2,"5","GetConfiguration",{}]')
            with pytest.raises(ConnectionClosed):
                await bare.recv()
            assert bare.close_code == 1006
            assert (await session.closed()).code == 1006

    run(scenario())
    assert ("tx", "ocpp", '[3,"5",{"config (cut here)') in host.frames


@both_roles
def test_frames_go_to_the_hook_in_order(run: Run, host: FakeHost, role: Role) -> None:
    async def scenario() -> None:
        async with facing(role, host) as (bare, _):
            await ask(bare, '[2,"7","Heartbeat",{}]')

    run(scenario())
    answer = json.dumps([3, "7", NOW], separators=(",", ":"))
    assert host.frames == [("rx", "ocpp", '[2,"7","Heartbeat",{}]'), ("tx", "ocpp", answer)]


FUZZ = st.one_of(
    st.text().filter(lambda text: not text.startswith("[2")),  # drawn from this file too, where good calls stand
    st.binary(),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(), inner, max_size=3),
    ).map(json.dumps),
    st.tuples(
        st.sampled_from([2, 3, 4, 5, "2", None]),
        st.sampled_from(["f", "", 5, None, "x" * 40]),
        st.sampled_from(["Heartbeat", "Reset", "SetChargingProfile", "Nonsense", 7]),
        st.sampled_from([{}, [], None, {"type": "Gentle"}, {"type": 5}, {"connectorId": 1e400}]),
    ).map(json.dumps),
)


@both_roles
@pytest.mark.parametrize("seed", range(2))
def test_malformed_frames_of_any_kind_and_the_peer_goes_on(role: Role, seed: int) -> None:
    """Each example is a connection: up to ten frames, then either it still answers, or it said with which code not."""

    @settings(max_examples=60, suppress_health_check=list(HealthCheck))
    @given(st.lists(FUZZ, min_size=1, max_size=10))
    def fuzz(frames: list[str | bytes]) -> None:
        complaints: list[dict[str, Any]] = []

        async def scenario() -> None:
            asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
            async with facing(role, FakeHost()) as (bare, session):
                try:
                    for frame in frames:
                        await bare.send(frame)
                    await bare.send('[2,"the last one","Heartbeat",{}]')
                    while json.loads(await bare.recv())[1] != "the last one":
                        pass
                    assert session.is_open
                except ConnectionClosed:
                    assert bare.close_code == 1003
                    assert any(isinstance(frame, bytes) for frame in frames)

        async def bounded() -> None:
            async with asyncio.timeout(30):
                await scenario()

        asyncio.run(bounded())
        assert complaints == []

    fuzz()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=200), min_size=1, max_size=5))
def test_bytes_that_are_no_websocket_and_the_server_goes_on(pieces: list[bytes]) -> None:
    async def scenario() -> None:
        host = FakeHost()
        server = Server(host, on_call=lambda *_: NOW)
        await server.start("127.0.0.1", 0)
        _, writer = await asyncio.open_connection("127.0.0.1", server.port)
        for piece in pieces:
            writer.write(piece)
        writer.close()
        session = await connect(host, f"ws://127.0.0.1:{server.port}", identity="CP1", on_call=lambda *_: {})
        assert await session.call("Heartbeat", {}, timeout_s=10) == NOW
        await session.close()
        await server.stop()

    asyncio.run(scenario())


# --- opening and ending


def test_a_session_opens_with_identity_subprotocol_and_source(run: Run, host: FakeHost) -> None:
    opened: list[OcppSession] = []

    async def scenario() -> None:
        server = Server(host, on_call=lambda *_: NOW, on_open=opened.append)
        await server.start("127.0.0.1", 0)
        identity = "CP/1 ä%"
        session = await connect(
            host, f"ws://127.0.0.1:{server.port}/any/path/", identity=identity, on_call=lambda *_: {}
        )
        assert session.subprotocol == "ocpp1.6"
        assert await session.call("Heartbeat", {}, timeout_s=5) == NOW
        assert [one.identity for one in opened] == [identity] == list(server.sessions)
        await session.close(3000, "enough")
        assert await opened[0].closed() == Closed(3000, "enough") == await session.closed()
        with pytest.raises(ConnectionLost):
            await session.call("Heartbeat", {}, timeout_s=5)
        await server.stop()

    run(scenario())
    assert ("ocpp_connected", {"charge_point": "CP/1 ä%"}) in host.traced


def test_a_connection_goes_with_its_task(run: Run, host: FakeHost) -> None:
    async def scenario() -> None:
        async with facing("charge point", host) as (bare, session):
            waiting = asyncio.create_task(session.call("ClearCache", {}, timeout_s=10))
            await bare.recv()
            (task,) = host.tasks
            task.cancel()
            with pytest.raises(ConnectionClosed):
                await bare.recv()
            assert bare.close_code == 1006
            with pytest.raises(ConnectionLost):
                await waiting
            assert not session.is_open

    run(scenario())


def test_without_the_subprotocol_the_upgrade_is_closed(run: Run, host: FakeHost) -> None:
    async def scenario() -> None:
        server = Server(host, on_call=lambda *_: NOW)
        await server.start("127.0.0.1", 0)
        for offered in ([], ["ocpp2.0.1"]):
            async with ws_connect(f"ws://127.0.0.1:{server.port}/CP1", subprotocols=offered or None) as bare:
                assert bare.subprotocol is None
                with pytest.raises(ConnectionClosed):
                    await bare.recv()
                assert bare.close_code == 1002
        await server.stop()

    run(scenario())
    assert [event for event, _ in host.traced] == ["ocpp_handshake_failed"] * 2


def test_a_new_connection_takes_the_place_of_the_old(run: Run, host: FakeHost) -> None:
    async def scenario() -> None:
        server = Server(host, on_call=lambda *_: NOW)
        await server.start("127.0.0.1", 0)
        url = f"ws://127.0.0.1:{server.port}"
        ids = MessageIds("CP1")
        first = await connect(host, url, identity="CP1", on_call=lambda *_: {}, ids=ids)
        second = await connect(host, url, identity="CP1", on_call=lambda *_: {}, ids=ids)
        assert (await first.closed()).code == 1006
        assert await second.call("Heartbeat", {}, timeout_s=5) == NOW
        assert list(server.sessions) == ["CP1"]
        await server.stop()
        assert (await second.closed()).code == 1006
        await server.stop()
        with pytest.raises(Unreachable, match=r"ws://127\.0\.0\.1:"):
            await connect(host, url, identity="CP1", on_call=lambda *_: {})

    run(scenario())


@pytest.mark.parametrize(
    ("url", "error", "text"),
    [
        ("http://127.0.0.1/", Unreachable, "no address of a central system"),
        ("ws:///ocpp", Unreachable, "no address of a central system"),
        ("ws://127.0.0.1:1/", Unreachable, "refused"),
    ],
)
def test_an_address_where_nobody_is(run: Run, host: FakeHost, url: str, error: type[Exception], text: str) -> None:
    async def scenario() -> None:
        with pytest.raises(error, match=text):
            await connect(host, url, identity="CP1", on_call=lambda *_: {})

    run(scenario())


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (b"HTTP/1.1 301 Moved\r\nLocation: ws://127.0.0.1:1/\r\n\r\n", "HTTP 301"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "HTTP 200"),
        (b"SSH-2.0-x\r\n", "no HTTP is spoken there"),
        (b"", "no HTTP is spoken there"),
    ],
)
def test_what_is_no_central_system_is_refused(run: Run, host: FakeHost, answer: bytes, text: str) -> None:
    async def scenario() -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            writer.close()

        listener = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = listener.sockets[0].getsockname()[1]
        with pytest.raises(UpgradeRefused, match=text):
            await connect(host, f"ws://127.0.0.1:{port}", identity="CP1", on_call=lambda *_: {})
        listener.close()

    run(scenario())


def test_nobody_answers_in_time(run: Run, host: FakeHost) -> None:
    async def scenario() -> None:
        listener = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
        port = listener.sockets[0].getsockname()[1]
        url = f"ws://127.0.0.1:{port}"
        with pytest.raises(Unreachable, match="no answer"):
            await connect(host, url, identity="CP1", on_call=lambda *_: {}, open_timeout_s=0.05)
        listener.close()

    run(scenario())


def test_the_library_writes_nothing_on_its_own(host: FakeHost, caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        server = Server(host, on_call=lambda *_: NOW)
        await server.start("127.0.0.1", 0)
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 404")
        assert b"Date" not in head
        writer.close()
        await server.stop()

    with caplog.at_level(logging.DEBUG):
        asyncio.run(scenario())
    assert [record for record in caplog.records if "websockets" in record.name] == []
