"""A suite on a swarm of one node: the devices find each other by the relay, and nothing is left behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hil.compose import swarm
from hil.compose.engine import LABEL, docker
from hil.compose.image import ensure
from hil.compose.stack import RELAY
from hil.errors import BenchError

from .runs import ROOT, SUITE, as_fast_as_it_keeps_up, hil, settled

pytestmark = [pytest.mark.docker, pytest.mark.slow]

TESTS = (
    "One Phase And Three Phase Vehicles Share L1",
    "Several Stations Share What The Operator Allows On Their Common Connection",
)
BRIDGE = "docker_gwbridge"  #: Made by `docker swarm init`, and left by `docker swarm leave`.


@pytest.fixture(scope="module", autouse=True)
def manager() -> Iterator[None]:
    """Let the engine be a manager of a swarm: of the one it has, or of one for these tests."""
    ensure(print)
    if swarm.is_manager():
        yield
        return
    had_bridge = bool(docker("network", "ls", "--quiet", "--filter", f"name=^{BRIDGE}$").strip())
    try:
        docker("swarm", "init", "--advertise-addr", "127.0.0.1")
    except BenchError as error:
        pytest.skip(f"the engine makes no swarm: {error}")
    yield
    docker("swarm", "leave", "--force")
    if not had_bridge:
        docker("network", "rm", BRIDGE)


def left_behind(stack: str) -> list[str]:
    mark = ("--quiet", "--filter", f"label={swarm.STACK_LABEL}={stack}")
    beside = docker("ps", "--all", "--quiet", "--filter", f"name={stack}")
    kinds = ("service", "network", "secret")
    return [*beside.split(), *(one for kind in kinds for one in docker(kind, "ls", *mark).split())]


@pytest.mark.timeout(900)
def test_a_stack_settles_where_the_embedded_bench_does(tmp_path: Path) -> None:
    tests = [word for test in TESTS for word in ("--test", test)]
    code, said = hil("run", *tests, "--output", str(tmp_path / "embedded"), SUITE)
    assert code == 0, said
    bench = ("--bench", "swarm", "--site", "mennekes/car-park")
    code, said, folder = as_fast_as_it_keeps_up(tmp_path, *bench, *tests)
    assert code == 0, said
    assert "5 of 5 services running on 1 host" in said
    assert "2 passed, 0 failed, 0 skipped" in said
    here, there = settled(tmp_path / "embedded"), settled(folder)
    assert len(here) == 2
    assert all(points.keys() == {"CP1", "CP2", "CP3", "CP4"} for points in here.values())
    assert there == here
    facts = json.loads((folder / "stack.json").read_text(encoding="utf-8"))
    assert set(facts["nodes"]) == {RELAY, "CP1", "CP2", "CP3", "CP4"}
    assert left_behind(facts["project"]) == []
    relayed = re.findall("relay: (.*)", (folder / "containers" / f"{RELAY}.log").read_text(encoding="utf-8"))
    assert len(relayed) == 2, relayed  # one line a test
    counts = {what: int(number) for number, what in re.findall("([0-9]+) ([a-z ]+)", relayed[-1])}
    assert (counts["joined"], counts["left"]) == (8, 8)
    assert counts["relayed"] > 8
    assert not {"garbage", "stranger", "wrong token", "full", "too large"} & set(counts)
    assert "CP3 waits for a bench" in (folder / "containers" / "CP3.log").read_text(encoding="utf-8")


def stopped(folder: Path, moment: str, number: signal.Signals) -> tuple[int, str]:
    """Start a run, send it a signal at a moment, and return its exit code and its project."""
    words = ("run", "--bench", "swarm", "--site", "mennekes/car-park", "--speed", "2", "--test", TESTS[0])
    process = subprocess.Popen(
        [sys.executable, "-m", "hil", *words, "--output", str(folder), SUITE],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    assert process.stdout is not None
    try:
        said = next((line for line in process.stdout if moment in line), None)
        assert said is not None, "the run ended before"
        (stack,) = swarm.stacks()
        assert left_behind(stack)
        process.send_signal(number)
        rest = process.stdout.read()
        code = process.wait(90)
        assert code != 1, rest
    finally:
        process.kill()
        process.wait()
    return code, stack


@pytest.mark.parametrize(
    ("moment", "number"), [("0 of 5 services", signal.SIGINT), ("5 of 5 services", signal.SIGTERM)]
)
def test_a_run_that_is_stopped_takes_its_stack_away(tmp_path: Path, moment: str, number: signal.Signals) -> None:
    code, stack = stopped(tmp_path / "run", moment, number)
    assert (code, left_behind(stack)) == (130, [])


def test_what_a_killed_run_leaves_is_removed_by_clean(tmp_path: Path) -> None:
    _, stack = stopped(tmp_path / "run", "5 of 5 services", signal.SIGKILL)
    assert left_behind(stack)
    code, said = hil("compose", "clean", "--project", stack)
    assert (code, left_behind(stack)) == (0, []), said
    assert "removed: 1 stacks" in said


def test_a_seat_for_a_host_that_is_not_there_ends_the_run_with_the_reason(tmp_path: Path) -> None:
    bench = ("--bench", "swarm", "--site", "mennekes/car-park", "--speed", "2", "--place", "CP2=no-such-rack")
    code, said = hil("run", *bench, "--test", TESTS[0], "--output", str(tmp_path / "run"), SUITE)
    assert code == 3, said
    assert re.search("CP2: pending: no suitable node .*No host has the label", said), said
    assert swarm.stacks() == []


def test_everything_carries_the_label(tmp_path: Path) -> None:
    file = tmp_path / "stack.yaml"
    code, said = hil("stack", "render", "mennekes/car-park")
    assert code == 0
    file.write_text(said, encoding="utf-8")
    (tmp_path / "token").write_text("secret", encoding="utf-8")
    image, name = ensure(print).tag, "hilfarm-rendered-by-a-test"
    deploy = ["docker", "stack", "deploy", "--resolve-image", "never", "-c", str(file), name]
    variables = {"HIL_IMAGE": image, "HIL_TOKEN_FILE": str(tmp_path / "token")}
    try:
        subprocess.run(deploy, check=True, capture_output=True, env={**os.environ, **variables})
        for kind, count in (("service", 5), ("network", 1), ("secret", 1)):
            mark = ("--quiet", "--filter", f"label={swarm.STACK_LABEL}={name}")
            made = docker(kind, "ls", *mark).split()
            assert made == docker(kind, "ls", *mark, "--filter", f"label={LABEL}=car-park").split()
            assert len(made) == count
    finally:
        swarm.remove(name)
    assert left_behind(name) == []
