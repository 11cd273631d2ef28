"""Modbus: a device's registers, and who asks for them."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Any

from assertionengine import AssertionOperator
from robot.api.deco import keyword

from emulators.kit.host import NS_PER_S
from hil.keywords.assertions import JUST_READ, verify
from hil.keywords.context import Context
from hil.keywords.observations import read_registers, socket_of


class Modbus:
    """Words for Modbus registers and requests."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @keyword(tags=("Getter", "Assertion"))
    def get_register(
        self,
        place: str,
        register: str,
        assertion_operator: AssertionOperator = JUST_READ,
        assertion_expected: Any = None,
    ) -> Any:
        """Return a Modbus register, by its documented name or address, in its unit; with an operator, compare it.

        Of a charger whose sockets have registers of their own the socket is named: ``CP1/2``.

        | ${mode} = | Get Register | CP2 | DLM_MODE | | |
        | Get Register | CP1 | DLM_MODE | == | 1 | |
        | Get Register | CP1 | 706 | <= | 16 A | |
        """
        session = self._context.session
        ((row, value),) = read_registers(session, place, [register])
        what = f"Register {row.name} ({row.address}) of {place}"
        return verify(
            session, what, value, assertion_operator, assertion_expected, unit=row.unit_of_measure, places=[place]
        )

    @keyword(tags=("Setter",))
    def write_register(self, place: str, register: str, value: int | float) -> None:
        """Write a Modbus register, by its documented name or address, as an energy manager does.

        | Write Register | CP1 | DLM_OPERATOR_EVSE_SUB_DISTRIBUTION_LIMIT_L1 | 60 |
        """
        session = self._context.session
        device, _ = session.tester.site.require_place(place)

        async def write() -> None:
            probe = session.tester.ports.probe(device)
            socket = socket_of(session, place, [probe.register(register)])
            await probe.write(register, value, socket=socket)

        session.ask(write)

    @keyword(tags=("Getter",))
    def requests_at(self, device: str, *, duration: timedelta) -> list[float]:
        """Record the Modbus requests that reach a device for a time; return when each came [s of farm time].

        | @{times} = | Requests At | M2 | duration=120 s |
        """
        session = self._context.session
        session.call(session.tester.requests(device).record())
        session.wait(duration.total_seconds())
        return [at_ns / NS_PER_S for at_ns, _ in session.tester.requests(device).recorded]

    @keyword(tags=("Assertion",))
    def requests_should_come_regularly(
        self, device: str, *, duration: timedelta, period: timedelta, deviation_pct: float = 20
    ) -> None:
        """Assert that Modbus requests reach a device in a constant rhythm, no slower than ``period``.

        | Requests Should Come Regularly | M2 | duration=120 s | period=30 s | deviation_pct=20 |
        """
        times = self.requests_at(device, duration=duration)
        gaps = [later - earlier for earlier, later in pairwise(times)]
        if len(gaps) < 2:
            raise AssertionError(f"{device} got {len(times)} requests in {duration.total_seconds():g} s.")
        mean = sum(gaps) / len(gaps)
        worst = max(gaps, key=lambda gap: abs(gap - mean))
        longest_s = period.total_seconds() + self._context.session.lag_s()  # no more exact than the clock is
        if abs(worst - mean) > mean * deviation_pct / 100 or max(gaps) > longest_s:
            raise AssertionError(
                f"Requests at {device} should come every {period.total_seconds():g} s or faster, "
                f"within {deviation_pct:g} %: the mean is {mean:.3f} s, "
                f"the worst gap {worst:.3f} s, the longest {max(gaps):.3f} s."
            )

    @keyword(tags=("Getter", "Assertion"))
    def clients_of(self, device: str, *expected: str) -> list[str]:
        """Return which devices have sent Modbus requests to a device since `Requests At`; assert them if given.

        | @{who} = | Clients Of | M2 | |
        | Clients Of | M2 | CP1 | |
        """
        for name in expected:
            if name != "tester":
                self._context.session.tester.site.require(name)
        clients = sorted({who for _, who in self._context.session.tester.requests(device).recorded})
        if expected and clients != sorted(expected):
            raise AssertionError(f"{device} gets requests from {', '.join(clients) or 'nobody'}.")
        return clients
