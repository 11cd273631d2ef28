"""P1: telegrams of a meter, as somebody else's parser reads them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final, Literal

from assertionengine import AssertionOperator
from robot.api.deco import keyword

from hil.keywords.assertions import JUST_READ, verify
from hil.keywords.context import Context
from hil.keywords.observations import FRESH_S, last_telegram
from hil.keywords.values import PhaseName

_CURRENTS: Final = {PhaseName.L1: "1-0:31.7.0", PhaseName.L2: "1-0:51.7.0", PhaseName.L3: "1-0:71.7.0"}


class P1:
    """Words for the P1 port of a meter."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @keyword("Get P1 Value", tags=("Getter", "Assertion"))
    def get_p1_value(
        self,
        meter: str,
        name: str,
        assertion_operator: AssertionOperator = JUST_READ,
        assertion_expected: Any = None,
        *,
        telegram: Literal["last", "next"] = "last",
    ) -> Any:
        """Return a value of a meter's last telegram, by its OBIS reference or by dsmr-parser's name; compare it.

        Farm time passes until the ``next`` telegram is there, or the first that is read.

        | ${current} = | Get P1 Value | P1 | 1-0:31.7.0 | | | |
        | Get P1 Value | P1 | 1-0:31.7.0 | == | 10 A | telegram=next |
        | Get P1 Value | P1 | INSTANTANEOUS_ACTIVE_POWER_L1_NEGATIVE | == | 2300 W | |
        """
        session = self._context.session
        if telegram == "next":
            probe = session.do(lambda: session.tester.ports.p1(meter))
            found = session.ask(lambda: probe.next(FRESH_S))
        else:
            found = last_telegram(session, meter)
        value = found.value(name)
        value = float(value) if isinstance(value, Decimal) else value
        return verify(
            session,
            f"{name} of {meter}",
            value,
            assertion_operator,
            assertion_expected,
            unit=found.unit(name),
            places=[meter],
        )

    @keyword("Get P1 Current", tags=("Getter", "Assertion"))
    def get_p1_current(
        self,
        meter: str,
        phase: PhaseName,
        assertion_operator: AssertionOperator = JUST_READ,
        assertion_expected: Any = None,
    ) -> float:
        """Return the current of a phase in a meter's last telegram, negative where power is returned [A].

        The telegram's currents have no sign: that of the phase's power is taken. With an operator, compare it.

        | ${current} = | Get P1 Current | P1 | L1 | | |
        | Get P1 Current | P1 | L1 | == | -10 A | |
        """
        session = self._context.session
        current_a = last_telegram(session, meter).signed_a(_CURRENTS[phase])
        what = f"Current {phase.name} of {meter}"
        return verify(  # type: ignore[no-any-return]
            session, what, current_a, assertion_operator, assertion_expected, unit="A", places=[meter]
        )

    @keyword("Get Refused P1 Telegrams", tags=("Getter", "Assertion"))
    def get_refused_p1_telegrams(
        self, meter: str, assertion_operator: AssertionOperator = JUST_READ, assertion_expected: Any = None
    ) -> int:
        """Return how many telegrams of a meter dsmr-parser refused since a keyword first looked at its P1 port.

        | ${refused} = | Get Refused P1 Telegrams | P1 | | |
        | Get Refused P1 Telegrams | P1 | == | 0 | |
        """
        session = self._context.session
        probe = session.do(lambda: session.tester.ports.p1(meter))
        refused = session.do(probe.rejected.total)
        what = f"Refused telegrams of {meter}"
        return verify(session, what, refused, assertion_operator, assertion_expected)  # type: ignore[no-any-return]
