"""The clock and the farm for a test, on the bench that the run was started for (``HIL_BENCH``, embedded without it)."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from hil.bench.farm import Farm
from hil.bench.seats import in_real_time, others
from hil.clock import FarmLoop, GrantedLoop, make_loop
from hil.clock.conductor import RUNNER
from hil.clock.grants import Hello
from hil.errors import BenchError
from hil.process.containers import Containers
from hil.process.control import CONDUCTOR_PORT
from hil.site import Site
from hil.trace import TraceWriter

REAL_TIME: Final = "1"
TESTER: Final = "tester"  #: What the runner is called among the members of a lock-step run.


class MakeFarm(Protocol):
    """Makes a farm that is not started yet."""

    def __call__(self, site: Site, loop: FarmLoop, *, seed: int, trace: TraceWriter) -> Farm:
        """Return it."""
        ...


@dataclass(frozen=True, slots=True)
class Bench:
    """What a site runs on.

    Attributes:
        make_loop: Makes the clock, in the farm's thread.
        make_farm: Makes the farm on that clock.
        notice: What the user should know about it, empty for nothing.
    """

    make_loop: Callable[[], FarmLoop]
    make_farm: MakeFarm
    notice: str = ""


def bench_for(site: Site, speed: str) -> Bench:
    """Return the bench for a site, with its containers where it needs them.

    Args:
        site: The site.
        speed: ``max`` for virtual time, lock-step among containers, or a number of farm seconds in a second.

    Raises:
        BenchError: The compose bench is asked for outside of a run on it, or the site's containers cannot be had.
        ScenarioError: The site cannot be put into containers.
    """
    if os.environ.get("HIL_BENCH", "embedded") == "embedded":
        return Bench(lambda: make_loop(speed), Farm)
    if os.environ["HIL_BENCH"] == "swarm":
        return Bench(lambda: make_loop(speed), _stack_farm)
    from hil.compose.requests import Host  # noqa: PLC0415  most runs do not need it

    if "HIL_HOST" not in os.environ:
        raise BenchError("the compose bench runs inside of its containers: hil run --bench compose ...")
    port = int(os.environ.get("HIL_CONDUCTOR_PORT", CONDUCTOR_PORT))
    return in_containers(site, speed, Host(Path(os.environ["HIL_HOST"])), os.environ["HIL_TOKEN"], conductor_port=port)


def in_containers(
    site: Site, speed: str, containers: Containers, token: str, *, conductor_port: int = CONDUCTOR_PORT
) -> Bench:
    """Return the bench for a site in containers, which are made by then.

    Args:
        site: The site.
        speed: As of :func:`bench_for`; a site with a device that the farm did not make runs in real time.
        containers: Make them.
        token: The run's secret.
        conductor_port: Of the conductor among them.

    Raises:
        BenchError: The containers cannot be had.
        ScenarioError: The site cannot be put into containers.
    """
    from hil.compose.farm import ComposeFarm  # noqa: PLC0415  most runs do not need it
    from hil.compose.plan import Plan  # noqa: PLC0415

    notice = ""
    if speed == "max" and (foreign := others(site)):
        speed, notice = REAL_TIME, f"{in_real_time(foreign)} Site {site.name} runs in real time."
    subnets = containers.need(site)
    plan, networks = Plan(site, subnets, on_host=containers.on_host), list(site.networks)
    hello = Hello(token, secrets.token_hex(8), TESTER, RUNNER, tuple(plan.tester(network) for network in networks))

    def lock_step() -> FarmLoop:
        return GrantedLoop((plan.conductor(networks[0]), conductor_port), hello)

    def make_farm(site: Site, loop: FarmLoop, *, seed: int, trace: TraceWriter) -> Farm:
        return ComposeFarm(site, loop, seed=seed, trace=trace, containers=containers, subnets=subnets, token=token)

    return Bench(lock_step if speed == "max" else lambda: make_loop(speed), make_farm, notice)


def _stack_farm(site: Site, loop: FarmLoop, *, seed: int, trace: TraceWriter) -> Farm:
    from hil.compose.stack_farm import StackFarm  # noqa: PLC0415  most runs do not need it

    if "HIL_SEATS" not in os.environ:
        raise BenchError("the swarm bench runs inside of its stack: hil run --bench swarm --site SITE ...")
    seats = json.loads(os.environ["HIL_SEATS"])
    return StackFarm(site, loop, seed=seed, trace=trace, seats=seats, token=os.environ["HIL_TOKEN"])
