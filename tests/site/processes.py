"""Devices and conductors in processes of their own on loopback: the compose bench without an engine."""

from __future__ import annotations

import ipaddress
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from hil.bench.addresses import Slot
from hil.compose.plan import Plan
from hil.compose.requests import SOCKET, RequestServer
from hil.process.containers import Act
from hil.site import Site

ROOT = Path(__file__).parents[2]
TOKEN = "a token of this test"

Process = subprocess.Popen[str]


def launch(*words: str) -> Process:
    return subprocess.Popen(
        [sys.executable, "-m", "hil", *words],
        env={**os.environ, "HIL_TOKEN": TOKEN, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def end(process: Process) -> None:
    process.kill()
    process.communicate()


class SiteProcesses:
    """The processes of one site, on addresses of a slot of their own."""

    def __init__(self, site: Site) -> None:
        self.slot = Slot()
        self.subnets = {
            name: ipaddress.IPv4Network(f"127.{self.slot.number}.{number}.0/24")
            for number, name in enumerate(site.networks, 1)
        }
        self.plan = Plan(site, self.subnets)
        self._settings = TemporaryDirectory(prefix="hilfarm-settings-")
        seats = site.seats
        self.types = {name: spec.type for name, spec in seats.items()}
        self.running: dict[str, Process] = {}  # by who is first in it
        for pack in self.plan.containers:
            if seats[pack[0]].seat != "real":
                self.start(pack[0])
        for name in self.running:
            self.wait_for(name)

    def start(self, name: str) -> None:
        if name in self.plan.hidden:
            address, to = self.plan.addresses[name], self.plan.hidden[name]
            words = [self.types[name], "--name", name, "--host", address, "--to", to]
            self.running[name] = launch("proxy", *words)
            return
        pack = self.plan.packs[name]
        words = [f"{one}={self.types[one]}" for one in pack]
        words += [word for one in pack for word in ("--host", self.plan.addresses[one])]
        self.running[name] = launch("device", *words, "--settings", self._settings.name)

    def wait_for(self, name: str) -> None:
        said = self.running[name].stdout
        assert said is not None
        assert said.readline().startswith(", ".join(self.plan.packs[name]) + " wait")

    def close(self) -> None:
        for process in self.running.values():
            end(process)
        self._settings.cleanup()
        self.slot.release()


class Processes:
    """What a run has instead of an engine (``hil.process.containers.Containers``): signals kill, pause and resume.

    Attributes:
        settings: What the runner's environment needs.
    """

    on_host = False
    MOST_SITES = 4

    def __init__(self) -> None:
        self.conductor = launch("conductor", "--port", "0")
        assert self.conductor.stdout is not None
        port = self.conductor.stdout.readline().split()[-1]
        self.requests = RequestServer(self)
        self.settings = {
            "HIL_BENCH": "compose",
            "HIL_TOKEN": TOKEN,
            "HIL_HOST": str(self.requests.folder / SOCKET),
            "HIL_CONDUCTOR_PORT": port,
        }
        self._sites: dict[str, SiteProcesses] = {}  # by shape, the least recently used first

    @property
    def last(self) -> SiteProcesses:
        """The processes of the site that was needed last."""
        return list(self._sites.values())[-1]

    def need(self, site: Site) -> Mapping[str, ipaddress.IPv4Network]:
        seats = site.seats
        each = [(name, one.type, one.address, one.seat) for name, one in seats.items()]
        shape = repr((sorted(site.networks.items()), each, site.pack))
        found = self._sites.pop(shape, None)
        if found is None:
            while len(self._sites) >= self.MOST_SITES:
                self._sites.pop(next(iter(self._sites))).close()
            found = SiteProcesses(site)
        self._sites[shape] = found
        for name, process in found.running.items():
            if process.poll() is not None:
                found.start(name)
                found.wait_for(name)
        return found.subnets

    def act(self, what: Act, device: str) -> None:
        process = self.last.running[device]
        match what:
            case "kill":
                process.kill()
                process.wait()
            case "start":
                self.last.start(device)
                self.last.wait_for(device)
            case "pause":
                process.send_signal(signal.SIGSTOP)
            case "resume":
                process.send_signal(signal.SIGCONT)

    def choose(self, monkeypatch: pytest.MonkeyPatch, folder: Path, *, speed: str) -> None:
        """Let sessions run on these processes, their runs in a folder."""
        for name, value in {**self.settings, "HIL_RUN_DIR": str(folder), "HIL_SPEED": speed}.items():
            monkeypatch.setenv(name, value)

    def close(self) -> None:
        """End all of them."""
        self.requests.close()
        for one in self._sites.values():
            one.close()
        end(self.conductor)
