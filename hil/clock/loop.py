"""What all clocks of the farm share: the ledger, the links, the gate, and the way to ask for them."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor
from contextvars import Context
from types import TracebackType
from typing import Any, Final, Self, TypeVar, TypeVarTuple

from hil.clock.ledger import Ledger, PtyLink
from hil.clock.links import Links
from hil.clock.private import OrderedTimer, SelectorLoop, check_python
from hil.clock.selector import FarmSelector, ReadyList
from hil.clock.sockets import DatagramSocket, StreamSocket

NS_PER_S: Final = 1_000_000_000

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_INTERNET: Final = (socket.AF_INET, socket.AF_INET6)


class Reasons:
    """How many reasons somebody has at present; counted from any thread."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self.count = 0
        self._lock = threading.Lock()
        self._changed = changed

    def add(self, step: int) -> None:
        """Add or take away one reason and wake the loop."""
        with self._lock:
            self.count += step
        self._changed()


class While:
    """One reason that lasts while its block is entered, `with` or `async with`."""

    def __init__(self, reasons: Reasons) -> None:
        self._reasons = reasons

    def __enter__(self) -> Self:
        self._reasons.add(1)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._reasons.add(-1)

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._reasons.add(-1)


class FarmLoop(SelectorLoop):
    """A selector event loop whose time is the farm's.

    Everything that runs in it (devices, their protocol stacks, keywords) takes its time from `time()` or `now_ns()`.

    Attributes:
        links: Faults of the farm's links.
        ledger: What is on its way between the sockets of this loop.
        anomalies: How often the clock had to give up waiting for something in flight; above 0 a run is not trustworthy.
    """

    kind = "real"
    factor: float | None = 1.0
    _closed = True  # until asyncio's own constructor has run: a refused loop is dropped half made

    def __init__(self) -> None:
        check_python()
        self._farm_selector = FarmSelector()
        super().__init__(self._farm_selector)
        self.links = Links(self)
        self.ledger = Ledger(self, self.links)
        self.anomalies = 0
        self._sleeping = False
        self._timers = 0
        self._jobs = 0
        self._flow = Reasons(self._write_to_self)
        self._held = Reasons(self._write_to_self)
        self._settlers: list[asyncio.Future[None]] = []
        self._farm_selector.decide = self._select

    # -- for the farm ---------------------------------------------------------------------------------------------

    def now_ns(self) -> int:
        """Return farm time since the loop's start [ns]."""
        return round(self.time() * NS_PER_S)

    def time_flows(self) -> While:
        """Return a block in which virtual time may move: somebody waits in farm time. Other clocks move always."""
        return While(self._flow)

    def hold(self) -> While:
        """Return a block in which virtual time stands: a foreign thread or a subprocess works for the farm."""
        return While(self._held)

    async def settle(self) -> None:
        """Return when everything that can happen at the present instant has happened. Time does not move."""
        waiter = self.create_future()
        self._settlers.append(waiter)
        await waiter

    def register_pty(self, master_fd: int, slave_fd: int | None) -> PtyLink:
        """Put a pty into the books; the slave is None if another process opens it. Sets raw mode, non-blocking."""
        link = PtyLink(self.ledger, master_fd, slave_fd)
        self.ledger.ptys[link] = None
        return link

    def describe(self) -> dict[str, object]:
        """Return what a run's record should say about its clock."""
        return {
            "clock": self.kind,
            "factor": self.factor,
            "now_ns": self.now_ns(),
            "anomalies": self.anomalies,
            "datagrams_lost": self.ledger.datagrams_lost,
            "links": self.links.describe(),
        }

    # -- for the ledger and the links -----------------------------------------------------------------------------

    def reads(self, fd: int) -> bool:
        """Return whether a callback waits for input on a file."""
        return self._farm_selector.reads(fd)

    def add_flush(self, fd: int, callback: Callable[[], None]) -> None:
        """Call back when a socket that belongs to a transport takes data again."""
        self._add_writer(fd, callback)

    def remove_flush(self, fd: int) -> None:
        """Take `add_flush` back."""
        self._remove_writer(fd)

    def connect_now(self, fut: asyncio.Future[None], sock: socket.socket, address: Any) -> None:
        """Start a connect() that a faulty link had kept waiting."""
        super()._sock_connect(fut, sock, address)
        ledger, server = self.ledger, (address[0], address[1])
        connection = None
        if ledger.is_own_listener(server):
            connection = ledger.expect(sock.getsockname()[:2], server)
        elif ledger.beyond is not None:
            ledger.beyond.connect(sock.getsockname()[:2], server)
        if not fut.done():
            ledger.connecting[fut] = self.real_s()

        def connected(done: asyncio.Future[None]) -> None:
            ledger.connecting.pop(done, None)
            if connection is not None and (done.cancelled() or done.exception() is not None):
                ledger.connect_failed(connection)

        fut.add_done_callback(connected)

    # -- asyncio's own places, overridden -------------------------------------------------------------------------

    def _select(self, timeout: float | None) -> ReadyList:
        """Decide what an iteration waits for; `timeout` is in farm seconds, 0 if something is ready to run."""
        raise NotImplementedError

    def _wake_settlers(self) -> bool:
        """Tell those who wait in `settle`; return whether there were any."""
        waiters, self._settlers = self._settlers, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)
        return bool(waiters)

    def _sleep(self, real_timeout_s: float | None) -> ReadyList:
        """Wait for real; another thread, or a signal handler in this one, ends it through the self-pipe."""
        self._sleeping = True
        try:
            return self._farm_selector.poll(real_timeout_s)
        finally:
            self._sleeping = False

    def _write_to_self(self) -> None:
        # The loop's own thread needs no waking, except from a signal handler that interrupts its sleep.
        if self._sleeping or self._thread_id != threading.get_ident():
            super()._write_to_self()

    def call_at(
        self, when: float, callback: Callable[[*Ts], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        if when is None:
            raise TypeError("when cannot be None")
        self._check_closed()
        self._timers += 1
        timer = OrderedTimer(when, callback, args, self, context)
        timer.schedule(self._scheduled, self._timers)
        return timer

    def run_in_executor(self, executor: Executor | None, func: Callable[[*Ts], T], *args: *Ts) -> asyncio.Future[T]:
        future: asyncio.Future[T] = super().run_in_executor(executor, func, *args)
        self._jobs += 1
        future.add_done_callback(self._job_done)
        return future

    def _job_done(self, _future: asyncio.Future[Any]) -> None:
        self._jobs -= 1

    async def shutdown_default_executor(self, *args: Any) -> None:
        with self.hold():  # a thread of its own waits for the pool
            await super().shutdown_default_executor(*args)

    async def _sendfile_native(self, *_args: Any) -> int:
        raise asyncio.SendfileNotAvailableError("the farm counts bytes, so it sends files through its transports")

    _sock_sendfile_native = _sendfile_native

    def _start_serving(self, protocol_factory: Any, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        if sock.family in _INTERNET:
            self.ledger.listeners.add(sock.getsockname()[:2])
        super()._start_serving(protocol_factory, sock, *args, **kwargs)

    def _stop_serving(self, sock: socket.socket) -> None:
        if sock.family in _INTERNET:
            self.ledger.listener_closed(sock.getsockname()[:2])
        super()._stop_serving(sock)

    def _sock_connect(self, fut: asyncio.Future[None], sock: socket.socket, address: Any) -> None:
        if sock.family not in _INTERNET or sock.type != socket.SOCK_STREAM:
            super()._sock_connect(fut, sock, address)
            return
        if not self.links.keeps_from_connecting(fut, sock, address):
            self.connect_now(fut, sock, address)

    def _make_socket_transport(
        self,
        sock: socket.socket,
        protocol: Any,
        waiter: Any = None,
        *,
        extra: dict[str, Any] | None = None,
        server: Any = None,
    ) -> asyncio.Transport:
        return super()._make_socket_transport(self._booked(sock, extra), protocol, waiter, extra=extra, server=server)

    def _make_ssl_transport(
        self, rawsock: socket.socket, protocol: Any, sslcontext: Any, *args: Any, **kwargs: Any
    ) -> asyncio.Transport:
        return super()._make_ssl_transport(
            self._booked(rawsock, kwargs.get("extra")), protocol, sslcontext, *args, **kwargs
        )

    def _booked(self, sock: socket.socket, extra: dict[str, Any] | None) -> socket.socket:
        if sock.family not in _INTERNET or isinstance(sock, StreamSocket):
            return sock
        peer = (extra or {}).get("peername")
        if peer is None:
            try:
                peer = sock.getpeername()
            except OSError:  # reset already
                peer = None
        return StreamSocket(self.ledger, sock, peer)

    def _make_datagram_transport(
        self, sock: socket.socket, protocol: Any, address: Any = None, *args: Any, **kwargs: Any
    ) -> asyncio.DatagramTransport:
        if sock.family in _INTERNET:
            sock = DatagramSocket(self.ledger, sock)
        return super()._make_datagram_transport(sock, protocol, address, *args, **kwargs)

    def close(self) -> None:
        if not self.is_closed() and not self.is_running():
            for sock in list(self.ledger.sockets):
                if sock.gone:  # closed on a faulty link, or of a host that lost its power
                    sock.close_for_good()
        super().close()

    @staticmethod
    def real_s() -> float:
        """Return the machine's monotonic clock [s]; nobody but the clock looks at it."""
        return time.monotonic()
