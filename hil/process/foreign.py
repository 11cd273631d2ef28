"""A seat that the farm does not fill: the user's own container, or a real device, known by its public ports only."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Final

from emulators.kit.device import Device
from emulators.kit.front import Front
from emulators.kit.parameters import ParameterStore
from hil.bench.seats import WHAT
from hil.clock import FarmLoop
from hil.errors import BenchError, ScenarioError
from hil.site import SeatSpec

READY_REAL_S: Final = 30.0  #: A foreign device whose port is closed for so long is not there.
RETRY_REAL_S: Final = 0.2


class NoParameters(ParameterStore):
    """Parameters as the site has them: what a foreign device works with nobody knows."""

    def __init__(self, device: ForeignDevice, spec: SeatSpec) -> None:
        super().__init__(spec.family.parameters, spec.parameters)
        self._device = device

    def shown(self, name: str) -> str:
        """Refuse."""
        raise self._device.has_no("parameters")

    def offered(self) -> list[str]:
        """Refuse."""
        raise self._device.has_no("parameters")

    def set(self, name: str, raw: object) -> None:
        """Refuse."""
        raise self._device.has_no("parameters")

    def save(self) -> list[str]:
        """Refuse."""
        raise self._device.has_no("parameters")


class NoFront(Front):
    """A front that the farm does not see."""

    def __init__(self, device: ForeignDevice) -> None:
        self._device = device

    @property
    def display(self) -> str:
        """Refuse."""
        raise self._device.has_no("display")

    @property
    def leds(self) -> Mapping[str, str]:
        """Refuse."""
        raise self._device.has_no("leds")

    @property
    def log_lines(self) -> tuple[str, ...]:
        """Refuse."""
        raise self._device.has_no("log")


class ForeignDevice:
    """A device of which the farm knows the address (``emulators.kit.device.Device``).

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
        proxy: Device | None,
    ) -> None:
        self.name, self._spec = spec.name, spec
        self.parameters: ParameterStore = NoParameters(self, spec)
        self.front: Front = NoFront(self)
        self._loop, self._factor, self._where, self._source = loop, factor, where, source
        self._proxy = proxy

    def has_no(self, capability: str) -> ScenarioError:
        """Return the error for what only a device of the farm's has."""
        what = WHAT[self._spec.seat] + (f" ({self._spec.image})" if self._spec.image else "")
        return ScenarioError(
            f"{self.name} is {what}: it has no {capability} for the farm, look through its public ports. "
            f"A test that needs it says so: [Tags]    needs:{capability}"
        )

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
        raise self.has_no("device-restart")

    def parameters_changed(self) -> None:
        """Refuse."""
        raise self.has_no("parameters")

    def page(self) -> Mapping[str, str]:
        """Refuse."""
        raise self.has_no("page")

    def explain(self) -> str:
        """Return in one sentence what is known about it."""
        return f"{self.name} is {WHAT[self._spec.seat]}: what it does is its own."

    async def fault(self, kind: str | None) -> None:
        """Refuse."""
        raise self.has_no("device-faults")
