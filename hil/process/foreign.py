"""A seat that the farm does not fill: the user's own container, or a real device, known by its public ports only."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

from emulators.kit.parameters import Value
from hil.bench.capabilities import WHAT
from hil.bench.memory import AfterPowerLoss
from hil.clock import FarmLoop
from hil.errors import BenchError, ScenarioError
from hil.process.remote import RemoteSeat
from hil.site import SeatSpec

READY_REAL_S: Final = 30.0  #: A foreign device whose port is closed for so long is not there.
RETRY_REAL_S: Final = 0.2


class NotShown:
    """What a device shows that the farm does not see (``hil.bench.filler.Shown``)."""

    def __init__(self, refusal: Callable[[str], ScenarioError]) -> None:
        self._refusal = refusal

    @property
    def display(self) -> str:
        """Refuse."""
        raise self._refusal("display")

    @property
    def leds(self) -> Mapping[str, str]:
        """Refuse."""
        raise self._refusal("leds")

    @property
    def log_lines(self) -> tuple[str, ...]:
        """Refuse."""
        raise self._refusal("log")


class ForeignSeat:
    """A device of which the farm knows the address (``hil.bench.filler.Seat``).

    Args:
        spec: What the site says about it.
        loop: The clock.
        factor: Its speed, because foreign devices take real time.
        where: Address and port at which it has to answer, None for a device without one.
        source: The tester's own address.
        proxy: The link proxy before it, None without one.
    """

    def __init__(
        self,
        spec: SeatSpec,
        loop: FarmLoop,
        factor: float,
        *,
        where: tuple[str, int] | None,
        source: str,
        proxy: RemoteSeat | None,
    ) -> None:
        self.name, self._spec = spec.name, spec
        self.by_hand = WHAT[spec.seat]
        self.shown = NotShown(self._has_no)
        self._loop, self._factor, self._where, self._source = loop, factor, where, source
        self._proxy = proxy

    def _has_no(self, capability: str) -> ScenarioError:
        """Return the error for what only a device of the farm's has."""
        what = WHAT[self._spec.seat] + (f" ({self._spec.image})" if self._spec.image else "")
        return ScenarioError(
            f"{self.name} is {what}: it has no {capability} for the farm, look through its public ports. "
            f"A test that needs it says so: [Tags]    needs:{capability}"
        )

    def in_force(self, parameter: str) -> Value:
        """Return the value that the site gives: what it works with nobody knows."""
        return self._spec.parameter(parameter)  # type: ignore[return-value]

    def card(self, id_tag: str) -> None:
        """Refuse."""
        raise self._has_no("card reader")

    def move_contact(self, contact: str, *, closed: bool) -> None:
        """Refuse."""
        raise ScenarioError(f"{self.name} is {self.by_hand}: its contacts are moved by hand.")

    async def start(self) -> None:
        """Wait until its port is open, then let its peers in.

        Raises:
            BenchError: It stays closed.
        """
        if self._where is not None:
            await self._ready(self._where)
        if self._proxy is not None:
            await self._proxy.start()

    async def _ready(self, where: tuple[str, int]) -> None:
        try:
            async with asyncio.timeout(READY_REAL_S * self._factor):
                while not await self._answers(where):
                    await asyncio.sleep(RETRY_REAL_S * self._factor)
        except TimeoutError:
            at = f"{self._spec.address}:{where[1]}"
            raise BenchError(
                f"{self.name} ({self._spec.image}): nobody listens at {at} after {READY_REAL_S:g} s."
            ) from None

    async def _answers(self, where: tuple[str, int]) -> bool:
        try:
            _, writer = await asyncio.open_connection(*where, local_addr=(self._source, 0))
        except OSError:
            return False
        writer.close()
        return True

    async def stop(self) -> None:
        """Leave it as it is."""

    async def restart(self) -> None:
        """Refuse."""
        raise self._has_no("device-restart")

    async def fault(self, kind: str | None) -> None:
        """Refuse."""
        raise self._has_no("device-faults")

    async def page(self) -> Mapping[str, str]:
        """Refuse."""
        raise self._has_no("page")

    async def explain(self) -> str:
        """Return in one sentence what is known about it."""
        return f"{self.name} is {self.by_hand}: what it does is its own."

    async def available(self) -> list[str]:
        """Refuse."""
        raise self._has_no("parameters")

    async def text(self, parameter: str) -> str:
        """Refuse."""
        raise self._has_no("parameters")

    async def edit(self, parameter: str, value: object) -> None:
        """Refuse."""
        raise self._has_no("parameters")

    async def save(self) -> list[str]:
        """Refuse."""
        raise self._has_no("parameters")

    async def off(self) -> None:
        """Refuse."""
        raise ScenarioError(f"{self.name} is {self.by_hand}: that is done to it by hand.")

    async def on(self, settings: AfterPowerLoss) -> None:
        """Refuse."""
        await self.off()

    async def pause(self) -> None:
        """Refuse."""
        await self.off()

    async def resume(self) -> None:
        """Refuse."""
        await self.off()

    async def reset(self, a: str, b: str | None) -> int:
        """Reset the connections of a link at its link proxy."""
        return 0 if self._proxy is None else await self._proxy.reset(a, b)
