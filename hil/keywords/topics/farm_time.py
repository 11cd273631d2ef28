"""Farm time: let it pass, read it, retry in it."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

from assertionengine import AssertionOperator
from robot.api.deco import keyword
from robot.libraries.BuiltIn import BuiltIn

from hil.errors import BenchError, ScenarioError
from hil.keywords.assertions import JUST_READ, verify
from hil.keywords.context import Context
from hil.keywords.values import to_time
from hil.report.verdicts import Failure


class FarmTime:
    """Words for farm time."""

    def __init__(self, context: Context) -> None:
        self._context = context

    @keyword(tags=("Wait",))
    def advance_clock(self, time: timedelta) -> None:
        """Let farm time pass.

        | Advance Clock | 10 minutes |
        """
        self._context.session.wait(time.total_seconds())

    @keyword(tags=("Getter", "Assertion"))
    def get_farm_time(self, assertion_operator: AssertionOperator = JUST_READ, assertion_expected: Any = None) -> float:
        """Return farm time since the start of the test [s]; with an operator, compare it.

        | ${seconds} = | Get Farm Time | | |
        | Get Farm Time | >= | 10 minutes | |
        """
        session = self._context.session
        return verify(session, "Farm time", session.now_s(), assertion_operator, assertion_expected, unit="s")  # type: ignore[no-any-return]

    @keyword(tags=("Wait",))
    def retry_in_farm_time(self, retry: str, retry_interval: timedelta, name: str, *args: Any) -> Any:
        """Run a keyword until it passes; what `Wait Until Keyword Succeeds` means here, in farm time.

        ``retry`` is a time such as ``1 minute`` or a count such as ``5x``. What cannot be called like this, and a farm
        that failed, keep their kind.

        | Retry In Farm Time | 1 minute | 5 s | Signalled Current | CP1 | is | 32 A |
        """
        session = self._context.session
        counted = re.fullmatch(r"(\d+) ?(?:x|times)", retry.strip().lower())
        tries = int(counted[1]) if counted else None
        try:
            until_s = session.now_s() + (0 if counted else to_time(retry).total_seconds())
        except ValueError as error:
            raise ScenarioError(f"retry: {error} Or as a count: '5x'.") from None
        if tries == 0:
            raise ScenarioError("retry=0x never runs the keyword. Allowed: 1x or more, or a time.")
        while True:
            status, value = BuiltIn().run_keyword_and_ignore_error(name, *args)
            if status == "PASS":
                return value
            failure = Failure(name, "", value)
            if failure.farm_failed:
                raise BenchError(value.removeprefix("BenchError: "))
            tries = None if tries is None else tries - 1
            if tries == 0 or (tries is None and session.now_s() >= until_s):
                text = f"Keyword '{name}' failed after retrying for {retry} (farm time): {value}"
                raise ScenarioError(text) if failure.author_wrong else AssertionError(text)
            session.wait(retry_interval.total_seconds())
