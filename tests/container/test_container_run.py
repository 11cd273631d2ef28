"""Suites on containers: the same verdicts and settled values as embedded, and nothing left behind, however it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from hil.compose import up
from hil.compose.engine import LABEL, PROJECT_LABEL, clean, docker
from hil.compose.image import Image, ensure
from hil.errors import BenchError
from hil.site import load_site
from hil.trace import read_trace

pytestmark = [pytest.mark.docker, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
SUITE = "robot/suites/mennekes/car_park.robot"
TESTS = (
    "One Phase And Three Phase Vehicles Share L1",
    "The Limits Are Set In The Master And The Satellites Follow",
    "Several Stations Share What The Operator Allows On Their Common Connection",
)
SPEEDS = ("10", "5", "2")  #: A machine that cannot keep up says so, and takes the next.


@pytest.fixture(scope="module", autouse=True)
def image() -> Image:
    """Return the image: the first run on a machine builds it, which takes minutes."""
    return ensure(print)


def left_behind(project: str) -> list[str]:
    mark = ("--filter", f"label={PROJECT_LABEL}={project}", "--quiet")
    return docker("ps", "--all", *mark).split() + [
        name for kind in ("network", "volume") for name in docker(kind, "ls", *mark).split()
    ]


def hil(*words: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "hil", *words], cwd=ROOT, capture_output=True, text=True, check=False, timeout=600
    )
    return done.returncode, done.stdout + done.stderr


def settled(folder: Path) -> dict[str, dict[str, tuple[float, str]]]:
    """Return what each point signalled last in each test, and which limit decided."""
    found = {}
    for line in (folder / "trace" / "index.jsonl").read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        events = read_trace(folder / "trace" / record["file"]).events
        found[record["test"]] = {
            str(event["who"]): (event["current_a"], event["binding"])
            for event in events
            if event["event"] == "signalled"
        }
    return found


@pytest.mark.timeout(900)
def test_scaled_time_on_containers_settles_where_the_embedded_bench_does(tmp_path: Path) -> None:
    tests = [word for test in TESTS for word in ("--test", test)]
    code, said = hil("run", *tests, "--output", str(tmp_path / "embedded"), SUITE)
    assert code == 0, said
    for speed in SPEEDS:
        folder = tmp_path / f"x{speed}"
        compose = ("--bench", "compose", "--site", "mennekes/car-park", "--speed", speed)
        code, said = hil("run", *compose, *tests, "--output", str(folder), SUITE)
        if "the machine could not keep up" not in said:
            break
        assert code == 3, said  # never green
    assert code == 0, said
    assert "4 of 4 containers healthy" in said
    assert "3 passed, 0 failed, 0 skipped" in said
    here, there = settled(tmp_path / "embedded"), settled(folder)
    assert len(here) == 3
    assert all(points.keys() == {"CP1", "CP2", "CP3", "CP4"} for points in here.values())
    assert there == here
    facts = json.loads((folder / "compose.json").read_text(encoding="utf-8"))
    assert left_behind(facts["project"]) == []
    logs = folder / "containers"
    assert {file.name for file in logs.iterdir()} == {f"CP{number}.log" for number in (1, 2, 3, 4)}
    assert "CP3 waits for a bench" in (logs / "CP3.log").read_text(encoding="utf-8")


def test_nothing_is_rebuilt_that_has_not_changed(image: Image) -> None:
    again = ensure(print)
    assert (again.tag, again.built) == (image.tag, False)
    assert docker("image", "inspect", "--format", f'{{{{index .Config.Labels "{LABEL}"}}}}', image.tag).strip()


class Run:
    """A run on containers, in a process that tests end in their ways."""

    def __init__(self, folder: Path, *words: str) -> None:
        self.folder = folder
        self.process = subprocess.Popen(
            [
                sys.executable, "-m", "hil", "run", "--bench", "compose", "--site", "mennekes/car-park",
                "--speed", SPEEDS[-1], "--test", TESTS[0], "--output", str(folder), *words, SUITE,
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
    def project(self) -> str:
        return str(re.search("^name: (.*)$", (self.folder / "compose.yaml").read_text("utf-8"), re.MULTILINE)[1])  # type: ignore[index]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    one = Run(tmp_path / "run")
    yield one
    one.process.kill()
    one.process.wait()
    list(clean(project=one.project))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("moment", ["0 of 4 containers healthy", "4 of 4 containers healthy"])
def test_a_run_that_is_stopped_takes_its_containers_away(run: Run, number: signal.Signals, moment: str) -> None:
    run.read_until(moment)
    assert left_behind(run.project)
    run.process.send_signal(number)
    said = run.said.read()
    assert run.process.wait(60) == 130, said
    assert left_behind(run.project) == []


def test_what_a_killed_run_leaves_is_removed_by_clean(run: Run) -> None:
    run.read_until("4 of 4 containers healthy")
    run.process.kill()
    run.process.wait()
    assert left_behind(run.project)
    code, said = hil("compose", "clean", "--project", run.project)
    assert (code, left_behind(run.project)) == (0, []), said
    assert re.search("removed: [45] containers, 1 networks, 4 volumes", said), said


def test_a_container_that_never_gets_healthy_shows_its_last_lines(
    tmp_path: Path, image: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its device type is unknown to the image, so the container ends at once."""
    site = load_site("mennekes/car-park")
    written = up.render(site, up.Plan(site, up.choose_subnets(site)), ref="x")
    monkeypatch.setattr(up, "render", lambda *_, name, **__: written.replace("mennekes_ecu", "toaster").replace(
        "name: hilfarm-car-park", f"name: {name}"))  # fmt: skip
    containers = up.Containers(site=site, ref="x", folder=tmp_path, settings={}, visible=(), say=lambda _: None)
    with (
        pytest.raises(BenchError, match=r"CP\d.*: never got healthy(?s:.*)there is no device type 'toaster'"),
        containers.running(keep=False),
    ):
        pass
    name = re.search("^name: (.*)$", (tmp_path / "compose.yaml").read_text("utf-8"), re.MULTILINE)
    assert name is not None
    assert left_behind(name[1]) == []
