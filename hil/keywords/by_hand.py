"""One keyword on a farm that somebody else has started: what ``hil do`` runs."""

from __future__ import annotations

import asyncio
import io
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from robot.api import TestSuite

from emulators.kit.http_api import Answer, Refused, Verb
from hil.hand.bodies import Do
from hil.report.verdicts import Failure
from hil.run.session import Session, lend
from hil.run.visit import BY_HAND

RESOURCE: Final = "hil/keywords/farm.resource"


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


def run_keyword(session: Session, name: str, args: Sequence[str]) -> Done:
    """Run a keyword of ``farm.resource`` in a running farm; call it from any thread but the farm's own."""
    suite = TestSuite(name="By Hand")
    suite.resource.imports.resource(RESOURCE)
    test = suite.tests.create(name=BY_HAND)
    test.body.create_keyword(name=name, args=list(args), assign=["${returned}"])
    test.body.create_keyword(name="Set Test Message", args=["${returned}"])
    quiet = io.StringIO()
    with lend(session), tempfile.TemporaryDirectory() as folder:
        result = suite.run(
            output=str(Path(folder) / "output.xml"), log=None, report=None, console="none", stdout=quiet, stderr=quiet
        )
    (done,) = result.suite.tests
    failure = Failure(BY_HAND, "", done.message)
    return Done(done.passed, "" if done.message == "None" else done.message, not done.passed and failure.author_wrong)


def verb(visit: Callable[[], Session]) -> Verb[Do]:
    """Return the side-band's verb that runs one keyword; Robot works in a thread of its own meanwhile.

    Args:
        visit: Returns a session of the keyword's own on the running farm.
    """
    busy = asyncio.Lock()

    async def do(body: Do) -> Answer:
        if busy.locked():
            raise Refused("another keyword is running by hand. Wait for it.")
        async with busy:
            loop = asyncio.get_running_loop()
            done = await loop.run_in_executor(None, run_keyword, visit(), body.keyword, body.args)
        if done.author_wrong:
            raise Refused(done.output.removeprefix("ScenarioError: "))
        return {"passed": done.passed, "output": done.output}

    return Verb(Do, do)
