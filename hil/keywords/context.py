"""What the topics of the library share: the test that runs, and its farm."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence, Set
from pathlib import Path
from typing import Any

from hil.errors import ScenarioError
from hil.run.session import Session, lent
from hil.site import Site


class Context:
    """The running test.

    Attributes:
        test: Stable name of the test.
        suite: Its file, None for none.
        body: Robot's data of the test, so that the names it speaks of are checked before a farm starts.
        needs: Capabilities that it is tagged with.
        signatures: Every keyword's signature, by its normal name.
    """

    def __init__(self) -> None:
        self.test = ""
        self.suite: Path | None = None
        self.body: Sequence[Any] = ()
        self.needs: Set[str] = frozenset()
        self.signatures: Mapping[str, inspect.Signature] = {}
        self._session: Session | None = None

    @property
    def session(self) -> Session:
        """Return the test's running farm.

        Raises:
            ScenarioError: None was started.
        """
        if self._session is None:
            raise ScenarioError("no site is running: begin the test with 'Start Site    mennekes/car-park'.")
        return self._session

    @property
    def is_running(self) -> bool:
        """Return whether a site runs in this test."""
        return self._session is not None

    def begin(self, test: str, suite: Path | None, body: Sequence[Any]) -> None:
        """Begin a test; a farm that was lent to it is there already."""
        self.test, self.suite, self.body, self._session = test, suite, body, lent()

    def start(self, site: Site) -> None:
        """Start the test's farm."""
        self._session = Session(site, self.test, self.suite)

    def take(self) -> Session | None:
        """Return the running farm, if any, for its end: from now on none is running."""
        session, self._session = self._session, None
        return session
