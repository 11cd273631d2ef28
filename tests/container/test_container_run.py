"""Suites on containers: the same verdicts and settled values as embedded, and nothing left behind, however it ends."""

from __future__ import annotations

import functools
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any

import pytest

from hil.compose import owners, render, up
from hil.compose.engine import LABEL, PROJECT_LABEL, clean, docker
from hil.compose.image import Image, ensure
from hil.compose.render import CONDUCTOR
from hil.errors import BenchError
from hil.site import load_site
from tests.site.running import Up

from .runs import ROOT, SUITE, hil, settled

pytestmark = [pytest.mark.docker, pytest.mark.slow]

TESTS = (
    "One Phase And Three Phase Vehicles Share L1",
    "The Limits Are Set In The Master And The Satellites Follow",
    "Several Stations Share What The Operator Allows On Their Common Connection",
)
SIGNALLED = 706  #: SIGNALED_CURRENT of the ECU's Modbus table
SPEEDS = ("10", "5", "2")  #: A machine that cannot keep up says so, and takes the next.


@pytest.fixture(scope="module", autouse=True)
def image() -> Image:
    """Return the image: the first run on a machine builds it, which takes minutes."""
    return ensure(print)


def left_behind(*projects: str) -> list[str]:
    """Return what there is of projects in the engine."""
    found = []
    for project in projects:
        mark = ("--filter", f"label={PROJECT_LABEL}={project}", "--quiet")
        found += docker("ps", "--all", *mark).split()
        found += [name for kind in ("network", "volume") for name in docker(kind, "ls", *mark).split()]
    return found


def facts(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "compose.json").read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def record(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "run.json").read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def projects(folder: Path) -> list[str]:
    """Return everything that a run has made in the engine, by its projects' names."""
    return [*facts(folder)["projects"], f"hilfarm-runner-{facts(folder)['run']}"]


@pytest.mark.timeout(900)
def test_scaled_time_on_containers_settles_where_the_embedded_bench_does(tmp_path: Path) -> None:
    tests = [word for test in TESTS for word in ("--test", test)]
    code, said = hil("run", *tests, "--output", str(tmp_path / "embedded"), SUITE)
    assert code == 0, said
    for speed in SPEEDS:
        folder = tmp_path / f"x{speed}"
        compose = ("--bench", "compose", "--speed", speed)
        code, said = hil("run", *compose, *tests, "--output", str(folder), SUITE)
        if "the machine could not keep up" not in said:
            break
        assert code == 3, said  # never green
    assert code == 0, said
    assert said.count("mennekes/car-park: 5 of 5 containers healthy") == 1  # all tests use the same
    assert "3 passed, 0 failed, 0 skipped" in said
    here, there = settled(tmp_path / "embedded"), settled(folder)
    assert len(here) == 3
    assert all(points.keys() == {"CP1", "CP2", "CP3", "CP4"} for points in here.values())
    assert there == here
    assert left_behind(*projects(folder)) == []
    assert json.loads((folder / "run.json").read_text(encoding="utf-8"))["compose"] == facts(folder)
    logs = folder / "containers" / "car-park"
    assert {file.name for file in logs.iterdir()} == {f"{name}.log" for name in (CONDUCTOR, "CP1", "CP2", "CP3", "CP4")}
    assert "CP3 waits for a bench" in (logs / "CP3.log").read_text(encoding="utf-8")


def test_nothing_is_rebuilt_that_has_not_changed(image: Image) -> None:
    again = ensure(print)
    assert (again.tag, again.built) == (image.tag, False)
    assert docker("image", "inspect", "--format", f'{{{{index .Config.Labels "{LABEL}"}}}}', image.tag).strip()


class Run:
    """A run on containers, in a process that tests end in their ways."""

    def __init__(self, folder: Path, *words: str, suite: str = SUITE) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [
                sys.executable, "-m", "hil", "run", "--bench", "compose", "--speed", SPEEDS[-1],
                "--output", str(folder), *words, suite,
            ],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
        assert self.process.stdout is not None
        self.said: IO[str] = self.process.stdout

    def read_until(self, pattern: str) -> str:
        for line in self.said:
            if found := re.search(pattern, line):
                return found[0]
        raise AssertionError(f"the run ended before it said {pattern!r}")

    @property
    def projects(self) -> list[str]:
        """Return the names of its projects; the containers may be on their way."""
        names = [yaml_name(file) for file in (self.folder / "compose").iterdir()]
        return [*names, "hilfarm-runner-" + names[0].rpartition("-")[2]]


def yaml_name(file: Path) -> str:
    found = re.search("^name: (.*)$", file.read_text("utf-8"), re.MULTILINE)
    assert found is not None
    return found[1]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    one = Run(tmp_path / "run", "--test", TESTS[0])
    yield one
    one.process.kill()
    one.process.wait()
    list(clean(projects=one.projects))


@pytest.mark.parametrize(
    ("number", "moment"),
    [(signal.SIGINT, "0 of 5 containers healthy"), (signal.SIGTERM, "5 of 5 containers healthy")],
)
def test_a_run_that_is_stopped_takes_its_containers_away(run: Run, number: signal.Signals, moment: str) -> None:
    run.read_until(moment)
    assert left_behind(*run.projects)
    run.process.send_signal(number)
    said = run.said.read()
    assert run.process.wait(60) == 130, said
    assert left_behind(*run.projects) == []


def test_what_a_killed_run_leaves_is_removed_by_clean(run: Run) -> None:
    run.read_until("5 of 5 containers healthy")
    run.process.kill()
    run.process.wait()
    assert left_behind(*run.projects)
    mark = run.projects[0].rpartition("-")[2]
    assert owners.runs()[mark].life is owners.Life.DEAD
    code, said = hil("compose", "clean")
    assert (code, left_behind(*run.projects)) == (0, []), said
    assert re.search(r"removed: \d+ containers, \d+ networks, \d+ volumes", said), said
    assert mark not in owners.runs()


VANISHING = """
*** Settings ***
Resource    hil/keywords/farm.resource

*** Test Cases ***
Everything Is Taken Away
    Start Site    mennekes/standalone-excluding
    Log To Console    now
    Evaluate    threading.Event().wait(300)    modules=threading

It Is There Again
    Start Site    mennekes/standalone-excluding
    Get Register    CP1    SIGNALED_CURRENT    ==    0
"""


@pytest.mark.timeout(600)
def test_clean_leaves_a_run_that_lives_and_what_vanishes_is_made_anew(tmp_path: Path) -> None:
    suite = tmp_path / "vanishing.robot"
    suite.write_text(VANISHING, encoding="utf-8")
    run = Run(tmp_path / "run", suite=str(suite))
    try:
        run.read_until("^now")
        code, said = hil("compose", "clean")
        assert code == 0, said
        assert f"run {facts(run.folder)['run']} (alive, " in said
        (runner,) = facts(run.folder)["runners"]
        (site,) = facts(run.folder)["projects"]
        device = docker("ps", "--quiet", "--filter", f"label={PROJECT_LABEL}={site}", "--filter", "name=CP1").split()
        docker("rm", "--force", "--volumes", runner, *device)
        said = run.said.read()
        assert run.process.wait(60) == 3, said
    finally:
        run.process.kill()
        run.process.wait()
        list(clean(projects=run.projects))
    assert "the container of the test runner has vanished: it is made anew" in said
    assert "its containers are made anew, for they could not be mended: CP1: vanished" in said
    assert "1 passed, 1 failed, 0 skipped" in said
    assert facts(run.folder)["runners"] == [runner, f"{runner}.2"]
    assert left_behind(*run.projects) == []


def test_a_container_that_never_gets_healthy_shows_its_last_lines(
    tmp_path: Path, image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its device type is unknown to the image, so the container ends at once."""
    wrong = functools.partial(_with_a_toaster, render.render)
    monkeypatch.setattr("hil.compose.project.render", wrong)
    with (
        pytest.raises(BenchError, match=r"CP\d.*: never got healthy(?s:.*)there is no device type 'toaster'"),
        up.EngineContainers(tmp_path, print).running() as containers,
    ):
        containers.need(load_site("mennekes/car-park"))
    (file,) = (tmp_path / "compose").iterdir()
    assert left_behind(yaml_name(file)) == []


def _with_a_toaster(rendered: Callable[..., str], *args: object, **options: object) -> str:
    return rendered(*args, **options).replace("mennekes_ecu", "toaster")


SITES = """
*** Settings ***
Resource    hil/keywords/farm.resource

*** Test Cases ***
A Car Park Has Its Containers
    Start Site    mennekes/car-park
    Get Register    CP1    SIGNALED_CURRENT    ==    0

A Meter Is Killed, And Paused
    Start Site    mennekes/standalone-excluding
    Get Register    M2    V_L1_N    >    200
    Kill    M2
    Run Keyword And Expect Error    *DeviceSilent*    Get Register    M2    V_L1_N
    Restart    M2
    Get Register    M2    V_L1_N    >    200
    Pause    M2
    Run Keyword And Expect Error    *DeviceSilent*    Get Register    M2    V_L1_N
    Resume    M2
    Get Register    M2    V_L1_N    >    200
    Kill    CP1

What The Test Before Has Killed Is There Again, With Other Settings
    Start Site    mennekes/standalone-excluding    feeders.Q1.fuse.rating_a=50
    Get Register    CP1    SIGNALED_CURRENT    ==    0
"""


@pytest.mark.timeout(600)
def test_a_run_starts_the_sites_that_its_tests_name_and_mends_them(tmp_path: Path) -> None:
    suite = tmp_path / "sites.robot"
    suite.write_text(SITES, encoding="utf-8")
    code, said = hil("run", "--bench", "compose", "--speed", "1", str(suite), "--output", str(tmp_path / "run"))
    assert code == 0, said
    assert "3 passed, 0 failed, 0 skipped" in said
    for site, count in (("car-park", 5), ("standalone-excluding", 4)):
        assert f"mennekes/{site}: {count} of {count} containers healthy" in said
    assert left_behind(*projects(tmp_path / "run")) == []


@pytest.mark.timeout(600)
def test_two_runs_at_once_have_the_traces_of_one_alone(tmp_path: Path) -> None:
    suite = tmp_path / "sites.robot"
    suite.write_text(SITES, encoding="utf-8")
    folders = [tmp_path / "one", tmp_path / "two"]
    tests = ("--test", "A Car Park Has Its Containers", "--test", "What The Test Before Has Killed*")
    words = ("run", "--bench", "compose", *tests, str(suite), "--output")
    code, said = hil(*words, str(tmp_path / "alone"))
    assert code == 0, said
    with ThreadPoolExecutor() as both:
        for code, said in both.map(lambda folder: hil(*words, str(folder)), folders):
            assert code == 0, said
            assert "2 passed, 0 failed, 0 skipped" in said
    used = [one["subnets"]["lan"] for folder in folders for one in facts(folder)["projects"].values()]
    assert len(set(used)) == len(used) == 4  # two sites in each run
    assert len({record(folder)["trace_sha256"] for folder in (tmp_path / "alone", *folders)}) == 1
    for folder in folders:
        assert left_behind(*projects(folder)) == []
        assert {file.name for file in (folder / "compose").iterdir()} == {"car-park.yaml", "standalone-excluding.yaml"}


def test_exact_addresses_are_one_runs_at_a_time_and_a_clash_is_named(tmp_path: Path) -> None:
    docker("network", "create", "--label", f"{LABEL}=test", "--internal", "--subnet", "192.168.0.128/25", "hilfarm-lab")
    words = (
        "run",
        "--bench",
        "compose",
        "--exact-addresses",
        "--test",
        "A Car Park Has Its Containers",
    )
    suite = tmp_path / "sites.robot"
    suite.write_text(SITES, encoding="utf-8")
    try:
        code, said = hil(*words, "--output", str(tmp_path / "clash"), str(suite))
    finally:
        docker("network", "rm", "hilfarm-lab")
    assert code == 3, said
    assert "192.168.0.0/24 is in use by the engine's network hilfarm-lab (192.168.0.128/25)" in said
    code, said = hil(*words, "--output", str(tmp_path / "free"), str(suite))
    assert code == 0, said
    (found,) = facts(tmp_path / "free")["projects"].values()
    assert found["subnets"] == {"lan": "192.168.0.0/24"}


def test_up_keeps_a_site_in_containers_until_ctrl_c(tmp_path: Path) -> None:
    with Up(tmp_path, "mennekes/standalone-excluding", "--bench", "compose", "--speed", "2", ready_real_s=120) as farm:
        assert farm.endpoints["bench"] == "compose"
        at = farm.endpoints["devices"]["CP1"]["modbus"]
        assert (at["host"].split(".")[-1], at["port"]) == ("11", 502)
        assert farm.register("CP1", SIGNALLED) == 0
        assert farm.ask("POST", "/v1/plug", {"point": "CP1", "phases": 3, "max_current_a": 16.0}) == (200, {"ok": True})
        farm.until("CP1 charges", lambda now: now["points"]["CP1"]["current_a"] == [16.0, 16.0, 16.0])
        assert farm.register("CP1", SIGNALLED) == 32
        (file,) = (tmp_path / "results" / "latest" / "compose").iterdir()
        assert left_behind(yaml_name(file))
        assert farm.end() == 0, farm.text
    assert left_behind(yaml_name(file)) == []
