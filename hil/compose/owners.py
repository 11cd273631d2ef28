"""Whose is what on an engine that several people share: each run leaves a mark there, and others see whether it lives.

The mark is a volume, the first thing that a run makes and the last that it takes away. Its labels say which process of
which machine the run is. A process can be looked for on its own machine only (and among the processes that one sees
there), so of a run from elsewhere nobody knows whether it lives: it is left alone.
"""

from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

from hil.compose.engine import LABEL, PROJECT_LABEL, docker
from hil.errors import BenchError

RUN_LABEL: Final = "hilfarm.run"
OWNER_LABEL: Final = "hilfarm.owner"
HOST_LABEL: Final = "hilfarm.host"
PROC: Final = Path("/proc")
_START: Final = 19  #: When a process began, among the fields of its ``stat`` behind its name.


class Life(Enum):
    """Whether the process of a run lives."""

    ALIVE = "alive"
    DEAD = "dead"
    UNKNOWN = "of another machine"


@dataclass(frozen=True, slots=True)
class Run:
    """A run that has left its mark.

    Attributes:
        id: As ``compose.json`` has it.
        host: Name of its machine.
        life: Whether it lives.
    """

    id: str
    host: str
    life: Life

    def __str__(self) -> str:
        return f"run {self.id} ({self.life.value}, {self.host})"


def claim(run: str) -> None:
    """Leave the mark of a run of this process."""
    labels = {
        LABEL: "run", RUN_LABEL: run, HOST_LABEL: socket.gethostname(), OWNER_LABEL: _owner(os.getpid()),
        PROJECT_LABEL: _mark(run),
    }  # fmt: skip
    docker(
        "volume",
        "create",
        *(word for key, value in labels.items() for word in ("--label", f"{key}={value}")),
        _mark(run),
    )


def release(run: str) -> None:
    """Take the mark of a run away, if it is there."""
    with suppress(BenchError):
        docker("volume", "rm", _mark(run))


def runs() -> dict[str, Run]:
    """Return the runs that have left their mark on the engine, by id."""
    form = "\t".join(f'{{{{.Label "{label}"}}}}' for label in (RUN_LABEL, HOST_LABEL, OWNER_LABEL))
    rows = docker("volume", "ls", "--filter", f"label={RUN_LABEL}", "--format", form).splitlines()
    found = (row.split("\t") for row in rows)
    return {one: Run(one, host, life(owner)) for one, host, owner in found}


def projects() -> list[str]:
    """Return the project of everything of the farm's on the engine."""
    form, names = f'{{{{.Label "{PROJECT_LABEL}"}}}}', set[str]()
    for words in (("ps", "--all"), ("network", "ls"), ("volume", "ls")):
        names |= set(docker(*words, "--filter", f"label={LABEL}", "--format", form).splitlines())
    return sorted(names - {""})


def by_run(names: Iterable[str], known: Mapping[str, Run]) -> dict[str, list[str]]:
    """Return which projects (or stacks) belong to which known run; those of nobody known are under ""."""
    found: dict[str, list[str]] = {}
    for name in names:
        run = name.rpartition("-")[2]
        found.setdefault(run if run in known else "", []).append(name)
    return found


def life(owner: str) -> Life:
    """Return whether the process that a mark names lives."""
    place, _, rest = owner.partition(" ")
    pid = rest.partition(" ")[0]
    if place != _place() or not pid.isdecimal():
        return Life.UNKNOWN
    return Life.ALIVE if _owner(int(pid)) == owner else Life.DEAD


def _owner(pid: int) -> str:
    """Return where a process runs, its number, and since when (numbers are used again)."""
    try:
        stat = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    state, *fields = stat.rpartition(")")[2].split()
    return "" if state == "Z" else f"{_place()} {pid} {fields[_START - 1]}"


def _place() -> str:
    """Return what is the same for all processes that see each other, and for no others."""
    boot = (PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    text = "\n".join((boot, socket.gethostname(), os.readlink(PROC / "self/ns/pid")))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _mark(run: str) -> str:
    return f"hilfarm-run-{run}"
