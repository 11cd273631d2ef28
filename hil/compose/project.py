"""The containers of one site: a compose project that is started, waited for, mended, looked at and taken away."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from ipaddress import IPv4Network
from pathlib import Path
from threading import Event
from typing import Final

from ruamel.yaml import YAML

from hil.clock.wall import Stopwatch
from hil.compose.engine import PROJECT_LABEL, compose_command, docker, run, subnets_in_use
from hil.compose.image import Say
from hil.compose.plan import Plan, addresses_name, choose_subnets, service
from hil.compose.render import render
from hil.errors import BenchError
from hil.process.containers import Act
from hil.site import Site

HEALTHY_REAL_S: Final = 120.0  #: A container that is not healthy by then never will be.
UNHEALTHY_REAL_S: Final = 95.0  #: One that has stood still says so at first; its checks need 90 s to give it up.
DEAD: Final = ("exited", "dead")
LOOK_REAL_S: Final = 0.5
TRIES: Final = 5  #: Two runs may choose the same subnet at the same moment.
LAST_LINES: Final = 10


class Project:
    """One site's containers.

    Args:
        site: The site.
        name: The project's name in the engine.
        file: Where its compose file is put.
        variables: The image and the token that the file asks for.
        say: Told how it goes on.
        ending: Set when nobody needs it any more.

    Attributes:
        subnets: By the site's networks, none before it was started.
        plan: Who is where, once it was started.
    """

    def __init__(
        self, site: Site, name: str, file: Path, *, variables: Mapping[str, str], say: Say, ending: Event
    ) -> None:
        self.site, self.name, self.file = site, name, file
        self.subnets: Mapping[str, IPv4Network] = {}
        self._variables, self._say, self._ending = dict(variables), say, ending
        self._services: frozenset[str] = frozenset()
        self._harmed: dict[str, Act] = {}  # what undoes it
        packs = [pack for pack in Plan(site, choose_subnets(site)).containers if len(pack) > 1]
        self._further = {service(pack[0]): addresses_name(pack) for pack in packs}  # who gives them their addresses

    plan: Plan

    def start(self, *, exact: bool) -> None:
        """Choose subnets, write the file, start everything and wait until it is healthy.

        Raises:
            BenchError: A subnet is taken, or a container never got healthy: its last log lines are shown.
        """
        for left in range(TRIES, 0, -1):
            self.subnets = choose_subnets(self.site, exact=exact, taken=subnets_in_use())
            self.plan = Plan(self.site, self.subnets)
            text = render(self.site, self.plan, ref=self.site.ref, name=self.name)
            self.file.write_text(text, encoding="utf-8")
            try:
                self._up(YAML(typ="safe").load(text)["services"])
            except BenchError as error:
                if "overlap" not in str(error) or left == 1:
                    raise
            else:
                return self._wait(new=True)

    def act(self, what: Act, device: str) -> None:
        """Do something to a device's container (``hil.process.containers.Containers``)."""
        one = self._container(device)
        match what:
            case "kill":
                self._harmed[device] = "start"
                for network, _ in self._places(device):
                    docker("network", "disconnect", "--force", network, one)
                docker("kill", one)
            case "start":
                for network, address in self._places(device):
                    at = ("--ip", address, "--alias", service(device))
                    docker("network", "connect", *at, network, one)
                docker("start", one)
                del self._harmed[device]
            case "pause":
                self._harmed[device] = "resume"
                docker("pause", one)
            case "resume":
                docker("unpause", one)
                del self._harmed[device]

    def mend(self) -> None:
        """Undo what a test did to it, and start what has died: the next test finds all containers healthy.

        Raises:
            BenchError: One never got healthy again.
        """
        for device, undo in list(self._harmed.items()):
            self.act(undo, device)
        states = self._states()
        if missing := sorted(self._services - states.keys()):
            raise BenchError(f"{', '.join(missing)}: vanished")
        for one, state in states.items():
            if state in DEAD:
                docker("start", self._container(one))
                if one in self._further:
                    docker("start", self._container(self._further[one]))
        self._wait()

    def down(self) -> None:
        """Remove it, whatever of it there is."""
        if self.file.exists():
            self._compose("down", "--volumes", "--timeout", "2")

    def keep_logs(self, folder: Path) -> None:
        """Write what every container said."""
        with suppress(BenchError):
            folder.mkdir(parents=True, exist_ok=True)
            for one in self._states():
                (folder / f"{one}.log").write_text(self._log(one), encoding="utf-8")

    # --- inside

    def _up(self, services: Collection[str]) -> None:
        """Let Compose make and start these services.

        Raises:
            BenchError: It has not; some builds of Compose say so and yet end with 0.
        """
        said = self._compose("up", "--detach", also_errors=True)
        self._services = frozenset(services)
        if missing := sorted(self._services - self._states().keys()):
            raise BenchError("\n".join([f"{', '.join(missing)}: not started", *said.splitlines()[-LAST_LINES:]]))

    def _wait(self, *, new: bool = False) -> None:
        """Wait until all containers are healthy, and say how many are, in any case if they are new."""
        watch, said = Stopwatch(), ""
        try:
            while True:
                states = self._states()
                healthy = sum(state == "healthy" for state in states.values())
                now = f"{self.site.ref}: {healthy} of {len(states)} containers healthy"
                if now != said and (new or said or healthy < len(states)):
                    self._say(f"{now} ({watch.elapsed_s:.0f} s)")
                    said = now
                if healthy == len(states):
                    return
                hopeless = ("unhealthy", *DEAD) if watch.elapsed_s > UNHEALTHY_REAL_S else DEAD
                if bad := [one for one, state in states.items() if state in hopeless]:
                    raise BenchError(f"{', '.join(bad)}: never got healthy")
                if watch.elapsed_s > HEALTHY_REAL_S:
                    raise BenchError(f"not all containers are healthy after {HEALTHY_REAL_S:g} s")
                if self._ending.wait(LOOK_REAL_S):
                    raise BenchError(f"{self.site.ref}: the run ended before its containers were healthy")
        except BenchError as error:
            raise BenchError("\n".join([str(error), *self._last_words()])) from error

    def _compose(self, *words: str, also_errors: bool = False) -> str:
        command = (*compose_command(), "--project-name", self.name, "--file", str(self.file), *words)
        return run(command, timeout_s=HEALTHY_REAL_S, env=self._variables, also_errors=also_errors)

    def _places(self, device: str) -> list[tuple[str, str]]:
        """Return the engine's name of each network that a device is in, and its address there."""
        places = [(self.plan.networks[device], self.plan.addresses[device])]
        if device in self.plan.modems:
            places.append(self.plan.modems[device])
        return [(f"{self.name}_{network}", address) for network, address in places]

    def _container(self, device: str) -> str:
        form = '{{.ID}} {{.Label "com.docker.compose.service"}}'
        for row in docker("ps", "--all", "--filter", f"label={PROJECT_LABEL}={self.name}", "--format", form).split(
            "\n"
        ):
            found, _, of = row.partition(" ")
            if of == service(device):
                return found
        raise BenchError(f"{device}: its container is gone.")

    def _states(self) -> dict[str, str]:
        """Return each service's state: its health, or why it has none; one that has done its work is healthy."""
        ids = docker("ps", "--all", "--quiet", "--filter", f"label={PROJECT_LABEL}={self.name}").split()
        form = '{{index .Config.Labels "com.docker.compose.service"}}\t{{.State.Status}}\t{{.State.ExitCode}}\t'
        form += (
            "{{if .State.Health}}{{.State.Health.Status}}{{else}}healthy{{end}}"  # a foreign image may have no check
        )
        rows = docker("inspect", "--format", form, *ids).splitlines() if ids else []
        found = {}
        ending = self._further.values()
        for row in rows:
            one, status, code, health = row.split("\t")
            if one in ending:
                found[one] = "healthy" if (status, code) == ("exited", "0") else status
            else:
                found[one] = health if status == "running" else status
        return found

    def _last_words(self) -> Iterator[str]:
        """Yield the end of the log of every container that is not healthy."""
        with suppress(BenchError):
            for one, state in self._states().items():
                if state != "healthy":
                    yield f"last lines of {one} ({state}):"
                    yield from (f"  {line}" for line in self._log(one).splitlines()[-LAST_LINES:])

    def _log(self, one: str) -> str:
        return self._compose("logs", "--no-color", "--no-log-prefix", one)
