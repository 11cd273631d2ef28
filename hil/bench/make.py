"""The farm for a test, on the bench that the run was started for."""

from __future__ import annotations

import os
from pathlib import Path

from hil.bench.embedded import Farm
from hil.clock import FarmLoop
from hil.errors import BenchError
from hil.site import Site
from hil.trace import TraceWriter


def make_farm(site: Site, loop: FarmLoop, *, seed: int, trace: TraceWriter) -> Farm:
    """Return a farm that is not started yet, as the run's environment says (``HIL_BENCH``, embedded without it).

    Raises:
        BenchError: The compose bench is asked for outside of a run on it, or the site's containers cannot be had.
        ScenarioError: The site cannot be put into containers.
    """
    if os.environ.get("HIL_BENCH", "embedded") == "embedded":
        return Farm(site, loop, seed=seed, trace=trace)
    from hil.bench.compose import ComposeFarm  # noqa: PLC0415  most runs do not need it
    from hil.compose.requests import Host  # noqa: PLC0415

    if "HIL_HOST" not in os.environ:
        raise BenchError("the compose bench runs inside of its containers: hil run --bench compose ...")
    containers = Host(Path(os.environ["HIL_HOST"]))
    return ComposeFarm(site, loop, seed=seed, trace=trace, containers=containers, token=os.environ["HIL_TOKEN"])
