"""One test's farm: a fresh thread, a fresh loop, a fresh site; and the calls that a keyword makes into it."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
import random
import shlex
import tempfile
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

from ruamel.yaml import YAML

from emulators.kit.host import NS_PER_S
from hil.bench.farm import Farm
from hil.clock import FarmThread, ScaledLoop
from hil.errors import BenchError, ControllerViolation
from hil.run.benches import bench_for
from hil.run.folder import Record, RunFolder
from hil.site import Site, load_site
from hil.tester import Tester
from hil.trace import TraceWriter, trace_path

LOG: Final = logging.getLogger(__name__)

T = TypeVar("T")

STUCK_REAL_S: Final = 60.0  #: A farm call that takes longer without farm time passing is stuck.
#: Options of `hil run` that change what a test meets: the option, how a run hands it on, what it usually is.
_OPTIONS: Final = (
    ("--site", "HIL_SITE", ""),
    ("--bench", "HIL_BENCH", "embedded"),
    ("--speed", "HIL_SPEED", "max"),
    ("--trace", "HIL_TRACE", "state"),
)
CONCLUDE_REAL_S: Final = 10.0  #: A farm that does not take the verdict for this long writes nothing else either.


class Session:
    """A running site for one test.

    Keywords act and look by its tester and have its farm time; the farm itself is for tests of the farm.

    Args:
        site: What runs.
        test: Stable name of the test.
        suite: File of the test, None for none.

    Attributes:
        tester: What a person at the site can do and see.
        farm: The farm, from the inside.
        expected: Kinds of tripwires that the test wants touched, each with how many findings there were by then.
        reported: Findings that were told, by their number.
    """

    def __init__(self, site: Site, test: str, suite: Path | None = None) -> None:
        settings = os.environ
        self.test, self.suite = test, suite
        self.run_seed = int(settings.get("HIL_SEED", "0"))
        self.expected: dict[str, int] = {}
        self.reported: set[int] = set()
        folder = Path(settings["HIL_RUN_DIR"]) if "HIL_RUN_DIR" in settings else RunFolder.create(None).path
        os.environ["HIL_RUN_DIR"] = str(folder)
        self._folder = folder / "trace"
        self._folder.mkdir(parents=True, exist_ok=True)
        self.trace = TraceWriter(
            trace_path(self._folder, test),
            test=test,
            site=site.name,
            seed=self.seed,
            level="frames" if settings.get("HIL_TRACE") == "frames" else "state",
        )
        self._speed = settings.get("HIL_SPEED", "max")
        bench = bench_for(site, self._speed)
        if bench.notice:
            LOG.warning(bench.notice)
        self._thread = FarmThread(bench.make_loop)
        try:
            self.farm = Farm(bench, site, self._thread.loop, seed=self.seed, trace=self.trace)
        except BaseException:
            self._thread.close()
            raise
        self.tester = Tester(self.farm)
        try:
            self.call(self._flowing(self.farm.start))
        except BaseException:
            self.close()
            raise

    @property
    def seed(self) -> int:
        """Return this test's own seed: of the run's seed and the test's name."""
        return int.from_bytes(hashlib.sha256(f"{self.run_seed}/{self.test}".encode()).digest()[:6], "big")

    def now_s(self) -> float:
        """Return farm time [s]."""
        return self.farm.env.instants.now_ns() / NS_PER_S

    def lag_s(self) -> float:
        """Return how late the latest timer was, and 0 in virtual time [s of farm time]."""
        return self.farm.lag_s()

    def rng(self, name: str) -> random.Random:
        """Return a generator of this name's own, the same in each equal run."""
        return self.farm.env.rng(name)

    def moment(self, at_ns: int | None = None) -> str:
        """Return a moment, the present one unless said, by the site's clock and since the start of the test."""
        at_ns = self.farm.env.instants.now_ns() if at_ns is None else at_ns
        utc = self.farm.site.epoch + timedelta(microseconds=at_ns // 1000)
        return f"{utc:%H:%M:%S} farm time ({at_ns / NS_PER_S:g} s)"

    def call(self, work: Coroutine[Any, Any, T]) -> T:
        """Run one coroutine in the farm, let everything it causes happen, see whether farm and plant are well.

        Between two keywords the farm is at rest: what the next one meets must not depend on how fast Robot is.
        """

        async def run() -> T:
            result = await work
            await self.farm.loop.settle()
            return result

        try:
            result = self._thread.run(run())
        except Exception:
            self.farm.check()  # a device with a bug answers nonsense: the bug is what to tell
            raise
        self.raise_findings()
        return result

    def do(self, action: Callable[[], T]) -> T:
        """Call something in the farm's thread, at the present instant."""

        async def run() -> T:
            return action()

        return self.call(run())

    def ask(self, question: Callable[[], Awaitable[T]]) -> T:
        """Ask a device through its public port: farm time may pass while it takes its time to answer."""
        return self.call(self._flowing(question))

    def wait(self, seconds: float) -> None:
        """Let farm time pass."""

        async def run() -> None:
            with self.farm.loop.time_flows():
                await asyncio.sleep(seconds)

        self.call(run())

    def raise_findings(self, *, final: bool = False) -> None:
        """Raise for a farm that failed, or for a tripwire that was touched and not expected.

        Raises:
            BenchError: A task died, the clock cannot be trusted, or it could not keep up.
            ControllerViolation: A fuse, a limit, a live socket, or a plant invariant; or, at the test's end, one that
                was expected and never came.
        """
        self.farm.check(final=final)
        self._check_pace()
        findings = self.farm.installation.findings
        for number, finding in enumerate(findings):
            if number not in self.reported and finding.kind not in self.expected:
                self.reported.add(number)
                at = self.moment(finding.at_ns)
                raise ControllerViolation(f"Tripwire '{finding.kind}' at {at}: {finding.text}.\n{self.why()}")

        for kind, before in self.expected.items() if final else ():
            if not any(finding.kind == kind for finding in findings[before:]):
                raise ControllerViolation(
                    f"Tripwire {kind!r} was expected and never touched, until {self.moment()}.\n{self.why()}"
                )

    def expect(self, kind: str) -> None:
        """Want a tripwire of this kind touched from now on: it fails the test no more, its absence does."""
        self.expected.setdefault(kind, len(self.farm.installation.findings))

    def _check_pace(self) -> None:
        loop, lag_s = self.farm.loop, self.farm.lag_s()
        if isinstance(loop, ScaledLoop) and lag_s > loop.allowed_error_s:
            raise BenchError(
                f"the machine could not keep up: a timer was {lag_s:.1f} s of farm time late. Choose a lower --speed."
            )

    def why(self) -> str:
        """Return what every point does, which loads and faults are in force, and the line that reproduces the test."""
        lines = [f"  {line}" for line in self._thread.run(self.tester.explain())]
        return "\n".join([*lines, f"  trace line {self.trace.line_number}   again: {self.again()}"])

    def again(self) -> str:
        """Return the one line that runs this test again."""
        settings = os.environ
        words = ["hil", "run", *([os.path.relpath(self.suite)] if self.suite else [])]
        words += ["--test", self.test.rpartition("/")[2], "--seed", str(self.run_seed)]
        for option, setting, usual in _OPTIONS:
            if settings.get(setting, usual) != usual:
                words += [option, settings[setting]]
        return shlex.join(words)

    def finish(self, status: str) -> None:
        """Write the verdict, the frames around a failure and the index line; power everything down.

        The last line is written in the farm's thread: in scaled and real time devices write theirs meanwhile.
        """

        async def conclude() -> Record:
            return self._conclude(status)

        try:
            record = self._thread.run(conclude(), CONCLUDE_REAL_S)
        except BenchError:  # the loop is dead or stuck: nobody else writes any more, and `close` says why
            record = self._conclude(status)
        with (self._folder / "index.jsonl").open("a", encoding="utf-8") as index:
            index.write(json.dumps(asdict(record)) + "\n")
        self.close()

    def _conclude(self, status: str) -> Record:
        """End the trace; the farm writes nothing after it."""
        self.farm.env.mute()
        farm_ns = self.farm.env.instants.now_ns()
        self.trace.verdict(farm_ns, "test", status.lower())
        if status == "FAIL":
            self.trace.dump_frames()
        site = self.farm.site
        return Record(
            test=self.test,
            sha256=self.trace.close(),
            file=self.trace.path.name,
            farm_ns=farm_ns,
            site=site.name,
            site_sha256=site.sha256,
        )

    def close(self) -> None:
        """Power everything down; the farm's own failures are raised, nothing is left behind."""
        self.farm.env.mute()
        try:
            self._thread.run(self._flowing(self._leave), STUCK_REAL_S)
        finally:
            self._thread.close()

    async def _leave(self) -> None:
        await self.tester.close()
        await self.farm.stop()

    async def _flowing(self, work: Callable[[], Awaitable[T]]) -> T:
        with self.farm.loop.time_flows():
            result = await work()
        return result


_LENT: Final[list[Session]] = []


@contextmanager
def lend(session: Session) -> Iterator[None]:
    """Let the tests that run meanwhile find a farm that runs already."""
    _LENT.append(session)
    try:
        yield
    finally:
        _LENT.remove(session)


def lent() -> Session | None:
    """Return the farm that was lent to the test which begins now."""
    return _LENT[-1] if _LENT else None


def build_site(ref: str, overrides: Mapping[str, str]) -> Site:
    """Load a site, with single fields changed by dotted names such as ``feeders.F3.fuse.rating_a=63``.

    Raises:
        SiteFileError: The result is not a valid site.
        ScenarioError: There is no such site.
    """
    search = [Path.cwd()]
    if not overrides:
        return load_site(ref, search=search)
    base = load_site(ref, search=search)
    changed: dict[str, Any] = {"include": str(base.path)}
    yaml = YAML(typ="safe")
    for dotted, text in overrides.items():
        *path, last = dotted.split(".")
        place = changed
        for part in path:
            place = place.setdefault(part, {})
        place[last] = yaml.load(text) if isinstance(text, str) else text
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"{Path(ref).stem} with overrides.yaml"
        with file.open("w", encoding="utf-8") as stream:
            YAML().dump(changed, stream)
        return load_site(file, named=ref.removesuffix(".yaml"))
