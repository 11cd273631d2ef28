"""The farm's clocks: virtual, scaled and real time, all of them asyncio event loops. Nothing else knows which."""

from __future__ import annotations

from hil.clock.granted import GrantedLoop
from hil.clock.ledger import PtyEnd, PtyLink
from hil.clock.links import Links
from hil.clock.loop import NS_PER_S, FarmLoop
from hil.clock.private import TESTED_PYTHONS
from hil.clock.scaled import RealLoop, ScaledLoop
from hil.clock.thread import FarmThread
from hil.clock.virtual import VirtualTimeLoop
from hil.errors import ScenarioError

__all__ = [
    "NS_PER_S",
    "TESTED_PYTHONS",
    "FarmLoop",
    "FarmThread",
    "GrantedLoop",
    "Links",
    "PtyEnd",
    "PtyLink",
    "RealLoop",
    "ScaledLoop",
    "VirtualTimeLoop",
    "make_loop",
]


def make_loop(speed: str | float) -> FarmLoop:
    """Return the clock for a speed: ``max`` is virtual time, 1 is real time, another number is farm s per real s."""
    if speed == "max":
        return VirtualTimeLoop()
    try:
        factor = float(speed)
    except ValueError:
        raise ScenarioError(f"A speed is 'max' or a number such as 1 or 60, not {speed!r}.") from None
    return RealLoop() if factor == 1.0 else ScaledLoop(factor)
