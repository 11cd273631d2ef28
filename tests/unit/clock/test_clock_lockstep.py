"""Lock-step time over processes: everything arrives before time moves, and equal runs do the same."""

from __future__ import annotations

import json
import math
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from hil.bench.addresses import Slot
from hil.clock import NS_PER_S, GrantedLoop, VirtualTimeLoop
from hil.clock.conductor import DEVICE, METER, RUNNER, ConductedProcess, Conductor, TurnOrder
from hil.clock.granted import Incoming
from hil.clock.grants import (
    ConductorWire,
    GrantedStep,
    Idle,
    MemberHello,
    MessageKind,
    Traffic,
    Turn,
    TurnReport,
    encode,
    key,
    message,
)
from hil.errors import BenchError

from .wires import busy_processes

ROOT = Path(__file__).parents[3]
SITE = "tests.unit.clock.lockstep_site"
SLOT = Slot()  # two processes that run these tests never meet
LAN = f"127.{SLOT.number}.1"
TESTER = f"{LAN}.254"


@pytest.fixture
def conductor() -> Iterator[Conductor]:
    one = Conductor("secret", ("127.0.0.1", 0))
    thread = threading.Thread(target=one.serve)
    thread.start()
    yield one
    one.stop()
    thread.join()


def play(conductor: Conductor, *what: str, devices: int = 3, rounds: int = 5, **facts: Any) -> dict[str, Any]:
    """Run a site to its end and return what the runner has seen."""
    others = [f"{LAN}.{number}" for number in range(11, 11 + devices)]
    common = {"conductor": conductor.address[1], "rounds": rounds, "others": others, **facts}
    with ExitStack() as stack:
        members = []
        for address in (TESTER, *others):
            own = {**common, "address": address, "what": what if address == TESTER else [], "nobody": f"{LAN}.99"}
            words = [sys.executable, "-m", SITE, json.dumps(own)]
            member = stack.enter_context(
                subprocess.Popen(words, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            )
            stack.callback(member.kill)
            members.append(member)
        for member in members:
            assert member.stdout is not None
            assert member.stdout.readline() == "joined\n"
        for member in reversed(members):
            assert member.stdin is not None
            member.stdin.write("go\n")
            member.stdin.flush()
        assert members[0].stdout is not None
        seen: dict[str, Any] = json.loads(members[0].stdout.read())
        for member in members:
            assert member.wait(30) in {0, -signal.SIGKILL}
    assert (seen["anomalies"], seen["in_flight"]) == (0, 0)
    return seen


def test_requests_over_processes_take_no_farm_time(conductor: Conductor) -> None:
    log = play(conductor, "poll")["log"]
    assert {at_ns for at_ns, _ in log} == {second * NS_PER_S for second in range(5)}
    assert len(log) == 15


def test_equal_runs_see_the_same_in_the_same_order(conductor: Conductor) -> None:
    logs = [play(conductor, "poll", "udp", "refused", "fetch", devices=4, rounds=20, busy_s=0.1)["log"] for _ in "123"]
    assert logs[0] == logs[1] == logs[2]
    answers = [entry for entry in logs[0] if entry[1] == "me"]
    assert [who for _, _, who in answers] == [f"{LAN}.{number}" for number in range(11, 15)]
    assert [entry[2] for entry in logs[0] if len(entry) == 3 and isinstance(entry[2], int)] == [1 << 20] * 4
    assert sum(entry[-1] == "refused" for entry in logs[0]) == 4


def test_a_datagram_and_its_answer_take_no_farm_time(conductor: Conductor) -> None:
    log = play(conductor, "udp", devices=2)["log"]
    assert log == [[0, "me", f"{LAN}.11"], [0, "me", f"{LAN}.12"]]


def test_websockets_and_their_heartbeats_go_over_processes(conductor: Conductor) -> None:
    log = play(conductor, "talk", devices=2)["log"]
    others = (f"{LAN}.11", f"{LAN}.12")
    said = [[second * NS_PER_S, other, f"{second // 100} again"] for second in (0, 100, 200) for other in others]
    assert log == [*said, *([300 * NS_PER_S, other, 1000] for other in others)]


def test_the_same_is_seen_when_the_machine_is_busy(conductor: Conductor) -> None:
    quiet = play(conductor, "poll", "udp", "fetch", devices=4, rounds=20, busy_s=0.1)
    with busy_processes(3):
        assert play(conductor, "poll", "udp", "fetch", devices=4, rounds=20, busy_s=0.1) == quiet


def test_who_has_gone_is_not_waited_for(conductor: Conductor) -> None:
    log = play(conductor, "poll", devices=3, rounds=5, dies={f"{LAN}.12": 2.5})["log"]
    assert len([who for _, who in log if who == f"{LAN}.11"]) == 5
    assert [what for _, what in log if what == "lost"] == ["lost"]
    assert len([who for _, who in log if who == f"{LAN}.12"]) == 3


class Guest:
    """Somebody who talks to the conductor by hand."""

    def __init__(self, conductor: Conductor) -> None:
        self.sock = socket.create_connection(conductor.address, timeout=10)
        self.wire = ConductorWire(self.sock)

    def hear(self) -> tuple[int, bytes] | None:
        while not self.wire.messages:
            if not self.wire.receive():
                return None
        return self.wire.messages.popleft()

    def join(self, name: str, rank: int = RUNNER, *, token: str = "secret") -> None:
        self.wire.send(MemberHello(token, "by hand", name, rank, (f"{LAN}.1",)).encode())
        heard = self.hear()
        assert heard is not None
        assert heard[0] == MessageKind.WELCOME
        assert int(heard[1]) in os.sched_getaffinity(0)


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", None),
        (message(MessageKind.REPORT, b""), "who has not joined"),
        (message(MessageKind.HELLO, b"{}"), "no greeting of a member"),
        (message(MessageKind.HELLO, b"\xff\x00"), "no greeting of a member"),
        (MemberHello("guess", "s", "n", 1, ()).encode(), "wrong token"),
        (MemberHello("secret", "s", "n", 1, ("no address",)).encode(), "no greeting of a member"),
        (b"\xff\xff\xff\xff\x01", "no message between a member and its conductor"),
    ],
)
def test_garbage_and_strangers_are_refused_and_the_others_go_on(
    conductor: Conductor, sent: bytes, why: str | None
) -> None:
    guest = Guest(conductor)
    guest.wire.send(sent)
    guest.sock.shutdown(socket.SHUT_WR)
    answer = guest.hear()
    if why is not None:
        assert answer is not None
        assert answer[0] == MessageKind.REFUSED
        assert why in answer[1].decode()
        assert guest.hear() is None
    assert len(play(conductor, "poll", rounds=2)["log"]) == 6


def test_a_member_that_talks_out_of_turn_or_takes_a_name_is_refused(conductor: Conductor) -> None:
    one, two = Guest(conductor), Guest(conductor)
    one.join("M1")
    assert one.hear() == (MessageKind.STEP, encode(GrantedStep(0.0))[5:])
    two.wire.send(MemberHello("secret", "by hand", "M1", 1, ()).encode())
    assert two.hear() == (MessageKind.REFUSED, b"M1 has joined already.")
    one.wire.send(encode(TurnReport()))
    one.wire.send(encode(TurnReport()))
    assert one.hear() == (MessageKind.REFUSED, b"M1 reports without having had the turn.")


def test_nobody_runs_without_a_conductor() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        with pytest.raises(BenchError, match=r"CP1: no conductor at 127\.0\.0\.1"):
            GrantedLoop(free.getsockname(), MemberHello("secret", "one", "CP1", 1, ()))


class Score:
    """A session whose members do what a test says."""

    def __init__(self) -> None:
        self.session = TurnOrder()
        self.members: dict[str, ConductedProcess] = {}

    def join(self, name: str, rank: int) -> None:
        self.members[name] = self.session.join(MemberHello("", "", name, rank, (ADDRESSES[name],)))

    def turn(self) -> tuple[str, GrantedStep] | None:
        found = self.session.next()
        return None if found is None else (found[0].hello.name, found[1])

    def report(self, name: str, next_s: float = math.inf, idle: int = Idle.PLAIN, **sent: int) -> None:
        counts = {key(Traffic.STREAM, (ADDRESSES[name], 1), (ADDRESSES[to], 2)): count for to, count in sent.items()}
        self.session.reported(self.members[name], TurnReport(next_s, idle, counts))


ADDRESSES = {"tester": "10.0.0.1", "CP1": "10.0.0.2", "CP2": "10.0.0.3", "M1": "10.0.0.4"}


@pytest.fixture
def score() -> Score:
    one = Score()
    for name, rank in (("M1", METER), ("CP2", DEVICE), ("CP1", DEVICE), ("tester", RUNNER)):
        one.join(name, rank)
    for name in first_turns(one):
        one.report(name, 5.0 if name == "M1" else math.inf, Idle.FLOWS if name == "tester" else Idle.PLAIN)
    return one


def first_turns(score: Score) -> Iterator[str]:
    """Yield who gets a turn until each member had its first."""
    for _ in score.members:
        name = score_turn(score)
        assert name is not None
        yield name


def test_the_runner_is_first_and_meters_are_last_whoever_joined_first() -> None:
    fresh = Score()
    for name, rank in (("M1", METER), ("CP2", DEVICE), ("CP1", DEVICE), ("tester", RUNNER)):
        fresh.join(name, rank)
    order = []
    for name in first_turns(fresh):
        order.append(name)
        fresh.report(name)
    assert order == ["tester", "CP1", "CP2", "M1"]


def score_turn(score: Score) -> str | None:
    found = score.turn()
    return None if found is None else found[0]


def test_one_member_runs_at_a_time(score: Score) -> None:
    assert score.turn() == ("M1", GrantedStep(5.0))
    assert score.turn() is None
    score.report("M1")
    assert score.turn() is None  # nobody has a timer


def test_who_is_owed_something_is_next_and_meters_are_last(score: Score) -> None:
    assert score_turn(score) == "M1"
    score.report("M1", 5.0, tester=1, CP1=2, CP2=3)
    for name, count in (("tester", 1), ("CP1", 2), ("CP2", 3)):
        found = score.turn()
        assert found is not None
        assert (found[0], list(found[1].owed.values())) == (name, [count])
        score.report(name)
    assert score_turn(score) == "M1"


def test_what_settles_is_told_before_time_moves_and_time_stands_while_nobody_waits_for_it(score: Score) -> None:
    assert score_turn(score) == "M1"
    assert score.session.wishes(score.members["tester"]) is None  # in its turn
    score.report("M1", 9.0)
    assert score.turn() == ("tester", GrantedStep(5.0))
    score.report("tester", 7.0, Idle.SETTLES)
    assert score.turn() == ("tester", GrantedStep(5.0, Turn.SETTLED))
    score.report("tester", 7.0)
    assert score.turn() is None


def test_a_device_that_is_asked_gets_a_turn_while_the_runner_has_its_own(score: Score) -> None:
    assert score_turn(score) == "M1"
    score.report("M1", 9.0, tester=1)
    assert score_turn(score) == "tester"
    assert score.session.wishes(score.members["CP1"]) == GrantedStep(5.0, Turn.CALLS_ONLY)
    score.report("tester", idle=Idle.FLOWS)
    assert score.turn() is None  # CP1 still runs
    score.report("CP1")
    assert score.turn() == ("M1", GrantedStep(9.0))


def test_what_was_read_before_it_was_owed_is_not_waited_for() -> None:
    loop = VirtualTimeLoop()
    incoming = Incoming(loop.ledger, b"one")
    incoming.read_ahead(3)
    incoming.expect(5)
    assert (incoming.owed, loop.ledger.in_flight) == (2, 2)
    incoming.forgive()
    loop.close()


def test_what_is_sent_to_a_connection_that_was_reset_is_not_waited_for() -> None:
    loop = VirtualTimeLoop()
    incoming = Incoming(loop.ledger, b"one")
    incoming.expect(5)
    assert (incoming.owed, loop.ledger.in_flight) == (5, 5)
    incoming.forgive()
    incoming.read_ahead(None)
    incoming.expect(7)  # its sender has not heard of the reset yet
    assert (incoming.owed, loop.ledger.in_flight) == (0, 0)
    loop.close()


def test_who_waits_for_room_goes_on_when_somebody_has_read(score: Score) -> None:
    assert score_turn(score) == "M1"
    score.report("M1", idle=Idle.WRITES, CP1=100)
    assert score_turn(score) == "CP1"
    score.report("CP1")
    assert score_turn(score) == "M1"
    score.report("M1", idle=Idle.WRITES)
    assert score.turn() is None  # nobody has read since


def test_without_the_runner_everybody_is_told_to_go(score: Score) -> None:
    score.session.leave(score.members["tester"])
    for name in ("CP1", "CP2", "M1"):
        assert score.turn() == (name, GrantedStep(0.0, Turn.LEFT))
        score.report(name)
    assert score.turn() is None
