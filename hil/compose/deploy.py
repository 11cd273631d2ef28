"""A site's stack for one run: deployed, waited for, looked after, taken away always."""

from __future__ import annotations

import json
import secrets
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Final

from hil.clock.wall import Stopwatch
from hil.compose import owners, swarm
from hil.compose.engine import LABEL, PROJECT_LABEL, docker, run
from hil.compose.image import ensure
from hil.compose.plan import project, service
from hil.compose.project import LAST_LINES
from hil.compose.runner import is_usable, make_runner, start_command
from hil.compose.stack import RELAY, render_stack
from hil.errors import BenchError
from hil.site import Site

RUNNING_REAL_S: Final = 180.0  #: A task that does not run by then never will.
LONGEST_NAME: Final = 63  #: Of a service, with the stack's name before it.

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Stack:
    """The stack of one run (attributes as of :class:`hil.compose.up.EngineContainers`).

    Attributes:
        place: For each seat that has to be on a certain host: the value of that host's label ``hilfarm``.
    """

    site: Site
    ref: str
    folder: Path
    settings: Mapping[str, str]
    visible: tuple[Path, ...]
    say: Say
    place: Mapping[str, str]

    @contextmanager
    def running(self, *, keep: bool) -> Iterator[Callable[[], tuple[str, ...]]]:
        """Deploy the site; return what returns the command that starts the test runner. At the end all is removed.

        Args:
            keep: Leave the stack as it is.

        Raises:
            BenchError: There is no swarm or image, or a task never got to run; its last log lines are shown.
        """
        text = render_stack(self.site, ref=self.ref, place=self.place)
        engine = swarm.require_manager()
        image = ensure(self.say)
        self.say(str(image))
        name = self._name()
        before = signal.signal(signal.SIGTERM, _interrupt)  # so that a run which is told to end takes it away too
        run_id = name.rpartition("-")[2]
        try:
            owners.claim(run_id)
            token = secrets.token_hex(16)
            self._file.write_text(text, encoding="utf-8")
            self._deploy(name, image.tag, token)
            nodes = {task.service: task.node for task in self._wait(name)}
            facts = {"engine": engine, "image": image.tag, "run": run_id, "project": name, "nodes": nodes}
            (self.folder / "stack.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
            testers: list[str] = []

            def command() -> tuple[str, ...]:
                if not testers or not is_usable(testers[-1]):
                    if testers:
                        self.say("the container of the test runner has vanished: it is made anew")
                    number = f".{len(testers) + 1}" if testers else ""  # one may be on its way out
                    testers.append(self._tester(name, f"{name}-tester{number}", image.tag, token))
                return start_command(testers[-1])

            command()
            yield command
        finally:
            held = signal.signal(signal.SIGINT, signal.SIG_IGN)  # an impatient second Ctrl-C leaves nothing behind
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            try:
                self._logs(name)
                if keep:
                    self.say(f"kept: stack {name}. Remove it: hil compose clean --run {run_id}")
                else:
                    swarm.remove(name)
                    owners.release(run_id)
            finally:
                signal.signal(signal.SIGINT, held)
                signal.signal(signal.SIGTERM, before)

    # --- inside

    def _name(self) -> str:
        own = f"-{secrets.token_hex(3)}"
        longest = max(len(one) for one in self._services)
        return project(self.site.name)[: LONGEST_NAME - len(own) - 1 - longest] + own

    @property
    def _services(self) -> list[str]:
        return [RELAY, *(service(one) for one in self.site.seats)]

    def _deploy(self, name: str, image: str, token: str) -> None:
        with tempfile.TemporaryDirectory() as place:
            file = Path(place) / "token"
            file.touch(mode=0o600)
            file.write_text(token, encoding="utf-8")
            # The engine's own image is meant, not one of that name in a registry.
            command = ("docker", "stack", "deploy", "--resolve-image", "never", "--compose-file", str(self._file), name)
            run(command, timeout_s=RUNNING_REAL_S, env={"HIL_IMAGE": image, "HIL_TOKEN_FILE": str(file)})

    def _wait(self, name: str) -> list[swarm.Task]:
        """Wait until all tasks run, which is when they are healthy, and return them."""
        watch, said, total = Stopwatch(), -1, len(self._services)
        try:
            while True:
                tasks = swarm.tasks(name)
                running = [task for task in tasks if task.state == "running"]
                if len(running) != said:
                    said, hosts = len(running), len({task.node for task in running})
                    where = f" on {hosts} host{'s' if hosts != 1 else ''}" if hosts else ""
                    self.say(f"{said} of {total} services running{where} ({watch.elapsed_s:.0f} s)")
                if said == total:
                    return tasks
                if lost := [f"{task.service}: {task.why}" for task in tasks if task.is_lost]:
                    raise BenchError("\n".join(lost))
                if watch.elapsed_s > RUNNING_REAL_S:
                    raise BenchError(f"not all services run after {RUNNING_REAL_S:g} s")
                threading.Event().wait(swarm.LOOK_REAL_S)
        except BenchError as error:
            raise BenchError("\n".join([str(error), *self._last_words(name)])) from error

    def _tester(self, name: str, container: str, image: str, token: str) -> str:
        """Make the test runner's container on all of the site's networks, on this host, and return its id."""
        seats = json.dumps([*self.site.seats])
        settings = {**self.settings, "HIL_TOKEN": token, "HIL_SEATS": seats}
        first, *others = self.site.networks
        found = make_runner(
            container,
            image,
            network=f"{name}_{first}",
            labels={LABEL: self.site.name, PROJECT_LABEL: name},
            writes={self.folder: str(self.folder)},
            reads=self.visible,
            environment=settings,
        )
        for network in others:
            docker("network", "connect", f"{name}_{network}", found)
        return found

    def _last_words(self, name: str) -> Iterator[str]:
        """Yield the end of the log of every service that does not run."""
        with suppress(BenchError):
            for task in swarm.tasks(name):
                if task.state != "running":
                    yield f"last lines of {task.service} ({task.state}):"
                    yield from (f"  {line}" for line in swarm.log(name, task.service).splitlines()[-LAST_LINES:])

    def _logs(self, name: str) -> None:
        """Keep what every container said."""
        folder = self.folder / "containers"
        folder.mkdir(exist_ok=True)
        for one in self._services:
            with suppress(BenchError):
                (folder / f"{one}.log").write_text(swarm.log(name, one), encoding="utf-8")

    @property
    def _file(self) -> Path:
        return self.folder / "stack.yaml"


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
