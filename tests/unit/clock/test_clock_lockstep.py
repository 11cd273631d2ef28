"""Lock-step time over processes: everything arrives before time moves, and equal runs do the same."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from hil.clock.conductor import Conductor

ROOT = Path(__file__).parents[3]
SITE = "tests.unit.clock.lockstep_site"
RUNNER = "127.202.1.254"


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
    others = [f"127.202.1.{number}" for number in range(11, 11 + devices)]
    common = {"conductor": conductor.address[1], "rounds": rounds, "others": others, **facts}
    with ExitStack() as stack:
        members = []
        for address in (RUNNER, *others):
            own = {**common, "address": address, "what": what if address == RUNNER else [], "nobody": "127.202.1.99"}
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
            assert member.wait(30) == 0
    assert (seen["anomalies"], seen["in_flight"]) == (0, 0)
    return seen


def test_requests_over_processes_take_no_farm_time(conductor: Conductor) -> None:
    log = play(conductor, "poll")["log"]
    assert {at_ns for at_ns, _ in log} == {second * 1_000_000_000 for second in range(5)}
    assert len(log) == 15


def test_equal_runs_see_the_same_in_the_same_order(conductor: Conductor) -> None:
    logs = [play(conductor, "poll", "udp", "refused", "fetch", devices=4, rounds=20, busy_s=0.1)["log"] for _ in "123"]
    assert logs[0] == logs[1] == logs[2]
    answers = [entry for entry in logs[0] if entry[1] == "me"]
    assert [who for _, _, who in answers] == [f"127.202.1.{number}" for number in range(11, 15)]
    assert [entry[2] for entry in logs[0] if len(entry) == 3 and isinstance(entry[2], int)] == [1 << 20] * 4
    assert sum(entry[-1] == "refused" for entry in logs[0]) == 4
