"""A central system in a process of its own, as in a container: in lock-step and scaled time, TLS by one authority."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from emulators.kit.ocpp.shell.security import Authority, Certificate, Security
from emulators.kit.ocpp.shell.session import connect
from hil.bench.farm import Farm
from hil.run.session import Session
from hil.site import load_site

from .processes import Processes

START = {"connectorId": 1, "idTag": "T1", "meterStart": 0, "timestamp": "2026-06-01T06:00:00Z"}
SITE = """
site: backend
epoch: 2026-06-01T06:00:00Z
backends:
  CSMS: {type: backend, address: 192.168.0.5, parameters: {Path: /ocpp, Security profile: 3}}
"""


class Guest:
    """A host at the tester's own address, for a charge point in the bench's process."""

    name = "CP1"
    rng = random.Random(1)

    def __init__(self, farm: Farm) -> None:
        self._farm = farm

    def frame_hook(self, _protocol: str) -> None:
        return None

    def trace(self, _event: str, **_fields: object) -> None: ...

    def resolve(self, address: str, port: int) -> tuple[str, int]:
        return self._farm.env.addresses.local(address), self._farm.env.addresses.port(port)

    def reaches(self, _address: str) -> bool:
        return True

    def source_address(self) -> str:
        return self._farm.env.addresses.tester("lan")

    def spawn(self, work: Any, *, name: str) -> asyncio.Task[None]:
        return self._farm.env.spawn(work, name)


@pytest.fixture(params=["max", "20"], ids=["lock-step", "scaled"])
def session(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    with ExitStack() as stack:
        processes = Processes()
        stack.callback(processes.close)
        processes.choose(monkeypatch, tmp_path / "run", speed=request.param)
        (tmp_path / "site.yaml").write_text(SITE)
        one = Session(load_site(tmp_path / "site.yaml"), "t")
        stack.callback(one.close)
        yield one


def test_a_day_with_a_central_system_in_its_own_process(session: Session) -> None:
    farm = session.farm
    authority = Authority(Certificate(*farm.env.authority))
    security = Security(profile=3, trusted=authority.root, certificate=authority.issue("CP1"))
    host: Any = Guest(farm)

    async def day() -> float:
        loop = farm.loop
        url = "wss://192.168.0.5:8080/ocpp"
        station = await connect(
            host, url, identity="CP1", on_call=lambda *_: {"status": "Accepted"}, security=security, ping_interval_s=30
        )
        connector = aiohttp.TCPConnector(local_addr=(host.source_address(), 0))
        api = f"http://{farm.env.addresses.local('192.168.0.5')}:8081/v1"
        async with aiohttp.ClientSession(connector=connector) as http:
            step = {"action": "StartTransaction", "delay_s": 90}
            async with http.post(f"{api}/script", json=step) as answer:
                assert answer.status == 200
            began = loop.time()
            begun = await station.call("StartTransaction", START, timeout_s=300)
            took_s = loop.time() - began
            assert begun["transactionId"] == 1
            send = {"charge_point": "CP1", "action": "ClearCache"}
            async with http.post(f"{api}/send", json=send) as answer:
                assert (await answer.json())["answer"] == {"status": "Accepted"}
        await station.close()
        return took_s

    took_s = session.ask(day)
    if farm.loop.factor is None:
        assert took_s == 90
    else:
        assert 90 <= took_s < 100
