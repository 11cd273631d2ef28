"""A running ``hil up``, for tests that meet it as its users do: another process, other clients."""

from __future__ import annotations

import http.client
import ipaddress
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from pymodbus.client import ModbusTcpClient

from hil.bench.addresses import Slot
from hil.compose.requests import SOCKET, RequestServer
from hil.errors import BenchError
from hil.process.containers import Act
from hil.site import Site

READY_REAL_S = 30.0
ROOT = Path(__file__).parents[2]


class Up:
    """A running ``hil up`` in a folder."""

    def __init__(
        self,
        folder: Path,
        *words: str,
        program: tuple[str, ...] = ("-m", "hil", "up"),
        ready_real_s: float = READY_REAL_S,
    ) -> None:
        self._ready_real_s = ready_real_s
        self.folder, self.file = folder, folder / "endpoints.json"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HIL_")}
        self.process = subprocess.Popen(
            [sys.executable, *program, "--endpoints", str(self.file), *words],
            cwd=folder,
            env={**kept, "PYTHONUNBUFFERED": "1", "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: list[str] = []
        self._ready = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip())
            if line.startswith("Ctrl-C"):
                self._ready.set()
        self._ready.set()

    def __enter__(self) -> Self:
        assert self._ready.wait(self._ready_real_s)
        assert self.process.poll() is None, self.text
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    @property
    def endpoints(self) -> Any:
        return json.loads(self.file.read_text(encoding="utf-8"))

    def end(self, number: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(number)
        code = self.process.wait(READY_REAL_S)
        self._reader.join(READY_REAL_S)
        return code

    def modbus(self, device: str) -> ModbusTcpClient:
        at = self.endpoints["devices"][device]["modbus"]
        client = ModbusTcpClient(at["host"], port=at["port"], timeout=5)
        assert client.connect()
        return client

    def register(self, device: str, address: int) -> int:
        client = self.modbus(device)
        try:
            return int(client.read_holding_registers(address, count=1, device_id=1).registers[0])
        finally:
            client.close()

    def ask(self, method: str, path: str, body: object = None, *, token: str | None = None) -> tuple[int, Any]:
        sideband = self.endpoints["sideband"]
        if token is None:
            token = (self.folder / sideband["token_file"]).read_text().strip()
        connection = http.client.HTTPConnection(sideband["url"].removeprefix("http://"), timeout=10)
        try:
            text = body if isinstance(body, str | bytes) else json.dumps(body)
            raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
            connection.request(method, path, body=raw, headers={"Authorization": f"Bearer {token}"})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def until(self, what: str, good: Any) -> Any:
        """Look at the farm's state until it is as it should be; each look takes the time of a request."""
        for _ in range(20_000):
            status, state = self.ask("GET", "/v1/state")
            assert status == 200
            if good(state):
                return state
        raise AssertionError(f"never: {what}. Last: {state}")


class Devices:
    """Devices in processes of their own (``hil device``), on addresses of a slot of their own, in scaled time.

    Args:
        token: Theirs and the bench's.
        seats: Type and host part by name.
        words: Further words of a device's command line, by name.
    """

    def __init__(
        self, token: str, seats: Mapping[str, tuple[str, int]], words: Mapping[str, tuple[str, ...]] | None = None
    ) -> None:
        self.token, self.seats, self.words = token, seats, words or {}
        self.slot = Slot()
        self.subnet = ipaddress.IPv4Network(f"127.{self.slot.number}.1.0/24")
        self.processes: dict[str, subprocess.Popen[str]] = {}
        for name in seats:
            self.begin(name)
        for name in seats:
            self.wait_for(name)
        self.requests = RequestServer(self)

    on_host = False

    def need(self, site: Site) -> Mapping[str, ipaddress.IPv4Network]:
        """Return where the devices are (``hil.process.containers.Containers``)."""
        return dict.fromkeys(site.networks, self.subnet)

    def act(self, what: Act, device: str) -> None:
        """Refuse."""
        raise BenchError(f"nobody can {what} {device} here")

    def begin(self, name: str) -> None:
        """Start a device's process."""
        kind, host = self.seats[name]
        self.processes[name] = subprocess.Popen(
            [
                sys.executable, "-m", "hil", "device", f"{name}={kind}", "--host", self.address(host),
                *self.words.get(name, ()),
            ],
            env={**os.environ, "HIL_TOKEN": self.token, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )  # fmt: skip

    def wait_for(self, name: str) -> None:
        """Return when a device's process waits for a bench."""
        said = self.processes[name].stdout
        assert said is not None
        assert said.readline().startswith(f"{name} waits for a bench")

    def end(self, name: str) -> None:
        """Kill a device's process."""
        self.processes[name].kill()
        self.processes[name].communicate()

    def address(self, host: int) -> str:
        """Return the address with a host part."""
        return str(self.subnet.network_address + host)

    def settings(self, speed: str = "5") -> dict[str, str]:
        """Return the environment of a bench for these devices."""
        host = str(self.requests.folder / SOCKET)
        return {"HIL_BENCH": "compose", "HIL_SPEED": speed, "HIL_TOKEN": self.token, "HIL_HOST": host}

    def close(self) -> None:
        """Kill all of them."""
        self.requests.close()
        for name in self.processes:
            self.end(name)
        self.slot.release()
