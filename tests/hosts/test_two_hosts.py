"""A site on two hosts: a second engine with a network, a name and a monotonic clock of its own, on this machine."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from hil.clock import FarmLoop
from hil.compose import engine, swarm
from hil.compose.image import ensure
from hil.compose.stack import RELAY
from hil.errors import BenchError
from tests.container.runs import SUITE, as_fast_as_it_keeps_up, hil, settled

pytestmark = [pytest.mark.docker, pytest.mark.slow]

TEST = ("--test", "Several Stations Share What The Operator Allows On Their Common Connection")
NAME = "hilfarm-host-2"
HERE, THERE = "198.19.255.1", "198.19.255.2"
AHEAD_S = 5000
READY_REAL_S, LOOK_REAL_S = 60, 0.5
BRIDGE = "docker_gwbridge"  #: Made by `docker swarm init`, and left by `docker swarm leave`.
NEEDED = ("ip", "unshare", "nsenter", "dockerd")


class SecondHost:
    """An engine in namespaces of its own: network, host name, time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        known = Path("/etc/docker/daemon.json")
        settings = json.loads(known.read_text("utf-8")) if known.exists() else {}
        settings = {key: value for key, value in settings.items() if key not in ("hosts", "containerd", "pidfile")}
        (folder / "daemon.json").write_text(json.dumps({**settings, "data-root": str(folder / "data")}))
        words = [
            "dockerd", "--config-file", f"{folder}/daemon.json", "--exec-root", f"{folder}/run",
            "--pidfile", f"{folder}/pid", "--host", f"unix://{folder}/sock", "--cgroup-parent", f"/{NAME}",
            "--containerd-namespace", NAME, "--containerd-plugins-namespace", f"{NAME}-plugins",
        ]  # fmt: skip
        inside = f"hostname {NAME} && exec nsenter --net=/var/run/netns/{NAME} {' '.join(words)}"
        with (folder / "log").open("w") as log:
            self.process = subprocess.Popen(
                ["unshare", "--uts", "--time", "--monotonic", str(AHEAD_S), "--fork", "sh", "-c", inside],
                stdout=log, stderr=log,
            )  # fmt: skip

    def docker(self, *words: str) -> str:
        return engine.docker("--host", f"unix://{self.folder}/sock", *words)

    def wait(self) -> None:
        for _ in range(round(READY_REAL_S / LOOK_REAL_S)):
            with suppress(BenchError):
                self.docker("version")
                return
            if self.process.poll() is not None:
                break
            threading.Event().wait(LOOK_REAL_S)
        pytest.skip("no second engine: " + "".join((self.folder / "log").read_text().splitlines()[-1:]))

    def close(self) -> None:
        if self.process.poll() is None and (self.folder / "pid").exists():
            with suppress(BenchError):
                self.docker("swarm", "leave", "--force")
            subprocess.run(["kill", (self.folder / "pid").read_text()], check=False)
        else:
            self.process.kill()
        self.process.wait(60)


def run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True, text=True)


@pytest.fixture(scope="module")
def second_host() -> Iterator[SecondHost]:
    """Return a worker of a swarm of two; skip where a machine does not let one make it."""
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if os.geteuid() or missing:
        pytest.skip(f"a second engine needs root, and {', '.join(NEEDED)}")
    if engine.docker("info", "--format", "{{.Swarm.LocalNodeState}}").strip() != "inactive":
        pytest.skip("the engine is in a swarm already")
    ensure(print)
    had_bridge = bool(engine.docker("network", "ls", "--quiet", "--filter", f"name=^{BRIDGE}$").strip())
    with ExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hilfarm-", dir="/tmp")))
        try:
            run("ip", "netns", "add", NAME)
            stack.callback(run, "ip", "netns", "del", NAME)  # takes both ends of the cable away
            run("ip", "link", "add", "hilfarm-a", "type", "veth", "peer", "name", "hilfarm-b", "netns", NAME)
            run("ip", "addr", "add", f"{HERE}/30", "dev", "hilfarm-a")
            run("ip", "link", "set", "hilfarm-a", "up")
            run("ip", "-n", NAME, "addr", "add", f"{THERE}/30", "dev", "hilfarm-b")
            run("ip", "-n", NAME, "link", "set", "hilfarm-b", "up")
            run("ip", "-n", NAME, "link", "set", "lo", "up")
        except subprocess.CalledProcessError as error:
            pytest.skip(f"no second network: {error.stderr}")
        host = SecondHost(place)
        stack.callback(host.close)
        host.wait()
        if not had_bridge:
            stack.callback(engine.docker, "network", "rm", BRIDGE)
        engine.docker("swarm", "init", "--advertise-addr", HERE)
        stack.callback(engine.docker, "swarm", "leave", "--force")
        host.docker("swarm", "join", "--token", engine.docker("swarm", "join-token", "--quiet", "worker").strip(), HERE)
        engine.docker("node", "update", "--label-add", f"hilfarm={NAME}", NAME)
        yield host
        assert swarm.stacks() == []


@pytest.mark.timeout(900)
def test_a_host_without_the_image_is_named_then_a_site_spreads_over_both(
    second_host: SecondHost, tmp_path: Path
) -> None:
    image = ensure(print).tag
    bench = ("--bench", "swarm", "--site", "mennekes/car-park", "--place", f"CP2={NAME}", "--place", f"CP4={NAME}")
    code, said = hil("run", *bench, "--speed", "2", *TEST, "--output", str(tmp_path / "without"), SUITE)
    assert code == 3, said
    assert f"Give it to the host: docker save {image} | ssh {NAME} docker load" in said

    archive = second_host.folder / "image.tar"
    engine.docker("save", "--output", str(archive), image)
    second_host.docker("load", "--input", str(archive))
    there_s = float(second_host.docker("run", "--rm", image, "python", "-c", "import time; print(time.monotonic())"))
    assert there_s - FarmLoop.real_s() == pytest.approx(AHEAD_S, abs=60)

    code, said = hil("run", *TEST, "--output", str(tmp_path / "embedded"), SUITE)
    assert code == 0, said
    code, said, folder = as_fast_as_it_keeps_up(tmp_path, *bench, *TEST)
    assert code == 0, said
    assert "5 of 5 services running on 2 hosts" in said
    nodes = json.loads((folder / "stack.json").read_text("utf-8"))["nodes"]
    assert {name for name, node in nodes.items() if node == NAME} >= {"CP2", "CP4"}
    assert {*nodes} == {RELAY, "CP1", "CP2", "CP3", "CP4"}
    assert settled(folder) == settled(tmp_path / "embedded")
    off_s = {
        event["who"]: abs(event["t_ns"] - event["device_ns"]) / 1e9
        for file in (folder / "trace").glob("*.jsonl")
        for line in file.read_text("utf-8").splitlines()
        if "device_ns" in (event := json.loads(line))
    }
    assert set(off_s) == {"CP1", "CP2", "CP3", "CP4"}
    assert max(off_s.values()) < 1, "their clocks are 5000 s apart"
