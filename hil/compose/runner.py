"""The container of a run's test runner: beside the devices, unprivileged, with the user's folders."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from hil.compose.engine import docker
from hil.errors import BenchError

RUNNER_MB: Final = 512  #: What it may take.
SCRATCH: Final = "/run/hilfarm"  #: Where it may write, in memory: suites may be in this machine's /tmp.


def make_runner(
    name: str,
    image: str,
    *,
    network: str,
    labels: Mapping[str, str],
    writes: Mapping[Path, str],
    reads: Sequence[Path],
    environment: Mapping[str, str],
) -> str:
    """Make the container, which does not run yet, and return its id.

    Args:
        name: Its name.
        image: The farm's.
        network: Its first network.
        labels: Its labels.
        writes: Folders of this machine, and where it finds them.
        reads: Folders of this machine that it may read, at their own places.
        environment: Its environment.

    Raises:
        BenchError: The engine refuses.
    """
    own = {"TMPDIR": SCRATCH, "HOME": SCRATCH}
    mounts = [f"type=bind,source={one},target={there}" for one, there in writes.items()]
    mounts += [f"type=bind,source={one},target={one},readonly" for one in reads]
    words = ["create", "--interactive", "--name", name, "--network", network, "--user", f"{os.getuid()}:{os.getgid()}"]
    words += ["--read-only", "--tmpfs", SCRATCH, "--cap-drop", "ALL", "--security-opt", "no-new-privileges:true"]
    words += ["--memory", f"{RUNNER_MB}m", "--workdir", str(Path.cwd())]
    words += [word for key, value in labels.items() for word in ("--label", f"{key}={value}")]
    words += [word for mount in mounts for word in ("--mount", mount)]
    words += [word for key, value in {**environment, **own}.items() for word in ("--env", f"{key}={value}")]
    return docker(*words, image, "python", "-P", "-m", "hil.run.worker").strip()


def start_command(container: str) -> tuple[str, ...]:
    """Return the command that starts the runner and speaks with it."""
    return ("docker", "start", "--attach", "--interactive", container)


def is_usable(container: str) -> bool:
    """Return whether a runner can be started: it is there, and not being removed."""
    try:
        status = docker("inspect", "--format", "{{.State.Status}} {{.State.Dead}}", container).split()
    except BenchError:
        return False
    return status[0] not in ("removing", "dead") and status[1:] != ["true"]
