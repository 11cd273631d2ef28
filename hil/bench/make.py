"""The farm for a test, on the bench that the run was started for."""

from __future__ import annotations

import ipaddress
import json
import os

from hil.bench.embedded import Farm
from hil.clock import FarmLoop
from hil.errors import BenchError
from hil.site import Site
from hil.trace import TraceWriter


def make_farm(site: Site, loop: FarmLoop, *, seed: int, trace: TraceWriter) -> Farm:
    """Return a farm that is not started yet, as the run's environment says (``HIL_BENCH``, embedded without it).

    Raises:
        BenchError: The compose bench is asked for outside of a run that has started its containers.
        ScenarioError: The run's containers do not fit this site.
    """
    if os.environ.get("HIL_BENCH", "embedded") == "embedded":
        return Farm(site, loop, seed=seed, trace=trace)
    from hil.bench.compose import ComposeFarm  # noqa: PLC0415  most runs do not need it

    if os.environ["HIL_BENCH"] == "swarm":
        return _stack_farm(site, loop, seed, trace)
    if "HIL_SUBNETS" not in os.environ:
        raise BenchError("the compose bench runs inside of its containers: hil run --bench compose --site SITE ...")
    subnets = {name: ipaddress.IPv4Network(one) for name, one in json.loads(os.environ["HIL_SUBNETS"]).items()}
    return ComposeFarm(site, loop, seed=seed, trace=trace, subnets=subnets, token=os.environ["HIL_TOKEN"])


def _stack_farm(site: Site, loop: FarmLoop, seed: int, trace: TraceWriter) -> Farm:
    from hil.bench.stack import StackFarm  # noqa: PLC0415  most runs do not need it

    if "HIL_SEATS" not in os.environ:
        raise BenchError("the swarm bench runs inside of its stack: hil run --bench swarm --site SITE ...")
    seats = json.loads(os.environ["HIL_SEATS"])
    return StackFarm(site, loop, seed=seed, trace=trace, seats=seats, token=os.environ["HIL_TOKEN"])
