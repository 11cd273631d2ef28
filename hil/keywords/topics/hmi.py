"""Front: what a person before a device sees (pages, display, LEDs), and what its log says."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from assertionengine import AssertionOperator
from robot.api.deco import keyword

from hil.errors import ScenarioError
from hil.keywords.assertions import JUST_READ, verify
from hil.keywords.comparisons import until
from hil.keywords.context import Context

NOW: Final = timedelta(0)
NOT_SHOWN: Final = "(not shown)"


class Hmi:
    """Words for pages, display, LEDs and log of a device."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @keyword(tags=("Assertion",))
    def page_should_show(self, device: str, field: str, text: str, *, within: timedelta = NOW) -> None:
        """Assert that a field of the device's pages contains a text, within farm time.

        | Page Should Show | CP1 | Error(s) | External meter not communicating | within=65 s |
        """
        until(
            self._context.session, f"Field {field!r} of {device}", lambda: self._field(device, field),
            lambda shown: text in shown, wanted=f"should contain {text!r}", within=within,
        )  # fmt: skip

    @keyword(tags=("Assertion",))
    def page_should_not_show(self, device: str, field: str, text: str, *, within: timedelta = NOW) -> None:
        """Assert that a field of the device's pages does not contain a text, within farm time.

        | Page Should Not Show | CP3 | DLM Connected Slaves | CP1 |
        """
        until(
            self._context.session, f"Field {field!r} of {device}", lambda: self._field(device, field),
            lambda shown: text not in shown, wanted=f"should not contain {text!r}", within=within,
        )  # fmt: skip

    @keyword(tags=("Getter", "Assertion"))
    def get_page_field(
        self,
        device: str,
        field: str,
        assertion_operator: AssertionOperator = JUST_READ,
        assertion_expected: Any = None,
    ) -> str:
        """Return the text of a field of the device's pages; with an operator, compare it.

        | ${errors} = | Get Page Field | CP1 | Error(s) | | |
        | Get Page Field | CP1 | Error(s) | == | no errors | |
        | Get Page Field | CP1 | Signalled current | <= | 32 A | |
        """
        what = f"Field {field!r} of {device}"
        return self._verify(what, self._field(device, field), assertion_operator, assertion_expected)

    @keyword(tags=("Getter", "Assertion"))
    def get_display_text(
        self, device: str, assertion_operator: AssertionOperator = JUST_READ, assertion_expected: Any = None
    ) -> str:
        """Return the text on the device's display, empty when there is none; with an operator, compare it.

        | ${text} = | Get Display Text | CP1 | | |
        | Get Display Text | CP1 | contains | of 32.0 A | |
        """
        session = self._context.session
        shown = session.call(session.tester.display(device).text())
        return self._verify(f"Display of {device}", shown, assertion_operator, assertion_expected)

    @keyword("Get LED", tags=("Getter", "Assertion"))
    def get_led(
        self, device: str, led: str, assertion_operator: AssertionOperator = JUST_READ, assertion_expected: Any = None
    ) -> str:
        """Return colour and manner of an LED, such as ``green steady``; with an operator, compare them.

        | ${light} = | Get LED | CP1 | LED info field | | |
        | Get LED | CP1 | LED info field | == | Charging: green steady | |
        """
        session = self._context.session
        leds = session.call(session.tester.leds(device).lit())
        if led not in leds:
            raise ScenarioError(f"{device} has no LED {led!r} that was ever lit. It has: {', '.join(leds) or 'none'}.")
        return self._verify(f"LED {led!r} of {device}", leds[led], assertion_operator, assertion_expected)

    @keyword(tags=("Getter", "Assertion"))
    def get_device_log(
        self, device: str, assertion_operator: AssertionOperator = JUST_READ, assertion_expected: Any = None
    ) -> str:
        """Return the device's log, oldest line first, each with its UTC time; with an operator, compare it.

        | ${log} = | Get Device Log | CP1 | | |
        | Get Device Log | CP1 | contains | Booted, firmware | |
        | Get Device Log | CP1 | matches | (?m)Z Booted, firmware .*$ | |
        """
        return self._verify(f"Log of {device}", self._log(device), assertion_operator, assertion_expected)

    @keyword(tags=("Assertion",))
    def device_log_should_contain(self, device: str, text: str, *, within: timedelta = NOW) -> None:
        """Assert that the device's log has a line with a text, within farm time.

        | Device Log Should Contain | CP1 | Enter ActiveLB safeMode | within=90 s |
        """
        until(
            self._context.session, f"Log of {device}", lambda: self._log(device), lambda log: text in log,
            wanted=f"should contain {text!r}", within=within,
        )  # fmt: skip

    def _field(self, device: str, field: str) -> str:
        session = self._context.session
        return session.call(session.tester.page(device).fields()).get(field, NOT_SHOWN)

    def _log(self, device: str) -> str:
        session = self._context.session
        return "\n".join(session.call(session.tester.log(device).lines()))

    def _verify(self, what: str, shown: str, operator: AssertionOperator | None, expected: Any) -> str:
        return verify(self._context.session, what, shown, operator, expected)  # type: ignore[no-any-return]
