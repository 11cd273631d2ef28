"""Looks for what a machine lacks before a run finds out, and says how to fix it."""

from __future__ import annotations

import os
import pty
import resource
import shutil
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Final

from hil.bench.addresses import LOW_PORT, LOW_PORT_FIX, LOW_PORTS_ELSEWHERE, may_bind_low_ports
from hil.clock.private import TESTED_PYTHONS, tested_pythons
from hil.compose.engine import COMPOSE_FIX, EngineMissing, compose_command

DEVICES: Final = Path("/dev")
SERIAL_PORTS: Final = ("ttyUSB*", "ttyACM*", "ttyAMA*")  #: Where cables to real meters and stations show up.
NEEDED_OPEN_FILES: Final = 4096  #: A hundred devices with their clients, twice.


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: What.
        ok: Whether it is as it should be.
        text: What was found.
        fix: What to do when it is not.
    """

    name: str
    ok: bool
    text: str
    fix: str = ""

    def __str__(self) -> str:
        head = f"{'ok  ' if self.ok else 'warn'}  {self.name:<14} {self.text}"
        return head if self.ok or not self.fix else f"{head}\n{'':21}fix: {self.fix}"


def examine() -> list[Check]:
    """Return every finding, in a fixed order; no check needs a right or leaves anything behind."""
    checks: tuple[Callable[[], Check], ...] = (
        _python,
        _installed,
        _linux,
        _loopback,
        _low_ports,
        _open_files,
        _ptys,
        _serial_ports,
        _engine,
        _compose,
    )
    return [check() for check in checks]


def _python() -> Check:
    version = sys.version.split()[0]
    is_tested = tuple(sys.version_info[:2]) in TESTED_PYTHONS  # the clock refuses any other
    return Check("Python", is_tested, version, f"install Python {' or '.join(tested_pythons())}, then `make demo`")


def _installed() -> Check:
    where = f"{sys.prefix}" if sys.prefix != sys.base_prefix else "no virtual environment"
    try:
        version = metadata.version("hilfarm")
    except metadata.PackageNotFoundError:
        return Check("environment", False, f"hilfarm is not installed ({where})", "`make demo` sets up .venv")
    return Check("environment", sys.prefix != sys.base_prefix, f"hilfarm {version} in {where}", "use .venv/bin/hil")


def _linux() -> Check:
    return Check("system", sys.platform == "linux", sys.platform, "run on Linux: each device needs its own 127.x.y.z")


def _loopback() -> Check:
    try:
        with socket.socket() as one:
            one.bind(("127.77.1.11", 0))
    except OSError as error:
        return Check("loopback", False, f"127.77.1.11: {error.strerror}", "bring lo up with 127.0.0.1/8")
    return Check("loopback", True, "every 127.x.y.z can be bound")


def _low_ports() -> Check:
    if not may_bind_low_ports():
        return Check("low ports", False, LOW_PORTS_ELSEWHERE, LOW_PORT_FIX)
    return Check("low ports", True, f"port {LOW_PORT} can be bound")


def _open_files() -> Check:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = soft == resource.RLIM_INFINITY or soft >= NEEDED_OPEN_FILES
    limit = "unlimited" if soft == resource.RLIM_INFINITY else str(soft)
    fix = f"`ulimit -n {NEEDED_OPEN_FILES}` in this shell (large sites need so many)"
    if hard != resource.RLIM_INFINITY and hard < NEEDED_OPEN_FILES:  # what a shell may not raise again
        fix = (
            f"the hard limit is {hard}: a new shell may have more; otherwise `* hard nofile {NEEDED_OPEN_FILES}` in "
            "/etc/security/limits.conf, or LimitNOFILE of the service"
        )
    return Check("open files", enough, limit, fix)


def _ptys() -> Check:
    try:
        ours, theirs = pty.openpty()
    except OSError as error:
        return Check("ptys", False, str(error), "mount devpts: serial lines are pseudo-terminals")
    os.close(ours)
    os.close(theirs)
    return Check("ptys", True, "serial lines can be emulated")


def _serial_ports() -> Check:
    ports = sorted(port for pattern in SERIAL_PORTS for port in DEVICES.glob(pattern))
    if not ports:
        return Check("serial ports", True, "no real one here: needed only for a real reader of a P1 meter")
    closed = [port for port in ports if not os.access(port, os.R_OK | os.W_OK)]
    if closed:
        text = f"may not be opened: {', '.join(map(str, closed))}"
        try:
            group = closed[0].group()
        except KeyError:  # a number that has no name here
            group = "dialout"
        return Check("serial ports", False, text, f"sudo usermod -aG {group} $USER, then log in again")
    return Check("serial ports", True, ", ".join(map(str, ports)))


def _engine() -> Check:
    if shutil.which("docker") is None:
        return Check(
            "engine", False, "no docker command: the embedded bench works without", "install Docker for containers"
        )
    path = Path(os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock").removeprefix("unix://"))
    if path.is_absolute() and not os.access(path, os.R_OK | os.W_OK):
        text = f"{path} cannot be used: the embedded bench works without"
        return Check("engine", False, text, "start the engine, and add yourself to the group docker")
    return Check("engine", True, "docker")


def _compose() -> Check:
    try:
        command = " ".join(Path(word).name for word in compose_command())
    except EngineMissing:
        return Check("compose", False, "no Compose v2: the embedded bench works without", COMPOSE_FIX)
    return Check("compose", True, command)
