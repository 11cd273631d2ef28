"""The clock and the farm for a test, on the bench that the run was started for (``HIL_BENCH``, embedded without it)."""

from __future__ import annotations

import ipaddress
import json
import os
import secrets
from collections.abc import Callable
from typing import Final

from hil.bench.control import CONDUCTOR_PORT
from hil.bench.embedded import Farm
from hil.clock import FarmLoop, GrantedLoop, make_loop
from hil.clock.conductor import RUNNER
from hil.clock.grants import Hello
from hil.errors import BenchError, ScenarioError
from hil.site import Site
from hil.trace import TraceWriter

TESTER: Final = "tester"  #: What the runner is called among the members of a lock-step run.


def clock_of(site: Site, speed: str) -> Callable[[], FarmLoop]:
    """Return what makes the loop that a site's farm runs on, in the farm's thread.

    Args:
        site: The site.
        speed: ``max`` for virtual time, lock-step among containers, or a number of farm seconds in a second.

    Raises:
        BenchError: There are no containers.
        ScenarioError: The run's containers do not fit this site.
    """
    if speed != "max" or os.environ.get("HIL_BENCH") != "compose":
        return lambda: make_loop(speed)
    from hil.compose.plan import Plan  # noqa: PLC0415  as below

    plan, networks = Plan(site, _subnets(site)), list(site.networks)
    port = int(os.environ.get("HIL_CONDUCTOR_PORT", CONDUCTOR_PORT))
    addresses = tuple(plan.tester(network) for network in networks)
    hello = Hello(os.environ["HIL_TOKEN"], secrets.token_hex(8), TESTER, RUNNER, addresses)
    return lambda: GrantedLoop((plan.conductor(networks[0]), port), hello)


def make_farm(site: Site, loop: FarmLoop, *, seed: int, trace: TraceWriter) -> Farm:
    """Return a farm that is not started yet (errors as :func:`clock_of`)."""
    if not _in_containers():
        return Farm(site, loop, seed=seed, trace=trace)
    from hil.bench.compose import ComposeFarm  # noqa: PLC0415  most runs do not need it

    if os.environ["HIL_BENCH"] == "swarm":
        return _stack_farm(site, loop, seed, trace)
    return ComposeFarm(site, loop, seed=seed, trace=trace, subnets=_subnets(site), token=os.environ["HIL_TOKEN"])


def _stack_farm(site: Site, loop: FarmLoop, seed: int, trace: TraceWriter) -> Farm:
    from hil.bench.stack import StackFarm  # noqa: PLC0415  most runs do not need it

    if "HIL_SEATS" not in os.environ:
        raise BenchError("the swarm bench runs inside of its stack: hil run --bench swarm --site SITE ...")
    seats = json.loads(os.environ["HIL_SEATS"])
    return StackFarm(site, loop, seed=seed, trace=trace, seats=seats, token=os.environ["HIL_TOKEN"])


def _in_containers() -> bool:
    return os.environ.get("HIL_BENCH", "embedded") != "embedded"


def _subnets(site: Site) -> dict[str, ipaddress.IPv4Network]:
    if "HIL_SUBNETS" not in os.environ:
        raise BenchError("the compose bench runs inside of its containers: hil run --bench compose SUITE ...")
    found = {name: ipaddress.IPv4Network(one) for name, one in json.loads(os.environ["HIL_SUBNETS"]).items()}
    if set(found) != set(site.networks):
        raise ScenarioError(f"this run has containers on {', '.join(found)}: site {site.name} needs others.")
    return found
