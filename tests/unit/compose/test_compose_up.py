"""Which containers a run keeps, and when it takes them away; the engine here is a script of the test's."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from hil.compose import project as projects
from hil.compose import runner, up
from hil.compose.plan import Plan
from hil.compose.project import Project
from hil.compose.up import EngineContainers
from hil.errors import BenchError
from hil.run.session import build_site
from hil.site import Site, load_site

SITES = ("mennekes/car-park", "mennekes/two-networks", "mennekes/standalone-excluding", "alfen/four-houses")


class Bench:
    """Containers without an engine: what would be started and taken away is noted."""

    def __init__(self, folder: Path, memory: Path) -> None:
        self.memory, self.said = memory, list[str]()
        self.done: list[str] = []
        self.containers = EngineContainers(folder, self.said.append)

    def memory_mb(self, megabytes: int) -> None:
        self.memory.write_text(f"{megabytes * 1_000_000}")

    def need(self, ref: str, **overrides: str) -> list[str]:
        """Need a site, and return what the engine had to do for it."""
        self.done.clear()
        self.containers.need(build_site(ref, overrides))
        return list(self.done)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    binaries, memory = tmp_path / "bin", tmp_path / "memory"
    binaries.mkdir()
    script = binaries / "docker"
    script.write_text(f"#!/bin/sh\nexec /bin/cat {memory}\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", str(binaries))
    one = Bench(tmp_path, memory)
    one.memory_mb(64_000)

    def start(project: Project, *, exact: bool) -> None:
        project.subnets = {"lan": IPv4Network("198.18.0.0/24")}
        one.done.append(f"+{project.name.rpartition('-')[0]}")

    monkeypatch.setattr(Project, "start", start)
    monkeypatch.setattr(Project, "mend", lambda project: one.done.append(f"={project.name.rpartition('-')[0]}"))
    monkeypatch.setattr(Project, "down", lambda project: one.done.append(f"-{project.name.rpartition('-')[0]}"))
    monkeypatch.setattr(Project, "keep_logs", lambda project, folder: None)
    monkeypatch.setattr(one.containers, "_image", "x", raising=False)
    monkeypatch.setattr(one.containers, "_facts", {"projects": {}})
    return one


def test_a_site_of_the_same_shape_has_the_containers_of_the_test_before(bench: Bench) -> None:
    assert bench.need("mennekes/car-park") == ["+hilfarm-car-park"]
    settings = {"feeders.F3.fuse.rating_a": "50", "devices.CP1.parameters.Disconnected Limit [A]": "10"}
    assert bench.need("mennekes/car-park", **settings) == ["=hilfarm-car-park"]
    assert bench.need("mennekes/car-park", **{"devices.CP2.address": "192.168.0.99"}) == ["+hilfarm-car-park-2"]
    assert bench.need("mennekes/car-park") == ["=hilfarm-car-park"]


def test_the_least_recently_used_containers_make_room(bench: Bench) -> None:
    for ref in SITES:
        assert bench.need(ref) == [f"+hilfarm-{Path(ref).name}"]
    assert bench.need(SITES[0]) == ["=hilfarm-car-park"]
    assert bench.need("mennekes/meter-excluding") == ["-hilfarm-two-networks", "+hilfarm-meter-excluding"]
    assert bench.said == ["mennekes/two-networks: its containers make room"]


def test_memory_makes_room_too_and_a_site_that_is_larger_is_refused(bench: Bench) -> None:
    bench.memory_mb(up.RUNNER_MB + 6 * up.DEVICE_MB)
    assert bench.need("mennekes/car-park") == ["+hilfarm-car-park"]
    assert bench.need("mennekes/standalone-excluding") == ["-hilfarm-car-park", "+hilfarm-standalone-excluding"]
    bench.memory_mb(up.RUNNER_MB + 5 * up.DEVICE_MB - 1)
    with pytest.raises(
        BenchError, match=r"site car-park: the containers of 4 devices need about 812 MB, the engine has 811 MB"
    ):
        bench.need("mennekes/car-park")
    assert bench.done == []


def test_what_did_not_start_is_removed_and_tried_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    starting = Project.start

    def fail(project: Project, *, exact: bool) -> None:
        raise BenchError("no room in the sky")

    monkeypatch.setattr(Project, "start", fail)
    with pytest.raises(BenchError, match="no room in the sky"):
        bench.need("mennekes/car-park")
    assert bench.done == ["-hilfarm-car-park"]
    monkeypatch.setattr(Project, "start", starting)
    assert bench.need("mennekes/car-park") == ["+hilfarm-car-park-2"]


def test_what_cannot_be_mended_is_made_anew(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.need("mennekes/car-park")

    def fail(project: Project) -> None:
        raise BenchError("CP1 has gone")

    monkeypatch.setattr(Project, "mend", fail)
    assert bench.need("mennekes/car-park") == ["-hilfarm-car-park", "+hilfarm-car-park-2"]
    assert bench.said == ["mennekes/car-park: its containers are made anew, for they could not be mended: CP1 has gone"]


def test_the_run_folder_says_what_was_started(bench: Bench, tmp_path: Path) -> None:
    bench.need("mennekes/car-park")
    (found,) = json.loads((tmp_path / "compose.json").read_text(encoding="utf-8"))["projects"].values()
    assert found == {"site": "mennekes/car-park", "file": "compose/car-park.yaml", "subnets": {"lan": "198.18.0.0/24"}}


def test_a_subnet_that_somebody_takes_meanwhile_is_left_to_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = [{}, {IPv4Network("198.18.0.0/24"): "another run's network"}]
    monkeypatch.setattr(projects, "subnets_in_use", lambda: taken.pop(0))
    tried: list[str] = []

    def run(command: Sequence[str], **settings: object) -> str:  # some builds of Compose end with 0 even then
        tried.append(str(one.subnets["lan"]))
        return "Pool overlaps with other one on this address space" if len(tried) == 1 else ""

    services = ["CP1", "CP2", "CP3", "CP4", "hil-conductor"]
    monkeypatch.setattr(projects, "compose_command", lambda: ("compose",))
    monkeypatch.setattr(projects, "run", run)
    monkeypatch.setattr(Project, "_states", lambda _: dict.fromkeys(services if len(tried) > 1 else [], "healthy"))
    site: Site = load_site("mennekes/car-park")
    file = tmp_path / "car-park.yaml"
    one = Project(site, "p", file, variables={}, say=print, ending=up.threading.Event())
    one.start(exact=False)
    assert tried == ["198.18.0.0/24", "198.18.1.0/24"]
    assert "198.18.1.11" in file.read_text(encoding="utf-8")


def test_a_container_that_has_vanished_is_no_healthy_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there = dict.fromkeys(("CP1", "CP2", "CP3", "CP4", "hil-conductor"), "healthy")
    monkeypatch.setattr(projects, "subnets_in_use", dict)
    monkeypatch.setattr(Project, "_compose", lambda *_words, **_more: "")
    monkeypatch.setattr(Project, "_states", lambda _: dict(there))
    one = Project(
        load_site("mennekes/car-park"), "p", tmp_path / "f", variables={}, say=print, ending=threading.Event()
    )
    one.start(exact=False)
    one.mend()
    del there["CP2"]
    with pytest.raises(BenchError, match="CP2: vanished"):
        one.mend()


def test_a_runner_that_has_vanished_is_made_anew_and_joins_the_sites(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    usable: set[str] = set()
    joined: list[str] = []

    def make(name: str, *_: object, **_more: object) -> str:
        made.append(name)
        usable.add(name)
        return name

    def docker(*words: str) -> str:
        if words[:2] == ("network", "connect"):
            joined.append(words[-1])
        return "64000000000"

    monkeypatch.setattr(up, "docker", docker)
    monkeypatch.setattr(up, "make_runner", make)
    monkeypatch.setattr(up, "is_usable", usable.__contains__)
    monkeypatch.setattr(up, "subnets_in_use", dict)
    monkeypatch.setattr(
        Project, "plan", Plan(load_site(SITES[0]), {"lan": IPv4Network("198.18.0.0/24")}), raising=False
    )
    bench.need(SITES[0])
    with bench.containers.runner({}, ()) as command:
        first = command()
        assert command() == first == ("docker", "start", "--attach", "--interactive", made[0])
        usable.clear()
        assert command()[-1] == made[1] == f"{made[0]}.2"
    assert joined == made
    assert bench.said[-1] == "the container of the test runner has vanished: it is made anew"
    assert json.loads((tmp_path / "compose.json").read_text(encoding="utf-8"))["runners"] == made


@pytest.mark.parametrize(
    ("says", "usable"),
    [("running false", True), ("created false", True), ("exited false", True), ("removing false", False),
     ("dead true", False), ("exited true", False), ("", False)],
)  # fmt: skip
def test_a_runner_on_its_way_out_is_not_started(monkeypatch: pytest.MonkeyPatch, says: str, usable: bool) -> None:
    def docker(*_: str) -> str:
        if not says:
            raise BenchError("no such container")
        return says

    monkeypatch.setattr(runner, "docker", docker)
    assert runner.is_usable("x") is usable
