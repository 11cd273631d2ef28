"""The Robot library ``Farm``: one test's farm, and the words of every topic (:mod:`hil.keywords.topics`)."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar

from robot.api import SkipExecution
from robot.api.deco import library
from robot.errors import RobotError
from robotlibcore import DynamicCore

from hil.errors import BenchError, HilError, ScenarioError
from hil.keywords.context import Context
from hil.keywords.names import normal
from hil.keywords.quantities import check_ranges
from hil.keywords.topics import topics
from hil.keywords.values import Amps, Amps3, Comparison, Percent, to_amps, to_amps3, to_percent, to_time, to_verb
from hil.run.needs import lacking, unknown
from hil.trace import stable_name


@library(
    scope="GLOBAL",
    converters={Amps: to_amps, Amps3: to_amps3, Percent: to_percent, Comparison: to_verb, timedelta: to_time},
    doc_format="ROBOT",
    auto_keywords=False,
)
class Farm(DynamicCore):  # type: ignore[misc] # the core has no types
    """Stimuli, observations and farm time, in the words of the manuals.

    Arguments carry units (``25 A``, ``90 s``, ``L1``). ``within`` and every wait mean farm time.

    = Values over farm time =

    A comparison is one of *is*, *settles at*, *stays at*, *should be at most*, *should never exceed*. A value settles
    when, sampled every 5 s of farm time until ``within`` is over, it ends up at the expected one and has been there for
    the last two samples.

    = Values at one moment =

    A keyword that begins with *Get* returns a value. With an assertion operator (``==``, ``<=``, ``contains``,
    ``matches`` ...) and an expected value it compares first. A number may carry a unit, which must be the value's, also
    with another prefix: ``16 A`` for a value in mA.

    = Tripwires =

    Every test has tripwires without asking: a fuse opens, a conductor is above its limit for more than 65 s, a socket
    is live without a vehicle, a plant invariant is broken, a task of the farm died.
    """

    ROBOT_LISTENER_API_VERSION: ClassVar[int] = 3

    def __init__(self) -> None:
        self.context = Context()
        super().__init__(topics(self.context))
        self.context.signatures = {normal(name): inspect.signature(method) for name, method in self.keywords.items()}

    def get_keyword_arguments(self, name: str) -> Any:
        """Return a keyword's arguments for Robot; a time's default as people write it.

        What the converter refuses, Robot would try again as a default's own type: -1 s is a timedelta.
        """
        given = super().get_keyword_arguments(name)
        return [(one[0], _written(one[1])) if isinstance(one, tuple) else one for one in given]

    def run_keyword(self, name: str, args: Sequence[Any], kwargs: Mapping[str, Any] | None = None) -> Any:
        """Run a keyword; what no keyword raises on purpose is a mistake of the farm's, and no finding."""
        try:
            check_ranges(name, self.keywords[name], args, kwargs or {})
            return super().run_keyword(name, args, kwargs)
        except (HilError, AssertionError, RobotError, SkipExecution):
            raise
        except Exception as error:
            raise BenchError(f"{type(error).__name__} in the keyword {name!r}: {error}") from error

    def start_test(self, data: Any, result: Any) -> None:
        """Remember the test's name; skip it when this bench lacks what it needs."""
        name = stable_name(data.source, data.name) if data.source else data.name
        self.context.begin(name, data.source, list(data.body))
        needs = {str(tag).removeprefix("needs:") for tag in data.tags if str(tag).startswith("needs:")}
        if wrong := unknown(needs):
            data.body.clear()
            data.setup = data.teardown = None
            data.body.create_keyword(name="Fail", args=[f"{ScenarioError.__name__}: {wrong}"])
        elif reason := lacking(needs):
            data.setup = data.teardown = None
            data.body.clear()
            data.body.create_keyword(name="Skip", args=[reason])
        self.context.needs = needs

    def end_test(self, data: Any, result: Any) -> None:
        """Close the test's farm; a tripwire or a farm failure that no keyword saw fails the test."""
        session = self.context.take()
        if session is None:
            return
        if result.passed:
            try:
                session.raise_findings(final=True)
            except Exception as error:
                _fail(result, error)
        try:
            session.finish(result.status, result.message)
        except Exception as error:  # a farm that cannot be shut down is told too, below what the test found
            _fail(result, error)


def _fail(result: Any, error: Exception) -> None:
    """Fail a test as Robot does: the error's class says whose fault it is."""
    text = f"{type(error).__name__}: {error}"
    if not isinstance(error, HilError):
        text = f"{BenchError.__name__}: {text}"
    result.message = text if result.passed else f"{result.message}\n\nAlso at the test's end:\n{text}"
    result.status = "FAIL"


def _written(default: Any) -> Any:
    return f"{default.total_seconds():g} s" if isinstance(default, timedelta) else default
