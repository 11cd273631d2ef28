"""The containers of one run: a site's are made when it is needed, kept for the next test, taken away always."""

from __future__ import annotations

import json
import secrets
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from ipaddress import IPv4Network
from pathlib import Path
from types import FrameType
from typing import Final

from hil.compose import owners
from hil.compose.engine import LABEL, PROJECT_LABEL, clean, docker, require_engine, subnets_in_use
from hil.compose.image import Say, ensure
from hil.compose.plan import Plan, choose_subnets, free_subnet, project
from hil.compose.project import TRIES, Project
from hil.compose.render import FURTHER_DEVICE_MB, render
from hil.compose.requests import MOUNTED, SOCKET, RequestServer
from hil.compose.runner import RUNNER_MB, is_usable, make_runner, start_command
from hil.errors import BenchError
from hil.process.containers import Act
from hil.site import Site

MOST_PROJECTS: Final = 4  #: So many sites' containers are kept at the same time.
DEVICE_MB: Final = 60  #: What a device's container takes (measured).
RUNNERS_PREFIX: Final = 29  #: The runner's own network has room for it and its gateway.


class EngineContainers:
    """What one run has in the engine (``hil.process.containers.Containers``).

    Containers depend on a site's shape only, which is its compose file: settings come with each test. So a project is
    used again for every site of the same shape; the least recently used one goes when there is no room.

    Args:
        folder: The run folder: compose files and the containers' logs are put there.
        say: Told how it goes on.
        exact: The site's own addresses instead of the pool's; then there is one project at a time.

    Attributes:
        token: The run's secret.
    """

    on_host = True

    def __init__(self, folder: Path, say: Say, *, exact: bool = False) -> None:
        self.token = secrets.token_hex(16)
        self._folder, self._say, self._exact = folder, say, exact
        self._name = secrets.token_hex(3)
        self._projects: dict[str, Project] = {}  # by shape, the least recently used first
        self._files: dict[str, int] = {}
        self._names: list[str] = []
        self._facts: dict[str, object] = {}
        self._runner = ""
        self._runners = 0
        self._ending = threading.Event()

    @contextmanager
    def running(self, *, keep: bool = False) -> Iterator[EngineContainers]:
        """Have engine and image ready; at the end everything is removed.

        Args:
            keep: Leave the containers as they are.

        Raises:
            BenchError: There is no engine or image.
        """
        engine = require_engine()
        image = ensure(self._say)
        self._say(str(image))
        self._facts = {"engine": engine, "image": image.tag, "run": self._name, "projects": {}}
        self._image = image.tag
        before = signal.signal(signal.SIGTERM, _interrupt)  # so that a run which is told to end takes them away too
        try:
            owners.claim(self._name)
            yield self
        finally:
            held = signal.signal(signal.SIGINT, signal.SIG_IGN)  # an impatient second Ctrl-C leaves nothing behind
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            try:
                self._end(keep=keep)
            finally:
                signal.signal(signal.SIGINT, held)
                signal.signal(signal.SIGTERM, before)

    def need(self, site: Site) -> Mapping[str, IPv4Network]:
        """Have a site's containers healthy (``hil.process.containers.Containers``)."""
        shape = render(site, Plan(site, choose_subnets(site)), ref=site.ref)
        found = self._projects.pop(shape, None)
        if found is None or not self._mended(found):
            found = self._made(site)
        self._projects[shape] = found  # the last: the most recently used
        return found.subnets

    def act(self, what: Act, device: str) -> None:
        """Do something to a device's container of the site that was needed last."""
        list(self._projects.values())[-1].act(what, device)

    @property
    def facts(self) -> Mapping[str, object]:
        """Return engine, image and projects, as ``compose.json`` has them."""
        return self._facts

    @contextmanager
    def runner(self, settings: Mapping[str, str], visible: tuple[Path, ...]) -> Iterator[Callable[[], tuple[str, ...]]]:
        """Make the test runner's container, which may ask for sites; return what returns the command that starts it.

        A container that has vanished by then (somebody has tidied up) is made anew.

        Args:
            settings: Its environment.
            visible: Folders of this machine that it may read.
        """
        requests = RequestServer(self)

        def command() -> tuple[str, ...]:
            if not is_usable(self._runner):
                self._say("the container of the test runner has vanished: it is made anew")
                self._make_runner(requests.folder, settings, visible)
            return start_command(self._runner)

        try:
            self._make_runner(requests.folder, settings, visible)
            yield command
        finally:
            self._ending.set()
            requests.close()

    # --- projects

    def _mended(self, one: Project) -> bool:
        """Return whether a project is as if no test had used it; if it cannot be, it is taken away."""
        try:
            one.mend()
        except BaseException as error:
            self._remove(one)
            if not isinstance(error, BenchError) or self._ending.is_set():
                raise
            self._say(f"{one.site.ref}: its containers are made anew, for they could not be mended: {error}")
            return False
        return True

    def _made(self, site: Site) -> Project:
        self._make_room(site)
        number = self._files[site.name] = self._files.get(site.name, 0) + 1
        name = project(site.name).removeprefix("hilfarm-") + (f"-{number}" if number > 1 else "")
        file = self._folder / "compose" / f"{name}.yaml"
        file.parent.mkdir(exist_ok=True)
        found = Project(
            site, f"hilfarm-{name}-{self._name}", file,
            variables={"HIL_IMAGE": self._image, "HIL_TOKEN": self.token}, say=self._say, ending=self._ending,
        )  # fmt: skip
        self._names.append(found.name)
        try:
            found.start(exact=self._exact)
            self._join(found)
        except BaseException:
            self._remove(found)
            raise
        texts = {network: str(subnet) for network, subnet in found.subnets.items()}
        of = {"site": site.ref, "file": str(file.relative_to(self._folder)), "subnets": texts}
        self._facts["projects"] = {**self._facts["projects"], found.name: of}  # type: ignore[dict-item]
        self._write_facts()
        return found

    def _write_facts(self) -> None:
        text = json.dumps(self._facts, indent=2) + "\n"
        (self._folder / "compose.json").write_text(text, encoding="utf-8")

    def _make_room(self, site: Site) -> None:
        """Take projects away until a new one has room.

        Raises:
            BenchError: The site alone is larger than the engine's memory.
        """
        has_mb = int(docker("info", "--format", "{{.MemTotal}}")) / 1e6
        needs_mb = _needs_mb(site) + RUNNER_MB
        if needs_mb > has_mb:
            count = len(site.seats)
            raise BenchError(
                f"site {site.name}: the containers of {count} devices need about {needs_mb} MB, "
                f"the engine has {has_mb:.0f} MB."
            )
        most = 1 if self._exact else MOST_PROJECTS
        while self._projects and (
            len(self._projects) >= most
            or needs_mb + sum(_needs_mb(one.site) for one in self._projects.values()) > has_mb
        ):
            shape = next(iter(self._projects))
            self._say(f"{self._projects[shape].site.ref}: its containers make room")
            self._remove(self._projects.pop(shape))

    def _remove(self, one: Project) -> None:
        one.keep_logs(self._folder / "containers" / one.file.stem)
        for network in one.subnets if self._runner else ():
            with suppress(BenchError):  # it is gone, or was never on it
                docker("network", "disconnect", "--force", f"{one.name}_{network}", self._runner)
        one.down()

    # --- the runner

    @property
    def _runners_project(self) -> str:
        return f"hilfarm-runner-{self._name}"

    def _make_runner(self, requests: Path, settings: Mapping[str, str], visible: tuple[Path, ...]) -> None:
        """Make the runner on a network of its own, then on those of the sites that are there."""
        labels = {LABEL: "runner", PROJECT_LABEL: self._runners_project}
        marks = [word for key, value in labels.items() for word in ("--label", f"{key}={value}")]
        self._runners += 1
        name = self._runners_project + (f".{self._runners}" if self._runners > 1 else "")  # one may be on its way out
        for left in range(TRIES, 0, -1):
            subnet = free_subnet("runner", RUNNERS_PREFIX, subnets_in_use(), from_the_top=True)
            try:
                docker("network", "create", "--internal", "--subnet", str(subnet), *marks, name)
                break
            except BenchError as error:
                if "overlap" not in str(error) or left == 1:
                    raise
        self._runner = make_runner(
            name,
            self._image,
            network=name,
            labels=labels,
            writes={self._folder: str(self._folder), requests: MOUNTED},
            reads=visible,
            environment={**settings, "HIL_TOKEN": self.token, "HIL_HOST": f"{MOUNTED}/{SOCKET}"},
        )
        runners = [*self._facts.get("runners", []), name]  # type: ignore[misc]
        self._facts |= {"runners": runners}
        self._write_facts()
        for one in list(self._projects.values()):
            with suppress(BenchError):  # what has vanished with the runner is made anew when a test needs it
                self._join(one)

    def _join(self, one: Project) -> None:
        """Let the runner into a site's networks."""
        for network in one.subnets if self._runner else ():
            at = ("--ip", one.plan.tester(network))
            docker("network", "connect", *at, f"{one.name}_{network}", self._runner)

    # --- the end

    def _end(self, *, keep: bool) -> None:
        names = [*([self._runners_project] if self._runner else []), *self._names]
        if keep:
            for one in self._projects.values():
                one.keep_logs(self._folder / "containers" / one.file.stem)
            self._say(f"kept: {', '.join(names)}. Remove them: hil compose clean --run {self._name}")
            return
        if self._runner:
            with suppress(BenchError):
                docker("rm", "--force", "--volumes", self._runner)
        self._runner = ""
        for one in self._projects.values():
            with suppress(BenchError):  # what is left, the last line removes or says why it cannot
                self._remove(one)
        list(clean(projects=[self._runners_project, *self._names]))
        owners.release(self._name)


def _needs_mb(site: Site) -> int:
    """Return what a site's containers take, the conductor's and the link proxies with them."""
    plan = Plan(site, choose_subnets(site))
    packs = plan.containers
    return (len(packs) + len(plan.hidden) + 1) * DEVICE_MB + sum(len(pack) - 1 for pack in packs) * FURTHER_DEVICE_MB


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
