"""The conductor of a lock-step run: it lets one member run at a time, and moves time when nobody has anything to do.

A member that has been let run goes on until nothing is left to do at this instant, and reports what it has sent to
others. Whoever is owed something gets a turn, and waits until all of it has arrived: so nothing is on its way when time
moves, and the order of everything that happens is the same in each equal run, however the machine is loaded.

At each instant the runner is first (it has the plant), then the devices by name, round by round; meters look when these
have nothing more to do.
"""

from __future__ import annotations

import hmac
import math
import os
import select
import socket
from contextlib import suppress
from typing import Final

from hil.clock.grants import (
    ConductorWire,
    Counts,
    GrantedStep,
    Idle,
    MemberHello,
    MessageKind,
    Turn,
    TurnReport,
    encode,
    message,
    report,
    target,
)
from hil.clock.virtual import RESOLUTION_S
from hil.errors import BenchError

RUNNER: Final = 0  #: Rank of the member with the plant; it is first at each instant.
DEVICE: Final = 1
METER: Final = 2  #: Rank of those that look at an instant when the others have made it.


class ConductedProcess:
    """One process of a session.

    Attributes:
        hello: Who it is.
        last: What it has said of itself last; None before its first turn.
        owed: What was sent to it and it has not been told of.
        runs: It has the turn, or one of its own accord.
        wishes: Another thread of it wants to be heard.
        unblocked: Somebody has read since its last turn, so that its buffers may have room again.
    """

    def __init__(self, hello: MemberHello) -> None:
        self.hello = hello
        self.last: TurnReport | None = None
        self.owed: Counts = {}
        self.runs = self.wishes = self.unblocked = False

    def has_work(self, now_s: float) -> bool:
        """Return whether there is something for it to do at an instant."""
        return self.wishes or bool(self.owed) or self.last is None or self.last.next_s < now_s + RESOLUTION_S


class TurnOrder:
    """The members of one farm, its time, and whose turn it is. Nothing here waits or sends.

    Attributes:
        now_s: Farm time [s].
        grants: How often time was moved.
        steps: How often a member was let run.
    """

    def __init__(self) -> None:
        self.now_s = 0.0
        self.grants = self.steps = 0
        self._members: dict[str, ConductedProcess] = {}
        self._early: list[ConductedProcess] = []
        self._meters: list[ConductedProcess] = []
        self._place = 0
        self._left = False
        self._running = 0
        self._hearers: dict[bytes, list[ConductedProcess]] = {}

    def __len__(self) -> int:
        return len(self._members)

    def join(self, hello: MemberHello) -> ConductedProcess:
        """Take a member in.

        Raises:
            BenchError: The name is taken.
        """
        if hello.name in self._members:
            raise BenchError(f"{hello.name} has joined already.")
        member = self._members[hello.name] = ConductedProcess(hello)
        for address in hello.addresses:
            self._hearers.setdefault(socket.inet_aton(address), []).append(member)
        self._line_up()
        return member

    def leave(self, member: ConductedProcess) -> None:
        """Write a member off; what it is owed or had to do is nobody's business any more."""
        del self._members[member.hello.name]
        self._running -= member.runs
        for hearers in self._hearers.values():
            if member in hearers:
                hearers.remove(member)
        self._line_up()
        if member.hello.rank == RUNNER:
            self._left = True
        for other in self._members.values():
            if self._left or other.hello.rank == RUNNER:
                other.wishes = True  # the runner finds the end of a connection; without a runner everybody goes

    def reported(self, member: ConductedProcess, what: TurnReport) -> None:
        """Take a member's report.

        Raises:
            BenchError: It did not have the turn.
        """
        if not member.runs:
            raise BenchError(f"{member.hello.name} reports without having had the turn.")
        member.last, member.runs, member.unblocked = what, False, False
        self._running -= 1
        for one, count in what.sent.items():
            for hearer in self._hearers.get(target(one), ()):
                hearer.owed[one] = hearer.owed.get(one, 0) + count

    def wishes(self, member: ConductedProcess) -> GrantedStep | None:
        """Take a member's wish; a device's is granted at once, since it is the runner's question."""
        if member.runs:
            return None  # it has heard already, in this turn
        if member.hello.rank == RUNNER:
            member.wishes = True
            return None
        member.runs = True
        self._running += 1
        return GrantedStep(self.now_s, Turn.CALLS_ONLY)

    def next(self) -> tuple[ConductedProcess, GrantedStep] | None:
        """Return whose turn it is now, None while somebody runs or nobody has anything to do."""
        if self._running:
            return None
        while True:
            for member in self._in_turn():
                if member.has_work(self.now_s):
                    return self._give(member)
            for member in self._early + self._meters:
                if member.unblocked and member.last is not None and member.last.idle & Idle.WRITES:
                    return self._give(member)
            for member in self._early:
                if member.last is not None and member.last.idle & Idle.SETTLES:
                    return self._give(member, Turn.SETTLED)
            if not self._move_on():
                return None

    # --- inside

    def _line_up(self) -> None:
        members = sorted(self._members.values(), key=lambda one: (one.hello.rank, one.hello.name))
        self._early = [one for one in members if one.hello.rank < METER]
        self._meters = [one for one in members if one.hello.rank >= METER]
        self._place = 0

    def _in_turn(self) -> list[ConductedProcess]:
        """Return the members in the order in which they get the turn: round by round, meters last."""
        place = self._place
        return self._early[place:] + self._early[:place] + self._meters

    def _give(self, member: ConductedProcess, turn: int = Turn.PLAIN) -> tuple[ConductedProcess, GrantedStep]:
        owed, member.owed = member.owed, {}
        member.runs, member.wishes = True, False
        self._running += 1
        self.steps += 1
        if owed:  # it will read
            for other in self._members.values():
                other.unblocked = other is not member
        self._place = self._early.index(member) + 1 if member.hello.rank < METER else 0
        return member, GrantedStep(self.now_s, turn | Turn.LEFT if self._left else turn, owed)

    def _move_on(self) -> bool:
        """Move time to the next timer of all; return False if it has to stand."""
        lasts = [one.last for one in self._members.values() if one.last is not None]
        if not self._left and not any(last.idle & Idle.FLOWS for last in lasts):
            return False
        next_s = min((last.next_s for last in lasts), default=math.inf)
        if next_s == math.inf:
            return False
        self.now_s = max(self.now_s, next_s)
        self.grants += 1
        self._place = 0
        return True


class Conductor:
    """Serves the members of a run, one session for each farm.

    Args:
        token: The run's secret.
        address: Where to listen; port 0 for any.
    """

    def __init__(self, token: str, address: tuple[str, int]) -> None:
        self._token = token
        mine = sorted(os.sched_getaffinity(0))
        self._cpu = mine[os.getpid() % len(mine)]
        self._listener = socket.create_server(address, backlog=128)
        self._listener.setblocking(False)
        self._epoll = select.epoll()
        self._epoll.register(self._listener, select.EPOLLIN)
        self._wires: dict[int, ConductorWire] = {}
        self._seats: dict[int, tuple[TurnOrder, ConductedProcess]] = {}
        self._where: dict[ConductedProcess, ConductorWire] = {}
        self._sessions: dict[str, TurnOrder] = {}
        self._end, self._stopper = socket.socketpair()
        self._epoll.register(self._end, select.EPOLLIN)

    @property
    def address(self) -> tuple[str, int]:
        """Where it listens."""
        host, port = self._listener.getsockname()[:2]
        return host, port

    def serve(self) -> None:
        """Serve until :meth:`stop`."""
        os.sched_setaffinity(0, {self._cpu})
        try:
            while True:
                for fd, _ in self._epoll.poll():
                    if fd == self._end.fileno():
                        return
                    if fd == self._listener.fileno():
                        self._accept()
                    elif fd in self._wires:
                        self._hear(fd)
        finally:
            for wire in self._wires.values():
                wire.close()
            self._listener.close()
            self._epoll.close()

    def stop(self) -> None:
        """End :meth:`serve`; from any thread."""
        self._stopper.close()

    # --- inside

    def _accept(self) -> None:
        with suppress(BlockingIOError):
            sock, _ = self._listener.accept()
            sock.setblocking(True)
            self._wires[sock.fileno()] = ConductorWire(sock)
            self._epoll.register(sock, select.EPOLLIN)

    def _hear(self, fd: int) -> None:
        wire = self._wires[fd]
        try:
            if not wire.receive():
                self._gone(fd)
                return
            while wire.messages and fd in self._wires:
                self._take(fd, *wire.messages.popleft())
        except BenchError as error:
            with suppress(OSError):
                wire.send(message(MessageKind.REFUSED, str(error).encode()))
            print(f"conductor: {error}", flush=True)
            self._gone(fd)

    def _take(self, fd: int, kind: int, content: bytes) -> None:
        if fd not in self._seats:
            if kind != MessageKind.HELLO:
                raise BenchError(f"somebody who has not joined sends a message of kind {kind}.")
            self._greet(fd, MemberHello.decode(content))
            return
        session, member = self._seats[fd]
        match kind:
            case MessageKind.REPORT:
                session.reported(member, report(content))
            case MessageKind.WISH:
                step = session.wishes(member)
                if step is not None:
                    self._send(member, step)
            case _:
                raise BenchError(f"{member.hello.name} sends a message of kind {kind}.")
        self._conduct(session)

    def _greet(self, fd: int, hello: MemberHello) -> None:
        if not hmac.compare_digest(hello.token.encode(), self._token.encode()):
            raise BenchError("somebody with a wrong token wants to join.")
        session = self._sessions.setdefault(hello.session, TurnOrder())
        member = session.join(hello)
        self._seats[fd], self._where[member] = (session, member), self._wires[fd]
        self._wires[fd].send(message(MessageKind.WELCOME, str(self._cpu).encode()))
        self._conduct(session)

    def _gone(self, fd: int) -> None:
        self._epoll.unregister(fd)
        self._wires.pop(fd).close()
        if fd not in self._seats:
            return
        session, member = self._seats.pop(fd)
        del self._where[member]
        session.leave(member)
        if len(session):
            self._conduct(session)
        else:
            self._sessions = {name: one for name, one in self._sessions.items() if one is not session}
            print(f"a farm of {session.now_s:g} s: {session.grants} grants, {session.steps} turns", flush=True)

    def _conduct(self, session: TurnOrder) -> None:
        """Give the turn to whoever is next."""
        while (chosen := session.next()) is not None:
            self._send(*chosen)

    def _send(self, member: ConductedProcess, step: GrantedStep) -> None:
        with suppress(OSError):  # its end is found when it is read
            self._where[member].send(encode(step))
