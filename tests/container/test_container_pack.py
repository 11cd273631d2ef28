"""Several devices in a container: each at its own address, with the verdicts and traces of one container each."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from hil.compose.engine import docker
from hil.compose.plan import Plan
from hil.compose.render import CONDUCTOR
from hil.compose.up import EngineContainers
from hil.process.control import PORT
from hil.run.session import build_site
from hil.site import Site

from .runs import SUITE, as_fast_as_it_keeps_up, hil, settled

pytestmark = [pytest.mark.docker, pytest.mark.slow]

TEST = ("--test", "The Limits Are Set In The Master And The Satellites Follow")
POINTS = ("CP1", "CP2", "CP3", "CP4")
CONNECT_REAL_S = 5.0


@pytest.fixture
def site(tmp_path: Path) -> str:
    """Return the file of a car park in two containers and a half: three points share one."""
    file = tmp_path / "car-park.yaml"
    file.write_text("include: mennekes/car-park\nsite: car-park\npack: 3\n", encoding="utf-8")
    return str(file)


def lines(folder: Path) -> list[str]:
    """Return the lines of a run's one trace after the header, sorted: within an instant their order may differ."""
    (record,) = (folder / "trace" / "index.jsonl").read_text(encoding="utf-8").splitlines()
    return sorted((folder / "trace" / json.loads(record)["file"]).read_text(encoding="utf-8").splitlines()[1:])


@pytest.mark.timeout(900)
def test_lock_step_traces_are_those_of_a_container_each(tmp_path: Path, site: str) -> None:
    alone, packed = tmp_path / "alone", tmp_path / "packed"
    code, said = hil("run", "--bench", "compose", *TEST, "--output", str(alone), SUITE)
    assert code == 0, said
    code, said = hil("run", "--bench", "compose", "--site", site, *TEST, "--output", str(packed), SUITE)
    assert code == 0, said
    assert "4 of 4 containers healthy" in said  # CP1, its addresses, CP4 and the conductor
    assert len(lines(packed)) > 50
    assert lines(packed) == lines(alone)
    names = {file.stem for file in (packed / "containers" / "car-park").iterdir()}
    assert names == {CONDUCTOR, "CP1", "CP1.addresses", "CP4"}


@pytest.mark.timeout(900)
def test_in_scaled_time_broadcasts_reach_all_of_a_container(tmp_path: Path, site: str) -> None:
    code, said = hil("run", *TEST, "--output", str(tmp_path / "embedded"), SUITE)
    assert code == 0, said
    code, said, folder = as_fast_as_it_keeps_up(tmp_path, "--bench", "compose", "--site", site, *TEST)
    assert code == 0, said
    assert settled(folder) == settled(tmp_path / "embedded")


def reached(site: Site, containers: EngineContainers) -> list[str]:
    """Return which points have their control port at their own address, seen from this machine."""
    plan, found = Plan(site, containers.need(site)), []
    for name in POINTS:
        with socket.socket() as sock:
            sock.settimeout(CONNECT_REAL_S)
            if sock.connect_ex((plan.addresses[name], PORT)) == 0:
                found.append(name)
    return found


@pytest.mark.timeout(300)
def test_addresses_are_there_again_when_the_container_is_and_no_guest_gets_them(tmp_path: Path) -> None:
    site = build_site("mennekes/car-park", {"pack": "3"})
    with EngineContainers(tmp_path, print).running() as containers:
        assert reached(site, containers) == [*POINTS]
        ((project, facts),) = containers.facts["projects"].items()  # type: ignore[attr-defined]
        (container,) = docker("ps", "--quiet", "--filter", f"name={project}-CP1-1").split()
        docker("kill", container)
        assert reached(site, containers) == [*POINTS]  # mended: started again, and so is what adds the addresses
        assert docker("exec", container, "grep", "CapEff", "/proc/1/status").split() == ["CapEff:", "0" * 16]
        network = json.loads(docker("network", "inspect", f"{project}_lan"))[0]
        kept = network["IPAM"]["Config"][0]["AuxiliaryAddresses"]
        assert kept == {name: Plan(site, containers.need(site)).addresses[name] for name in ("CP2", "CP3")}
        assert network["IPAM"]["Config"][0]["Subnet"] == facts["subnets"]["lan"]
