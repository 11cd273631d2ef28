"""The UDP relay as a process (`hil relay`), with plain sockets as members."""

from __future__ import annotations

import os
import random
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hil.bench.addresses import Slot
from hil.process.udp_relay import PORT

ROOT = Path(__file__).parents[2]
ANSWER_REAL_S = 30.0
JOIN = b"HILR\x01J" + (9000).to_bytes(2, "big") + b"\x03lan" + b"a token"


class Relay:
    """The process, at an address of a slot of its own."""

    def __init__(self) -> None:
        self.slot = Slot()
        self.address = f"127.{self.slot.number}.8.1"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "hil", "relay", "--host", self.address],
            env={**os.environ, "HIL_TOKEN": "a token", "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        self.said = self.process.stdout
        assert self.said.readline() == f"relay waits for members on UDP port {PORT}\n"

    def member(self, host: int) -> socket.socket:
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        one.bind((f"127.{self.slot.number}.8.{host}", 0))
        one.settimeout(ANSWER_REAL_S)
        one.connect((self.address, PORT))
        return one


@pytest.fixture
def relay() -> Iterator[Relay]:
    one = Relay()
    yield one
    one.process.kill()
    one.process.communicate()
    one.slot.release()


def test_members_hear_each_other_through_any_amount_of_garbage(relay: Relay) -> None:
    rng = random.Random(1)
    with relay.member(11) as first, relay.member(12) as second, relay.member(13) as stranger:
        for member in (first, second):
            member.send(JOIN)
            assert member.recv(100) == b"HILR\x01j"
        for _ in range(100):
            stranger.send(rng.choice([b"", b"HILR\x01", b"HILR\x01J"]) + rng.randbytes(rng.randrange(1, 9_000)))
            first.send(JOIN)  # whose answer comes after the garbage was read
            assert first.recv(100) == b"HILR\x01j"
        stranger.send(b"HILR\x01Dwho?")
        first.send(b"HILR\x01D" + bytes(20_000))
        first.send(b"HILR\x01Dwho is there?")
        assert second.recv(100) == b"HILR\x01d" + socket.inet_aton(first.getsockname()[0]) + b"who is there?"
        for member in (first, second):
            member.send(b"HILR\x01L")
        counts = {what: int(number) for number, what in re.findall(r"(\d+) ([a-z ]+)", relay.said.readline())}
        dropped = sum(counts.pop(what, 0) for what in ("garbage", "stranger", "wrong token"))
        assert dropped == 101
        assert counts == {"joined": 2, "renewed": 100, "relayed": 1, "too large": 1, "left": 2}
        stranger.setblocking(False)
        with pytest.raises(BlockingIOError):
            stranger.recv(100)  # it was never answered
    relay.process.send_signal(signal.SIGTERM)
    assert relay.process.wait(ANSWER_REAL_S) == 0


def test_a_relay_without_a_secret_is_refused(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "HIL_TOKEN"}
    for extra, said in (
        ({}, "HIL_TOKEN is not set"),
        ({"HIL_TOKEN_FILE": str(tmp_path / "none")}, "HIL_TOKEN_FILE: .* cannot be read"),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "hil", "relay"],
            env={**environment, **extra}, cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 2
        assert re.search(said, done.stderr), done.stderr
