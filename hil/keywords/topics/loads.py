"""Loads and PV: what else the installation feeds, and what feeds it."""

from __future__ import annotations

from datetime import timedelta

from robot.api.deco import keyword

from emulators.kit.phases import PHASES, PerPhase
from hil.keywords.context import Context
from hil.keywords.values import Amps, Amps3


class Loads:
    """Words for consumers and PV systems."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @keyword(tags=("Stimulus",))
    def set_load(self, load: str, current: Amps3) -> None:
        """Let a consumer of the site draw L1/L2/L3.

        | Set Load | house | 40/30/20 A |
        """
        session = self._context.session
        session.call(session.tester.load(load).set(current.a))

    @keyword("Set PV", tags=("Stimulus",))
    def set_pv(self, pv: str, current: Amps3) -> None:
        """Let a PV system of the site feed in L1/L2/L3.

        | Set PV | roof | 12 A |
        """
        session = self._context.session
        session.call(session.tester.pv(pv).set(current.a))

    @keyword(tags=("Stimulus",))
    def load_varies(
        self, load: str, *, duration: timedelta, max_load: Amps, every: timedelta = timedelta(minutes=2)
    ) -> None:
        """Let a consumer draw a new seeded random current up to ``max_load`` on each phase, again and again.

        | Load Varies | house | duration=10 minutes | max_load=70 A |
        """
        session = self._context.session
        rng = session.rng(f"{load} varies")
        until_s = session.now_s() + duration.total_seconds()
        while session.now_s() < until_s:
            self.set_load(load, Amps3(PerPhase(*(rng.uniform(0, max_load.a) for _ in PHASES))))
            session.wait(min(every.total_seconds(), until_s - session.now_s()))
