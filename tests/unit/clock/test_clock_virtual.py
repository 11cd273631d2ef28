"""Virtual time: exact, never backwards, only while somebody waits for it, and with ordinary asyncio code."""

from __future__ import annotations

import asyncio
import logging
import random
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hil.clock import NS_PER_S, RealLoop, ScaledLoop, VirtualTimeLoop, make_loop
from hil.clock import private as clock_private
from hil.errors import BenchError, ScenarioError

T = TypeVar("T")


def run(
    main: Callable[[VirtualTimeLoop], Awaitable[T]], *, flows: bool = True, loop: VirtualTimeLoop | None = None
) -> T:
    """Run a coroutine in virtual time and insist that the books are balanced at the end."""
    loop = loop or VirtualTimeLoop()

    async def whole() -> T:
        if not flows:
            return await main(loop)
        async with loop.time_flows():
            return await main(loop)

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        result = runner.run(whole())
    assert loop.anomalies == 0
    assert loop.ledger.in_flight == 0
    return result


async def silent_server(loop: VirtualTimeLoop) -> tuple[asyncio.Server, int]:
    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(4096):
            pass
        writer.close()

    server = await asyncio.start_server(swallow, "127.0.0.1", 0)
    return server, server.sockets[0].getsockname()[1]


def test_starts_at_zero_and_sleeps_exactly() -> None:
    async def main(loop: VirtualTimeLoop) -> None:
        assert (loop.time(), loop.now_ns()) == (0.0, 0)
        started = time.monotonic()
        await asyncio.sleep(86_400)
        assert loop.now_ns() == 86_400 * NS_PER_S
        await asyncio.sleep(0.25)
        assert loop.now_ns() == 86_400 * NS_PER_S + 250_000_000
        assert time.monotonic() - started < 5

    run(main)


def test_silent_server_times_out_after_exactly_three_seconds() -> None:
    async def main(loop: VirtualTimeLoop) -> None:
        _server, port = await silent_server(loop)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for attempt in range(1, 5):
            writer.write(bytes.fromhex("000100000006010300000001"))
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(reader.read(1), 3)
            assert loop.now_ns() == attempt * 3 * NS_PER_S
        writer.close()

    run(main)


def test_pymodbus_client_and_server_run_unmodified() -> None:
    pymodbus_client = pytest.importorskip("pymodbus.client")
    pymodbus_server = pytest.importorskip("pymodbus.server")
    simulator = pytest.importorskip("pymodbus.simulator")
    data_block = simulator.SimData(0, values=list(range(20)), datatype=simulator.DataType.REGISTERS)

    async def main(loop: VirtualTimeLoop) -> None:
        device = simulator.SimDevice(1, simdata=[data_block])
        server = pymodbus_server.ModbusTcpServer(device, address=("127.0.0.1", 0))
        await server.serve_forever(background=True)
        port = server.transport.sockets[0].getsockname()[1]
        client = pymodbus_client.AsyncModbusTcpClient("127.0.0.1", port=port, timeout=3, retries=0)
        assert await client.connect()
        at_ns = loop.now_ns()
        for _ in range(50):
            answer = await client.read_holding_registers(3, count=4, device_id=1)
            assert answer.registers == [3, 4, 5, 6]
        assert loop.now_ns() == at_ns  # an answer costs no farm time
        client.close()
        await server.shutdown()

    run(main)


def test_aiohttp_runs_unmodified() -> None:
    aiohttp = pytest.importorskip("aiohttp")
    from aiohttp import web

    async def main(loop: VirtualTimeLoop) -> None:
        async def slow(_request: web.Request) -> web.Response:
            await asyncio.sleep(7)
            return web.Response(text="x" * 100_000)

        async def echo(request: web.Request) -> web.WebSocketResponse:
            socket = web.WebSocketResponse(heartbeat=20)
            await socket.prepare(request)
            async for message in socket:
                await socket.send_str(message.data)
            return socket

        app = web.Application()
        app.add_routes([web.get("/slow", slow), web.get("/ws", echo)])
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        async with aiohttp.ClientSession() as session:
            async with session.get(f"http://127.0.0.1:{port}/slow") as response:
                assert len(await response.text()) == 100_000
            assert loop.now_ns() == 7 * NS_PER_S
            with pytest.raises(TimeoutError):
                await session.get(f"http://127.0.0.1:{port}/slow", timeout=aiohttp.ClientTimeout(total=2))
            async with session.ws_connect(f"http://127.0.0.1:{port}/ws", heartbeat=15) as socket:
                await asyncio.sleep(3600)  # 180 keepalives
                await socket.send_str("still there")
                assert (await socket.receive(timeout=1)).data == "still there"
        await runner.cleanup()

    run(main)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0, 1e6, allow_nan=False), min_size=1, max_size=40), st.integers(0, 1000))
def test_time_never_goes_backwards_and_timers_are_exact(delays: list[float], seed: int) -> None:
    rng = random.Random(seed)
    seen: list[tuple[float, float]] = []

    async def main(loop: VirtualTimeLoop) -> None:
        last = asyncio.Event()
        left = len(delays) * 2

        def fired(due: float, again: float) -> None:
            nonlocal left
            seen.append((loop.time(), due))
            if again >= 0:
                due = loop.time() + again
                loop.call_at(due, fired, due, -1.0)
            left -= 1
            if not left:
                last.set()

        for delay in delays:
            loop.call_at(delay, fired, delay, rng.choice([0.0, 1e-9, rng.random(), 1e5 * rng.random()]))
        await last.wait()

    run(main)
    times = [now for now, _ in seen]
    assert times == sorted(times)
    assert all(abs(now - due) <= 1e-9 for now, due in seen)


def test_timers_of_one_instant_run_in_the_order_they_were_set() -> None:
    async def main(loop: VirtualTimeLoop) -> list[int]:
        order: list[int] = []
        for number in range(50):
            loop.call_at(5.0, order.append, number)
            loop.call_at(1.0 + number % 7, order.copy)  # others shake the heap
        await asyncio.sleep(10)
        return order

    assert run(main) == list(range(50))


def test_a_wait_of_less_than_the_resolution_does_not_spin() -> None:
    async def main(loop: VirtualTimeLoop) -> None:
        loop.call_at(0.3, lambda: None)
        deadline = 0.1 + 0.2  # 0.30000000000000004
        await asyncio.sleep(0.3)
        while loop.time() < deadline:
            await asyncio.sleep(deadline - loop.time())
        assert loop.now_ns() == 300_000_000

    run(main, loop=VirtualTimeLoop(livelock_after=10_000))


def test_timers_still_fire_after_years() -> None:
    async def main(loop: VirtualTimeLoop) -> None:
        await asyncio.sleep(1e9)
        for _ in range(100):
            await asyncio.sleep(0.1)
        assert loop.time() == pytest.approx(1e9 + 10, abs=1e-3)

    run(main, loop=VirtualTimeLoop(livelock_after=10_000))


def test_time_stands_while_the_gate_is_closed() -> None:
    async def main(loop: VirtualTimeLoop) -> None:
        sleeper = asyncio.create_task(asyncio.sleep(5))
        arrived = loop.create_future()
        threading.Timer(0.15, lambda: loop.call_soon_threadsafe(arrived.set_result, None)).start()
        await arrived
        assert loop.now_ns() == 0
        assert not sleeper.done()
        with loop.time_flows():
            await sleeper
        assert loop.now_ns() == 5 * NS_PER_S
        later = asyncio.create_task(asyncio.sleep(1))
        await loop.settle()
        assert loop.now_ns() == 5 * NS_PER_S
        later.cancel()

    run(main, flows=False)


def test_the_gate_can_be_opened_from_another_thread() -> None:
    async def main(loop: VirtualTimeLoop) -> None:
        def other() -> None:
            with loop.time_flows():
                passed.wait(5)

        passed = threading.Event()
        thread = threading.Timer(0.05, other)
        thread.start()
        await asyncio.sleep(9)
        passed.set()
        with loop.hold():
            await asyncio.to_thread(thread.join)
        assert loop.now_ns() == 9 * NS_PER_S

    run(main, flows=False)


def test_settle_returns_when_all_answers_have_arrived_and_time_has_not_moved() -> None:
    async def main(loop: VirtualTimeLoop) -> None:
        received: list[bytes] = []

        async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while data := await reader.read(100):
                await asyncio.to_thread(sum, range(10_000))  # settle waits for threads too
                writer.write(data.upper())
            writer.close()

        async def collect(reader: asyncio.StreamReader) -> None:
            while data := await reader.read(100):
                received.append(data)

        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        task = asyncio.create_task(collect(reader))
        timer = loop.call_later(0.001, received.append, b"too late")
        for number in range(20):
            writer.write(b"ping %d" % number)
            await loop.settle()
            assert received[-1] == b"PING %d" % number
        assert loop.now_ns() == 0
        timer.cancel()
        writer.close()
        await task

    run(main)


def test_executor_job_is_waited_for() -> None:
    async def main(loop: VirtualTimeLoop) -> None:
        async with asyncio.timeout(10):
            assert await loop.run_in_executor(None, lambda: time.sleep(0.1) or 42) == 42
        assert await asyncio.wait_for(asyncio.to_thread(time.sleep, 0.05), 0.001) is None
        assert loop.now_ns() == 0

    run(main)


def test_getaddrinfo_is_waited_for() -> None:
    async def main(loop: VirtualTimeLoop) -> None:
        found = await asyncio.wait_for(loop.getaddrinfo("localhost", 80), 0.5)
        assert found
        assert loop.now_ns() == 0

    run(main)


def test_subprocess_is_waited_for_while_held() -> None:
    async def main(loop: VirtualTimeLoop) -> None:
        async with asyncio.timeout(1):
            with loop.hold():
                process = await asyncio.create_subprocess_exec(sys.executable, "-c", "print(7)", stdout=subprocess.PIPE)
                out, _ = await process.communicate()
        assert out == b"7\n"
        assert loop.now_ns() == 0

    run(main)


def test_calls_from_the_loops_own_thread_cost_no_self_pipe_write() -> None:
    async def main(loop: VirtualTimeLoop) -> None:
        called = asyncio.Event()
        loop.call_soon_threadsafe(called.set)
        with pytest.raises(BlockingIOError):
            loop._ssock.recv(1)  # type: ignore[attr-defined]
        await called.wait()

    run(main)


def test_ctrl_c_interrupts_a_loop_that_sleeps_for_ever() -> None:
    code = (
        "import asyncio\nfrom hil.clock import VirtualTimeLoop\n"
        "async def main():\n    print('up', flush=True)\n    await asyncio.sleep(1)\n"
        "with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:\n"
        "    try:\n        runner.run(main())\n    except KeyboardInterrupt:\n        print('stopped')\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        deadline = time.monotonic() + 10
        while process.poll() is None and time.monotonic() < deadline:
            process.send_signal(2)
            try:
                process.wait(0.5)
            except subprocess.TimeoutExpired:
                continue
        assert process.stdout.read() == "stopped\n"
    finally:
        process.kill()
        process.wait()


def test_livelock_is_reported_with_the_tasks_that_spin() -> None:
    contexts: list[dict[str, object]] = []

    async def main(loop: VirtualTimeLoop) -> None:
        loop.set_exception_handler(lambda _loop, context: contexts.append(context))

        async def poll_without_a_pause() -> None:
            while True:
                await asyncio.sleep(0)

        idle = asyncio.create_task(asyncio.sleep(60), name="innocent")
        await asyncio.gather(asyncio.create_task(poll_without_a_pause(), name="CP1 poller"), idle)

    with pytest.raises(BenchError, match=r"Livelock: 5000 iterations at 0\.000000000 s.*CP1 poller") as caught:
        run(main, loop=VirtualTimeLoop(livelock_after=5000))
    assert "innocent" not in str(caught.value)
    assert contexts[0]["exception"] is caught.value


def test_livelock_over_sockets_is_reported_too() -> None:
    async def main(loop: VirtualTimeLoop) -> None:
        loop.set_exception_handler(lambda _loop, _context: None)

        async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while data := await reader.read(100):
                writer.write(data)

        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        asyncio.current_task().set_name("greedy client")  # type: ignore[union-attr]
        while True:
            writer.write(b"x")
            await reader.read(1)

    with pytest.raises(BenchError, match="greedy client"):
        run(main, loop=VirtualTimeLoop(livelock_after=3000))


def test_work_with_pauses_is_no_livelock() -> None:
    async def main(loop: VirtualTimeLoop) -> None:
        for _ in range(3000):
            await asyncio.sleep(1e-6)

    run(main, loop=VirtualTimeLoop(livelock_after=1000))


def test_untested_python_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock_private.sys, "version_info", (3, 10, 2))
    with pytest.raises(BenchError, match=r"not tested with Python 3\.10\. Tested: 3\.11"):
        VirtualTimeLoop()


def test_what_never_arrives_is_an_anomaly(caplog: pytest.LogCaptureFixture) -> None:
    loop = VirtualTimeLoop(give_up_after_real_s=0.05)

    async def main() -> None:
        server, port = await silent_server(loop)
        _reader, writer = await asyncio.open_connection("127.0.0.1", port)
        next(iter(loop.ledger.connections.values())).up.owed += 7  # bytes that nobody sent
        loop.ledger.in_flight += 7
        with loop.time_flows():
            await asyncio.sleep(1)
        writer.close()
        server.close()

    with asyncio.Runner(loop_factory=lambda: loop) as runner, caplog.at_level(logging.ERROR):
        runner.run(main())
    assert loop.anomalies == 1
    assert loop.describe()["anomalies"] == 1
    assert "not trustworthy: TCP 127.0.0.1:" in caplog.text


def test_make_loop() -> None:
    for speed, kind in (("max", VirtualTimeLoop), (1, RealLoop), ("60", ScaledLoop)):
        loop = make_loop(speed)
        assert type(loop) is kind
        assert loop.describe()["clock"] == {"max": "virtual", 1: "real", "60": "scaled"}[speed]
        loop.close()
    for wrong in ("fast", 0, -1.0, float("nan")):
        with pytest.raises(ScenarioError):
            make_loop(wrong)


def test_scaled_time_runs_at_its_factor_and_watches_its_lag() -> None:
    loop = ScaledLoop(60, allowed_error_s=1.0)

    async def main() -> tuple[float, float]:
        real, farm = time.monotonic(), loop.time()
        for _ in range(20):
            await asyncio.sleep(0.6)
        await loop.settle()
        return time.monotonic() - real, loop.time() - farm

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        real_s, farm_s = runner.run(main())
    assert farm_s >= 12
    assert farm_s == pytest.approx(real_s * 60, rel=0.02)
    assert 0 < loop.lag_p99_s <= loop.lag_max_s


def test_scaled_loop_says_when_it_could_not_keep_up() -> None:
    loop = ScaledLoop(100, allowed_error_s=1.0)

    async def main() -> None:
        loop.call_later(0.5, lambda: None)
        time.sleep(0.05)  # 5 farm seconds in which nothing runs
        await asyncio.sleep(0.5)

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(main())
    assert loop.lag_max_s >= 4
    assert not loop.could_keep_up
    loop.forget_lag()
    assert loop.could_keep_up


def test_two_scaled_loops_agree_on_a_moment_of_the_machine() -> None:
    first, second = ScaledLoop(20), ScaledLoop(20)
    try:
        at_s = first.real_at_s(90_000_000_000)
        assert first.ns_at(at_s) == pytest.approx(90_000_000_000, abs=1000)
        moved_ns = second.ns_at(at_s + 0.5) - second.ns_at(at_s)
        assert moved_ns == pytest.approx(10_000_000_000, abs=1000)
        assert second.ns_at(at_s) < 90_000_000_000  # it was made later
    finally:
        first.close()
        second.close()
