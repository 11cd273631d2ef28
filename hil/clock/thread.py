"""The farm's own thread: keywords come from Robot's thread, submit one coroutine and wait for it."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
import traceback
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

from hil.clock.loop import FarmLoop
from hil.errors import BenchError

LOG: Final = logging.getLogger(__name__)

T = TypeVar("T")

SLICE_REAL_S: Final = 0.05
"""A waiting thread looks up this often, so that an exception sent to it takes effect."""

CANCEL_REAL_S: Final = 2.0
CLOSE_REAL_S: Final = 10.0

# A blocked fault signal would kill the process without Python's fault handler.
_BLOCKED: Final = signal.valid_signals() - {
    signal.SIGSEGV,
    signal.SIGBUS,
    signal.SIGFPE,
    signal.SIGILL,
    signal.SIGABRT,
}


class FarmThread:
    """A loop in a daemon thread of its own, all signals blocked there.

    A subprocess started from that thread inherits the blocked signals: start those from another one.

    Args:
        loop_factory: Makes the loop, in the farm's thread.
    """

    def __init__(self, loop_factory: Callable[[], FarmLoop]) -> None:
        self._factory = loop_factory
        self._loop: FarmLoop | None = None
        self._failure: BaseException | None = None
        self._started = threading.Event()
        self._ended = threading.Event()  # `is_alive()` that a Ctrl-C interrupts takes a running thread for ended
        self._thread = threading.Thread(target=self._main, name="farm", daemon=True)
        self._thread.start()
        self._started.wait()
        if self._loop is None:
            self._thread.join()
            raise BenchError(f"The farm's loop could not be made: {self._failure}") from self._failure

    @property
    def loop(self) -> FarmLoop:
        """The loop; only `call_soon_threadsafe`, `time_flows` and `hold` may be used from other threads."""
        assert self._loop is not None
        return self._loop

    def run(self, coro: Coroutine[Any, Any, T], timeout_s: float | None = None) -> T:
        """Run one coroutine in the farm and wait for it.

        Whatever is raised in the waiting thread meanwhile (Ctrl-C, Robot's timeout) cancels the coroutine and is
        raised again when it has finished, after 2 real seconds at the latest.

        Args:
            coro: What to run.
            timeout_s: Real time after which the farm counts as stuck [s]; then `BenchError`.
        """
        if threading.current_thread() is self._thread:
            coro.close()
            raise BenchError("FarmThread.run() was called from the farm's own thread; await the coroutine there.")
        finished = threading.Event()
        tasks: list[asyncio.Task[T]] = []
        abandoned = False

        def start() -> None:
            if abandoned:
                coro.close()
                finished.set()
                return
            task = self.loop.create_task(coro, name=f"keyword {getattr(coro, '__qualname__', '?')}")
            tasks.append(task)
            task.add_done_callback(lambda _: finished.set())

        def cancel() -> None:
            for task in tasks:
                task.cancel()

        try:
            self._submit(start)
        except BenchError:
            coro.close()
            raise
        try:
            self._wait(finished, timeout_s)
        except BaseException:
            abandoned = True
            if not self._ended.is_set():
                self._submit(cancel)
                if not self._finished_in(finished, CANCEL_REAL_S):
                    LOG.warning("%r did not end within %.0f s of being cancelled", coro, CANCEL_REAL_S)
            raise
        task = tasks[0]
        if task.cancelled():
            if self._failure is not None:
                raise self._dead()
            raise BenchError(f"{task.get_name()} was cancelled inside the farm.")
        return task.result()

    def close(self) -> None:
        """Cancel what still runs, close the loop, end the thread; a farm that died before is not an error here."""
        loop = self._loop
        if loop is None:
            return
        if not self._ended.is_set() and not loop.is_closed():
            try:
                loop.call_soon_threadsafe(loop.stop)
            except RuntimeError:  # it closed itself just now
                LOG.debug("the farm's loop was closed already")
        if self._ended.wait(CLOSE_REAL_S):
            self._thread.join()
        else:
            LOG.warning("the farm's thread did not end within %.0f s", CLOSE_REAL_S)

    def _submit(self, callback: Callable[[], None]) -> None:
        if self._ended.is_set() or self._failure is not None:
            raise self._dead()
        try:
            self.loop.call_soon_threadsafe(callback)
        except RuntimeError:  # closed between the two lines
            raise self._dead() from None

    def _wait(self, finished: threading.Event, timeout_s: float | None) -> None:
        deadline = None if timeout_s is None else FarmLoop.real_s() + timeout_s
        while not finished.wait(SLICE_REAL_S):
            if self._ended.is_set():
                if finished.is_set():
                    return
                raise self._dead()
            if deadline is not None and FarmLoop.real_s() > deadline:
                raise BenchError(f"The farm did not finish within {timeout_s} s of real time: {self.loop.describe()}")

    @staticmethod
    def _finished_in(finished: threading.Event, real_s: float) -> bool:
        deadline = FarmLoop.real_s() + real_s
        while not finished.wait(SLICE_REAL_S):
            if FarmLoop.real_s() > deadline:
                return False
        return True

    def _dead(self) -> BenchError:
        if self._failure is None:
            return BenchError("The farm's loop is closed.")
        trace = "".join(traceback.format_exception(self._failure))
        error = BenchError(f"The farm's loop died:\n{trace}")
        error.__cause__ = self._failure
        return error

    def _main(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, _BLOCKED)
        try:
            loop = self._factory()
        except BaseException as error:
            self._failure = error
            self._started.set()
            return
        asyncio.set_event_loop(loop)
        self._loop = loop
        loop.call_soon(self._started.set)
        try:
            loop.run_forever()
        except BaseException as error:
            self._failure = error
            LOG.error("the farm's loop died", exc_info=error)
        finally:
            self._clean_up(loop)
            self._ended.set()

    def _clean_up(self, loop: FarmLoop) -> None:
        try:
            with loop.time_flows():  # clean-up code may wait for its own timeouts
                tasks = asyncio.all_tasks(loop)
                for task in tasks:
                    task.cancel()
                if tasks:
                    loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
                loop.run_until_complete(loop.shutdown_asyncgens())
                loop.run_until_complete(loop.shutdown_default_executor())
        except BaseException as error:
            LOG.error("the farm's loop could not be cleaned up", exc_info=error)
        finally:
            asyncio.set_event_loop(None)
            loop.close()
