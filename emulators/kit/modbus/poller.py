"""A device that asks another one again and again over Modbus TCP, as a charger its meter."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from emulators.kit.host import NS_PER_S, Host
from emulators.kit.modbus.client import ModbusClient


class Poller:
    """Asks at once, and then at ``start + k * period + late``, from :meth:`start` to :meth:`stop`.

    Args:
        host: The one who asks.
        where: Site address and documented port of the other one.
        ask: Makes one poll; it lets no error of Modbus through.
        name: Of the task, for errors.
        period_s: From poll to poll [s].
        late_s: How long after each whole period [s].
        timeout_s: Time for a connection, and for each answer [s].
        catches_up: What was missed while a poll waited for its answer is not made up for, but with this the poll of the
            period that runs is: at once, if its time has passed.
    """

    def __init__(
        self,
        host: Host,
        where: tuple[str, int],
        ask: Callable[[ModbusClient], Awaitable[None]],
        *,
        name: str,
        period_s: float,
        late_s: float = 0.0,
        timeout_s: float = 3.0,
        catches_up: bool = False,
    ) -> None:
        self._host, self._where, self._ask, self._name = host, where, ask, name
        self._period_ns, self._late_ns = round(period_s * NS_PER_S), round(late_s * NS_PER_S)
        self._timeout_s, self._catches_up = timeout_s, catches_up
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Poll from now on."""
        self._task = self._host.spawn(self._poll(), name=self._name)

    async def stop(self) -> None:
        """Poll no more; the connection is closed by then."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _poll(self) -> None:
        host = self._host
        client = ModbusClient(
            *host.resolve(*self._where), source_address=host.source_address(), timeout_s=self._timeout_s
        )
        start_ns, period = host.now_ns(), 0
        try:
            while True:
                await self._ask(client)
                running = (host.now_ns() - start_ns) // self._period_ns
                period = max(period + 1, running if self._catches_up else running + 1)
                due_ns = start_ns + period * self._period_ns + self._late_ns
                await asyncio.sleep((due_ns - host.now_ns()) / NS_PER_S)
        finally:
            client.close()
