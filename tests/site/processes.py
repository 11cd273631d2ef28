"""A site's devices and conductor in processes of their own on loopback: the compose bench without an engine."""

from __future__ import annotations

import ipaddress
import json
import os
import subprocess
import sys
from pathlib import Path

from hil.bench.addresses import Slot
from hil.compose.plan import Plan
from hil.site import Site

ROOT = Path(__file__).parents[2]
TOKEN = "a token of this test"


class Processes:
    """The processes of a site, on addresses of a slot of their own.

    Attributes:
        running: Each process by the name of its device.
        settings: What the runner's environment needs.
    """

    def __init__(self, site: Site) -> None:
        self.slot = Slot()
        self.subnets = {
            name: ipaddress.IPv4Network(f"127.{self.slot.number}.{number}.0/24")
            for number, name in enumerate(site.networks, 1)
        }
        self.plan = Plan(site, self.subnets)
        self.running: dict[str, subprocess.Popen[str]] = {}
        self.conductor = self._start("conductor", "--port", "0")
        assert self.conductor.stdout is not None
        port = self.conductor.stdout.readline().split()[-1]
        for name, spec in {**site.meters, **site.devices}.items():
            self.running[name] = self._start("device", spec.type, "--name", name, "--host", self.plan.addresses[name])
        for name, process in self.running.items():
            assert process.stdout is not None
            assert process.stdout.readline().startswith(f"{name} waits for a bench")
        self.settings = {
            "HIL_BENCH": "compose",
            "HIL_TOKEN": TOKEN,
            "HIL_SUBNETS": json.dumps({name: str(one) for name, one in self.subnets.items()}),
            "HIL_CONDUCTOR_PORT": port,
        }

    def close(self) -> None:
        """End all of them."""
        for process in (*self.running.values(), self.conductor):
            process.kill()
            process.communicate()
        self.slot.release()

    @staticmethod
    def _start(*words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "hil", *words],
            env={**os.environ, "HIL_TOKEN": TOKEN, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
