"""Electrical: what flows in the installation's conductors, and what meters show of it."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

from assertionengine import AssertionOperator
from robot.api.deco import keyword

from emulators.kit.phases import PHASES
from hil.errors import ScenarioError
from hil.keywords.assertions import JUST_READ, verify
from hil.keywords.comparisons import Measurand, compare
from hil.keywords.context import Context
from hil.keywords.observations import currents_a
from hil.keywords.values import PLANT_TOLERANCE, Amps, Amps3, Comparison, PhaseName, to_amps3, to_verb
from hil.tester.roles import Peak


class Electrical:
    """Words for currents of feeders and meters."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @keyword(tags=("Assertion",))
    def feeder_current(
        self,
        feeder: str,
        *arguments: str,
        within: timedelta = timedelta(seconds=65),
        tolerance: Amps = PLANT_TOLERANCE,
    ) -> None:
        """Compare what flows in a feeder (``supply`` is the main connection): all three phases, or one.

        *should never exceed* looks at the whole test so far.

        | Feeder Current | F3 | settles at | 100/50/50 A |
        | Feeder Current | F3 | L1 | should never exceed | 100 A |
        """
        session = self._context.session
        node = session.tester.site.require_feeder(feeder)
        one_phase = bool(arguments) and arguments[0] in PHASES
        phases = [arguments[0]] if one_phase else list(PHASES)
        words = arguments[1:] if one_phase else arguments
        if len(words) != 2:
            raise ScenarioError(
                f"Feeder Current of {feeder} takes a phase if need be, a comparison and a current, such as "
                f"'L1    settles at    100 A': got {'    '.join(arguments) or 'nothing'!r}."
            )
        try:
            verb, limit_a = to_verb(words[0]), to_amps3(words[1]).a
        except ValueError as error:
            raise ScenarioError(f"Feeder Current of {feeder}: {error}") from None
        if verb is Comparison.SHOULD_NEVER_EXCEED:
            for phase in phases:
                peak = self._peak(node, phase)
                if abs(peak.current_a) > limit_a[phase] + tolerance.a:
                    raise AssertionError(
                        f"Feeder Current of {feeder} {phase} should never exceed {limit_a[phase]:g} A "
                        f"(tolerance {tolerance}): was {abs(peak.current_a):.1f} A at {session.moment(peak.at_ns)}, "
                        f"when {drawn_by(peak)}.\n{session.why(node, at_ns=peak.at_ns)}"
                    )
            return
        wanted_a = [limit_a[phase] for phase in phases]
        at_most = verb is Comparison.SHOULD_BE_AT_MOST
        bands_a = [(-math.inf if at_most else a - tolerance.a, a + tolerance.a) for a in wanted_a]
        current = Measurand(
            what=f"Feeder Current of {feeder} {'/'.join(phases)}",
            places=[node],
            read=lambda: [session.call(session.tester.installation.current_a(node))[phase] for phase in phases],
            watch=lambda: session.tester.watch_node(node, phases, bands_a),
        )
        compare(session, current, verb, wanted_a, within=within, tolerance_a=tolerance.a)

    @keyword(tags=("Getter", "Assertion"))
    def get_peak_current(
        self,
        feeder: str,
        phase: PhaseName,
        assertion_operator: AssertionOperator = JUST_READ,
        assertion_expected: Any = None,
    ) -> float:
        """Return the highest current of a feeder's conductor since the start of the test [A]; compare it if asked to.

        | ${peak} = | Get Peak Current | F3 | L1 | | |
        | Get Peak Current | F3 | L1 | <= | 100 A | |
        """
        session = self._context.session
        peak = self._peak(session.tester.site.require_feeder(feeder), phase.name)
        what = f"Peak current of {feeder} {phase.name}"
        return verify(  # type: ignore[no-any-return]
            session,
            what,
            abs(peak.current_a),
            assertion_operator,
            assertion_expected,
            unit="A",
            places=[feeder],
            moment=f"{session.moment(peak.at_ns)}, when {drawn_by(peak)}",
        )

    @keyword(tags=("Assertion",))
    def meter_current(
        self,
        meter: str,
        verb: Comparison,
        expected: Amps3,
        *,
        within: timedelta = timedelta(seconds=65),
        tolerance: Amps = PLANT_TOLERANCE,
    ) -> None:
        """Compare the currents that a meter shows on its Modbus or P1 port; a returned current is negative.

        | Meter Current | M2 | settles at | 40/30/20 A |
        """
        session = self._context.session
        shown = Measurand(
            what=f"Meter Current of {meter}",
            places=[meter],
            read=lambda: currents_a(session, meter, "meter current"),
            watch=lambda: session.tester.watch_metered(meter),
        )
        compare(session, shown, verb, list(expected.a), within=within, tolerance_a=tolerance.a)

    def _peak(self, node: str, phase: str) -> Peak:
        session = self._context.session
        return session.call(session.tester.installation.peak(node, phase))


def drawn_by(peak: Peak) -> str:
    """Return who drew, or fed in, at a peak: the most first."""
    most_first = sorted(peak.drawn_by, key=lambda one: -abs(one[1]))
    words = [f"{name} {'drew' if a > 0 else 'fed in'} {abs(a):.1f} A" for name, a in most_first]
    return ", ".join(words) or "nobody drew anything"
