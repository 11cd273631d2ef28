"""Charging: what the points signal to their vehicles, and what these take."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Final

from robot.api.deco import keyword

from hil.errors import ScenarioError
from hil.keywords.comparisons import compare
from hil.keywords.context import Context
from hil.keywords.observations import currents_a
from hil.keywords.values import PLANT_TOLERANCE, Amps, Amps3, Comparison

EXACT: Final = Amps(0)  #: MEN catalogue: a signalled current is exact.


class Charging:
    """Words for the current of charging points."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @keyword(tags=("Assertion",))
    def signalled_current(
        self,
        socket: str,
        verb: Comparison,
        expected: Amps,
        *,
        within: timedelta = timedelta(seconds=65),
        tolerance: Amps = EXACT,
    ) -> None:
        """Compare what a socket signals to its vehicle, as the charger's Modbus port shows it.

        Without a vehicle an Alfen station shows what it would signal.

        | Signalled Current | CP1 | settles at | 32 A | within=65 s |
        | Signalled Current | CP1 | stays at | 20 A | within=5 minutes |
        """
        compare(
            self._context.session, f"Signalled Current of {socket}", lambda: [self._signalled_a(socket)],
            verb, [expected.a], within=within, tolerance_a=tolerance.a,
        )  # fmt: skip

    @keyword(tags=("Assertion",))
    def signalled_current_of_each_point(
        self,
        verb: Comparison,
        *expected: Amps,
        points: str = "",
        within: timedelta = timedelta(seconds=65),
        tolerance: Amps = EXACT,
    ) -> None:
        """Compare what the points signal, each socket of them.

        One value is for every socket with a vehicle, several are for all sockets in the site's order. ``points`` names
        the sockets that are looked at; without it, all are.

        | Signalled Current Of Each Point | settles at | 25 A |
        | Signalled Current Of Each Point | settles at | 20 A | 20 A | 32 A | 32 A |
        | Signalled Current Of Each Point | stays at | 20 A | points=CP3, CP4 |
        """
        session = self._context.session
        tester = session.tester
        names = list(tester.site.outlets)
        if points:
            names = [tester.site.require_outlet(name.strip()).name for name in points.split(",")]
        if len(expected) == 1:
            names = [name for name in names if points or session.call(tester.vehicle(name).look()).phases is not None]
            expected = expected * len(names)
        if len(expected) != len(names):
            raise ScenarioError(f"{len(expected)} values for {len(names)} points: {', '.join(names)}.")
        compare(
            session, "Signalled Current of " + ", ".join(names), lambda: [self._signalled_a(name) for name in names],
            verb, [amps.a for amps in expected], within=within, tolerance_a=tolerance.a,
        )  # fmt: skip

    @keyword(tags=("Assertion",))
    def points_that_charge(
        self, verb: Comparison, count: int, current: Amps, *, within: timedelta = timedelta(seconds=65)
    ) -> None:
        """Compare how many sockets signal a current, whichever they are; the others have to signal nothing.

        | Points That Charge | settles at | 1 | 8 A |
        """
        session = self._context.session
        names = list(session.tester.site.outlets)
        if not 0 <= count <= len(names):
            raise ScenarioError(f"count={count}: the site has {len(names)} sockets. Allowed: 0 to {len(names)}.")
        wanted = sorted([current.a] * count + [0.0] * (len(names) - count))
        compare(
            session, "Signalled Currents, sorted,", lambda: sorted(self._signalled_a(name) for name in names),
            verb, wanted, within=within, tolerance_a=EXACT.a,
        )  # fmt: skip

    @keyword(tags=("Assertion",))
    def charging_current(
        self,
        socket: str,
        verb: Comparison,
        expected: Amps3,
        *,
        within: timedelta = timedelta(seconds=65),
        tolerance: Amps = PLANT_TOLERANCE,
    ) -> None:
        """Compare what a socket's own meter says flows in its conductors L1/L2/L3, as the Modbus port shows it.

        A conductor that the socket does not have carries 0 A.

        | Charging Current | CP1 | settles at | 25/0/0 A |
        """
        session = self._context.session
        compare(
            session, f"Charging Current of {socket}",
            lambda: [0.0 if math.isnan(a) else a for a in currents_a(session, socket, "charging current")],
            verb, list(expected.a), within=within, tolerance_a=tolerance.a,
        )  # fmt: skip

    def _signalled_a(self, socket: str) -> float:
        (signalled_a,) = currents_a(self._context.session, socket, "signalled current")
        return signalled_a
