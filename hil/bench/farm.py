"""A running site: its installation, its seats with a filler each, and what goes wrong on purpose; on every bench."""

from __future__ import annotations

from contextlib import ExitStack

from hil.bench.capabilities import refuse_outside, refuse_seats, refuse_speed
from hil.bench.environment import Environment
from hil.bench.faults import Faults
from hil.bench.filler import Bench, Filler, MakeFiller, Seat
from hil.bench.installation import Installation
from hil.clock import FarmLoop
from hil.errors import BenchError
from hil.site import Site
from hil.trace import TraceWriter


class Farm:
    """A running site on a bench; every method is called on the farm's loop.

    Args:
        bench: Who fills the seats, and where.
        site: What to build.
        loop: The clock.
        seed: Of this test.
        trace: Where state goes.

    Attributes:
        env: What all devices share.
        installation: The plant, and what is wired to it.
        seats: The devices by name, once the farm has started.
        faults: What goes wrong on purpose.

    Raises:
        SiteFileError: The site has seats that the bench cannot fill.
        BenchError: There is no place for the site's addresses.
    """

    def __init__(self, bench: Bench, site: Site, loop: FarmLoop, *, seed: int, trace: TraceWriter) -> None:
        refuse_seats(site, bench.name)
        self.bench, self.site, self.loop = bench, site, loop
        addresses = bench.claim_addresses(site)
        with ExitStack() as claimed:
            claimed.callback(addresses.release)
            self.env = Environment(site, loop, seed=seed, trace=trace, addresses=addresses, make_lines=bench.make_lines)
            self.installation = Installation(self.env)
            self.seats: dict[str, Seat] = {}
            self.faults = Faults(self.env, self.seats)
            names: dict[MakeFiller, list[str]] = {}
            for name, spec in site.seats.items():
                names.setdefault(bench.filler_of(spec), []).append(name)
            self._fillers: dict[str, Filler] = {}  # by seat
            for make, of_it in names.items():
                self._fillers |= dict.fromkeys(of_it, make(self.env, self.installation, of_it))
            claimed.pop_all()  # from now on it is `stop` that gives them back

    async def start(self) -> None:
        """Power up meters, then central systems, then charging points.

        Raises:
            ScenarioError: The site has real serial ports or a backend elsewhere that nobody reaches from here, or a
                device cannot be made as the site says.
            BenchError: An address or port is taken, or something failed on the way up.
        """
        refuse_outside(self.site, outside=self.bench.outside, in_real_time=self.env.is_in_real_time)
        if self.loop.factor is not None:
            refuse_speed(self.site, self.loop.factor)
        self.loop.set_exception_handler(self.env.loop_complained)
        for network in self.site.networks:
            self.loop.links.exempt(self.env.addresses.tester(network))
        for filler in self.fillers:
            await filler.power_up()
        self.env.begin()
        for filler in self.fillers:
            await filler.begin()
        self.installation.begin()
        for name in self.site.seats:
            self.seats[name] = self._fillers[name].fill(name)
        for name, seat in self.seats.items():
            try:
                await seat.start()
            except OSError as error:
                raise BenchError(f"{name} cannot start: {error}") from error
        self.installation.moved()

    async def stop(self) -> None:
        """Power down everything and give the addresses back."""
        for filler in self.fillers:
            await filler.leave()
        for seat in reversed(self.seats.values()):
            await seat.stop()
        await self.env.end()
        for filler in self.fillers:
            await filler.stop()
        self.env.addresses.release()

    @property
    def fillers(self) -> tuple[Filler, ...]:
        """Return who has filled the seats."""
        return tuple(dict.fromkeys(self._fillers.values()))

    def seat(self, name: str) -> Seat:
        """Return a device, for what it can do with its power on.

        Raises:
            ScenarioError: The site has none of that name, it was killed, or stands still.
        """
        self.site.require(name)
        self.faults.require_power(name)
        return self.seats[name]

    async def explain(self, name: str) -> str:
        """Return in one sentence what a device does now and why; one that is silent by a fault cannot say."""
        silence = self.faults.silence(name)
        return f"{name} {silence}." if silence else await self.seats[name].explain()

    def lag_s(self) -> float:
        """Return how late the latest timer was, here or in any other process, 0 in virtual time [s of farm time]."""
        return max([self.env.lag_s(), *(filler.lag_s() for filler in self.fillers)])

    def check(self, *, final: bool = False) -> None:
        """Raise when the farm itself failed; look at the plant's invariants once a farm minute, and when ``final``.

        Raises:
            BenchError: With the traceback of what died.
        """
        failures = list(self.env.failures)
        if self.loop.anomalies:
            failures.append(f"the clock counted {self.loop.anomalies} anomalies: this run cannot be trusted")
        if failures:
            raise BenchError("\n".join(failures))
        self.installation.check(final=final)
        for filler in self.fillers:
            filler.check()
