"""The farm's thread: a keyword can always be aborted, and a dead farm says why."""

from __future__ import annotations

import asyncio
import ctypes
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from types import FrameType
from typing import Any

import pytest

from hil.clock import FarmThread, RealLoop, VirtualTimeLoop
from hil.errors import BenchError, DeviceSilent


@pytest.fixture
def farm() -> Iterator[FarmThread]:
    thread = FarmThread(VirtualTimeLoop)
    yield thread
    thread.close()
    assert not thread._thread.is_alive()


def test_runs_a_coroutine_and_gives_its_result_or_its_error(farm: FarmThread) -> None:
    async def wait() -> tuple[int, str]:
        with farm.loop.time_flows():
            await asyncio.sleep(3600)
        return farm.loop.now_ns(), threading.current_thread().name

    async def fail() -> None:
        raise DeviceSilent("CP1 did not answer")

    assert farm.run(wait()) == (3_600_000_000_000, "farm")
    with pytest.raises(DeviceSilent, match="CP1"):
        farm.run(fail())
    assert farm.run(wait())[0] == 7_200_000_000_000


def test_signals_are_blocked_in_the_farms_thread(farm: FarmThread) -> None:
    async def mask() -> set[signal.Signals | int]:
        return set(signal.pthread_sigmask(signal.SIG_BLOCK, ()))

    assert {signal.SIGINT, signal.SIGTERM, signal.SIGALRM, signal.SIGCHLD} <= farm.run(mask())
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


async def busy_farm(loop: VirtualTimeLoop, cancelled: list[float], clean_up_s: float = 0.0) -> None:
    async def device() -> None:
        while True:
            await asyncio.sleep(0.001)

    devices = [loop.create_task(device()) for _ in range(100)]
    try:
        with loop.time_flows():
            await asyncio.Event().wait()
    finally:
        cancelled.append(loop.time())
        if clean_up_s:
            with loop.time_flows():
                await asyncio.sleep(clean_up_s)
        for task in devices:
            task.cancel()


async def now(farm: FarmThread) -> float:
    return farm.loop.time()


def raise_in(thread_id: int, error: type[BaseException]) -> None:
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread_id), ctypes.py_object(error))


class RobotTimeout(BaseException):
    """Stands for the exception with which Robot ends a keyword."""


@pytest.mark.parametrize("clean_up_s", [0.0, 0.05])
def test_an_exception_in_the_waiting_thread_cancels_the_keyword(farm: FarmThread, clean_up_s: float) -> None:
    assert isinstance(farm.loop, VirtualTimeLoop)
    cancelled: list[float] = []
    sent: list[float] = []

    def abort(thread_id: int) -> None:
        sent.append(time.monotonic())
        raise_in(thread_id, RobotTimeout)

    threading.Timer(0.2, abort, (threading.get_ident(),)).start()
    with pytest.raises(RobotTimeout):
        farm.run(busy_farm(farm.loop, cancelled, clean_up_s))
    assert time.monotonic() - sent[0] < 2
    assert len(cancelled) == 1
    assert farm.run(now(farm)) >= cancelled[0] + clean_up_s - 1e-9  # its clean-up was waited for
    assert farm.run(asyncio.sleep(0, "still alive")) == "still alive"


def test_a_signal_in_the_main_thread_cancels_the_keyword(farm: FarmThread) -> None:
    assert isinstance(farm.loop, VirtualTimeLoop)
    cancelled: list[float] = []
    old = signal.getsignal(signal.SIGALRM)
    sent: list[float] = []
    signal.signal(signal.SIGALRM, lambda *args: (sent.append(time.monotonic()), signal.default_int_handler(*args)))
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        with pytest.raises(KeyboardInterrupt):
            farm.run(busy_farm(farm.loop, cancelled))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
    assert time.monotonic() - sent[0] < 2
    assert len(cancelled) == 1


def test_ctrl_c_never_makes_a_running_farm_look_ended(farm: FarmThread) -> None:
    """`threading` takes a thread for ended when Ctrl-C interrupts `is_alive()`: here it comes whenever that runs."""

    lines = []

    def interrupt(frame: FrameType, event: str, _argument: object) -> Any:
        if frame.f_code.co_name == "_wait_for_tstate_lock" and event == "line":
            lines.append(frame.f_lineno)
            if len(lines) == 4:  # where it asks for the lock
                raise KeyboardInterrupt
        return interrupt

    before = sys.gettrace()
    with suppress(KeyboardInterrupt):
        sys.settrace(interrupt)
        try:
            farm.run(asyncio.sleep(0))
        finally:
            sys.settrace(before)
    assert farm.run(asyncio.sleep(0, "still there")) == "still there"


def test_a_keyword_that_ignores_its_cancellation_does_not_keep_the_caller(farm: FarmThread) -> None:
    released = threading.Event()

    async def stubborn() -> None:
        while not released.is_set():
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                continue

    started = time.monotonic()
    with pytest.raises(BenchError, match=r"did not finish within 0\.1 s"):
        farm.run(stubborn(), timeout_s=0.1)
    assert 2.0 <= time.monotonic() - started < 4.0
    released.set()


def test_a_stuck_farm_is_noticed(farm: FarmThread) -> None:
    with pytest.raises(BenchError, match="did not finish within"):
        farm.run(asyncio.sleep(1), timeout_s=0.1)  # nobody lets time flow


def test_a_dead_farm_says_why() -> None:
    farm = FarmThread(lambda: VirtualTimeLoop(livelock_after=2000))

    async def spin() -> None:
        while True:
            await asyncio.sleep(0)

    with pytest.raises(BenchError, match=r"(?s)loop died.*Livelock.*spin"):
        farm.run(spin())
    with pytest.raises(BenchError, match="Livelock"):
        farm.run(asyncio.sleep(0))
    farm.close()


def test_a_loop_that_cannot_be_made_and_a_call_from_within(farm: FarmThread) -> None:
    def broken() -> VirtualTimeLoop:
        raise BenchError("no such clock")

    with pytest.raises(BenchError, match="no such clock"):
        FarmThread(broken)

    async def within() -> None:
        farm.run(asyncio.sleep(0))

    with pytest.raises(BenchError, match="own thread"):
        farm.run(within())


def test_closing_cancels_what_runs_and_refuses_more() -> None:
    farm = FarmThread(VirtualTimeLoop)
    ended: list[float] = []

    async def device() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(2)  # its own clean-up takes farm time
            ended.append(farm.loop.time())

    async def start() -> None:
        farm.device = farm.loop.create_task(device())  # type: ignore[attr-defined]
        await asyncio.sleep(0)

    farm.run(start())
    farm.close()
    assert ended == [2.0]
    farm.close()
    with pytest.raises(BenchError, match="closed"):
        farm.run(asyncio.sleep(0))


def test_real_time_in_the_thread() -> None:
    farm = FarmThread(RealLoop)
    started = time.monotonic()
    farm.run(asyncio.sleep(0.1))
    assert time.monotonic() - started >= 0.1
    farm.close()


def test_a_process_can_end_while_its_farm_still_runs() -> None:
    code = (
        "import asyncio\nfrom hil.clock import FarmThread, VirtualTimeLoop\n"
        "async def main():\n    asyncio.create_task(asyncio.sleep(99))\n"
        "FarmThread(VirtualTimeLoop).run(main())\nprint('end')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20, check=True)
    assert done.stdout == "end\n"
