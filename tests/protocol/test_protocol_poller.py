"""When a device asks its meter again: on the grid of its start, whatever an answer takes."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from emulators.kit.host import NS_PER_S, Host
from emulators.kit.modbus.client import ModbusClient
from emulators.kit.modbus.poller import Poller
from tests.protocol.conftest import in_virtual_time
from tests.protocol.test_protocol_ocpp_station import VirtualHost

CHARGER: dict[str, Any] = {"period_s": 10}
EARLY: dict[str, Any] = {"period_s": 1, "late_s": 0.5, "catches_up": True}


@pytest.mark.parametrize(
    ("timing", "lasting_s", "times_s"),
    [
        (CHARGER, {}, [0, 10, 20, 30]),
        (CHARGER, {0: 3}, [0, 10, 20, 30]),
        (CHARGER, {1: 25}, [0, 10, 40, 50]),  # what was due at 20 and 30 is left out
        (CHARGER, {0: 20}, [0, 30, 40, 50]),
        (EARLY, {}, [0, 1.5, 2.5, 3.5]),
        (EARLY, {0: 3}, [0, 3.5, 4.5, 5.5]),
        (EARLY, {1: 3}, [0, 1.5, 4.5, 5.5]),  # what was due at 4.5 is not left out
        (EARLY, {1: 3.2}, [0, 1.5, 4.7, 5.5]),
    ],
)
def test_due_times(timing: dict[str, Any], lasting_s: dict[int, float], times_s: list[float]) -> None:
    asked_s: list[float] = []

    async def scenario() -> None:
        host = VirtualHost("CP1")
        await asyncio.sleep(7)

        async def ask(_client: ModbusClient) -> None:
            asked_s.append(host.now_ns() / NS_PER_S - 7)
            await asyncio.sleep(lasting_s.get(len(asked_s) - 1, 0))

        poller = Poller(cast(Host, host), ("127.0.0.1", 502), ask, name="polls", **timing)
        await poller.stop()  # it may not even have begun
        poller.start()
        await asyncio.sleep(55)
        await poller.stop()
        count = len(asked_s)
        await asyncio.sleep(20)
        assert len(asked_s) == count

    in_virtual_time(scenario())
    assert asked_s[:4] == pytest.approx(times_s, abs=1e-6)
