"""Shares a run out over worker processes: a queue, the longest part first, so that all of them end together.

Every test has a farm of its own, so where and beside what it runs changes neither its verdict nor its hash. A suite
with a setup or a teardown stays in one process, because they are meant to run once.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

import hil
from hil.errors import BenchError
from hil.run import worker
from hil.run.folder import RunFolder
from hil.run.forked import Forked
from hil.run.merge import RunPart
from hil.run.part import PartEvent, Work
from hil.run.progress import Progress
from hil.run.selection import Case
from hil.trace import begun_trace

USUAL_S: Final = 0.5  #: What a test takes that nobody has seen yet.
SHORTEST_PART_S: Final = 2.0  #: A part below this is not worth a process.
PARTS_PER_JOB: Final = 4  #: The more parts, the closer together the workers end.
ROBOTS_ADVICE: Final = "Second signal will force exit."  #: From each worker; the pool says it for all.
TRIES_ELSEWHERE: Final = 3  #: A container may be on its way out when it is started: then the next one is another.
LAST_WORDS_REAL_S: Final = 2.0  #: How long a dead process's children may keep its standard error open.
LINE_BYTES: Final = 1 << 24  #: Longest message of a test that a pipe carries.


def usable_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0))


def known_durations(run_dir: Path) -> dict[tuple[str, str], float]:
    """Return what each test took in an earlier run [s], by suite and test; nothing where there is no such run."""
    try:
        found = ElementTree.parse(run_dir / "junit.xml").iter("testcase")
        return {
            (one.attrib["classname"].rpartition(".")[2], one.attrib["name"]): float(one.attrib["time"]) for one in found
        }
    except (OSError, ElementTree.ParseError, KeyError, ValueError):
        return {}


def split(
    cases: Sequence[Case], jobs: int, known: Mapping[tuple[str, str], float], *, in_order: bool = False
) -> list[tuple[Case, ...]]:
    """Return the parts of a run, the longest first or in order; one part when more are not worth their processes."""
    weights = {case.id: known.get((case.suite.name, case.name), USUAL_S) for case in cases}

    def weight(part: Iterable[Case]) -> float:
        return sum(weights[case.id] for case in part)

    if jobs == 1 or weight(cases) < 2 * SHORTEST_PART_S:
        return [tuple(cases)]
    longest_s = max(weight(cases) / (jobs * PARTS_PER_JOB), SHORTEST_PART_S)
    parts: list[tuple[Case, ...]] = []
    for _, group in groupby(cases, key=lambda case: case.places[: case.unit]):
        together = list(group)
        if together[0].unit is not None:
            parts.append(tuple(together))
            continue
        part: list[Case] = []
        for case in together:
            if part and weight([*part, case]) > longest_s:
                parts.append(tuple(part))
                part = []
            part.append(case)
        parts.append(tuple(part))
    return parts if in_order else sorted(parts, key=weight, reverse=True)


class Pool:
    """Worker processes that take parts from one queue.

    Ctrl-C stops every test as Robot does (it fails, its teardown runs); a second one ends the processes at once.

    Args:
        work: What all parts have in common.
        queue: The parts.
        folder: Where their outputs go.
        progress: Told what happens.
        command: Returns what starts a worker elsewhere, each time that one is started; None starts it beside this
            process.
        fork: Make the worker from this process as it is: at once, with everything that is imported.

    Attributes:
        parts: Everything that was started.
        stopped: The run was ended by a signal.
    """

    def __init__(
        self,
        work: Work,
        queue: Sequence[tuple[Case, ...]],
        folder: Path,
        progress: Progress,
        command: Callable[[], Sequence[str]] | None = None,
        *,
        fork: bool = False,
    ) -> None:
        self._fork = fork
        self._command = command or (lambda: (sys.executable, "-P", "-m", "hil.run.worker"))
        self._tries = 1 if command is None else TRIES_ELSEWHERE
        self.parts: list[RunPart] = []
        self.stopped = False
        self._facts = {
            "suites": [str(suite) for suite in work.suites],
            "folder": str(work.folder),
            "variables": dict(work.variables),
            "sys_path": sys.path if command is None else None,
        }
        self._queue = deque(queue)
        self._folder, self._traces = folder, RunFolder(work.folder).traces
        self._progress = progress
        self._processes: set[Process | Forked] = set()

    def run(self, jobs: int) -> None:
        """Run all parts."""
        asyncio.run(self._run(jobs))

    async def _run(self, jobs: int) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._stop)
        try:
            async with asyncio.TaskGroup() as workers:
                for _ in range(min(jobs, len(self._queue))):
                    workers.create_task(self._work())
        finally:
            for process in self._processes:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()

    def _stop(self) -> None:
        number = signal.SIGKILL if self.stopped else signal.SIGINT
        self._progress.say("stopping; a second Ctrl-C ends at once" if not self.stopped else "ending at once")
        self.stopped = True
        for process in self._processes:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(number)

    async def _work(self) -> None:
        """Run parts in one process; a process that dies costs the test that it ran, and another one goes on."""
        fruitless = 0  # how many processes in a row died before they came as far as a test
        while self._queue and not self.stopped:
            try:
                process = await self._start()
            except BenchError as error:  # no worker can be had any more: no test behind this one would run either
                self._give_up(str(error))
                return
            said = deque[str](maxlen=20)
            reader = asyncio.create_task(self._listen(process, said))
            try:
                while self._queue and not self.stopped:
                    part = self._next_part()
                    if not await self._run_part(process, part):
                        await asyncio.wait({reader}, timeout=LAST_WORDS_REAL_S)
                        if not self.stopped:
                            fruitless = 0 if part.ended or part.running else fruitless + 1
                            self._died(part, _how(await process.wait(), said), again=fruitless < self._tries)
                        break
            finally:
                await _end(process)
                self._processes.discard(process)
                reader.cancel()

    async def _start(self) -> Process | Forked:
        root = str(Path(hil.__file__).parent.parent)
        paths = [root, os.environ.get("PYTHONPATH", "")]
        command = self._command()
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # the worker takes it from its first order on
        process: Process | Forked
        try:
            if self._fork:
                process = await Forked.start(worker.run, limit=LINE_BYTES)
            else:
                process = await asyncio.create_subprocess_exec(
                    *command,
                    stdin=PIPE, stdout=PIPE, stderr=PIPE, limit=LINE_BYTES,
                    start_new_session=True,  # the terminal's Ctrl-C comes once, from here
                    env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
                )  # fmt: skip
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        self._processes.add(process)
        await _order(process, self._facts)
        return process

    async def _listen(self, process: Process | Forked, said: deque[str]) -> None:
        """Show what tests print, and keep the end of it: a process that dies says why."""
        assert process.stderr is not None
        async for line in process.stderr:
            text = line.decode(errors="replace").rstrip("\n")
            said.append(text)
            if text != ROBOTS_ADVICE:
                self._progress.say(text)

    def _next_part(self) -> RunPart:
        part = RunPart(self._queue.popleft(), self._folder / f"{len(self.parts) + 1}.xml")
        self.parts.append(part)
        return part

    async def _run_part(self, process: Process | Forked, part: RunPart) -> bool:
        """Run a part; return whether it came to its end."""
        assert process.stdout is not None
        await _order(process, {"tests": [case.id for case in part.cases], "output": str(part.output)})
        async for line in process.stdout:
            self._note(part, PartEvent(**json.loads(line)))
            if part.done:
                return True
        return False

    def _died(self, part: RunPart, how: str, *, again: bool) -> None:
        """Fail what ran when a process died; what it had not begun runs elsewhere.

        Args:
            part: What it ran.
            how: It died.
            again: Try another process also where this one never came as far as a test.
        """
        left = [case for case in part.cases if case.id not in part.ended]
        if again and not part.running and len(left) == len(part.cases):
            self._queue.appendleft(part.cases)
            return
        # Where it never came as far as a test, another process would not either.
        lost = [case for case in left if case.id == part.running] or left
        for case in lost:
            text = f"BenchError: the process that ran this test died: {how}"
            if trace := begun_trace(self._traces, case.stable):
                text += f"\nIts trace, as far as it came: {trace.parent.name}/{trace.name}"
            self._note(part, PartEvent("end", case.id, "FAIL", text))
        if rest := tuple(case for case in left if case not in lost):
            self._queue.appendleft(rest)

    def _give_up(self, why: str) -> None:
        """Fail the next test; those behind it do not run."""
        part = self._next_part()
        self._queue.clear()
        self._note(part, PartEvent("end", part.cases[0].id, "FAIL", f"BenchError: the run ends here: {why}"))

    def _note(self, part: RunPart, event: PartEvent) -> None:
        part.note(event)
        self._progress.show(event)


async def _order(process: Process | Forked, order: object) -> None:
    """Tell a worker something; one that is dead is found by the end of its events."""
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.write(json.dumps(order).encode() + b"\n")
        await process.stdin.drain()


async def _end(process: Process | Forked) -> None:
    """Let a worker end by itself: it has no more orders."""
    assert process.stdin is not None
    process.stdin.close()
    await process.wait()


def _how(code: int, said: Iterable[str]) -> str:
    how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
    return "\n".join([how, *said])
