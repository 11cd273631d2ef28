"""Swarm, the engine's own way over several hosts, as commands: stacks, their tasks, and taking them away."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from hil.clock.wall import Stopwatch
from hil.compose.engine import LABEL, PROJECT_LABEL, docker, require_engine
from hil.errors import BenchError

STACK_LABEL: Final = "com.docker.stack.namespace"
NO_MANAGER: Final = "this engine is no manager of a swarm"
INIT: Final = "docker swarm init (one host: --advertise-addr 127.0.0.1)"
GONE_REAL_S: Final = 60.0  #: A task gets 3 s to end; its network goes after it.
LOOK_REAL_S: Final = 0.5
UNPLACED: Final = "no suitable node"  #: How Swarm begins when no host takes a task.


@dataclass(frozen=True, slots=True)
class Task:
    """One service's container.

    Attributes:
        service: The service's name without the stack's.
        state: ``running`` when it is healthy; ``pending``, ``preparing``, ``starting``, ``failed``, ``rejected`` ...
        error: Why it is not running, empty when nothing is wrong.
        node: The host, empty while it has none.
    """

    service: str
    state: str
    error: str
    node: str

    @property
    def is_lost(self) -> bool:
        """Return whether it will never run."""
        lost = self.state in ("failed", "rejected", "shutdown", "complete", "orphaned", "remove")
        return lost or (self.state == "pending" and self.error.startswith(UNPLACED))

    @property
    def why(self) -> str:
        """Return state, error and what helps."""
        fix = ""
        if "No such image" in self.error:
            image = self.error.rpartition("image: ")[2]
            fix = f" Give it to the host: docker save {image} | ssh {self.node} docker load"
        elif "insufficient resources" in self.error:
            fix = " The site needs more memory than the hosts have left."
        elif "scheduling constraints" in self.error:
            fix = " No host has the label: docker node update --label-add hilfarm=VALUE NODE"
        return f"{self.state}{': ' if self.error else ''}{self.error}.{fix}"


def is_manager() -> bool:
    """Return whether the engine is a manager of a swarm."""
    return docker("info", "--format", "{{.Swarm.ControlAvailable}}").strip() == "true"


def require_manager() -> str:
    """Return the engine's version.

    Raises:
        BenchError: There is no engine (``EngineMissing``), or it is no manager of a swarm.
    """
    version = require_engine()
    if not is_manager():
        raise BenchError(f"{NO_MANAGER}. Fix: {INIT}")
    return version


def tasks(stack: str) -> list[Task]:
    """Return the latest task of each service of a stack."""
    try:
        rows = docker("stack", "ps", stack, "--no-trunc", "--format", "{{json .}}").splitlines()
    except BenchError as error:
        if "nothing found" in str(error).lower():
            return []
        raise
    found: dict[str, Task] = {}
    for row in rows:  # the latest of a service comes first
        one = json.loads(row)
        name = one["Name"].strip().removeprefix(f"{stack}_").rpartition(".")[0]
        state = one["CurrentState"].split()[0].lower()
        found.setdefault(name, Task(name, state, one["Error"].strip('"'), one["Node"]))
    return list(found.values())


def log(stack: str, service: str) -> str:
    """Return what a service's containers said, on whatever host."""
    return docker("service", "logs", "--raw", f"{stack}_{service}")


def stacks() -> list[str]:
    """Return the stacks of the farm that this swarm has, also what a half-removed one has left."""
    if not is_manager():
        return []
    names = set()
    for kind in ("service", "network", "secret"):
        ids = docker(kind, "ls", "--quiet", "--filter", f"label={LABEL}", "--filter", f"label={STACK_LABEL}").split()
        where = "Spec.Labels" if kind != "network" else "Labels"
        if ids:
            form = f'{{{{index .{where} "{STACK_LABEL}"}}}}'
            names |= set(docker(kind, "inspect", "--format", form, *ids).split())
    return sorted(names)


def remove(stack: str) -> None:
    """Remove a stack, the containers beside it in its networks first, and wait until it is gone.

    Raises:
        BenchError: It does not go.
    """
    if beside := docker("ps", "--all", "--quiet", "--filter", f"label={PROJECT_LABEL}={stack}").split():
        docker("rm", "--force", "--volumes", *beside)
    watch, left = Stopwatch(), list(_parts(stack))
    while left:
        with suppress(BenchError):  # a network in use goes later
            docker("stack", "rm", stack)
        if watch.elapsed_s > GONE_REAL_S:
            raise BenchError(f"stack {stack} is not gone after {GONE_REAL_S:g} s: {', '.join(left)} are left.")
        threading.Event().wait(LOOK_REAL_S)
        left = list(_parts(stack))


def _parts(stack: str) -> Iterator[str]:
    """Yield what there is of a stack: its containers on this host, and what the swarm has."""
    mark = ("--quiet", "--filter", f"label={STACK_LABEL}={stack}")
    for kind, command in (
        ("service", ("service", "ls")), ("container", ("ps", "--all")), ("network", ("network", "ls")),
        ("secret", ("secret", "ls")),
    ):  # fmt: skip
        yield from (f"{kind} {one}" for one in docker(*command, *mark).split())
