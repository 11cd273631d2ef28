"""The benches: what fills a site's seats, where its addresses are, and what the clock is, for each of them."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final, cast

from hil.bench.addresses import Resolver
from hil.bench.capabilities import in_real_time, others
from hil.bench.environment import Environment
from hil.bench.filler import Bench, Filler, MakeFiller
from hil.bench.in_process import InProcess
from hil.bench.installation import Installation
from hil.clock import FarmLoop, GrantedLoop, ScaledLoop, make_loop
from hil.clock.conductor import RUNNER
from hil.clock.grants import MemberHello
from hil.errors import BenchError, ScenarioError
from hil.process.containers import Containers
from hil.process.control import CONDUCTOR_PORT
from hil.process.processes import Processes, carried_lines
from hil.site import Site

REAL_TIME: Final = "1"
TESTER: Final = "tester"  #: What the runner is called among the members of a lock-step run.
NO_CONTAINER: Final = "no container"  #: ... has what is outside of the site's networks.


def bench_for(site: Site, speed: str) -> Bench:
    """Return the bench that the run was started for (``HIL_BENCH``), with the site's containers where it needs them.

    Args:
        site: The site.
        speed: ``max`` for virtual time, lock-step among containers, or a number of farm seconds in a second.

    Raises:
        BenchError: A bench is asked for outside of a run on it, or the site's containers cannot be had.
        ScenarioError: The site cannot be put into containers.
    """
    match os.environ.get("HIL_BENCH", "embedded"):
        case "embedded":
            return embedded(speed)
        case "swarm":
            if "HIL_SEATS" not in os.environ:
                raise BenchError("the swarm bench runs inside of its stack: hil run --bench swarm --site SITE ...")
            return swarm(site, speed, json.loads(os.environ["HIL_SEATS"]), os.environ["HIL_TOKEN"])
    from hil.compose.requests import RunChannel  # noqa: PLC0415  most runs do not need it

    if "HIL_HOST" not in os.environ:
        raise BenchError("the compose bench runs inside of its containers: hil run --bench compose ...")
    port = int(os.environ.get("HIL_CONDUCTOR_PORT", CONDUCTOR_PORT))
    return compose(site, speed, RunChannel(Path(os.environ["HIL_HOST"])), os.environ["HIL_TOKEN"], conductor_port=port)


def embedded(speed: str) -> Bench:
    """Return the bench on which every device is in this process, on loopback."""
    return Bench(
        name="embedded",
        fillers={"emulated": InProcess},
        make_loop=lambda: make_loop(speed),
        claim_addresses=lambda site: Resolver(site.networks),
    )


def compose(
    site: Site, speed: str, containers: Containers, token: str, *, conductor_port: int = CONDUCTOR_PORT
) -> Bench:
    """Return the bench on which each device has a container, or shares one; they are made by then.

    Args:
        site: The site; its seats are those of the containers, whatever a test changes in them.
        speed: As of :func:`bench_for`; a site with a device that the farm did not make runs in real time.
        containers: Make them.
        token: The run's secret.
        conductor_port: Of the conductor among them.

    Raises:
        BenchError: The containers cannot be had.
        ScenarioError: The site cannot be put into containers.
    """
    from hil.compose.plan import Plan  # noqa: PLC0415  most runs do not need it

    notice = ""
    if speed == "max" and (foreign := others(site)):
        speed, notice = REAL_TIME, f"{in_real_time(foreign)} Site {site.name} runs in real time."
    plan, networks = Plan(site, containers.need(site), on_host=containers.on_host), list(site.networks)
    hello = MemberHello(
        token, secrets.token_hex(8), TESTER, RUNNER, tuple(plan.tester(network) for network in networks)
    )

    def lock_step() -> FarmLoop:
        return GrantedLoop((plan.conductor(networks[0]), conductor_port), hello)

    filler: MakeFiller = partial(Processes, places=plan, token=token, containers=containers)
    return Bench(
        name="compose",
        fillers={"emulated": filler, "image": filler, "real": filler},
        make_loop=lock_step if speed == "max" else lambda: make_loop(speed),
        claim_addresses=lambda _: plan,
        make_lines=partial(carried_lines, places=plan, token=token),
        outside=NO_CONTAINER,
        notice=notice,
    )


def swarm(site: Site, speed: str, seats: Sequence[str], token: str) -> Bench:
    """Return the bench on which each device is a service of a stack, on whichever host.

    Args:
        site: The site.
        speed: A number of farm seconds in a second.
        seats: The devices that the stack has.
        token: The run's secret.

    Raises:
        BenchError: The engine has no address for one of them.
        ScenarioError: The stack has not what the site needs, or virtual time is asked for.
    """
    from hil.compose.hosts import StackHosts, find_stack  # noqa: PLC0415  most runs do not need it

    if missing := [name for name in site.seats if name not in seats]:
        raise ScenarioError(f"this run's stack has {', '.join(seats)}: site {site.name} needs {', '.join(missing)}.")
    if speed == "max":
        raise ScenarioError("over several hosts there is no virtual time: choose a --speed such as 5, not max.")
    plan, relays = find_stack(site)

    def filler(env: Environment, installation: Installation, names: Sequence[str]) -> Filler:
        hosts = StackHosts(cast(ScaledLoop, env.loop), relays)
        return Processes(env, installation, names, places=plan, token=token, hosts=hosts)

    return Bench(
        name="swarm",
        fillers={"emulated": filler},
        make_loop=lambda: make_loop(speed),
        claim_addresses=lambda _: plan,
        make_lines=partial(carried_lines, places=plan, token=token),
        outside=NO_CONTAINER,
    )
