"""Lock-step time: virtual time that many processes share, granted by a conductor."""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from hil.clock.grants import (
    Conducted,
    Counts,
    GrantedStep,
    Idle,
    MemberHello,
    Traffic,
    Turn,
    TurnReport,
    address_of,
    key,
)
from hil.clock.ledger import Address, Direction, Ledger
from hil.clock.selector import ReadyList
from hil.clock.virtual import VirtualTimeLoop

if TYPE_CHECKING:
    from hil.clock.sockets import StreamSocket


class _Conductors:
    """The books of what is on its way to others: theirs are the conductor's."""

    in_flight = 0


class Outgoing(Direction):
    """What this process sends to another on one connection; ``owed`` is what the conductor has not been told of."""

    __slots__ = ("_owed", "_untold", "key")

    def __init__(self, one: bytes, untold: dict[bytes, Outgoing]) -> None:
        self.key, self._untold, self._owed = one, untold, 0
        super().__init__(cast(Ledger, _Conductors()), repr(one))

    @property
    def owed(self) -> int:
        return self._owed

    @owed.setter
    def owed(self, count: int) -> None:
        self._owed = count
        if count:
            self._untold[self.key] = self


class Incoming(Direction):
    """What another process sends to this one on one connection.

    Whoever joins in the middle of this process' turn may send something that is read before the conductor has heard of
    it, and a connection that was reset here may be sent something by a process that has not heard of that yet.
    """

    __slots__ = ("_ahead", "_ended", "key")

    def __init__(self, ledger: Ledger, one: bytes) -> None:
        super().__init__(ledger, repr(one))
        self.key, self._ahead, self._ended = one, 0, False

    def expect(self, count: int) -> None:
        """Take into the books what was sent."""
        read = count if self._ended else min(self._ahead, count)
        self._ahead -= min(self._ahead, read)
        self.owed += count - read
        self.ledger.in_flight += count - read

    def read_ahead(self, count: int | None) -> None:
        """Take note of bytes that came before they were owed, None for the end."""
        if count is None:
            self._ended = True
        else:
            self._ahead += count


class Outside:
    """The traffic of this process with others (``hil.clock.ledger.Beyond``).

    Args:
        ledger: The books of what is on its way to this process.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._untold: dict[bytes, Outgoing] = {}
        self._sent: Counts = {}
        self._incoming: dict[bytes, Incoming] = {}
        self._unaccepted: dict[bytes, Incoming] = {}

    # --- for the ledger

    def connect(self, client: Address, server: Address) -> None:
        """Book a connect to another process when its SYN leaves."""
        self._count(key(Traffic.CONNECT, client, server))

    def attach(self, sock: StreamSocket, local: Address, peer: Address) -> None:
        """Open the books of a connection to another process; maybe something has come on it already."""
        sock.tx = Outgoing(key(Traffic.STREAM, local, peer), self._untold)
        one = key(Traffic.STREAM, peer, local)
        rx = self._unaccepted.pop(one, None) or Incoming(self._ledger, one)
        self._incoming[one] = sock.rx = rx
        rx.reader = sock

    def closed(self, sock: StreamSocket) -> None:
        """Book the end of a socket: its FIN, and what nobody can read any more."""
        rx, tx = sock.rx, sock.tx
        sock.rx = sock.tx = None
        if isinstance(rx, Incoming):
            rx.forgive()
            rx.reader = None
            if self._incoming.get(rx.key) is rx:
                del self._incoming[rx.key]
        if tx is not None:
            tx.finish()

    def datagram_sent(self, target: Address) -> None:
        """Book a datagram to another process."""
        self._count(key(Traffic.DATAGRAM, target, target))

    def debts(self) -> list[Incoming]:
        """Return what is on its way to this process."""
        return [one for one in (*self._incoming.values(), *self._unaccepted.values()) if one.owed]

    # --- for the loop

    def take_sent(self) -> Counts:
        """Return what was sent since the last time."""
        sent, self._sent = self._sent, {}
        for one, direction in self._untold.items():
            sent[one], direction.owed = direction.owed, 0
        self._untold.clear()
        return sent

    def expect(self, owed: Counts) -> None:
        """Take into the books what others have sent."""
        ledger = self._ledger
        for one, count in owed.items():
            traffic = one[:1]
            if traffic == Traffic.STREAM:
                rx = self._incoming.get(one) or self._unaccepted.setdefault(one, Incoming(ledger, one))
                rx.expect(count)
            elif traffic == Traffic.DATAGRAM:
                ledger.expect_datagrams(address_of(one), count)

    def forget_unaccepted(self) -> None:
        """Forget what was sent to connections that are not there."""
        for rx in self._unaccepted.values():
            rx.forgive()
        self._unaccepted.clear()

    def _count(self, one: bytes) -> None:
        self._sent[one] = self._sent.get(one, 0) + 1


class GrantedLoop(VirtualTimeLoop):
    """An event loop whose time is granted by a conductor; it runs only in its turn.

    Args:
        conductor: Where the conductor is.
        hello: Who joins.

    Raises:
        BenchError: There is no conductor, or it refuses.

    Attributes:
        conductor: Where the conductor is.
        session: Which farm of the run this is.
        left: Called when the runner has left: there is nothing more to do but to go too.
    """

    kind = "lock-step"

    def __init__(self, conductor: tuple[str, int], hello: MemberHello) -> None:
        self._seat = Conducted(conductor, hello)
        self._writers: set[int] = set()
        super().__init__()
        self._seat.wake_by(self._wake_fd)
        self.conductor, self.session = conductor, hello.session
        self.left: Callable[[], None] = _stay
        self._outside = Outside(self.ledger)
        self.ledger.beyond = self._outside
        self._has_turn = False

    def run_forever(self) -> None:
        before = os.sched_getaffinity(0)
        with suppress(OSError):  # this process may not run there
            os.sched_setaffinity(0, {self._seat.cpu})
        try:
            super().run_forever()
        finally:
            os.sched_setaffinity(0, before)

    def _select(self, timeout: float | None) -> ReadyList:
        if not self._has_turn:
            self._take_turn()
        return super()._select(timeout)

    def _idle(self) -> ReadyList:
        while True:
            events = self._arrivals()
            if events or self._ready or self._is_due():
                return events
            if self._jobs or self._held.count:
                return self._sleep(None)
            self._outside.forget_unaccepted()
            self._seat.report(self._report())
            self._take_turn()

    def _report(self) -> TurnReport:
        idle: int = Idle.PLAIN
        if self._flow.count:
            idle |= Idle.FLOWS
        if self._settlers:
            idle |= Idle.SETTLES
        if self._writers:
            idle |= Idle.WRITES
        next_s = self._scheduled[0].when() if self._scheduled else math.inf
        return TurnReport(next_s, idle, self._outside.take_sent())

    def _take_turn(self) -> None:
        self._sleeping = True  # so that another thread, or a signal handler, writes to the file that is waited for
        try:
            step = self._seat.await_step()
        finally:
            self._sleeping = False
        self._has_turn = True
        self._begin(step)

    def _begin(self, step: GrantedStep) -> None:
        self._jump(step.now_s)
        self._farm_selector.only = self._wake_fd if step.turn & Turn.CALLS_ONLY else None
        self._outside.expect(step.owed)
        if step.turn & Turn.SETTLED:
            self._wake_settlers()
        if step.turn & Turn.LEFT:
            self.left()

    def _is_due(self) -> bool:
        """Return whether there is a timer for this instant."""
        return bool(self._scheduled) and self._scheduled[0].when() < self._now + self._clock_resolution

    def _add_writer(self, fd: int, callback: Any, *args: Any) -> asyncio.Handle:
        self._writers.add(fd)
        return super()._add_writer(fd, callback, *args)

    def _remove_writer(self, fd: int) -> bool:
        self._writers.discard(fd)
        return super()._remove_writer(fd)

    @property
    def _wake_fd(self) -> int:
        return self._ssock.fileno()

    def close(self) -> None:
        super().close()
        self._seat.close()


def _stay() -> None:
    return
