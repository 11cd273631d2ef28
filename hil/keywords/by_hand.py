"""One keyword on a farm that somebody else has started: what ``hil do`` runs."""

from __future__ import annotations

import asyncio
import io
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from robot.api import TestSuite

from emulators.kit.http_api import Answer, Refused, Verb
from hil.bench.farm import Farm
from hil.clock import FarmThread
from hil.hand.bodies import Do
from hil.report.verdicts import Failure
from hil.run.session import Session, lend

RESOURCE: Final = "hil/keywords/farm.resource"
NAME: Final = "by hand"


@dataclass(frozen=True, slots=True)
class Done:
    """What became of a keyword.

    Attributes:
        passed: It did not fail.
        output: What it returned, or why it failed; empty when there is nothing to say.
        author_wrong: It failed because it cannot be called like this: unknown, an argument too few, a wrong unit.
    """

    passed: bool
    output: str
    author_wrong: bool


class ByHand(Session):
    """A session on a farm that goes on when the keyword is over."""

    def __init__(self, farm: Farm, thread: FarmThread) -> None:
        self.test, self.suite, self.run_seed = NAME, None, farm.seed
        self.farm, self.trace = farm, farm.trace
        self.expected = set()
        self.reported = set(range(len(farm.findings)))  # what happened before is not this keyword's doing
        self._thread = thread

    def _check_pace(self) -> None:
        """Live with a slow moment: a farm that is kept by hand says so in its status line."""

    def again(self) -> str:
        """Return nothing: what a hand did cannot be run again by one line."""
        return "(by hand)"

    def finish(self, status: str) -> None:
        """Leave the farm running."""

    def close(self) -> None:
        """Leave the farm running."""


def run_keyword(farm: Farm, thread: FarmThread, name: str, args: Sequence[str]) -> Done:
    """Run a keyword of ``farm.resource`` in a running farm; call it from any thread but the farm's own."""
    suite = TestSuite(name="By Hand")
    suite.resource.imports.resource(RESOURCE)
    test = suite.tests.create(name=NAME)
    test.body.create_keyword(name=name, args=list(args), assign=["${returned}"])
    test.body.create_keyword(name="Set Test Message", args=["${returned}"])
    quiet = io.StringIO()
    with lend(ByHand(farm, thread)), tempfile.TemporaryDirectory() as folder:
        result = suite.run(
            output=str(Path(folder) / "output.xml"), log=None, report=None, console="none", stdout=quiet, stderr=quiet
        )
    (done,) = result.suite.tests
    failure = Failure(NAME, "", done.message)
    return Done(done.passed, "" if done.message == "None" else done.message, not done.passed and failure.author_wrong)


def verb(farm: Farm, thread: FarmThread) -> Verb[Do]:
    """Return the side-band's verb that runs one keyword; Robot works in a thread of its own meanwhile."""
    busy = asyncio.Lock()

    async def do(body: Do) -> Answer:
        if busy.locked():
            raise Refused("another keyword is running by hand. Wait for it.")
        async with busy:
            loop = asyncio.get_running_loop()
            done = await loop.run_in_executor(None, run_keyword, farm, thread, body.keyword, body.args)
        if done.author_wrong:
            raise Refused(done.output.removeprefix("ScenarioError: "))
        return {"passed": done.passed, "output": done.output}

    return Verb(Do, do)
