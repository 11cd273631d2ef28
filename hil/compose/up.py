"""A site's containers for one run: started, waited for, looked after, taken away always."""

from __future__ import annotations

import ipaddress
import json
import os
import secrets
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Final

from hil.compose.engine import LABEL, PROJECT_LABEL, compose_command, docker, require_engine, run, subnets_in_use
from hil.compose.image import ensure
from hil.compose.plan import Plan, choose_subnets, project, service
from hil.compose.render import CONDUCTOR, render
from hil.errors import BenchError
from hil.report.wall import Stopwatch
from hil.site import Site

HEALTHY_REAL_S: Final = 120.0  #: A container that is not healthy by then never will be.
LOOK_REAL_S: Final = 0.5
TRIES: Final = 5  #: Two runs may choose the same subnet at the same moment.
LAST_LINES: Final = 10
DEVICE_MB: Final = 45  #: What a device's container takes (measured).
TESTER_MB: Final = 512  #: What the test runner's may take.

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Containers:
    """The containers of one run.

    Attributes:
        site: The site.
        ref: How the user named it.
        folder: The run folder: the compose file and the containers' logs are put there.
        settings: Environment of the test runner.
        visible: Folders of this machine that the test runner may read.
        say: Told how it goes on.
    """

    site: Site
    ref: str
    folder: Path
    settings: Mapping[str, str]
    visible: tuple[Path, ...]
    say: Say

    @contextmanager
    def running(self, *, keep: bool) -> Iterator[tuple[str, ...]]:
        """Start everything and return the command that starts the test runner; at the end everything is removed.

        Args:
            keep: Leave the containers as they are.

        Raises:
            BenchError: There is no engine or image, or a container never got healthy; its last log lines are shown.
        """
        engine = require_engine()
        self._require_memory()
        image = ensure(self.say)
        self.say(str(image))
        name = f"{project(self.site.name)}-{secrets.token_hex(3)}"
        before = signal.signal(signal.SIGTERM, _interrupt)  # so that a run which is told to end takes them away too
        try:
            subnets, token = self._up(name, image.tag)
            tester = self._tester(name, image.tag, subnets, token)
            facts = {"engine": engine, "image": image.tag, "project": name, "subnets": _texts(subnets)}
            (self.folder / "compose.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
            yield ("docker", "start", "--attach", "--interactive", tester)
        finally:
            held = signal.signal(signal.SIGINT, signal.SIG_IGN)  # an impatient second Ctrl-C leaves nothing behind
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            try:
                self._logs(name)
                if keep:
                    self.say(f"kept: project {name}. Remove it: hil compose clean --project {name}")
                else:
                    self._down(name)
            finally:
                signal.signal(signal.SIGINT, held)
                signal.signal(signal.SIGTERM, before)

    # --- inside

    def _require_memory(self) -> None:
        has_mb = int(docker("info", "--format", "{{.MemTotal}}")) / 1e6
        count = len(self.site.meters) + len(self.site.devices) + 1
        needs_mb = count * DEVICE_MB + TESTER_MB
        if needs_mb > has_mb:
            raise BenchError(
                f"site {self.site.name}: {count} containers need about {needs_mb:.0f} MB, "
                f"the engine has {has_mb:.0f} MB."
            )

    def _up(self, name: str, image: str) -> tuple[Mapping[str, ipaddress.IPv4Network], str]:
        token = secrets.token_hex(16)
        for left in range(TRIES, 0, -1):
            subnets = choose_subnets(self.site, taken=subnets_in_use())
            text = render(self.site, Plan(self.site, subnets), ref=self.ref, name=name)
            self._file.write_text(text, encoding="utf-8")
            try:
                self._start(name, {"HIL_IMAGE": image, "HIL_TOKEN": token})
            except BenchError as error:
                if "overlap" not in str(error) or left == 1:
                    raise
            else:
                return subnets, token
        raise AssertionError("unreachable")

    def _start(self, name: str, variables: dict[str, str]) -> None:
        """Start all devices and wait until they are healthy."""
        watch, said = Stopwatch(), -1
        command = (*compose_command(), "--project-name", name, "--file", str(self._file), "up", "--detach")
        try:
            run(command, timeout_s=HEALTHY_REAL_S, env=variables)
            while True:
                states = self._states(name)
                healthy = sum(state == "healthy" for state in states.values())
                if healthy != said:
                    self.say(f"{healthy} of {len(states)} containers healthy ({watch.elapsed_s:.0f} s)")
                    said = healthy
                if healthy == len(states):
                    return
                if bad := [one for one, state in states.items() if state in ("unhealthy", "exited", "dead")]:
                    raise BenchError(f"{', '.join(bad)}: never got healthy")
                if watch.elapsed_s > HEALTHY_REAL_S:
                    raise BenchError(f"not all containers are healthy after {HEALTHY_REAL_S:g} s")
                threading.Event().wait(LOOK_REAL_S)
        except BenchError as error:
            raise BenchError("\n".join([str(error), *self._last_words(name)])) from error

    def _tester(self, name: str, image: str, subnets: Mapping[str, ipaddress.IPv4Network], token: str) -> str:
        """Make the test runner's container on all of the site's networks, and return its id."""
        plan = Plan(self.site, subnets)
        settings = {**self.settings, "HIL_TOKEN": token, "HIL_SUBNETS": json.dumps(_texts(subnets))}
        first, *others = subnets
        mounts = [f"type=bind,source={self.folder},target={self.folder}"]
        mounts += [f"type=bind,source={one},target={one},readonly" for one in self.visible]
        words = ["create", "--interactive", "--name", f"{name}-tester", "--label", f"{LABEL}={self.site.name}"]
        words += ["--label", f"{PROJECT_LABEL}={name}"]
        words += ["--network", f"{name}_{first}", "--ip", plan.tester(first), "--user", f"{os.getuid()}:{os.getgid()}"]
        words += ["--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--security-opt", "no-new-privileges:true"]
        words += ["--memory", f"{TESTER_MB}m", "--workdir", str(Path.cwd())]
        words += [word for mount in mounts for word in ("--mount", mount)]
        words += [word for key, value in settings.items() for word in ("--env", f"{key}={value}")]
        found = docker(*words, image, "python", "-P", "-m", "hil.report.worker").strip()
        for network in others:
            docker("network", "connect", "--ip", plan.tester(network), f"{name}_{network}", found)
        return found

    def _states(self, name: str) -> dict[str, str]:
        """Return each service's state: its health, or why it has none."""
        form = '{{index .Config.Labels "com.docker.compose.service"}}\t{{.State.Status}}\t{{.State.Health.Status}}'
        rows = docker("inspect", "--format", form, *self._ids(name)).splitlines()
        found = {}
        for row in rows:
            one, status, health = row.split("\t")
            found[one] = health if status == "running" else status
        return found

    def _ids(self, name: str) -> list[str]:
        mark = f"label={PROJECT_LABEL}={name}"
        return docker("ps", "--all", "--quiet", "--filter", mark).split()

    def _last_words(self, name: str) -> Iterator[str]:
        """Yield the end of the log of every container that is not healthy."""
        with suppress(BenchError):
            for one, state in self._states(name).items():
                if state != "healthy":
                    yield f"last lines of {one} ({state}):"
                    yield from (f"  {line}" for line in self._log(name, one).splitlines()[-LAST_LINES:])

    def _log(self, name: str, one: str) -> str:
        command = (*compose_command(), "--project-name", name, "logs", "--no-color", "--no-log-prefix", one)
        return run(command)

    def _logs(self, name: str) -> None:
        """Keep what every container said."""
        with suppress(BenchError):
            folder = self.folder / "containers"
            folder.mkdir(exist_ok=True)
            for one in [CONDUCTOR, *self.site.meters, *self.site.devices]:
                (folder / f"{service(one)}.log").write_text(self._log(name, service(one)), encoding="utf-8")

    def _down(self, name: str) -> None:
        with suppress(BenchError):
            docker("rm", "--force", "--volumes", f"{name}-tester")
        variables = {"HIL_IMAGE": "none", "HIL_TOKEN": "none"}
        words = ("--project-name", name, "--file", str(self._file), "down", "--volumes", "--timeout", "2")
        if self._file.exists():
            run((*compose_command(), *words), timeout_s=HEALTHY_REAL_S, env=variables)

    @property
    def _file(self) -> Path:
        return self.folder / "compose.yaml"


def _texts(subnets: Mapping[str, ipaddress.IPv4Network]) -> dict[str, str]:
    return {name: str(one) for name, one in subnets.items()}


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
