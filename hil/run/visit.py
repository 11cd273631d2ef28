"""A session on a farm that somebody else has started, for one keyword."""

from __future__ import annotations

from typing import Final

from hil.bench.farm import Farm
from hil.clock import FarmThread
from hil.errors import ScenarioError
from hil.run.session import Session
from hil.tester import Tester

BY_HAND: Final = "by hand"


class Visit(Session):
    """A session on a farm that goes on when the keyword is over.

    Args:
        farm: The running farm.
        tester: Its tester.
        thread: Where it runs.
    """

    def __init__(self, farm: Farm, tester: Tester, thread: FarmThread) -> None:
        self.test, self.suite, self.run_seed = BY_HAND, None, farm.env.seed
        self.farm, self.tester, self.trace = farm, tester, farm.env.trace
        self.expected = {}
        self.reported = set(range(len(farm.installation.findings)))  # what happened before is not this keyword's doing
        self._thread = thread

    def expect(self, kind: str) -> None:
        """Refuse: a keyword by hand has no end of a test to wait for."""
        raise ScenarioError(f"{kind!r} cannot be expected by hand: what was found is in the farm's state.")

    def _check_pace(self) -> None:
        """Live with a slow moment: a farm that is kept by hand says so in its status line."""

    def again(self) -> str:
        """Return nothing: what a hand did cannot be run again by one line."""
        return "(by hand)"

    def finish(self, status: str) -> None:
        """Leave the farm running."""

    def close(self) -> None:
        """Leave the farm running."""
